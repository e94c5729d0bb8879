"""Reading a table of cells: one row each, with its place, its layer, and its size or its corners."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.geometry.description.tables import read_arrow, refuse

from .numbers import number
from .table import numbers_of, whole, words

NEEDED = ("x", "y", "z", "layer")
MATERIAL = ("radiation_lengths", "interaction_lengths", "moliere_radius", "sampling_fraction", "air_gap")
SHAPES = "size (of a square), size_u and size_v, or polygon (corners, 'x y; x y; ...' or a list of pairs)"
LENGTH = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}


@dataclass(frozen=True)
class CellTable:
    """The cells, one row each; lengths in mm.

    Attributes
    ----------
    place : float64 (n, 3)
    layer : int64 (n,)
    size : float64 (n, 2), optional
        Along the two axes of the sensor.
    corners : float64 (m, 3), optional
        Of all cells, one after the other, global; instead of `size`.
    counts : int64 (n,), optional
        Corners of each cell.
    normal : float64 (n, 3), optional
    thickness : float64 (n,)
    sensor : int64 (n,), optional
        Which sensor the cell belongs to, where the table tells.
    subsystem : int64 (n,)
        Row of `subsystems`.
    subsystems : tuple of str
    material : dict of float64 (n,)
        Those of `MATERIAL` that the table has.
    channel : int64 (n, 2), optional
    """

    place: Floats
    layer: Ints
    size: Floats | None
    corners: Floats | None
    counts: Ints | None
    normal: Floats | None
    thickness: Floats
    sensor: Ints | None
    subsystem: Ints
    subsystems: tuple[str, ...]
    material: dict[str, Floats]
    channel: Ints | None


def read_cell_table(file: Path, unit: str, thickness: str) -> CellTable:
    """Read a Parquet file (by its ending) or a CSV file; `BadInput` names the row and what is needed."""
    if unit not in LENGTH:
        raise BadInput(file, "option unit", f"{unit!r} is none of {', '.join(LENGTH)}")
    table, scale = read_arrow(file), LENGTH[unit]
    names = set(table.column_names)
    missing = [name for name in NEEDED if name not in names]
    if missing or not ({"size", "polygon"} & names or {"size_u", "size_v"} <= names):
        what = f"column {missing[0]}" if missing else "columns"
        why = f"missing; a table of cells needs {', '.join(NEEDED)} and one of: {SHAPES}"
        raise BadInput(file, what, f"{why}; it has {', '.join(table.column_names)}")

    def numbers(name: str) -> Floats:
        return numbers_of(table, file, name)

    place = scale * np.stack([numbers(axis) for axis in "xyz"], axis=1)
    corners, counts, size = None, None, None
    if "polygon" in names:
        corners, counts = _polygons(file, table["polygon"], scale, place)
    else:
        keys = ("size_u", "size_v") if "size_u" in names else ("size", "size")
        size = scale * np.stack([numbers(key) for key in keys], axis=1)
        refuse(file, keys[0], size.min(axis=1) <= 0, "a size must be greater than 0")
    normal = None
    if {"nx", "ny", "nz"} <= names:
        normal = np.stack([numbers(key) for key in ("nx", "ny", "nz")], axis=1)
        length = np.linalg.norm(normal, axis=1)
        refuse(file, "nx", length < 1e-9, "a normal of length 0")
        normal /= length[:, None]
    plain = number(file, "thickness", thickness, 0.0)
    thick = scale * numbers("thickness") if "thickness" in names else np.full(len(place), plain)
    refuse(file, "thickness", thick <= 0, "a thickness must be greater than 0")
    subsystem, subsystems = np.zeros(len(place), np.int64), ["calorimeter"]
    if "subsystem" in names:
        found, subsystem = np.unique(words(table, file, "subsystem"), return_inverse=True)
        subsystems = [str(word) for word in found]
    channel = None
    if {"channel_u", "channel_v"} <= names:
        channel = np.stack([whole(table, file, key) for key in ("channel_u", "channel_v")], axis=1)
    factor = {"moliere_radius": scale, "air_gap": scale}
    return CellTable(
        place=place,
        layer=whole(table, file, "layer"),
        size=size,
        corners=corners,
        counts=counts,
        normal=normal,
        thickness=thick,
        sensor=_groups(table["sensor"]) if "sensor" in names else None,
        subsystem=subsystem.ravel().astype(np.int64),
        subsystems=tuple(subsystems),
        material={name: factor.get(name, 1.0) * numbers(name) for name in MATERIAL if name in names},
        channel=channel,
    )


def _groups(column: pa.ChunkedArray) -> Ints:
    """Numbers from 0 for the words or numbers of a column."""
    encoded = column.combine_chunks().dictionary_encode()
    return np.asarray(encoded.indices.to_numpy(), np.int64)


def _polygons(file: Path, column: pa.ChunkedArray, scale: float, place: Floats) -> tuple[Floats, Ints]:
    """Corners (m, 3) and how many each cell has; two numbers a corner are x and y at the cell's z."""
    import pyarrow.compute as pc  # here: it takes a tenth of a second, and reading a detector needs none of it

    nested: Any = column.combine_chunks()
    try:
        if pa.types.is_string(nested.type):
            nested = pc.split_pattern(pc.utf8_trim_whitespace(nested), ";")
            inner = pc.utf8_trim_whitespace(nested.values)
            width = len(str(inner[0]).split())
            flat = pc.split_pattern_regex(inner, r"[\s,]+").flatten().cast(pa.float64())
            counts = np.diff(nested.offsets.to_numpy())
        elif pa.types.is_list(nested.type) and pa.types.is_list(nested.type.value_type):
            inner = nested.flatten()
            width, flat = len(inner[0]), inner.flatten().cast(pa.float64())
            counts = np.diff(nested.offsets.to_numpy())
        else:
            width, flat = 2, nested.flatten().cast(pa.float64())
            counts = np.diff(nested.offsets.to_numpy()) // 2
    except (pa.ArrowException, AttributeError, TypeError, IndexError):
        raise BadInput(file, "column polygon", f"not understood; write {SHAPES}") from None
    numbers = np.asarray(flat.to_numpy(zero_copy_only=False), np.float64)
    refuse(file, "polygon", counts < 3, "a cell has at least three corners")
    refuse(file, "polygon", counts > limits.CORNERS, f"more than {limits.CORNERS:,} corners; split the cell")
    if width not in (2, 3) or len(numbers) != width * counts.sum():
        raise BadInput(file, "column polygon", "every corner must have two numbers, or every one three")
    wrong = np.add.reduceat(~(np.abs(numbers) <= limits.NUMBER), width * (np.cumsum(counts) - counts)) > 0
    refuse(file, "polygon", wrong, f"a corner that is not finite or larger than {limits.NUMBER:g}")
    corners = scale * numbers.reshape(-1, width)
    cell = np.repeat(np.arange(len(counts)), counts)
    mean = np.stack([np.bincount(cell, corners[:, axis]) for axis in range(width)], axis=1) / counts[:, None]
    away = np.abs(mean - place[:, :width]).sum()
    if np.abs(mean).sum() < away:
        # Drawn about the cell's own place.
        corners = corners + place[cell, :width]
    if width == 2:
        corners = np.hstack([corners, place[cell, 2:]])
    refuse(file, "polygon", _flat(corners, counts), "corners on one line; a cell has an area")
    return corners, counts.astype(np.int64)


def _flat(corners: Floats, counts: Ints) -> NDArray[np.bool_]:
    """Which polygons (n,), of corners (m, 3) one after the other, cover nothing."""
    last = np.cumsum(counts) - 1
    first = last - counts + 1
    following = np.append(np.arange(1, len(corners)), 0)
    following[last] = first
    away = corners - corners[np.repeat(first, counts)]
    cross = np.add.reduceat(np.cross(away, away[following]), first)
    size = np.add.reduceat(np.abs(away).sum(axis=1), first)
    return np.asarray(np.linalg.norm(cross, axis=1) <= 1e-12 * size**2)
