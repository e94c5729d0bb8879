"""Joins pieces of one track: two fits that agree within their errors, and whose joint fit agrees with both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gnnreco.columns import Hits
from gnnreco.geometry import Detector
from gnnreco.tasks.trackfit import FitResult, fit_tracks

Ints = NDArray[np.int64]

NEAR = 0.15  # largest angle between pieces worth a look, rad
AGREE = 200.0  # chi2 of the difference of two fits beyond which no joint fit is tried: five degrees, errors not Gaussian


def merge_owners(
    detector: Detector,
    hits: Hits,
    offsets: Ints,
    hit_index: Ints,
    fit: FitResult,
    max_chi2: float,
    max_common: int = 1,
) -> Ints:
    """Which candidate each candidate joins (itself where none). Shape (n,).

    Parameters
    ----------
    offsets, hit_index, fit
        Candidates and their fits.
    max_chi2 : float
        A joint fit may add this much to the chi2 of the two (five degrees of freedom).
    max_common : int
        Layers that two pieces of one track may both have hits on.
    """
    n = len(offsets) - 1
    heir = np.arange(n)
    pairs = _agreeing(fit)
    layers = np.zeros((n, detector.n_layers), np.bool_)
    layers[np.repeat(np.arange(n), np.diff(offsets)), detector.layer[hits.sensor[hit_index]]] = True
    pairs = pairs[(layers[pairs[:, 0]] & layers[pairs[:, 1]]).sum(axis=1) <= max_common]
    if len(pairs) == 0:
        return heir
    joint_offsets, joint_hits = _join(pairs, offsets, hit_index, hits)
    joint = fit_tracks(detector, hits, joint_offsets, joint_hits)
    added = joint.chi2 - fit.chi2[pairs].sum(axis=1)
    good = np.flatnonzero(joint.valid & (added < max_chi2))
    taken = np.zeros(n, np.bool_)
    for k in good[np.argsort(added[good], kind="stable")]:  # a few hundred pairs
        i, j = pairs[k]
        if not taken[i] and not taken[j]:
            taken[i] = taken[j] = True
            heir[j] = i
    return heir


def _agreeing(fit: FitResult) -> Ints:
    """Pairs of fits whose parameters agree within their errors."""
    rows = np.flatnonzero(fit.valid)
    theta, phi = fit.parameters[rows, 3], fit.parameters[rows, 2]
    direction = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], axis=1)
    near = (
        cKDTree(direction).query_pairs(NEAR, output_type="ndarray")
        if len(rows)
        else np.zeros((0, 2), np.int64)
    )
    pairs = rows[near[np.lexsort((near[:, 1], near[:, 0]))]].reshape(-1, 2)
    delta = fit.parameters[pairs[:, 0]] - fit.parameters[pairs[:, 1]]
    delta[:, 2] = (delta[:, 2] + np.pi) % (2 * np.pi) - np.pi
    lower = np.tril_indices(5)
    variance = np.zeros((len(pairs), 5, 5))
    variance[:, lower[0], lower[1]] = fit.covariance[pairs].sum(axis=1)
    # one parameter at a time first: the full distance is worth its price for the few that pass
    loose = (delta**2 < AGREE * np.einsum("nii->ni", variance)).all(axis=1)
    pairs, delta, variance = pairs[loose], delta[loose], variance[loose]
    variance = variance + np.tril(variance, -1).transpose(0, 2, 1)
    distance = np.einsum("ni,ni->n", delta, np.linalg.solve(variance, delta[:, :, None])[:, :, 0])
    return pairs[distance < AGREE]


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
