"""What a calorimeter measured, as Phoenix draws it: cells on a cylinder, in planes, or of any shape; and clusters.

A cell on a cylinder is told by its direction. Where the file does not say at which radius and z it lies, it is put where
Phoenix draws it. Clusters are read where an event has no cells; beside cells they would count their energy twice, so they
are left aside.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.errors import BadInput
from gnnreco.events.readers.drawn import Drawn, boxes, numbers, on_cylinder, untold, upright
from gnnreco.files.json_types import JsonDict

GEV = 1e-3  # in the unit of the file
CYLINDER, PLANES, IRREGULAR, CLUSTERS = "CaloCells", "PlanarCaloCells", "IrregularCaloCells", "CaloClusters"
CALORIMETER = (CYLINDER, PLANES, IRREGULAR, CLUSTERS)
#: Radius and half length, mm, of the cylinder on which Phoenix draws what does not say where it lies.
DRAWN_AT = {CYLINDER: (1700.0, 2000.0), CLUSTERS: (1800.0, 3600.0)}
#: Keys that say how something is drawn.
STYLE = {"color", "opacity"}
KEYS = {
    CYLINDER: {"energy", "phi", "eta", "theta", "radius", "z", "side", "length"},
    PLANES: {"cellSize", "energy", "pos"},
    IRREGULAR: {"layer", "vtx", "energy"},
}
KEYS[CLUSTERS] = KEYS[CYLINDER]


def calorimeter(file: Path, key: str, event: JsonDict, aside: Counter[str]) -> list[Drawn]:
    """The hits of all calorimeter types of an event, a part for each collection.

    Parameters
    ----------
    file, key
        What a complaint names.
    event : dict
    aside : Counter
        Gets what is not read.

    Raises
    ------
    BadInput
        Rows that are not as the format says.
    """
    parts = []
    for kind in (CYLINDER, PLANES, IRREGULAR):
        read: Callable[[Path, str, str, str, Any], Drawn] = {PLANES: _plane, IRREGULAR: _irregular}.get(
            kind, _cylinder
        )
        for name, rows in collections(file, key, event, kind):
            parts.append(read(file, _where(key, kind, name), kind, name, rows))
            _name_extra(kind, rows, aside)
    for name, rows in collections(file, key, event, CLUSTERS):
        if any(len(part.xyz) for part in parts if part.energy is not None):
            aside[f"{CLUSTERS} beside cells"] += len(rows) if isinstance(rows, list) else 1
        else:
            parts.append(_cylinder(file, _where(key, CLUSTERS, name), CLUSTERS, name, rows))
            _name_extra(CLUSTERS, rows, aside)
    return parts


def collections(file: Path, key: str, event: JsonDict, kind: str) -> list[tuple[str, Any]]:
    """Names and rows of the collections of one type; those that are null hold nothing. Raises `BadInput`."""
    found = event.get(kind)
    if found is None:
        return []
    if not isinstance(found, dict):
        raise BadInput(file, _where(key, kind), "not an object of collections; check the file")
    return [(name, rows) for name, rows in found.items() if rows is not None]


def _where(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _name_extra(kind: str, rows: Any, aside: Counter[str]) -> None:
    """Count the keys of cells that nothing reads."""
    for row in rows["cells"] if isinstance(rows, dict) else rows:
        aside.update(f"{kind}.{name}" for name in row if name not in KEYS[kind] | STYLE)


def _column(rows: list[JsonDict], name: str) -> list[Any]:
    """One value a row; NaN where a row has none."""
    return [np.nan if row.get(name) is None else row[name] for row in rows]


def _rows(file: Path, where: str, rows: Any, needed: tuple[str, ...]) -> list[JsonDict]:
    if not isinstance(rows, list):
        raise BadInput(file, where, "not a list of cells; check the file")
    for i, row in enumerate(rows):
        if not isinstance(row, dict) or any(row.get(name) is None for name in needed):
            raise BadInput(file, f"{where}[{i}]", f"needs {', '.join(needed)}; correct the file")
    return rows


def _cylinder(file: Path, where: str, kind: str, name: str, rows: Any) -> Drawn:
    """Cells told by direction: on a cylinder or the disks that close it, whichever comes first."""
    names = ("energy", "phi", "eta", "theta", "radius", "z", "side", "length")
    rows = _rows(file, where, rows, ("energy", "phi"))
    values = numbers(file, where, list(zip(*(_column(rows, n) for n in names), strict=True)), len(names))
    energy, phi, eta, theta, radius, z, side, length = values.T
    theta = np.where(np.isnan(theta), 2 * np.arctan(np.exp(-eta)), theta)
    barrel, disk = DRAWN_AT[kind]
    radius = np.where(np.isnan(radius), barrel, np.abs(radius))
    z = np.where(np.isnan(z) | (z == 0), disk, np.abs(z))
    outwards = np.stack([np.cos(phi) * np.sin(theta), np.sin(phi) * np.sin(theta), np.cos(theta)], axis=1)
    around = np.stack([-np.sin(phi), np.cos(phi), np.zeros(len(phi))], axis=1)
    axes = np.stack([around, np.cross(outwards, around), outwards], axis=1)
    size = np.stack([side, side, np.where(np.isnan(length), 0.0, length)], axis=1)
    size[np.isnan(side)] = np.nan
    return Drawn(name, on_cylinder(outwards, radius, z), axes * size[:, :, None], GEV * energy)


def _plane(file: Path, where: str, kind: str, name: str, plane: Any) -> Drawn:
    """Cells in a plane across z, which the file tells by its normal and distance from the origin."""
    try:
        *normal, distance = numbers(file, where, [plane["plane"]], 4)[0]
        rows = [[cell["cellSize"], cell["energy"], *cell["pos"]] for cell in plane["cells"]]
    except (TypeError, KeyError):
        raise BadInput(file, where, "needs 'plane' and 'cells' with cellSize, energy, pos") from None
    if abs(normal[2]) < 0.99 * np.linalg.norm(normal) or not any(normal):
        raise BadInput(file, where, "a plane that does not stand across z; only such planes are read")
    values = numbers(file, where, rows, 4)
    z = np.full(len(values), distance * np.sign(normal[2]))
    size = np.stack([values[:, 0], values[:, 0], np.zeros(len(values))], axis=1)
    xyz = np.stack([values[:, 2], values[:, 3], z], axis=1)
    return Drawn(name, xyz, upright(size), GEV * values[:, 1])


def _irregular(file: Path, where: str, kind: str, name: str, rows: Any) -> Drawn:
    """Cells of eight corners; edges where the corners go around a front and then around a back."""
    rows = _rows(file, where, rows, ("vtx",))
    corners = numbers(file, where, [row["vtx"] for row in rows], 24).reshape(-1, 8, 3)
    energy = numbers(file, where, [[value] for value in _column(rows, "energy")], 1)[:, 0]
    xyz, edges = boxes(corners[:, :4], corners[:, 4:])
    faces = corners.reshape(-1, 2, 4, 3)
    crossing = np.linalg.norm(faces[:, :, 0] + faces[:, :, 2] - faces[:, :, 1] - faces[:, :, 3], axis=2)
    around = (crossing < 0.5 * np.linalg.norm(faces[:, :, 2] - faces[:, :, 0], axis=2)).all(axis=1)
    return Drawn(name, xyz, np.where(around[:, None, None], edges, untold(len(edges))), GEV * energy)
