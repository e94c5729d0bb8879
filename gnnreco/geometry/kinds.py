"""The ``templates`` section of a detector: from words and numbers to cell templates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .description import Section
from .grid import GridTemplate
from .hexagons import HexTemplate
from .plane import TOUCH, area_centroid, clip, is_convex
from .polygons import PolygonTemplate
from .tables import read_table
from .templates import CSR, CellTemplate

Floats = NDArray[np.float64]
MAX_CELLS = 2**31 - 1


def read_templates(section: Section) -> tuple[CellTemplate, ...]:
    """All templates, in the order of the file."""
    readers = {"grid": _grid, "hex": _hex, "polygons": _polygons}
    result = []
    for name in section:
        entry = section.section(name)
        kind = entry.text("kind", choices=tuple(readers))
        template = readers[kind](name, entry)
        entry.done()
        if template.n_cells > MAX_CELLS:
            raise entry.fault("kind", f"{template.n_cells:,} cells do not fit 31 bits; split the sensor")
        result.append(template)
    if not result:
        raise section.fault("", "no template; a detector needs at least one")
    return tuple(result)


def _grid(name: str, entry: Section) -> CellTemplate:
    pitch = _positive(entry, "pitch", entry.numbers("pitch", (2,), "length"))
    cells = entry.value("cells")
    if not (isinstance(cells, list) and len(cells) == 2 and all(isinstance(n, int) and n > 0 for n in cells)):
        raise entry.fault("cells", f"expected two whole numbers above 0, found {cells!r}")
    outline = _outline(entry) if "outline" in entry else np.zeros((0, 2))
    n_u, n_v = cells
    return GridTemplate(name, _thickness(entry), float(pitch[0]), float(pitch[1]), n_u, n_v, outline)


def _hex(name: str, entry: Section) -> CellTemplate:
    width = entry.number("flat_to_flat", "length", above=0.0)
    return HexTemplate(name, _thickness(entry), width, _outline(entry))


def _thickness(entry: Section) -> float:
    return entry.number("thickness", "length", above=0.0)


def _positive(entry: Section, key: str, values: Floats) -> Floats:
    if not (values > 0).all():
        raise entry.fault(key, "every length must be greater than 0")
    return values


def _outline(entry: Section) -> Floats:
    """Corners as given, or a hexagon by its width, the part of it below ``keep_below``; counter-clockwise."""
    if "hexagon" in entry:
        # A corner along u: the flat edges lie along v, where the rows of cells end.
        radius = entry.number("hexagon", "length", above=0.0) / np.sqrt(3)
        angle = np.arange(6) * np.pi / 3
        hexagon = radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return _below(entry, hexagon) if "keep_below" in entry else hexagon
    outline = entry.numbers("outline", (-1, 2), "length")
    if len(outline) < 3:
        raise entry.fault("outline", "an outline has at least three corners")
    if not is_convex(outline):
        outline = outline[::-1]
    if not is_convex(outline):
        why = "the outline is not convex or repeats a corner; split the sensor into convex parts"
        raise entry.fault("outline", why)
    return np.ascontiguousarray(outline)


def _below(entry: Section, outline: Floats) -> Floats:
    v, far = entry.number("keep_below", "length"), 4 * np.abs(outline).max()
    half_plane = np.array([[-far, -far], [far, -far], [far, v], [-far, v]])
    corners, count = clip(outline[None], half_plane)
    kept = corners[0, : count[0]]
    kept = kept[np.linalg.norm(kept - np.roll(kept, 1, axis=0), axis=1) > TOUCH]
    if len(kept) < 3 or not is_convex(kept):
        raise entry.fault("keep_below", "nothing of the hexagon is left")
    return np.ascontiguousarray(kept)


def _polygons(name: str, entry: Section) -> CellTemplate:
    """Cells in the file, ``cells: [[[u, v], ...], ...]``, or in a ``table`` with a row for each corner."""
    if "table" in entry:
        table = read_table(entry, "table", ("cell", "u", "v"))
        cell = table["cell"].astype(np.int64)
        points = np.stack([table["u"], table["v"]], axis=1) * entry.units["length"]
        shapes = _split(entry, cell, points)
    else:
        given = entry.value("cells")
        if not isinstance(given, list):
            raise entry.fault("cells", "expected a list of polygons")
        shapes = [entry.numbers_of("cells", shape, (-1, 2), "length") for shape in given]
    if not shapes or any(len(shape) < 3 for shape in shapes):
        raise entry.fault("cells" if "cells" in entry else "table", "a cell has at least three corners")
    counts = np.array([len(shape) for shape in shapes], np.int64)
    corner = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    polygons = np.stack([shape[row] for shape, row in zip(shapes, corner, strict=True)])
    area, _ = area_centroid(polygons)
    # Clockwise cells are turned round; nothing else about a drawing is repaired.
    turned = np.where(
        np.arange(counts.max()) < counts[:, None], counts[:, None] - 1 - np.arange(counts.max()), 0
    )
    polygons[area < 0] = np.take_along_axis(polygons, turned[..., None], axis=1)[area < 0]
    outline = _outline(entry) if "outline" in entry or "hexagon" in entry else np.zeros((0, 2))
    neighbours = _neighbour_table(entry, len(shapes)) if "neighbours" in entry else None
    return PolygonTemplate(name, _thickness(entry), polygons, counts, outline, neighbours)


def _split(entry: Section, cell: NDArray[np.int64], points: Floats) -> list[Floats]:
    starts = np.flatnonzero(np.diff(cell, prepend=cell[0] - 1))
    if (cell[starts] != np.arange(len(starts))).any():
        raise entry.fault(
            "table", "cells must be numbered 0, 1, 2, ... and each cell's corners stand together"
        )
    return np.split(points, starts[1:])


def _neighbour_table(entry: Section, n: int) -> CSR:
    """A table of pairs ``cell, neighbour``, as the author gives it; `check` looks whether it is symmetric."""
    table = read_table(entry, "neighbours", ("cell", "neighbour"))
    pairs = np.stack([table["cell"], table["neighbour"]], axis=1).astype(np.int64)
    if ((pairs < 0) | (pairs >= n)).any():
        raise entry.fault("neighbours", f"names a cell outside 0 to {n - 1}")
    pairs = np.unique(pairs, axis=0)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(pairs[:, 0], minlength=n))])
    return offsets.astype(np.int64), pairs[:, 1].astype(np.int32)
