"""Joins pieces of one track: two fits that agree within their errors, and whose joint fit agrees with both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Hits, Ints
from gnnreco.fit.helix import D0, PHI, Q_OVER_P, THETA, Z0
from gnnreco.fit.trackfit import FitResult
from gnnreco.geometry import Detector
from gnnreco.kernels import FIRST, SECOND, njit

from .candidates import USUAL, Assumed, Candidates, concatenate

AGREE = 200.0  # chi2 of the difference of two fits beyond which no joint fit is tried: five degrees, errors not Gaussian


def merge(
    detector: Detector, hits: Hits, pieces: Candidates, max_chi2: float, assumed: Assumed = USUAL
) -> Candidates:
    """Join pieces two by two; those that find no partner stay as they are.

    Two pieces of one track never have hits on the same sensor; on the same layer they may, where sensors overlap.

    Parameters
    ----------
    max_chi2 : float
        A joint fit may add this much to the chi2 of the two (five degrees of freedom).
    assumed : Assumed
        What fits take for granted.
    """
    pairs = _agreeing(pieces.fit)
    offsets, hit_index = _join(pairs, pieces.offsets, pieces.hit_index, hits)
    owner = np.repeat(np.arange(len(pairs)), np.diff(offsets))
    on_sensor = np.sort(owner * detector.n_sensors + hits.sensor[hit_index])
    apart = np.ones(len(pairs), np.bool_)
    apart[on_sensor[1:][on_sensor[1:] == on_sensor[:-1]] // detector.n_sensors] = False
    pairs, size = pairs[apart], np.diff(offsets)[apart]
    joint = Candidates.fitted(
        detector,
        hits,
        np.append(0, np.cumsum(size)),
        hit_index[apart[owner]],
        pieces.weight[pairs].sum(axis=1),
        assumed=assumed,
    )
    added = joint.fit.chi2 - pieces.fit.chi2[pairs].sum(axis=1)
    good = np.flatnonzero(joint.fit.valid & (added < max_chi2))
    single, chosen = np.ones(len(pieces), np.bool_), np.zeros(len(joint), np.bool_)
    for k in good[np.argsort(added[good], kind="stable")]:  # a few hundred pairs
        if single[pairs[k]].all():
            single[pairs[k]] = False
            chosen[k] = True
    return concatenate([pieces.rows(single), joint.rows(chosen)])


def _agreeing(fit: FitResult) -> Ints:
    """Pairs of fits whose parameters agree within their errors, each first one by one, then together."""
    rows = np.flatnonzero(fit.valid)
    rows = rows[np.argsort(fit.parameters[rows, 2], kind="stable")]
    lower = np.tril_indices(5)
    variance = fit.covariance[:, lower[0] == lower[1]]
    pairs = _near(fit.parameters[rows], variance[rows])
    pairs = np.sort(rows[pairs], axis=1)
    delta = fit.parameters[pairs[:, 0]] - fit.parameters[pairs[:, 1]]
    delta[:, 2] = (delta[:, 2] + np.pi) % (2 * np.pi) - np.pi
    both = np.zeros((len(pairs), 5, 5))
    both[:, lower[0], lower[1]] = both[:, lower[1], lower[0]] = fit.covariance[pairs].sum(axis=1)
    distance = np.einsum("ni,ni->n", delta, np.linalg.solve(both, delta[:, :, None])[:, :, 0])
    return pairs[distance < AGREE]


@njit(cache=True, forceinline=True)
def _alike(parameters: NDArray[np.float64], variance: NDArray[np.float64], i: int, j: int) -> bool:
    for k in (THETA, Z0, Q_OVER_P, D0):
        delta = parameters[j, k] - parameters[i, k]
        if not delta * delta < AGREE * (variance[i, k] + variance[j, k]):
            return False
    turn = abs(parameters[j, PHI] - parameters[i, PHI])
    turn = min(turn, 2 * np.pi - turn)
    return turn * turn < AGREE * (variance[i, PHI] + variance[j, PHI])  # type: ignore[no-any-return]


@njit(cache=True)
def _near(parameters: NDArray[np.float64], variance: NDArray[np.float64]) -> Ints:
    """Pairs of rows, sorted by azimuth, that agree in each parameter.

    A row looks both ways as far as its own error reaches, at rows known better than itself: so each pair is seen once.
    """
    n = len(parameters)
    found = []
    for i in range(n):
        reach = min(np.sqrt(2 * AGREE * max(variance[i, PHI], 0.0)), np.pi)
        for way in (1, -1):
            for step in range(1, n):
                j = i + way * step
                j = j - n if j >= n else j + n if j < 0 else j
                turn = way * (parameters[j, PHI] - parameters[i, PHI])
                if (turn if turn >= 0 else turn + 2 * np.pi) > reach:
                    break
                better = variance[j, PHI] < variance[i, PHI] or (
                    variance[j, PHI] == variance[i, PHI] and j < i
                )
                if better and _alike(parameters, variance, i, j):
                    found.append((i, j))
    pairs = np.empty((len(found), 2), np.int64)
    for k in range(len(found)):
        pairs[k, FIRST], pairs[k, SECOND] = found[k]
    return pairs


def _join(pairs: Ints, offsets: Ints, hit_index: Ints, hits: Hits) -> tuple[Ints, Ints]:
    """The hits of each pair as one candidate, by their distance from the origin."""
    size = np.diff(offsets)
    piece = pairs.ravel()
    row = np.repeat(offsets[:-1][piece], size[piece])
    step = np.arange(len(row)) - np.repeat(np.cumsum(size[piece]) - size[piece], size[piece])
    joined = hit_index[row + step]
    owner = np.repeat(np.repeat(np.arange(len(pairs)), 2), size[piece])
    distance = np.sqrt(hits.x[joined] ** 2 + hits.y[joined] ** 2 + hits.z[joined] ** 2)
    order = np.lexsort((distance, owner))
    return np.append(0, np.cumsum(size[pairs].sum(axis=1))), joined[order]
