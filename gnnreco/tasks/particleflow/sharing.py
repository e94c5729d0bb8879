"""From the chances that a shower belongs to its neighbours to what each particle holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.kernels import njit

FAR = 64  # steps from shower to shower after which a path is given up


@dataclass(frozen=True)
class SharingConfig:
    """How showers are shared out.

    Attributes
    ----------
    least : float
        Parts of a shower below it are given to its other owners; the likeliest owner keeps its part in any case.
    whole : bool
        Each shower goes to its likeliest owner as a whole: nothing is shared.
    """

    least: float = 0.1
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Shares:
    """Which element holds how much of which shower.

    Attributes
    ----------
    element : int64 (p,)
        Owners: every track, then the showers that hold something, as rows of elements.
    part, shower : int64 (q,)
        For which owner (row of `element`), and of which shower; sorted by owner, then shower.
    share : float64 (q,)
        Fraction of the shower.
    """

    element: Ints
    part: Ints
    shower: Ints
    share: Floats

    @property
    def start(self) -> Ints:
        """Where the shares of each owner begin (p + 1,)."""
        return np.searchsorted(self.part, np.arange(len(self.element) + 1))


def share_out(
    n_tracks: int,
    start: Ints,
    owner: Ints,
    edge: Floats,
    alone: Floats,
    energy: Floats,
    config: SharingConfig,
) -> Shares:
    """Who holds what.

    A shower that belongs to another one goes where that one goes; around a circle of showers, to the one of them that most
    likely stands for itself.

    Parameters
    ----------
    n_tracks : int
    start : int64 (n_s + 1,)
        Where the edges of each shower begin.
    owner : int64 (m,)
        Rows of elements: tracks first.
    edge : float64 (m,)
        Chance that the shower belongs to that owner,
    alone : float64 (n_s, 2)
        to itself, or to nobody; all chances of a shower sum to one.
    energy : float64 (n_s,)
        GeV; settles ties.
    config : SharingConfig
    """
    goes = _destinations(n_tracks, start, owner, edge, alone, energy)
    n = len(start) - 1
    source = np.repeat(np.arange(n), np.diff(start))
    target = np.concatenate([np.arange(n_tracks), goes])[owner]
    shower = np.concatenate([source, np.arange(n), np.arange(n)])
    target = np.concatenate([target, n_tracks + np.arange(n), np.full(n, -1)])
    chance = np.concatenate([edge, alone[:, 0], alone[:, 1]])
    keys, back = np.unique(shower * (n_tracks + n + 1) + target + 1, return_inverse=True)
    chance = np.bincount(back.ravel(), chance, len(keys)).astype(np.float64, copy=False)
    shower, target = keys // (n_tracks + n + 1), keys % (n_tracks + n + 1) - 1
    keep = np.zeros(len(chance), bool) if config.whole else chance >= config.least
    keep[segment_best(shower, chance, n)] = True
    shower, target, chance = shower[keep], target[keep], chance[keep]
    chance = chance / np.bincount(shower, chance, n)[shower]
    real = target >= 0
    shower, target, chance = shower[real], target[real], chance[real]
    element = np.union1d(np.arange(n_tracks), target)
    part = np.searchsorted(element, target)
    order = np.lexsort((shower, part))
    return Shares(element, part[order], shower[order], chance[order])


@njit(cache=True)
def _destinations(
    n_tracks: int, start: Ints, owner: Ints, edge: Floats, alone: Floats, energy: Floats
) -> Ints:
    """The element that each shower goes to by its best choices (n_s,); -1: nobody."""
    n = len(start) - 1
    best = np.empty(n, np.int64)
    for i in range(n):
        best[i] = n_tracks + i if alone[i, 0] >= alone[i, 1] else -1
        most = max(alone[i, 0], alone[i, 1])
        for k in range(start[i], start[i + 1]):
            if edge[k] > most:
                most, best[i] = edge[k], owner[k]
    goes = np.empty(n, np.int64)
    for i in range(n):
        at, steps = i, 0
        while best[at] >= n_tracks and best[at] != n_tracks + at and steps < FAR:
            at, steps = best[at] - n_tracks, steps + 1
        if best[at] < n_tracks or best[at] == n_tracks + at:
            goes[i] = best[at]
            continue
        first, top = at, at  # a circle: it stands for itself at its surest shower
        at = best[at] - n_tracks
        while at != first:
            surer = alone[at, 0] > alone[top, 0]
            if surer or (alone[at, 0] == alone[top, 0] and energy[at] > energy[top]):
                top = at
            at = best[at] - n_tracks
        goes[i] = n_tracks + top
    return goes


def softmax(start: Ints, edge: Floats, alone: Floats) -> tuple[Floats, Floats]:
    """Chances from logits of edges (m,) and of itself and nobody (n_s, 2), for each shower."""
    n = len(start) - 1
    source = np.repeat(np.arange(n), np.diff(start))
    top = alone.max(axis=1, initial=-np.inf)
    np.maximum.at(top, source, edge)
    edge, alone = np.exp(edge - top[source]), np.exp(alone - top[:, None])
    total = alone.sum(axis=1) + np.bincount(source, edge, n)
    return edge / total[source], alone / total[:, None]


def segment_best(group: NDArray[np.int64], value: Floats, n: int) -> Ints:
    """Row with the highest value of each group (n,); -1 for an empty one; the first of equal ones."""
    best = np.full(n, -1, np.int64)
    order = np.lexsort((-np.arange(len(value)), value))
    best[group[order]] = order
    return best
