"""DD4hep compact XML, with the placements that a running DD4hep dumped: the file alone does not hold them.

From the file come constants, bit fields, segmentations and the field; from the table where each sensitive volume lies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnnreco.columns import Ints
from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.description.placement import AXES
from gnnreco.geometry.description.tables import refuse
from gnnreco.geometry.importers.layers import BY_PLACE, filled_in
from gnnreco.geometry.importers.table import read_columns
from gnnreco.geometry.importers.written import Imported, orthonormal, write_imported

from .dd4hep_compact import Compact, Readout, read_compact
from .gdml_solids import rectangle
from .xml_tree import Node

NUMBERS = ("x", "y", "z", *AXES, "width", "height", "thickness")
LAYER_FIELDS = ("system", "side", "barrel", "layer")
GRIDS = {"CartesianGridXY": "xy", "CartesianGridXZ": "xz", "CartesianGridYZ": "yz"}


def read(file: Path, folder: Path, name: str, placements: str | None = None) -> None:
    """Write a compact description and a table of placements as a detector folder.

    Parameters
    ----------
    placements : str
        A CSV table with a row for each sensitive volume: ``readout, volume_id`` (the identifier without the cell), ``x,
        y, z`` (mm), the axes ``xu ... zw`` of its segmentation plane as columns of a rotation, ``width, height,
        thickness`` (mm) along them.

    Raises
    ------
    BadInput
        Without placements: which detectors C++ places.
    """
    compact = read_compact(file)
    if placements is None:
        raise BadInput(file, "", _missing(compact))
    table = Path(placements)
    kinds = dict.fromkeys(NUMBERS, pa.float64()) | {"volume_id": pa.uint64(), "readout": pa.string()}
    columns = read_columns(table, kinds, "a table of placements")
    readout = columns["readout"]
    for length in ("width", "height", "thickness"):
        refuse(table, length, columns[length] <= limits.SHORTEST, "a length must be greater than 0")
    for row in np.flatnonzero(~np.isin(readout, list(compact.readouts)))[:1]:
        there = ", ".join(compact.readouts) or "none"
        raise BadInput(
            table, f"line {row + 2}", f"no readout {readout[row]!r} in {file.name}; there are: {there}"
        )
    labels = _labels(compact, readout, columns["volume_id"])
    templates, template = _templates(compact, readout, columns, labels)
    used = list(dict.fromkeys(readout.tolist()))
    key = [labels[f"dd4hep_{word}"] for word in LAYER_FIELDS if f"dd4hep_{word}" in labels]
    row = np.array([used.index(word) for word in readout])
    _, group = np.unique(np.stack([row, *key], axis=1), axis=0, return_inverse=True)
    rotation = np.stack([columns[axis] for axis in AXES], axis=1).reshape(-1, 3, 3)
    for bad in np.flatnonzero(np.linalg.det(rotation) < 0.9)[:1]:
        raise BadInput(table, f"line {bad + 2}", "the axes are left-handed or no rotation; turn one round")
    center, rotation = np.stack([columns[axis] for axis in "xyz"], axis=1), orthonormal(rotation)
    notes = ["Material: not read; add it to the subsystems.", *compact.notes]
    size, shape = np.unique(
        np.stack([columns["width"], columns["height"]], axis=1), axis=0, return_inverse=True
    )
    lacking = [word for word in used if "layer" not in (field for field, *_ in compact.readouts[word].fields)]
    missing = np.isin(readout, lacking)
    outlines = [rectangle(u, v) for u, v in size.tolist()]
    layer = filled_in(group.ravel(), missing, center, rotation, outlines, shape.ravel())
    if missing.any():
        notes.append(f"Layers: {BY_PLACE}, where the identifiers hold none.")
    if compact.bz is None:
        notes.append("The field: none that is understood is described; 0 was written.")
    imported = Imported(
        templates=templates,
        subsystems={word: {"measures": _measures(compact, word)} for word in used},
        template=template,
        subsystem=readout,
        layer=layer,
        center=center,
        rotation=rotation,
        labels=labels,
        identify=[list(labels)],
        bz=compact.bz or 0.0,
        notes=notes,
    )
    write_imported(imported, folder, name, file, "dd4hep")


def _missing(compact: Compact) -> str:
    placed = [f"{node.text('name')} ({node.text('type')})" for node in compact.detectors]
    named = ", ".join(placed[:6]) + (f" and {len(placed) - 6} more" if len(placed) > 6 else "")
    return (
        f"understood {len(compact.constants)} constants and {len(compact.readouts)} readouts, but C++ places "
        f"{named or 'the detectors'}: dump one row for each sensitive volume and give placements=TABLE.csv, or dump the "
        "cells and use `detector import cells`"
    )


def _labels(compact: Compact, readout: NDArray[Any], volume_id: NDArray[np.uint64]) -> dict[str, Ints]:
    """The bit fields of all readouts that are not the cell's; -1 where a readout lacks one."""
    labels: dict[str, Ints] = {}
    for word in dict.fromkeys(readout.tolist()):
        own = readout == word
        cell = _cell_fields(compact.readouts[word])
        for field, values in compact.readouts[word].decode(volume_id[own]).items():
            if field not in cell:
                labels.setdefault(f"dd4hep_{field}", np.full(len(readout), -1, np.int64))[own] = values
    return labels


