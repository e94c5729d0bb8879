"""What lies around each cell, summed up while pairs are found: no table of them is kept.

A cell of a dense event has some fifty cells near it, of which a network reads eight. CLUE (arXiv 2001.09761) looks twice:
for the density of each cell, then for the nearest one that is denser. Here pairs come once, layer after layer, and wait for
the second look only until no deeper layer can add to the densities of their cells.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import njit

from .bars import Bars, Groups
from .pairs import NEARLY, Pairs

NEAR = 1.5  # units of the graph: radius of the density that cells climb


class Around(NamedTuple):
    """What lies around n cells.

    Attributes
    ----------
    near, far : float64 (n,)
        Energies that count by 1 - (distance / radius)^2, for two radii, GeV; with the cell's own.
    crowd : int64 (n,)
        Cells that are near.
    highest : float64 (n,)
        The largest `near` of the cell and of those near it.
    climb : float64 (n,)
        Distance to the nearest cell with a larger `near`; the longest edge where none is.
    neighbour : int32 (n, k)
        The loudest cells that are near, the loudest first; where there are fewer, the cell itself.
    voice : float64 (n, k)
        Their energy over 0.3 + distance^2; 0 where a place is not taken.
    """

    near: Floats
    far: Floats
    crowd: Ints
    highest: Floats
    climb: Floats
    neighbour: NDArray[np.int32]
    voice: Floats

    def rows(self, order: Ints) -> Around:
        """The same for cells whose `order` (n,) tells which cell each row is of."""
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        columns = self._replace(neighbour=order[self.neighbour].astype(np.int32))
        return Around._make(column[back] for column in columns)


class _Waiting(NamedTuple):
    """Pairs of the first cells from row `begin` on: those of the k-th are ``offsets[k]:offsets[k + 1]``."""

    begin: int
    offsets: Ints
    two: NDArray[np.int32]
    distance: NDArray[np.float32]

    @property
    def stop(self) -> int:
        """The row before which the first cells lie."""
        return self.begin + len(self.offsets) - 1


def around_cells(energy: Floats, parts: Iterable[tuple[int, int, Pairs]], k: int, reach: float) -> Around:
    """Sum up pairs of cells.

    Parameters
    ----------
    energy : float64 (n,)
        Of the cells, GeV.
    parts
        Pairs in the order of their first cell, each of a cell with an earlier one; with the row before which the first cells
        lie, and the row before which cells get no more pairs.
    k : int
        Neighbours of a cell.
    reach : float
        Longest edge.
    """
    n = len(energy)
    around = Around(
        energy.copy(),
        energy.copy(),
        np.zeros(n, np.int64),
        np.zeros(n),
        np.full(n, reach),
        np.repeat(np.arange(n, dtype=np.int32)[:, None], k, axis=1),
        np.zeros((n, k)),
    )
    waiting: deque[_Waiting] = deque()
    begin = 0
    for stop, settled, (one, two, distance, _) in parts:
        _hear(one, two, distance, energy, around, reach)
        offsets = np.searchsorted(one, np.arange(begin, stop + 1, dtype=np.int32))  # one type: no copy
        waiting.append(_Waiting(begin, offsets, two, distance))
        begin = stop
        while waiting and waiting[0].stop <= settled:
            _climb(waiting.popleft(), around)
    while waiting:
        _climb(waiting.popleft(), around)
    np.maximum(around.highest, around.near, out=around.highest)
    return around


def settled(
    parts: Iterable[tuple[int, Pairs]], bars: Bars, groups: Groups, group: Ints
) -> Iterator[tuple[int, int, Pairs]]:
    """The same parts, each with the row before which cells get no more pairs; `group` (n,) is that of the rows."""
    start = np.searchsorted(group, _frontmost(groups, bars.steps))
    start = np.append(np.minimum.accumulate(start[::-1])[::-1], len(group))  # no deeper group looks farther
    for stop, pairs in parts:
        following = group[stop] if stop < len(group) else len(start) - 1
        yield stop, int(start[following]), pairs


@njit(cache=True)
def _frontmost(groups: Groups, steps: Floats) -> Ints:
    """The group nearest to the front in which cells of each group may have pairs."""
    front = np.arange(len(steps))
    for g in range(len(steps)):
        h = g
        while h >= 0 and groups.stack[h] == groups.stack[g]:
            longest = max(steps[g], steps[h])
            if longest > 0 and groups.depth[g] - groups.depth[h] > 1.001 * longest:
                break
            front[g] = h
            h -= 1
    return front


@njit(cache=True)
def _hear(
    one: NDArray[np.int32],
    two: NDArray[np.int32],
    distance: NDArray[np.float32],
    energy: Floats,
    around: Around,
    reach: float,
) -> None:
    """Add pairs to densities and to the loudest neighbours of both cells."""
    near, far, crowd, _, _, neighbour, voice = around
    for m in range(len(one)):
        square = distance[m] * distance[m]
        within = max(1 - square / (NEAR * NEAR), 0.0)
        about = max(1 - square / (reach * reach), 0.0)
        a, b = one[m], two[m]
        for _ in range(2):
            near[a] += within * energy[b]
            far[a] += about * energy[b]
            crowd[a] += 1
            # Among the loudest of a; energies are never equal, so no order of rows enters.
            at, spread = voice.shape[1] - 1, 0.3 + square
            if energy[b] * NEARLY < voice[a, at] * spread:  # most pairs: too soft, which needs no division
                a, b = b, a
                continue
            loud = energy[b] / spread
            if loud > voice[a, at]:
                while at > 0 and voice[a, at - 1] < loud:
                    voice[a, at], neighbour[a, at] = voice[a, at - 1], neighbour[a, at - 1]
                    at -= 1
                voice[a, at], neighbour[a, at] = loud, b
            a, b = b, a


@njit(cache=True)
def _climb(pairs: _Waiting, around: Around) -> None:
    """Highest density around both cells of pairs, and the way of the lower one to the higher."""
    begin, offsets, two, distance = pairs
    near, _, _, highest, climb, _, _ = around
    for k in range(len(offsets) - 1):
        for m in range(offsets[k], offsets[k + 1]):
            a, b = begin + k, two[m]
            if near[a] < near[b]:
                a, b = b, a
            highest[b] = max(highest[b], near[a])
            highest[a] = max(highest[a], near[b])
            if near[a] > near[b]:
                climb[b] = min(climb[b], distance[m])
