"""How pieces of showers lie to each other: along whose axis the other lies, and how alike their axes are.

A particle on its way through a calorimeter leaves a track and then a shower, or a shower and fragments behind it: the one
points to the other, as cluster association by axes has it in Pandora (arXiv 1209.4039). Middles alone do not tell that.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints

from .cells import CellGraph

AXIS_FEATURES = (
    "aside_first",
    "aside_second",
    "along_first",
    "along_second",
    "alike",
    "length_first",
    "length_second",
    "slant_first",
    "slant_second",
)
FEWEST = 3  # cells that have an axis of their own; fewer have the way from the source


class Axes(NamedTuple):
    """Middles and axes of n sets of cells.

    Attributes
    ----------
    middle, way, axis : float64 (n, 3)
        Mean by energy, mm; its direction from the source; principal direction, whose sign means nothing.
    length : float64 (n,)
        Spread along the axis, mm.
    unit : float64 (n,)
        Lateral unit of the cells, mm.
    """

    middle: Floats
    way: Floats
    axis: Floats
    length: Floats
    unit: Floats


def axes_of(graph: CellGraph, cell: Ints, owner: Ints, n: int) -> Axes:
    """Axes of the sets that cells (m,) belong to, `owner` (m,) in 0 to n."""
    e = graph.energy[cell]
    total = np.maximum(np.bincount(owner, e, n), 1e-30)

    def mean(values: Floats) -> Floats:
        return np.bincount(owner, e * values, n) / total

    middle = np.stack([mean(graph.xyz[cell, c]) for c in range(3)], axis=1)
    way = middle / np.maximum(np.linalg.norm(middle, axis=1), 1e-9)[:, None]
    off, spread = graph.xyz[cell] - middle[owner], np.zeros((n, 3, 3))
    for a in range(3):
        for b in range(a + 1):
            spread[:, a, b] = spread[:, b, a] = mean(off[:, a] * off[:, b])
    square, axes = np.linalg.eigh(spread)
    few = np.bincount(owner, minlength=n) < FEWEST
    axis = np.where(few[:, None], way, axes[:, :, 2])
    return Axes(middle, way, axis, np.sqrt(np.maximum(square[:, 2], 0.0)), mean(graph.unit[cell]))


def axis_features(
    graph: CellGraph, cell: Ints, owner: Ints, neighbour: NDArray[np.int32]
) -> NDArray[np.float32]:
    """What `AXIS_FEATURES` name of pairs of pieces.

    Parameters
    ----------
    graph : CellGraph
    cell, owner : int64 (m,)
        Cells and the pieces that have them.
    neighbour : int32 (p, k)
        The pieces that each is paired with.

    Returns
    -------
    float32 (p, k, 9)
        Lengths in lateral units of the cells; none depends on which way an axis points.
    """
    n = len(neighbour)
    middle, way, axis, length, unit = axes_of(graph, cell, owner, n)
    step = middle[neighbour] - middle[:, None]
    sides: list[NDArray[np.integer]] = [np.arange(n)[:, None], neighbour]
    out = np.empty((*neighbour.shape, len(AXIS_FEATURES)), np.float32)
    long, slant = np.log(length / unit + 0.1), 1 - np.abs(np.einsum("ij,ij->i", axis, way))
    for side, piece in enumerate(sides):
        along = np.abs(np.einsum("ijk,ijk->ij", np.broadcast_to(axis[piece], step.shape), step))
        aside = np.sqrt(np.maximum(np.einsum("ijk,ijk->ij", step, step) - along**2, 0.0))
        out[:, :, side] = np.log1p(aside / unit[piece]) - 1
        out[:, :, 2 + side] = np.log1p(along / unit[piece]) - 2
        out[:, :, 5 + side], out[:, :, 7 + side] = long[piece], slant[piece]
    out[:, :, 4] = np.abs(
        np.einsum("ijk,ijk->ij", np.broadcast_to(axis[:, None], step.shape), axis[neighbour])
    )
    return out
