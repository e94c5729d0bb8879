"""What a shower network reads of cells and of pairs of cells: numbers that mean the same in every calorimeter.

Every number is a length in units of the shower, a ratio of energies, or a product of two directions, so a rotation
or a reflection of the event that the detector shares with it changes none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import X, Y, Z, njit

from .around import Around, around_cells
from .cells import CellGraph

DEEPER = 3  # column of a lean, after its way aside: the steps of depth
# Columns of a pair of cells.
DISTANCE, LATERAL, DEPTH, ENERGY_RATIO, DENSITY_RATIO, LEANS_TO, LEANS_FROM, LEAN_ALIKE = range(8)

CELL_FEATURES = (
    "energy",
    "density_near",
    "density_far",
    "neighbours",
    "depth",
    "nuclear_depth",
    "nuclear_behind",
    "cell_size",
    "layer_thickness",
    "cosine",
    "density_over_highest",
    "climb",
    "lean",
    "lean_depth",
    "energy_over_density",
    "fraction",
)
PAIR_FEATURES = (
    "distance",
    "lateral",
    "depth",
    "energy_ratio",
    "density_ratio",
    "lean_first",
    "lean_second",
    "lean_both",
)
#: Columns of a `CellGraph` that the network reads.
_READ = ("energy", "mip", "depth", "nuclear", "behind", "size", "thickness", "cosine", "fraction")
FAINTEST = 1e-3  # of the mip: energies below it count as this


@dataclass(frozen=True, slots=True)
class LoudNeighbours:
    """For each cell those of its neighbours that speak loudest: energy that falls with the distance.

    Attributes
    ----------
    neighbour : int32 (n, k)
        Rows of cells; where there are fewer than k, the cell itself.
    real : bool (n, k)
        False where a place is not taken.
    cells : float32 (n, 16)
        By `CELL_FEATURES`. Where it was asked for, a `CellTable` instead.
    pairs : float32 (n, k, 8)
        By `PAIR_FEATURES`; 0 where a place is not taken. Where it was asked for, a `PairTable` instead.
    density : float64 (n,)
        See `gnnreco.tasks.showers.density.local_density`; GeV.
    """

    neighbour: NDArray[np.int32]
    real: NDArray[np.bool_]
    cells: NDArray[np.float32]
    pairs: NDArray[np.float32]
    density: Floats


def loud_neighbours(graph: CellGraph, k: int, reach: float) -> LoudNeighbours:
    """Choose the neighbours of each cell of a graph with its pairs, and describe both.

    Parameters
    ----------
    graph : CellGraph
    k : int
        Neighbours of a cell.
    reach : float
        Longest edge of the graph, in its units.
    """
    one = np.repeat(np.arange(len(graph), dtype=np.int32), np.diff(graph.offsets))
    once = graph.neighbour < one
    pairs = one[once], graph.neighbour[once], graph.distance[once], int(once.sum())
    return described(graph, around_cells(graph.energy, [(len(graph), 0, pairs)], k, reach), reach)


def described(graph: CellGraph, around: Around, reach: float, in_parts: bool = False) -> LoudNeighbours:
    """Cells and the loudest pairs of them in numbers; see `loud_neighbours`. The pairs of the graph are not read.

    With `in_parts` the numbers of cells are a `CellTable`, and those of pairs a `PairTable`.
    """
    near, neighbour, real = around.near, around.neighbour, around.voice > 0
    columns = _Cells(graph.xyz, graph.direction, graph.depth, graph.unit, graph.step, graph.energy)
    lean = _lean(columns, neighbour, real)
    cells = CellTable(graph, around.far, around.crowd, around.highest, around.climb, near, lean, reach)
    pairs = PairTable(columns, near, lean, neighbour, real, reach)
    given: tuple[Any, Any] = (cells, pairs) if in_parts else (cells[:], pairs[:])
    return LoudNeighbours(neighbour, real, *given, near)


@dataclass(frozen=True, slots=True)
class CellTable:
    """Column `cells` of `LoudNeighbours`, worked out for the rows that are asked for; see `PairTable`."""

    graph: CellGraph
    far: Floats
    crowd: Ints
    highest: Floats
    climb: Floats
    near: Floats
    lean: Floats
    reach: float

    def __len__(self) -> int:
        return len(self.graph)

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        """Those of some cells (n, 16)."""
        far, highest, climb, near, lean = (
            column[rows] for column in (self.far, self.highest, self.climb, self.near, self.lean)
        )
        graph = {name: getattr(self.graph, name)[rows] for name in _READ}
        energy, mip = graph["energy"], np.where(graph["mip"] > 0, graph["mip"], 1.0)
        columns: dict[str, Callable[[], Floats]] = {  # made one after the other: they may be large
            "energy": lambda: np.log(np.maximum(energy / mip, FAINTEST)) / 3,
            "density_near": lambda: np.log(np.maximum(near / mip, FAINTEST)) / 4,
            "density_far": lambda: np.log(np.maximum(far / mip, FAINTEST)) / 5,
            "neighbours": lambda: np.log1p(self.crowd[rows]) / 4,
            "depth": lambda: graph["depth"] / 25,
            "nuclear_depth": lambda: graph["nuclear"] / 4,
            "nuclear_behind": lambda: graph["behind"] / 4,
            "cell_size": lambda: np.log(np.maximum(graph["size"], 1e-3)),
            "layer_thickness": lambda: np.log(graph["thickness"]),
            "cosine": lambda: graph["cosine"],
            "density_over_highest": lambda: np.log(near / highest) / 3,
            "climb": lambda: climb / self.reach,
            "lean": lambda: np.linalg.norm(lean[:, :3], axis=1),
            "lean_depth": lambda: lean[:, 3],
            "energy_over_density": lambda: energy / near,
            "fraction": lambda: np.log10(graph["fraction"]) / 2,
        }
        table = np.empty((len(near), len(CELL_FEATURES)), np.float32)
        for k, name in enumerate(CELL_FEATURES):
            table[:, k] = columns[name]()
        return table


class _Cells(NamedTuple):
    """Columns of a `CellGraph`, as the kernels take them."""

    xyz: Floats
    direction: Floats
    depth: Floats
    unit: Floats
    step: Floats
    energy: Floats


@dataclass(frozen=True, slots=True)
class PairTable:
    """Column `pairs` of `LoudNeighbours`, worked out for the rows that are asked for: of a large event it would be as large
    as all else that a network reads.
    """

    cells: _Cells
    density: Floats
    lean: Floats
    neighbour: NDArray[np.int32]
    real: NDArray[np.bool_]
    reach: float

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        """Those of some cells (n, k, 8)."""
        first, stop, _ = rows.indices(len(self.neighbour))
        given = self.cells, self.density, self.lean, self.neighbour, self.real, self.reach
        return _pairs(*given, first, stop)  # type: ignore[no-any-return]


@njit(cache=True, nogil=True)
def _step(xyz: Floats, direction: Floats, i: int, j: int) -> tuple[float, float, float]:
    """From cell i to cell j, mm, without what lies along the direction of i."""
    x, y, z = xyz[j, X] - xyz[i, X], xyz[j, Y] - xyz[i, Y], xyz[j, Z] - xyz[i, Z]
    along = x * direction[i, X] + y * direction[i, Y] + z * direction[i, Z]
    return x - along * direction[i, X], y - along * direction[i, Y], z - along * direction[i, Z]


@njit(cache=True)
def _lean(cells: _Cells, neighbour: NDArray[np.int32], real: NDArray[np.bool_]) -> Floats:
    """Way from each cell to the middle of the energy around it: three lateral components and the depth, in units."""
    xyz, direction, depth, unit, step, energy = cells
    out = np.zeros((len(xyz), 4))
    for i in range(len(xyz)):
        total = energy[i]
        for m in range(neighbour.shape[1]):
            if not real[i, m]:
                break
            j = neighbour[i, m]
            x, y, z = _step(xyz, direction, i, j)
            out[i, X] += energy[j] * x
            out[i, Y] += energy[j] * y
            out[i, Z] += energy[j] * z
            out[i, DEEPER] += energy[j] * (depth[j] - depth[i])
            total += energy[j]
        for c in range(3):
            out[i, c] /= total * unit[i]
        out[i, DEEPER] /= total * step[i]
    return out


@njit(cache=True, nogil=True)
def _pairs(
    cells: _Cells,
    density: Floats,
    lean: Floats,
    neighbour: NDArray[np.int32],
    real: NDArray[np.bool_],
    reach: float,
    first: int,
    stop: int,
) -> NDArray[np.float32]:
    xyz, direction, depth, unit, step, energy = cells
    k = neighbour.shape[1]
    out = np.zeros((stop - first, k, 8), np.float32)
    for i in range(first, stop):
        for m in range(k):
            if not real[i, m]:
                break
            j, f = neighbour[i, m], out[i - first, m]
            x, y, z = _step(xyz, direction, i, j)
            length = 0.5 * (unit[i] + unit[j])
            x, y, z = x / length, y / length, z / length
            away = (depth[j] - depth[i]) / max(step[i], step[j])
            lateral = np.sqrt(x * x + y * y + z * z)
            f[DISTANCE] = np.sqrt(lateral * lateral + away * away) / reach
            f[LATERAL] = lateral / reach
            f[DEPTH] = away / reach
            f[ENERGY_RATIO] = np.log(energy[j] / energy[i]) / 3
            f[DENSITY_RATIO] = np.log(density[j] / density[i]) / 2
            f[LEANS_TO] = x * lean[i, X] + y * lean[i, Y] + z * lean[i, Z]
            f[LEANS_FROM] = -(x * lean[j, X] + y * lean[j, Y] + z * lean[j, Z])
            f[LEAN_ALIKE] = lean[i, X] * lean[j, X] + lean[i, Y] * lean[j, Y] + lean[i, Z] * lean[j, Z]
    return out
