"""From scored triplets to hit lists: mutual best links make chains, chains claim hits, triplets hand out what is left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Ints
from gnnreco.kernels import FIRST, SECOND, njit


@njit(cache=True, boundscheck=False)
def best_links(
    inner: NDArray[np.int32],
    outer: NDArray[np.int32],
    logit: NDArray[np.float32],
    n_doublets: int,
    threshold: float,
) -> Ints:
    """The link of each doublet to the next one outwards, where it is the best of both; -1: none. Shape (n_doublets,)."""
    best_out, best_in = np.full(n_doublets, -1, np.int64), np.full(n_doublets, -1, np.int64)
    for k in range(len(inner)):
        if logit[k] < threshold:
            continue
        i, j = inner[k], outer[k]
        if best_out[i] < 0 or logit[k] > logit[best_out[i]]:
            best_out[i] = k
        if best_in[j] < 0 or logit[k] > logit[best_in[j]]:
            best_in[j] = k
    following = np.full(n_doublets, -1, np.int64)
    for i in range(n_doublets):
        k = best_out[i]
        if k >= 0 and best_in[outer[k]] == k:
            following[i] = k
    return following


@njit(cache=True, boundscheck=False)
def walk_chains(
    doublets: NDArray[np.int32],
    inner: NDArray[np.int32],
    outer: NDArray[np.int32],
    logit: NDArray[np.float32],
    following: Ints,
) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Follow the links from every doublet that none leads to.

    Returns
    -------
    offsets (n_chains + 1,), points (m,), quality (n_chains,)
        Points of each chain from the inside outwards; quality is the sum of its triplets' probabilities.
    """
    n = len(doublets)
    led_to = np.zeros(n, np.bool_)
    for i in range(n):
        if following[i] >= 0:
            led_to[outer[following[i]]] = True
    offsets, points, quality = np.zeros(n + 1, np.int64), np.empty(3 * n, np.int64), np.empty(n)
    n_chains, m = 0, 0
    for start in range(n):
        if led_to[start] or following[start] < 0:
            continue
        points[m], points[m + 1] = doublets[start, FIRST], doublets[start, SECOND]
        m += 2
        total, i = 0.0, start
        while following[i] >= 0:
            total += 1.0 / (1.0 + np.exp(-logit[following[i]]))
            i = outer[following[i]]
            points[m] = doublets[i, SECOND]
            m += 1
        quality[n_chains] = total
        n_chains += 1
        offsets[n_chains] = m
    return offsets[: n_chains + 1], points[:m], quality[:n_chains]


@njit(cache=True, boundscheck=False)
def claim(offsets: Ints, points: Ints, order: Ints, n_points: int, min_hits: int) -> Ints:
    """Let chains claim their points in the given order.

    A chain that runs over two or more points of an earlier one is the same track seen through another hit of a layer where
    modules overlap: it gives its free points to that one. Any other keeps what is free, if that is `min_hits` or more.

    Returns
    -------
    owner : int64 (n_points,)
        Chain of each point, -1 where nobody claimed it.
    """
    owner = np.full(n_points, -1, np.int64)
    for chain in order:
        free, other, shared = 0, -1, 0
        for k in range(offsets[chain], offsets[chain + 1]):
            mine = owner[points[k]]
            if mine < 0:
                free += 1
                continue
            times = 0
            for m in range(offsets[chain], offsets[chain + 1]):
                times += owner[points[m]] == mine
            if times > shared:
                other, shared = mine, times
        if shared >= 2:
            heir = other
        elif free >= min_hits:
            heir = chain
        else:
            continue
        for k in range(offsets[chain], offsets[chain + 1]):
            if owner[points[k]] < 0:
                owner[points[k]] = heir
    return owner


@njit(cache=True, boundscheck=False)
def hand_out(
    doublets: NDArray[np.int32], inner: NDArray[np.int32], outer: NDArray[np.int32], order: Ints, owner: Ints
) -> int:
    """Give every unclaimed point to the chain that owns the two others of its best triplet; returns how many were given."""
    given = 0
    for k in order:
        a, b, c = doublets[inner[k], FIRST], doublets[inner[k], SECOND], doublets[outer[k], SECOND]
        oa, ob, oc = owner[a], owner[b], owner[c]
        if oa < 0 and ob >= 0 and ob == oc:
            owner[a] = ob
            given += 1
        elif ob < 0 and oa >= 0 and oa == oc:
            owner[b] = oa
            given += 1
        elif oc < 0 and oa >= 0 and oa == ob:
            owner[c] = oa
            given += 1
    return given


def group_by_owner(owner: Ints, distance: NDArray[np.float64]) -> tuple[Ints, Ints, Ints]:
    """Points of each owner, by their distance from the origin of the frame.

    Parameters
    ----------
    owner : (n_points,)
        -1: nobody's.
    distance : (n_points,)

    Returns
    -------
    chains (n,), offsets (n + 1,), points (m,)
    """
    points = np.flatnonzero(owner >= 0)
    points = points[np.lexsort((points, distance[points], owner[points]))]
    chains, start = np.unique(owner[points], return_index=True)
    return chains, np.append(start, len(points)), points
