"""What the network ought to say of the elements of a simulated event."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, Tracks
from gnnreco.graphs.elements.cells import Cells
from gnnreco.graphs.elements.graph import ElementGraph
from gnnreco.graphs.elements.showers import Showers
from gnnreco.kernels import njit

from .sharing import Shares, segment_best
from .targets import Targets

NOTHING = 5  # class of an owner that is no particle
MATCHED = 0.5  # of a track's hits are its particle's
PART = 0.2  # of a particle's energy lies with its owner, at least
PURE = 0.3  # of what an owner holds comes from its particles, at least


@dataclass(frozen=True, slots=True)
class Answers:
    """The truth of the elements of an event.

    Attributes
    ----------
    edge : float32 (m,)
        Part of the shower that belongs to the owner at the end of each edge,
    alone : float32 (n_s, 2)
        to itself, and to nobody.
    track : int64 (n_t,)
        Target that each track is the best of; -1: none.
    start, target, energy : int64 (n_s + 1,), int64 (k,), float64 (k,)
        What each shower has of which target, GeV (CSR); -1 is noise and what belongs to no target.
    kind : int64 (t,)
        Class of the targets.
    momentum : float64 (t, 4)
        px, py, pz, E, GeV.
    tracked : bool (t,)
        Targets that a found track stands for.
    """

    edge: NDArray[np.float32]
    alone: NDArray[np.float32]
    track: Ints
    start: Ints
    target: Ints
    energy: Floats
    kind: Ints
    momentum: Floats
    tracked: NDArray[np.bool_]


def answers_of(
    event: Event, targets: Targets, tracks: Tracks, cells: Cells, showers: Showers, graph: ElementGraph
) -> Answers:
    """Answers for the elements of an event with truth; hits of tracks and cells by their rows in it."""
    n_tracks, n = len(tracks), len(showers)
    track = best_tracks(event, targets, tracks)
    start, target, energy = _contents(event, targets, cells, showers)
    edges = np.searchsorted(graph.shower, np.arange(n + 1))
    of_target = np.full(len(targets) + 1, -1, np.int64)
    of_target[track[track >= 0]] = np.flatnonzero(track >= 0)
    edge, alone = _answers(n_tracks, edges, graph.owner, start, target, energy, of_target)
    momentum = np.stack([targets.px, targets.py, targets.pz, targets.energy], axis=1)
    return Answers(
        edge.astype(np.float32),
        alone.astype(np.float32),
        track,
        start,
        target,
        energy,
        targets.pdg_class.astype(np.int64),
        momentum,
        of_target[:-1] >= 0,
    )


def best_tracks(event: Event, targets: Targets, tracks: Tracks) -> Ints:
    """The target that each track stands for (n_t,): the particle of most of its hits, if no other track has more of these.

    A track of what a target became, not of the target itself, stands for nothing.
    """
    truth = event.truth
    assert truth is not None
    n, n_particles = len(tracks), len(truth.particles)
    order = np.argsort(truth.hit, kind="stable")
    first = np.searchsorted(truth.hit[order], tracks.hit_index)
    count = np.searchsorted(truth.hit[order], tracks.hit_index, side="right") - first
    owner = np.repeat(np.repeat(np.arange(n), tracks.n_hits), count)
    ends = np.cumsum(count)
    row = order[np.arange(len(owner)) - np.repeat(ends - count, count) + np.repeat(first, count)]
    keys, hits = np.unique(owner * n_particles + truth.particle[row], return_counts=True)
    track, particle = keys // max(n_particles, 1), keys % max(n_particles, 1)
    best = segment_best(track, hits.astype(np.float64), n)
    found = np.full(n, -1, np.int64)
    some = best >= 0
    mine, matched = particle[best[some]], hits[best[some]] >= MATCHED * tracks.n_hits[some]
    itself = targets.of[mine]
    itself = np.where((itself >= 0) & matched, itself, -1)
    itself[itself >= 0] = np.where(
        targets.particle[itself[itself >= 0]] == mine[itself >= 0], itself[itself >= 0], -1
    )
    found[some] = itself
    rows = np.flatnonzero(found >= 0)
    most = segment_best(found[rows], hits[best[rows]].astype(np.float64), len(targets))
    winner = np.full(n, -1, np.int64)
    chosen = rows[most[most >= 0]]
    winner[chosen] = found[chosen]
    return winner


def _contents(event: Event, targets: Targets, cells: Cells, showers: Showers) -> tuple[Ints, Ints, Floats]:
    """What each shower has of which target, as CSR sorted by target."""
    truth = event.truth
    assert truth is not None
    place = np.full(len(event.hits), -1, np.int64)
    place[cells.index] = np.arange(len(cells))
    part = np.ones(len(truth.hit)) if truth.energy is None else truth.energy
    total = np.bincount(truth.hit, part, len(event.hits))
    link_cell, of = place[truth.hit], targets.of[truth.particle]
    mine = link_cell >= 0
    link_cell, of = link_cell[mine], of[mine]
    fraction = part[mine] / np.maximum(total[truth.hit[mine]], 1e-30)
    order = np.argsort(link_cell, kind="stable")
    first = np.searchsorted(link_cell[order], showers.cell)
    count = np.searchsorted(link_cell[order], showers.cell, side="right") - first
    share = np.repeat(np.arange(len(showers.cell)), count)
    ends = np.cumsum(count)
    row = order[np.arange(len(share)) - np.repeat(ends - count, count) + np.repeat(first, count)]
    width = len(targets) + 1
    held = showers.share[share] * fraction[row]
    rest = showers.share - np.bincount(share, held, len(showers.share))  # cells that nothing made
    shower = np.concatenate([showers.shower[share], showers.shower])
    target = np.concatenate([of[row], np.full(len(rest), -1)])
    keys, back = np.unique(shower * width + target + 1, return_inverse=True)
    both = np.concatenate([held, np.maximum(rest, 0.0)])
    energy = np.bincount(back.ravel(), both, len(keys)).astype(np.float64, copy=False)
    return (
        np.searchsorted(keys // width, np.arange(len(showers) + 1)),
        keys % width - 1,
        energy,
    )


@njit(cache=True)
def _held(start: Ints, target: Ints, energy: Floats, shower: int, wanted: int) -> float:
    """What a shower has of a target."""
    for k in range(start[shower], start[shower + 1]):
        if target[k] == wanted:
            return float(energy[k])
    return 0.0


@njit(cache=True)
def _answers(
    n_tracks: int, edges: Ints, owner: Ints, start: Ints, target: Ints, energy: Floats, of_target: Ints
) -> tuple[Floats, Floats]:
    n = len(start) - 1
    edge, alone = np.zeros(len(owner)), np.zeros((n, 2))
    for i in range(n):
        total = 0.0
        for k in range(start[i], start[i + 1]):
            total += energy[k]
        for k in range(start[i], start[i + 1]):
            t, part = target[k], energy[k] / max(total, 1e-30)
            track = of_target[t] if t >= 0 else -1
            chosen, most = -1, 0.0 if track >= 0 else energy[k]
            for e in range(edges[i], edges[i + 1] if t >= 0 else edges[i]):
                if owner[e] < n_tracks:
                    if owner[e] == track:
                        chosen, most = e, np.inf
                elif most < np.inf:
                    other = _held(start, target, energy, owner[e] - n_tracks, t)
                    # Without its track among the owners, a fragment goes to the shower that has more of it.
                    if other > most and (track < 0 or other > energy[k]):
                        chosen, most = e, other
            if chosen >= 0:
                edge[chosen] += part
            elif t >= 0 and track < 0:
                alone[i, 0] += part
            else:
                alone[i, 1] += part
    return edge, alone


@dataclass(frozen=True, slots=True)
class OwnerAnswers:
    """What owners ought to be judged as.

    Attributes
    ----------
    kind : int64 (p,)
        Class, or `NOTHING`.
    size : float64 (p,)
        Momentum of what has a charge, energy of all else, GeV; NaN for nothing.
    """

    kind: Ints
    size: Floats


def owner_answers(shares: Shares, answers: Answers, n_tracks: int) -> OwnerAnswers:
    """Tracks are what they stand for; showers are all targets without a track that have more in them than in any other.

    A shower with several such targets has the class of the most energetic one and the energy of all: no energy is lost
    because two neutrals lie on top of each other.
    """
    n = len(shares.element)
    total, charged = answers.momentum[:, 3], (answers.kind == 0) | (answers.kind >= 3)
    kind, size = np.full(n, NOTHING, np.int64), np.full(n, np.nan)
    some = np.flatnonzero(answers.track >= 0)
    mine = answers.track[some]
    kind[some] = answers.kind[mine]
    size[some] = np.where(charged[mine], np.linalg.norm(answers.momentum[mine, :3], axis=1), total[mine])
    part, target = _strongest(shares, answers, n_tracks)
    leader = segment_best(part, total[target], n)
    found = np.flatnonzero(leader >= 0)
    kind[found] = answers.kind[target[leader[found]]]
    size[found] = np.bincount(part, total[target], n)[found]
    return OwnerAnswers(kind, size)


def _strongest(shares: Shares, answers: Answers, n_tracks: int) -> tuple[Ints, Ints]:
    """For each target without a track, the owner without a track that has most of it: rows of owners and of targets (k,).

    Owners that hold less than `PART` of it are none, nor are those in which such targets make up less than `PURE`.
    """
    n, n_targets = len(shares.element), len(answers.kind)
    count = np.diff(answers.start)[shares.shower]
    ends = np.cumsum(count)
    link = np.repeat(np.arange(len(count)), count)
    row = np.arange(len(link)) - np.repeat(ends - count, count) + answers.start[shares.shower][link]
    part, of = shares.part[link], answers.target[row]
    energy = shares.share[link] * answers.energy[row]
    held = np.bincount(part, energy, n)
    whole = np.bincount(answers.target + 1, answers.energy, n_targets + 1)[1:]
    free = (of >= 0) & ~np.append(answers.tracked, True)[of] & (part >= n_tracks)
    keys, back = np.unique(part[free] * max(n_targets, 1) + of[free], return_inverse=True)
    energy = np.bincount(back.ravel(), energy[free], len(keys)).astype(np.float64, copy=False)
    part, of = keys // max(n_targets, 1), keys % max(n_targets, 1)
    best = segment_best(of, energy, n_targets)
    best = best[best >= 0]
    best = best[energy[best] >= PART * whole[of[best]]]
    part, of, energy = part[best], of[best], energy[best]
    pure = np.bincount(part, energy, n) >= PURE * held
    return part[pure[part]], of[pure[part]]
