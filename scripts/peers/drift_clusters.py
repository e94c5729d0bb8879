"""The classical way through a drift chamber, as a peer: local-maximum clusters, a cellular automaton, the tracker's fit.

Clusters: in each row of pads a sample with no larger neighbour (pads and time, 3 x 3) begins one, unless the valley to
the next is shallow; every other sample follows its largest neighbour up to one. Tracks: each cluster picks the pair of neighbours, one row in and one row out,
that lie straightest; links that both ends chose make chains (as in the ALICE high-level trigger: S. Gorbunov et al., IEEE
Trans. Nucl. Sci. 58 (2011) 1845). Chains are fitted and joined by what gnnreco itself uses, so that only the pattern
recognition differs.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba import njit

from gnnreco.columns import Event, Tracks
from gnnreco.graphs.drift.samples import pad_samples
from gnnreco.tasks.drift.points import DriftPoints
from gnnreco.tasks.drift.task import DriftTask
from gnnreco.tasks.drift.tracks import TracksConfig, tracks_of

WINDOW = (40.0, 60.0)  # mm to the next row, along the pads and along the drift
OFF = (3.5, 5.0)  # mm from the straight line between two rows, along the pads and along the drift: four sigma
PROMINENCE = 0.5  # a valley above this share of the lower peak does not part two clusters
MIN_CHAIN = 4  # clusters


def classical(task: DriftTask, event: Event) -> tuple[Tracks, DriftPoints]:
    """Tracks of an event, and the points they were fitted to; `task` gives the geometry, not its network."""
    graph = pad_samples(task.config.graph.cells, task.detector, task.frame, event)
    cells, detector = graph.cells, task.detector
    layer, key = layers(detector, cells.sensor, graph.pads.local, graph.pads.size)
    time = np.floor(
        (graph.pads.local[:, 2] + detector.thickness[cells.sensor] / 2) / task.frame.sample[cells.sensor]
    ).astype(np.int64)
    order = np.argsort(-cells.energy, kind="stable")
    cluster = follow_up(
        *(
            cells.offsets,
            cells.neighbour,
            cells.energy,
            key,
            graph.pads.local[:, 0],
            graph.pads.size[:, 0],
            time,
        ),
        *(order, PROMINENCE),
    )
    tops, cluster = np.unique(cluster, return_inverse=True)
    n = len(tops)
    charge = np.bincount(cluster, cells.energy, n)
    place = [
        np.bincount(cluster, cells.energy * graph.pads.local[:, c], n) / np.maximum(charge, 1e-30)
        for c in range(3)
    ]
    chain = chains(layer[tops], place[0], graph.pads.local[tops, 1], place[2], cells.sensor[tops], detector)
    piece = chain[cluster]
    config = replace(task.config.tracks, rounds=0)
    assert isinstance(config, TracksConfig)
    return tracks_of(graph, piece, np.ones(len(graph)), detector, task.frame, config)


def layers(detector, sensor, local, size):  # type: ignore[no-untyped-def]
    """Row of pads of each sample, counted outwards within a stack of sensors in line, and a key of stack and row."""
    row = np.floor(local[:, 1] / size[:, 1] + 0.25).astype(np.int64)
    center, drift = detector.center, detector.rotation[:, :, 2]
    azimuth = np.round(np.degrees(np.arctan2(center[:, 1], center[:, 0]))).astype(np.int64)
    stack = np.unique(
        np.column_stack([azimuth, np.sign(drift[:, 2]).astype(np.int64)]), axis=0, return_inverse=True
    )[1].ravel()
    radius = np.hypot(center[:, 0], center[:, 1]) + 0.0
    pair = np.column_stack([stack[sensor], np.round(radius[sensor]).astype(np.int64), row])
    unique, key = np.unique(pair, axis=0, return_inverse=True)
    first = np.searchsorted(unique[:, 0], unique[:, 0])
    layer = unique[:, 0] * 1000 + np.arange(len(unique)) - first
    return layer[key.ravel()], key.ravel()


@njit(cache=True)
def follow_up(offsets, neighbour, energy, key, u, pad, time, order, prominence):  # type: ignore[no-untyped-def]
    """The cluster of each sample, by its largest one: maxima of a row, joined where the valley between is shallow.

    Samples come largest first (`order`); one that touches two clusters joins them if it has more than `prominence` of the
    lower peak, and goes to the larger one otherwise.
    """
    n = len(energy)
    top = np.full(n, -1, np.int64)
    parent = np.arange(n)
    for i in order:
        mine = -1
        for k in range(offsets[i], offsets[i + 1]):
            j = neighbour[k]
            if (
                top[j] < 0
                or key[j] != key[i]
                or abs(u[j] - u[i]) > 1.5 * pad[i]
                or abs(time[j] - time[i]) > 1
            ):
                continue
            r = top[j]
            while parent[r] != r:
                r = parent[r]
            if mine < 0:
                mine = r
            elif r != mine:
                high, low = (mine, r) if energy[mine] >= energy[r] else (r, mine)
                if energy[i] > prominence * energy[low]:
                    parent[low] = high
                mine = high
        top[i] = i if mine < 0 else mine
    for i in range(n):
        r = top[i]
        while parent[r] != r:
            r = parent[r]
        top[i] = r
    return top


def chains(layer, u, v, w, sensor, detector):  # type: ignore[no-untyped-def]
    """Chain of each cluster; -1: none. Clusters by layer; within a stack the axes of all sensors are the same."""
    center = np.einsum("ij,ijk->ik", detector.center, detector.rotation)
    u, v, w = u + center[sensor, 0], v + center[sensor, 1], w + center[sensor, 2]
    order = np.lexsort((u, layer))
    label = _chains(layer[order], u[order], v[order], w[order], *WINDOW, *OFF, MIN_CHAIN)
    out = np.empty(len(u), np.int64)
    out[order] = label
    return out


@njit(cache=True)
def _chains(layer, u, v, w, window_u, window_w, off_u, off_w, shortest):  # type: ignore[no-untyped-def]
    n = len(u)
    inwards, outwards = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
    i = 0
    for i in range(n):
        a0, a1 = np.searchsorted(layer, layer[i] - 1), np.searchsorted(layer, layer[i])
        b0, b1 = np.searchsorted(layer, layer[i] + 1), np.searchsorted(layer, layer[i] + 2)
        best = 1.0
        for a in range(a0, a1):
            if abs(u[a] - u[i]) > window_u or abs(w[a] - w[i]) > window_w:
                continue
            for b in range(b0, b1):
                if abs(u[b] - u[i]) > window_u or abs(w[b] - w[i]) > window_w:
                    continue
                share = (v[i] - v[a]) / (v[b] - v[a])
                du = u[i] - u[a] - share * (u[b] - u[a])
                dw = w[i] - w[a] - share * (w[b] - w[a])
                off = (du / off_u) ** 2 + (dw / off_w) ** 2
                if off < best:
                    best, inwards[i], outwards[i] = off, a, b
    label = np.full(n, -1, np.int64)
    count = 0
    member = np.empty(n, np.int64)
    for i in range(n):
        # A chain begins where nobody farther in agrees.
        a = inwards[i]
        if label[i] >= 0 or outwards[i] < 0 or (a >= 0 and outwards[a] == i):
            continue
        m, j = 0, i
        while True:
            member[m] = j
            m += 1
            b = outwards[j]
            if b < 0 or label[b] >= 0:
                break
            if inwards[b] == j:
                j = b
                continue
            if outwards[b] < 0 and inwards[b] < 0:  # the last one, which has nothing farther out
                member[m] = b
                m += 1
            break
        if inwards[i] >= 0 and label[inwards[i]] < 0 and outwards[inwards[i]] < 0:
            member[m] = inwards[i]
            m += 1
        if m < shortest:
            continue
        for k in range(m):
            label[member[k]] = count
        count += 1
    for _ in range(3):
        before = label.copy()
        for i in range(n):
            if before[i] < 0:
                label[i] = _filled(i, layer, u, v, w, before, off_u, off_w)
    return label


@njit(cache=True)
def _filled(i, layer, u, v, w, label, off_u, off_w):  # type: ignore[no-untyped-def]
    """The chain that passes a cluster nobody took: between two of its rows, or beyond its last two."""
    best, found = 1.0, -1
    row = layer[i]
    for below, above in ((row - 1, row + 1), (row - 2, row - 1), (row + 1, row + 2)):
        for a in range(np.searchsorted(layer, below), np.searchsorted(layer, below + 1)):
            if label[a] < 0:
                continue
            for b in range(np.searchsorted(layer, above), np.searchsorted(layer, above + 1)):
                if label[b] != label[a]:
                    continue
                share = (v[i] - v[a]) / (v[b] - v[a])
                du = u[i] - u[a] - share * (u[b] - u[a])
                dw = w[i] - w[a] - share * (w[b] - w[a])
                off = (du / off_u) ** 2 + (dw / off_w) ** 2
                if off < best * max(1.0, 2 * share * share):
                    best, found = off, label[a]
    return found
