"""Surfaces as ACTS writes them in JSON: tracking geometry, hierarchy map of surfaces, or a plain list.

``TrackingGeometryJsonConverter`` writes ``surfaces`` beside ``volumes``; ``JsonSurfacesWriter`` an
``acts-geometry-hierarchy-map`` with ``entries``; `readDetectorElementsFromJson` takes ``Surfaces: entries``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.files.json_file import read_json
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.importers.numbers import number
from gnnreco.geometry.importers.written import write_imported

from .digitization import WRONG, read_cells
from .sensors import to_detector
from .surfaces import Surfaces, pack

KNOWN = "'surfaces', 'Surfaces' with 'entries', or 'entries' of an acts-geometry-hierarchy-map"

#: Bits of the parts of a geometry identifier that count here.
BITS = {"volume": 8, "layer": 12, "sensitive": 20, "extra": 8}


def read(
    file: Path,
    folder: Path,
    name: str,
    pitch: str | None = None,
    thickness: str | None = None,
    digitization: str | None = None,
    field: str = "2",
) -> None:
    """Write the sensitive surfaces of an ACTS geometry in JSON as a detector folder.

    Parameters
    ----------
    pitch, thickness, digitization : str, optional
        As of ``detectors.csv``; a thickness stands instead of that of the material on the surfaces.
    """
    found = list(_sensitive(file, read_json(file)))
    if not found:
        raise BadInput(file, "", "no sensitive surface in the file")
    rows = [_row(file, place, surface, i) for i, (place, surface) in enumerate(found)]
    center, rotation, slab = (np.array([row[key] for row in rows]) for key in ("center", "rotation", "slab"))
    surfaces = Surfaces(
        [place for place, _ in found],
        np.array([row["code"] for row in rows], np.int64),
        center,
        rotation,
        [row["bounds"] for row in rows],
        slab[:, 0],
        slab[:, 1],
        slab[:, 2],
        np.full((len(rows), 2), np.nan),
    )
    notes = [f"The field: {field} T along z."]
    if np.isnan(slab[:, 1]).any():
        notes.append("Material: some surfaces carry none.")
    cells = read_cells(file, pitch, thickness, digitization)
    imported = to_detector(file, surfaces, cells, number(file, "field", field), notes)
    write_imported(imported, folder, name, file, "acts-json")


def _sensitive(file: Path, content: Any) -> Iterator[tuple[str, JsonDict]]:
    """Place and content of every sensitive surface."""
    top, entries = "", content
    if isinstance(content, dict):
        for key in ("surfaces", "Surfaces", "entries"):
            if key in content:
                top, entries = key, content[key]
                break
        if isinstance(entries, dict) and "entries" in entries:
            top, entries = f"{top}.entries", entries["entries"]
    if not isinstance(entries, list):
        raise BadInput(file, top or "top level", f"no list of surfaces; expected {KNOWN}")
    for number_, entry in enumerate(entries):
        place = f"{top}[{number_}]"
        if not isinstance(entry, dict):
            raise BadInput(file, place, "expected a surface with transform and bounds")
        surface = {**entry, **entry["value"]} if isinstance(entry.get("value"), dict) else entry
        identifier = surface.get("geo_id", 0)
        named = isinstance(identifier, dict) and identifier.get("sensitive", 0) not in (0, None)
        if surface.get("sensitive", named):
            yield place, surface


def _row(file: Path, place: str, surface: JsonDict, number_: int) -> JsonDict:
    bounds = surface.get("bounds")
    if not isinstance(bounds, dict) or "values" not in bounds:
        raise BadInput(file, place, "a surface without bounds; a sensor needs edges")
    if str(surface.get("type", "PlaneSurface")) not in ("PlaneSurface", "DiscSurface"):
        raise BadInput(file, place, f"a {surface['type']} cannot be held; sensors must be flat")
    kind = str(bounds.get("type", bounds.get("kind", ""))).removesuffix("Bounds")
    kind = "Disc" if kind == "Radial" else kind
    try:
        transform = surface.get("transform") or {}
        center = np.array(transform.get("translation") or [0.0] * 3, np.float64).reshape(3)
        rotation = np.array(transform.get("rotation") or np.eye(3).ravel(), np.float64).reshape(3, 3)
        values = tuple(float(value) for value in bounds["values"])
        slab = _slab(surface.get("material"))
        slab[0] = float(surface.get("thickness", slab[0]))  # ours; ACTS keeps that of the material only
    except WRONG:
        raise BadInput(
            file, place, "transform, bounds or material do not hold the numbers they should"
        ) from None
    if not all((np.abs(part) <= limits.NUMBER).all() for part in (center, rotation, np.array(values))):
        raise BadInput(file, place, f"a number is not finite, or larger than {limits.NUMBER:g}")
    if (slab < 0).any() or (slab > limits.NUMBER).any():
        raise BadInput(file, place, "a material of less than no thickness or of more than any")
    try:
        code = _code(surface.get("geo_id") or 0, number_)
    except WRONG:
        raise BadInput(file, place, "geo_id: expected a geometry identifier of ACTS, 64 bits") from None
    return {"center": center, "rotation": rotation, "bounds": (kind, values), "slab": slab, "code": code}


def _code(identifier: Any, number_: int) -> int:
    """The identifier as one number; surfaces without one are counted, as ACTS counts sensors of a layer."""
    if isinstance(identifier, dict):
        numbers = [int(identifier.get(word) or 0) for word in BITS]
        if not all(0 <= value < 1 << bits for value, bits in zip(numbers, BITS.values(), strict=True)):
            raise ValueError
        return int(pack(*numbers))
    return int(np.uint64(int(identifier)).view(np.int64)) if identifier else int(pack(1, 0, number_ + 1))


def _slab(material: Any) -> NDArray[np.float64]:
    """Thickness (mm), radiation and interaction lengths: the mean over the bins of a surface's material."""
    if not material or not material.get("data"):
        return np.full(3, np.nan)
    rows = [
        [
            slab["thickness"],
            *(
                slab["thickness"] / length if length else 0.0
                for length in (slab["material"][0], slab["material"][1])
            ),
        ]
        for line in material["data"]
        for slab in line
        if slab.get("material")
    ]
    return np.mean(np.array(rows, np.float64), axis=0) if rows else np.full(3, np.nan)