def _cell_fields(readout: Readout) -> tuple[str, ...]:
    kind = readout.segmentation.text("type", "") if readout.segmentation else ""
    return tuple(GRIDS.get(kind, "xy"))


def _templates(
    compact: Compact, readout: NDArray[Any], columns: dict[str, NDArray[Any]], labels: dict[str, Ints]
) -> tuple[JsonDict, NDArray[Any]]:
    """One template for each readout, size and (where hexagons are staggered) kind of layer."""
    size = np.round(np.stack([columns[key] for key in ("width", "height", "thickness")], axis=1), 6)
    stagger = labels.get("dd4hep_layer", np.zeros(len(readout), np.int64)) % 12
    row = np.array([list(compact.readouts).index(word) for word in readout])
    hexagonal = np.array([_kind(compact.readouts[word]) == "HexGrid" for word in readout])
    key = np.column_stack([row, size, np.where(hexagonal, stagger, 0)])
    kinds, which = np.unique(key, axis=0, return_inverse=True)
    templates, names = {}, []
    for number, (of, u, v, thickness, layer) in enumerate(kinds.tolist()):
        one = list(compact.readouts.values())[int(of)]
        names.append(f"{one.name}_{number}")
        templates[names[-1]] = {**_cells(compact, one, u, v, int(layer)), "thickness": thickness}
    return templates, np.array(names)[which.ravel()]


def _kind(readout: Readout) -> str:
    return readout.segmentation.text("type", "") if readout.segmentation else "NoSegmentation"


def _cells(compact: Compact, readout: Readout, u: float, v: float, layer: int) -> JsonDict:
    kind, node = _kind(readout), readout.segmentation
    outline = rectangle(u, v).tolist()
    if node is None or kind == "NoSegmentation":
        return {"kind": "grid", "pitch": [u, v], "cells": [1, 1]}
    if kind in GRIDS:
        pitch = [compact.mm(node, f"grid_size_{axis}") for axis in GRIDS[kind]]
        if any(compact.mm(node, f"offset_{axis}", "0") for axis in GRIDS[kind]) or min(pitch) <= 0:
            raise node.fault("grids that are shifted, or have no size, cannot be held; dump the cells")
        # A cell, not a corner, lies on the origin: the count is odd, and the outline cuts the last ones.
        count = [
            2 * int(np.ceil(full / p / 2 - 0.5 - 1e-9)) + 1 for full, p in zip((u, v), pitch, strict=True)
        ]
        return {"kind": "grid", "pitch": pitch, "cells": [max(n, 1) for n in count], "outline": outline}
    if kind == "HexGrid":
        side = compact.mm(node, "side_length")
        origin = _hexagon_origin(compact, node, side, layer)
        return {
            "kind": "hex",
            "flat_to_flat": float(np.sqrt(3) * side),
            "corner": "u",
            "origin": origin,
            "outline": outline,
        }
    known = ", ".join((*GRIDS, "HexGrid", "NoSegmentation"))
    raise node.fault(
        f"the segmentation {kind} of {readout.name} is not known; known are {known}: dump the cells instead"
    )


def _hexagon_origin(compact: Compact, node: Node, side: float, layer: int) -> list[float]:
    """Centre of cell (0, 0), after DD4hep's HexGrid: the layers of a stack are staggered."""
    x, y = (
        compact.mm(node, "offset_x", "0") + side / 2,
        compact.mm(node, "offset_y", "0") + side * np.sqrt(0.75),
    )
    mode = node.text("stagger", "1")
    if mode == "0":
        x += side
    elif mode == "1":
        x += layer % 3 * side
    elif mode == "2":
        x += (-0.75, 0.0, 0.0, 0.75)[layer % 4] * side
        y += (0.0, 0.25, -0.25, 0.0)[layer % 4] * np.sqrt(3) * side
    else:
        raise node.fault(f"unknown stagger {mode!r}; 0, 1 or 2")
    return [float(x), float(y)]


def _measures(compact: Compact, readout: str) -> list[str]:
    """Calorimeters say so in their type flags."""
    for node in compact.detectors:
        if node.attributes.get("readout") == readout:
            flags = " ".join(flag.text("type", "") for flag in node.all("type_flags"))
            return ["energy"] if "CALORIMETER" in flags.upper() else ["position"]
    return ["position"]
