"""Tracks of LCIO as ours: ``d0, phi, omega, z0, tan lambda`` (mm, rad, 1/mm) at a reference point become a perigee.

The signs agree: ``x = -d0 sin(phi)``, ``y = d0 cos(phi)``, and `omega` has the sign of the charge in a field along z. What a
momentum is only the field tells, which LCIO does not keep: it comes from the detector, or from the momenta of particles
that were made from one track each.
"""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats, Ints, Tracks

from .kinds import AT_IP
from .words import Table

#: GeV / (tesla mm): transverse momentum of charge one is this times the field over the curvature.
BEND = 2.99792458e-4
#: How near a reference point lies to the point of closest approach to be that point itself, mm.
SAME = 1e-3
#: Rows of our parameters in theirs, and of theirs: d0, phi, omega, z0, tan lambda.
D0, PHI, OMEGA, Z0, TAN_LAMBDA = range(5)
LOWER = np.tril_indices(5)
#: Steps of the slopes that carry the covariance over, as fractions of the errors.
STEP = 1e-3


def tracks_of(table: Table, bz: float) -> Tracks:
    """The tracks of a collection, without hits.

    Parameters
    ----------
    table : Table
    bz : float
        Field along z, tesla, not 0.

    Returns
    -------
    Tracks
        Score 1: the file does not doubt them. NaN for a track without a state.
    """
    offsets, states = table.lists["states"]
    row = _state(offsets, states)
    names = ("d0", "phi", "omega", "z0", "tan_lambda")
    theirs = _chosen(np.stack([states.floats(name) for name in names], axis=1), row)
    reference = _chosen(states.floats("reference"), row)
    lower = _chosen(states.floats("covariance"), row)
    n = len(table)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        ours = perigee(theirs, reference, bz)
        covariance = _carried(theirs, reference, bz, lower)
    d0, z0, phi, theta, q_over_p = np.ascontiguousarray(ours.T)
    return Tracks(
        np.zeros(n + 1, np.int64),
        d0=d0,
        z0=z0,
        phi=phi,
        theta=theta,
        q_over_p=q_over_p,
        covariance=covariance,
        chi2=table.floats("chi2"),
        ndf=table.signed("ndf").astype(np.float64),
        score=np.ones(n),
    )


def _state(offsets: Ints, states: Table) -> Ints:
    """Row of the state of each track that is told at the interaction point, or else of its first; -1 without any."""
    first = np.where(np.diff(offsets) > 0, offsets[:-1], -1)
    if "location" in states:
        at_ip = np.flatnonzero(states.signed("location") == AT_IP)[
            ::-1
        ]  # the first one of a track is written last
        first[np.searchsorted(offsets, at_ip, side="right") - 1] = at_ip
    return first


def _chosen(values: Floats, row: Ints) -> Floats:
    """Rows of an array; NaN for row -1."""
    chosen = np.full((len(row), values.shape[1]), np.nan)
    chosen[row >= 0] = values[row[row >= 0]]
    return chosen


def perigee(theirs: Floats, reference: Floats, bz: float) -> Floats:
    """Parameters with respect to the z axis.

    Parameters
    ----------
    theirs : float64 (n, 5)
        d0, phi, omega, z0, tan lambda with respect to `reference`, mm, rad, 1/mm.
    reference : float64 (n, 3)
        mm. Some files keep the point of closest approach to the origin here, and parameters with respect to the origin.
    bz : float
        Tesla.

    Returns
    -------
    float64 (n, 5)
        d0, z0, phi, theta, q/p (e/GeV), as in `Tracks`.
    """
    d0, phi, omega, z0, tan_lambda = theirs.T
    own = d0[:, None] * np.stack([-np.sin(phi), np.cos(phi)], axis=1)
    near = np.abs(np.column_stack([own, z0]) - reference).max(axis=1) < SAME
    origin = np.where(near[:, None], 0.0, reference)
    x, y = origin[:, 0] + own[:, 0], origin[:, 1] + own[:, 1]
    # The helix turns about a point to the right of a positive particle in a field along z, at a distance of 1 / omega.
    away = 1 / omega
    turn_x, turn_y = x + away * np.sin(phi), y - away * np.cos(phi)
    sign = np.sign(omega)
    at = np.arctan2(sign * turn_x, -sign * turn_y)
    back = np.arctan2(np.sin(phi - at), np.cos(phi - at))  # how far it has turned from the axis to here
    moved = (origin[:, :2] != 0).any(axis=1) & (omega != 0)
    new_phi = np.where(moved, at, np.arctan2(np.sin(phi), np.cos(phi)))
    straight = y * np.cos(phi) - x * np.sin(phi), -x * np.cos(phi) - y * np.sin(phi)
    new_d0 = np.where(moved, away - sign * np.hypot(turn_x, turn_y), straight[0])
    new_z0 = origin[:, 2] + z0 + tan_lambda * np.where(moved, back * away, straight[1])
    theta = np.arctan2(1.0, tan_lambda)
    return np.stack([new_d0, new_z0, new_phi, theta, omega / (BEND * bz) * np.sin(theta)], axis=1)


def _carried(theirs: Floats, reference: Floats, bz: float, lower: Floats) -> Floats:
    """Covariance of our parameters (n, 15) from that of theirs, both lower triangles, by differences of `perigee`."""
    theirs_full = np.zeros((len(theirs), 5, 5))
    theirs_full[:, LOWER[0], LOWER[1]] = lower
    theirs_full[:, LOWER[1], LOWER[0]] = lower
    slopes = np.zeros((len(theirs), 5, 5))
    for column in range(5):
        step = STEP * np.sqrt(np.maximum(theirs_full[:, column, column], 0))
        step = np.where(step > 0, step, 1e-9)
        ahead, behind = theirs.copy(), theirs.copy()
        ahead[:, column] += step
        behind[:, column] -= step
        change = perigee(ahead, reference, bz) - perigee(behind, reference, bz)
        change[:, 2] = np.arctan2(np.sin(change[:, 2]), np.cos(change[:, 2]))
        slopes[:, :, column] = change / (2 * step)[:, None]
    ours = slopes @ theirs_full @ slopes.transpose(0, 2, 1)
    return np.ascontiguousarray(ours[:, LOWER[0], LOWER[1]])
