"""Hexagonal silicon wafers of 3 N^2 hexagonal cells, whole or cut, in the numbering (iu, iv) of their readout.

Facts, not code, from CMSSW (Geometry/HGCalCommonData: HGCalCell, HGCalTypes, HGCalWaferMask) and, for which cells
a cut wafer keeps, from cms-data/Geometry-HGCalMapping. Two numberings of cut wafers are about: in the present one
the cells turn with the wafer and six codes name the cut; in the one before, the cells stay as they are and the cut
is turned.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.importers.tiling import voronoi_cells
from gnnreco.geometry.plane import clip

SIXTH = np.pi / 3
#: Cells along one edge of a wafer of low and of high density.
CELLS_ALONG = {"l": 8, "h": 12}
#: Present numbering: a cut wafer keeps the cells with ``a iu + b iv <= c``, by density and code.
CUTS = {
    ("l", 1): (1, 0, 7),
    ("l", 2): (-1, 0, -8),
    ("l", 3): (-1, 2, 7),
    ("l", 4): (1, -2, -7),
    ("l", 5): (-1, 2, 15),
    ("l", 6): (1, -2, -14),
    ("h", 1): (1, 0, 9),
    ("h", 2): (-1, 0, -10),
    ("h", 3): (-1, 2, 4),
    ("h", 4): (1, -2, -18),
    ("h", 5): (-1, 2, 18),
}
#: The same for the numbering before, for a cut that leaves the first corner; in units of N, but for the 1 cell.
OLD_CUTS = {
    1: (-1, 2, 2.0, 0),
    2: (0, 1, 1.5, -1),
    3: (0, 1, 1.25, -1),
    4: (0, 1, 1.0, -1),
    5: (1, 1, 2.0, 0),
    6: (1, 1, 4 / 3, 1),
    7: (1, 1, 1.0, 0),
    8: (0, 1, 0.75, 0),
    9: (-1, 2, 1.5, 0),
}
#: Letters of the oldest maps as codes of the numbering before.
LETTERS = {"f": 0, "a": 1, "g": 2, "gm": 2, "dm": 3, "d": 4, "b": 5, "c": 6}


@dataclass(frozen=True)
class Shape:
    """What is left of a wafer: the side of a line on which ``normal . (x, y) <= reach``; all of it without a line.

    Lengths in units of the wafer's width, in its own frame (a corner along v).
    """

    n: int
    normal: tuple[float, float] = (0.0, 0.0)
    reach: float = 1.0


def present_shape(density: str, code: int) -> Shape:
    """The shape of a wafer by the present numbering, cells at rotation 0."""
    n = CELLS_ALONG[density]
    if code == 0:
        return Shape(n)
    a, b, c = CUTS[density, code]
    # iu and iv as linear functions of the place; the cut runs half a step beyond the last cell.
    size, middle = 1 / (3 * n), (2 * n - 1) / 2
    at_center = a * (middle + 1 / 6) + b * (middle - 1 / 6)
    return _shape(n, np.array([(a - b) / 3, (a + b) / np.sqrt(3)]) / size, c + 0.5 - at_center)


def old_shape(density: str, code: int, rotation: int) -> Shape:
    """The shape of a wafer by the numbering before, in the frame of its cells (which stand at rotation 1)."""
    n = CELLS_ALONG[density]
    if code == 0:
        return Shape(n)
    a, b, c, one = OLD_CUTS[code]
    size, v = 1 / (3 * n), n - 2 / 3
    line = np.array([(a / 2 + b) / 1.5, a / np.sqrt(3)]) / size
    turn = SIXTH * (rotation + (5 if code == 5 else 0) - 1)
    turned = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ line
    return _shape(n, turned, round(c * n) + one + 0.5 - a * (v + n) / 2 - b * v)


def _shape(n: int, line: Floats, reach: float) -> Shape:
    length = float(np.linalg.norm(line))
    u, v = (line / length).tolist()
    # Rounded, so that the same cut reached on two ways is one template.
    return Shape(n, (round(u, 9), round(v, 9)), round(reach / length, 9))


def numbering(n: int) -> tuple[Ints, Ints]:
    """(iu, iv) of the 3 N^2 cells of a whole wafer."""
    u, v = np.meshgrid(np.arange(2 * n), np.arange(2 * n), indexing="ij")
    inside = (u - v <= n) & (v - u <= n - 1)
    return u[inside], v[inside]


def centers(iu: Ints, iv: Ints, n: int, width: float) -> Floats:
    """Places (m, 2) of cells in the frame of a wafer at rotation 0, mm; `width` is the pitch of the wafers."""
    size = width / (3 * n)
    return size * np.stack([1.5 * (iu - iv) - 0.5, (iu + iv - 2 * n + 1) * np.sqrt(3) / 2], axis=1)


def outline_of(shape: Shape, width: float, silicon: float) -> Floats:
    """Convex edge of the silicon (m, 2), `silicon` mm from flat to flat, counter-clockwise; cells share `width`."""
    angle = np.arange(6) * SIXTH + np.pi / 6
    hexagon = silicon / np.sqrt(3) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if shape.normal == (0.0, 0.0):
        return hexagon
    along, across = np.array(shape.normal), np.array([-shape.normal[1], shape.normal[0]])
    edge, far = shape.reach * width * along, 2 * width
    side = np.array([edge - far * across, edge + far * across])
    half = np.array([side[0], side[1], side[1] - 2 * far * along, side[0] - 2 * far * along])
    corners, count = clip(hexagon[None], half)
    kept = corners[0, : count[0]]
    return kept[np.linalg.norm(kept - np.roll(kept, 1, axis=0), axis=1) > 1e-6]


def cells_of(
    shape: Shape, width: float, silicon: float, told: tuple[Ints, Ints] | None = None
) -> tuple[Floats, Ints, Ints, Ints]:
    """Polygons, corner counts, iu and iv of the cells a wafer keeps.

    Each cell is the part of the silicon nearest to its centre, so those along the edges are cut or stretched as in
    the real sensor. `told` lists the cells where they are known; else all whose centre lies on the silicon's side.
    """
    iu, iv = numbering(shape.n) if told is None else told
    where = centers(iu, iv, shape.n, width)
    if told is None:
        kept = where @ np.array(shape.normal) <= shape.reach * width
        iu, iv, where = iu[kept], iv[kept], where[kept]
    polygons, counts = voronoi_cells(where, outline_of(shape, width, silicon))
    return polygons, counts, iu, iv


def silicon_side(shape: Shape) -> Floats:
    """Direction (2,) from the middle of the hexagon to its silicon, in the wafer's frame; 0 for a whole one."""
    return -np.array(shape.normal)
