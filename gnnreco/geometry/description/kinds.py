"""The ``templates`` section of a detector: from words and numbers to cell templates."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.files import limits
from gnnreco.geometry.cells.edges import EdgesTemplate
from gnnreco.geometry.cells.grid import GridTemplate
from gnnreco.geometry.cells.hexagons import HexTemplate
from gnnreco.geometry.cells.polar import TURN, PolarTemplate
from gnnreco.geometry.cells.polygons import PolygonTemplate
from gnnreco.geometry.cells.templates import CSR, Cells, CellTemplate
from gnnreco.geometry.plane import TOUCH, area_centroid, clip, is_convex

from .reading import Section
from .tables import read_table

RING_SIDES = 72


def read_templates(section: Section) -> tuple[CellTemplate, ...]:
    """All templates, in the order of the file."""
    readers = {"grid": _grid, "hex": _hex, "edges": _edges, "polar": _polar, "polygons": _polygons}
    result: list[CellTemplate] = []
    for name in section:
        if len(result) == limits.TEMPLATES:
            raise section.fault(name, f"more than {limits.TEMPLATES:,} templates")
        entry = section.section(name)
        kind = entry.text("kind", choices=tuple(readers))
        template = _focused(readers[kind](name, entry), entry)
        entry.done()
        if template.n_cells > limits.CELLS:
            why = f"{template.n_cells:,} cells do not fit 31 bits; split the sensor, or check the unit of length"
            raise entry.fault("cells" if "cells" in entry else "kind", why)
        result.append(template)
    if not result:
        raise section.fault("", "no template; a detector needs at least one")
    most = max(len(template.outline) for template in result)
    if len(result) * most > limits.DRAWN_CORNERS:
        raise section.fault(
            "", f"{len(result):,} templates with outlines of up to {most:,} corners do not fit"
        )
    return tuple(result)


def _grid(name: str, entry: Section) -> CellTemplate:
    pitch = _positive(entry, "pitch", entry.numbers("pitch", (2,), "length"))
    cells = entry.value("cells")
    if not (isinstance(cells, list) and len(cells) == 2):
        raise entry.fault("cells", f"expected two whole numbers above 0, found {cells!r}")
    outline = _outline(entry) if "outline" in entry else np.zeros((0, 2))
    n_u, n_v = (entry.count_of("cells", n) for n in cells)
    return GridTemplate(name, _thickness(entry), float(pitch[0]), float(pitch[1]), n_u, n_v, outline)


def _hex(name: str, entry: Section) -> CellTemplate:
    width = entry.number("flat_to_flat", "length", above=0.0)
    outline = _outline(entry)
    u, v = entry.numbers("origin", (2,), "length", [0, 0])
    corner = entry.text("corner", "v", ("u", "v"))
    return HexTemplate(name, _thickness(entry), width, outline, (float(u), float(v)), corner)


def _edges(name: str, entry: Section) -> CellTemplate:
    return EdgesTemplate(name, _thickness(entry), _rising(entry, "u"), _rising(entry, "v"))


def _polar(name: str, entry: Section) -> CellTemplate:
    radii = _rising(entry, "r")
    if radii[0] < 0:
        raise entry.fault("r", "a radius cannot be negative")
    given = entry.value("phi")
    if not (isinstance(given, list) and len(given) == 3):
        raise entry.fault("phi", f"expected [from, to, count], found {given!r}")
    count = entry.count_of("phi", given[2], at_most=limits.CORNERS)
    low, high = entry.numbers_of("phi", given[:2], (2,), "angle")
    whole = abs(high - low - TURN) < 1e-9
    if not (low < high and (whole or high - low <= np.pi + 1e-9)):
        why = "angles must rise, over half a turn at most or a whole one; split the sensor, or check the unit of angle"
        raise entry.fault("phi", why)
    if whole and count < 3:
        if count == 2:
            raise entry.fault(
                "phi", "half rings are two sensors of half a turn; or give 1 or at least 3 cells a ring"
            )
        return _rings(name, entry, radii)
    if (high - low) / count > TURN / 3 + 1e-9:
        raise entry.fault("phi", "a cell spans more than a third of a turn; raise the count")
    return PolarTemplate(name, _thickness(entry), radii, (float(low), float(high)), count)


def _rings(name: str, entry: Section, radii: Floats) -> CellTemplate:
    """Whole rings as cells: polygons of many sides, each going round outside, then back inside."""
    angle = TURN * np.arange(RING_SIDES + 1) / RING_SIDES
    angle[-1] = 0.0
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    polygons = np.stack(
        [np.concatenate([outer * circle, inner * circle[::-1]]) for inner, outer in pairwise(radii)]
    )
    counts = np.full(len(polygons), polygons.shape[1])
    if radii[0] == 0:
        polygons[0, RING_SIDES:] = polygons[0, RING_SIDES - 1]
        counts[0] = RING_SIDES
    outline, hole = radii[-1] * circle[:-1], radii[0] * circle[:-1]
    channels = (np.arange(len(polygons), dtype=np.int32), np.zeros(len(polygons), np.int32))
    hole = hole if radii[0] > 0 else hole[:0]
    return PolygonTemplate(name, _thickness(entry), polygons, counts, outline, None, channels, None, hole)


def _focused(template: CellTemplate, entry: Section) -> CellTemplate:
    """The same template, its walls pointing to the ``focus`` where there is one."""
    if "focus" not in entry:
        return template
    focus = entry.numbers("focus", (3,), "length")
    if abs(focus[2]) <= template.thickness / 2:
        raise entry.fault("focus", "the walls would meet inside the sensor; put the focus farther along w")
    return dataclasses.replace(template, focus=focus)  # type: ignore[type-var]


def _rising(entry: Section, key: str) -> Floats:
    edges = entry.numbers(key, (-1,), "length")
    if len(edges) < 2 or not (np.diff(edges) > TOUCH).all():
        raise entry.fault(key, "expected at least two numbers, each greater than the one before")
    if len(edges) > limits.EDGES:
        raise entry.fault(key, f"{len(edges):,} edges, more than {limits.EDGES:,}")
    return edges


def _thickness(entry: Section) -> float:
    return entry.number("thickness", "length", above=0.0)


def _positive(entry: Section, key: str, values: Floats) -> Floats:
    if not (values > limits.SHORTEST).all():
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
    if len(outline) > limits.CORNERS:
        raise entry.fault("outline", f"{len(outline):,} corners, more than {limits.CORNERS:,}")
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
    channels, key = None, "table" if "table" in entry else "cells"
    if "table" in entry:
        points, counts, channels = _cell_table(entry)
    else:
        given = entry.value("cells")
        if not isinstance(given, list):
            raise entry.fault("cells", "expected a list of polygons")
        shapes = [entry.numbers_of("cells", shape, (-1, 2), "length") for shape in given]
        counts = np.array([len(shape) for shape in shapes], np.int64)
        points = np.concatenate([np.zeros((0, 2)), *shapes])
    if len(counts) == 0 or (counts < 3).any():
        raise entry.fault(key, "a cell has at least three corners")
    if counts.max() > limits.CORNERS or len(counts) * int(counts.max()) > limits.DRAWN_CORNERS:
        why = f"{len(counts):,} cells of up to {counts.max():,} corners do not fit; split the cell or the sensor"
        raise entry.fault(key, why)
    first = np.cumsum(counts) - counts
    corner = np.arange(counts.max())
    polygons = points[first[:, None] + np.minimum(corner, counts[:, None] - 1)]
    area, _ = area_centroid(polygons)
    # Clockwise cells are turned round; nothing else about a drawing is repaired.
    turned = np.where(corner < counts[:, None], counts[:, None] - 1 - corner, 0)
    polygons[area < 0] = np.take_along_axis(polygons, turned[..., None], axis=1)[area < 0]
    outline = _outline(entry) if "outline" in entry or "hexagon" in entry else _hull(entry, key, points)
    neighbours = _neighbour_table(entry, len(counts)) if "neighbours" in entry else None
    return PolygonTemplate(name, _thickness(entry), polygons, counts, outline, neighbours, channels)


def _hull(entry: Section, key: str, points: Floats) -> Floats:
    """The convex edge of drawn cells (m, 2)."""
    from scipy.spatial import ConvexHull, QhullError

    if not np.isfinite(points).all():
        raise entry.fault(key, "a corner is NaN or infinite; draw the cell again", "not-a-number")
    try:
        return np.ascontiguousarray(points[ConvexHull(points).vertices])
    except QhullError:
        raise entry.fault(
            key, "all corners lie on one line: cells have an area; draw them again", "flat-cell"
        ) from None


def _cell_table(entry: Section) -> tuple[Floats, Ints, tuple[Cells, Cells] | None]:
    """Corners (m, 2) of a table with a row for each, how many each cell has, and the cells' channels where told."""
    table = read_table(entry, "table", ("cell", "u", "v"), optional=("channel_u", "channel_v"))
    if not (np.abs(table["cell"]) <= limits.ROWS).all():
        raise entry.fault("table", "a number of a cell that is none; cells are numbered 0, 1, 2, ...")
    cell = table["cell"].astype(np.int64)
    starts = np.flatnonzero(np.diff(cell, prepend=cell[0] - 1))
    if (cell[starts] != np.arange(len(starts))).any():
        why = "cells must be numbered 0, 1, 2, ... and each cell's corners stand together"
        raise entry.fault("table", why)
    points = np.stack([table["u"], table["v"]], axis=1) * entry.units["length"]
    counts = np.diff(np.append(starts, len(cell)))
    if "channel_u" not in table or "channel_v" not in table:
        if "channel_u" in table or "channel_v" in table:
            raise entry.fault("table", "channel_u and channel_v name a cell together; give both columns")
        return points, counts, None
    both = np.stack([table["channel_u"], table["channel_v"]], axis=1)
    if not (np.abs(both) < 2**31).all() or (both != np.round(both)).any():
        raise entry.fault("table", "channel_u and channel_v must be whole numbers of 32 bits")
    if (both != np.repeat(both[starts], counts, axis=0)).any():
        raise entry.fault("table", "channel_u and channel_v must be the same in all rows of a cell")
    pairs = both[starts].astype(np.int32)
    _, first, times = np.unique(pairs, axis=0, return_index=True, return_counts=True)
    if (times > 1).any():
        u, v = pairs[first[times > 1][0]]
        raise entry.fault("table", f"channels ({u}, {v}) name more than one cell; number every cell once")
    return points, counts, (np.ascontiguousarray(pairs[:, 0]), np.ascontiguousarray(pairs[:, 1]))


def _neighbour_table(entry: Section, n: int) -> CSR:
    """A table of pairs ``cell, neighbour``, as the author gives it; `check` looks whether it is symmetric."""
    table = read_table(entry, "neighbours", ("cell", "neighbour"))
    both = np.stack([table["cell"], table["neighbour"]], axis=1)
    if not ((both >= 0) & (both < n)).all():
        raise entry.fault("neighbours", f"names a cell outside 0 to {n - 1}")
    pairs = both.astype(np.int64)
    pairs = np.unique(pairs, axis=0)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(pairs[:, 0], minlength=n))])
    return offsets.astype(np.int64), pairs[:, 1].astype(np.int32)
