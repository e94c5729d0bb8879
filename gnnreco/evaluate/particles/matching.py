"""Which found particle is which target: one to one, within each group of charge, by direction and energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from gnnreco.columns import PARTICLE_CLASSES, Floats, Ints

NEUTRAL = np.isin(PARTICLE_CLASSES, ("neutral_hadron", "photon"))


@dataclass(frozen=True, slots=True)
class Window:
    """How far a found particle may be from its target.

    Attributes
    ----------
    angle : float
        Between the two directions, rad.
    delta_r : float
        sqrt(delta eta ^ 2 + delta phi ^ 2): it is the narrower one near the beam.
    factor : float
        Between the two energies, either way.
    """

    angle: float
    delta_r: float
    factor: float

    def describe(self) -> str:
        """In words."""
        return (
            f"angle < {1000 * self.angle:g} mrad, delta R < {self.delta_r:g}, energies within a factor of "
            f"{self.factor:g}"
        )


#: A track tells direction and momentum well; a factor of 2 allows for what an electron radiates. A shower of a neutral
#: hadron of 2 GeV is measured to 40 %, and its middle to 3 cm.
CHARGED_WINDOW = Window(0.03, 0.1, 2.0)
NEUTRAL_WINDOW = Window(0.06, 0.1, 3.0)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Which belong together.

    Attributes
    ----------
    target : int64 (n_found,)
        Row of the target of each found particle in its own group of charge; -1: none.
    other : int64 (n_found,)
        Row of a target of the other group, for those without; -1: none.
    """

    target: Ints
    other: Ints


def match_particles(
    found: Floats, found_class: NDArray[np.integer], targets: Floats, target_class: NDArray[np.integer]
) -> Pairs:
    """Match found particles to targets.

    Charged ones (charged hadrons, electrons, muons) are matched to charged ones, and neutral ones (photons, neutral hadrons)
    to neutral ones, whatever the class in the group. A pair is possible within a `Window`. Its cost is the mean of
    (distance / its limit) ^ 2 and (ln(energy ratio) / ln(factor)) ^ 2, so less than one; of all ways to make one-to-one
    pairs that with the largest sum of (1 - cost) is taken (Hungarian algorithm, as HGPflow does, 2410.23236; MLPF and
    HitPF match by shared elements or hits instead, which an algorithm that gives no such lists cannot).

    What is left over is matched across the groups in the same manner, with the wider window: these are no matches, they
    only tell what a particle was taken for.

    Parameters
    ----------
    found, targets : float64 (n, 4)
        px, py, pz, energy in GeV.
    found_class, target_class : int (n,)
        Rows of `PARTICLE_CLASSES`.
    """
    target, other = np.full((2, len(found)), -1, np.int64)
    for neutral, window in ((False, CHARGED_WINDOW), (True, NEUTRAL_WINDOW)):
        mine = np.flatnonzero(NEUTRAL[found_class] == neutral)
        theirs = np.flatnonzero(NEUTRAL[target_class] == neutral)
        one, two = assign(found[mine], targets[theirs], window)
        target[mine[one]] = theirs[two]
    mine = np.flatnonzero(target < 0)
    theirs = np.setdiff1d(np.arange(len(targets)), target)
    one, two = assign(found[mine], targets[theirs], NEUTRAL_WINDOW)
    other[mine[one]] = theirs[two]
    return Pairs(target, other)


def assign(found: Floats, targets: Floats, window: Window) -> tuple[Ints, Ints]:
    """The one-to-one pairs of four-vectors (n, 4) with the largest sum of (1 - cost): rows of both sides, (m,) each."""
    a, b, cost = _candidates(found, targets, window)
    n = len(found) + len(targets)
    _, part = connected_components(coo_array((np.ones(len(a)), (a, len(found) + b)), shape=(n, n)), False)
    order = np.argsort(part[a], kind="stable")
    pieces = np.split(order, np.flatnonzero(np.diff(part[a][order])) + 1) if len(order) else []
    pairs = [(np.zeros(0, np.int64), np.zeros(0, np.int64))]
    for piece in pieces:
        rows, i = np.unique(a[piece], return_inverse=True)
        columns, j = np.unique(b[piece], return_inverse=True)
        gain = np.zeros((len(rows), len(columns)))
        gain[i, j] = 1 - cost[piece]
        i, j = linear_sum_assignment(gain, maximize=True)
        real = gain[i, j] > 0
        pairs.append((rows[i[real]], columns[j[real]]))
    one, two = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return one, two


def _candidates(found: Floats, targets: Floats, window: Window) -> tuple[Ints, Ints, Floats]:
    """Possible pairs and their costs."""
    a_unit, b_unit = _directions(found), _directions(targets)
    if not len(found) or not len(targets):
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0)
    near = cKDTree(b_unit).query_ball_point(a_unit, 2 * np.sin(min(window.angle, np.pi) / 2))
    a = np.repeat(np.arange(len(found)), [len(rows) for rows in near])
    b = np.concatenate([np.asarray(rows, np.int64) for rows in near]).astype(np.int64)
    angle = 2 * np.arcsin(np.minimum(np.linalg.norm(a_unit[a] - b_unit[b], axis=1) / 2, 1.0))
    eta_a, phi_a = _eta_phi(a_unit)
    eta_b, phi_b = _eta_phi(b_unit)
    turn = np.remainder(phi_a[a] - phi_b[b] + np.pi, 2 * np.pi) - np.pi
    far = np.maximum(angle / window.angle, np.hypot(eta_a[a] - eta_b[b], turn) / window.delta_r)
    with np.errstate(divide="ignore", invalid="ignore"):
        energy = np.log(found[a, 3] / targets[b, 3]) / np.log(window.factor)
    cost = (far**2 + energy**2) / 2
    possible = (far < 1) & (np.abs(energy) < 1)  # a NaN is never possible
    return a[possible], b[possible], cost[possible]


def _directions(four: Floats) -> Floats:
    length = np.linalg.norm(four[:, :3], axis=1, keepdims=True)
    return np.where(length > 0, four[:, :3] / np.where(length > 0, length, 1.0), [0.0, 0.0, 1.0])


def _eta_phi(unit: Floats) -> tuple[Floats, Floats]:
    cosine = np.clip(unit[:, 2], -1 + 1e-12, 1 - 1e-12)  # finite along the beam
    return np.arctanh(cosine), np.arctan2(unit[:, 1], unit[:, 0])
