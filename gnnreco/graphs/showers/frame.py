"""The units of showers in a detector: depth in radiation lengths, lateral lengths in Moliere radii or cells.

Layers that lie behind one another form a stack. Depth is counted along it, so that a gap costs nothing and absorber
costs what it weighs; nothing is assumed about the shape of the layers but that their sensors face the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import Detector

#: Layers of one stack: their outward normals, and the spread of these, differ by less than this.
SAME_WAY = 0.5
#: A shower that would run flatter than this through a sensor (cosine to its normal) did not come from the origin.
FLATTEST = 0.25


@dataclass(frozen=True, slots=True)
class CellFrame:
    """What a shower finder must know about each sensor (rows as in the detector) and each group of sensors.

    A group is a layer that measures energy, or the sensors of a drift chamber that drift the same way. Groups are
    sorted by stack, then depth.

    Attributes
    ----------
    energy, charge : bool (n_sensors,)
        Whether the sensor measures energy, or charge.
    group : int64 (n_sensors,)
        -1 for sensors that measure neither.
    outward : float64 (n_sensors, 3)
        The sensor's normal, away from the origin; of a drift sensor its w axis.
    distance : float64 (n_sensors,)
        Of the sensor's plane from the origin, mm.
    unit : float64 (n_sensors,)
        Smallest lateral unit, mm: the Moliere radius; 0 where it is not told.
    fraction : float64 (n_sensors,)
        Sampling fraction; 1 where it is not told.
    sample : float64 (n_sensors,)
        Drift in one time sample, mm; 0 where nothing drifts.
    stack : int64 (n_groups,)
    depth : float64 (n_groups,)
        Radiation lengths from the front of the stack to the middle of the group's sensors, at normal incidence.
    radiation_lengths : float64 (n_groups,)
        Of the layer.
    nuclear, behind : float64 (n_groups,)
        Interaction lengths from the front of the stack to the middle of the group's sensors, and from there to its back.
    middle, spread : float64 (n_groups,)
        Mean of `distance`, and the farthest from it, mm.
    bend : float64 (n_groups,)
        Largest step between the normals of sensors that face nearly the same way; 0 for a plane.
    """

    energy: NDArray[np.bool_]
    charge: NDArray[np.bool_]
    group: Ints
    outward: Floats
    distance: Floats
    unit: Floats
    fraction: Floats
    sample: Floats
    stack: Ints
    depth: Floats
    radiation_lengths: Floats
    nuclear: Floats
    behind: Floats
    middle: Floats
    spread: Floats
    bend: Floats

    @classmethod
    def of(cls, detector: Detector) -> CellFrame:
        """The frame of a detector; one without calorimeters or drift chambers has no groups."""
        energy, charge = (_measuring(detector, what) for what in ("energy", "charge"))
        outward = detector.rotation[:, :, 2]
        facing = np.einsum("ij,ij->i", outward, detector.center)
        outward = np.where((facing < 0) & ~charge, -1.0, 1.0)[:, None] * outward
        distance = np.einsum("ij,ij->i", outward, detector.center)
        names = np.full((detector.n_sensors, 2), -1, np.int64)
        names[energy, 1] = detector.layer[energy]
        names[charge, 0] = _facing(outward, detector.subsystem, charge)
        group = np.unique(names, axis=0, return_inverse=True)[1]
        group = group.ravel() - int(
            not (energy | charge).all()
        )  # the first key is of sensors that measure neither
        n = int(group.max(initial=-1)) + 1
        stack, depth, weight, nuclear, behind = _stacks(detector, group, n, outward, distance)
        order = np.lexsort((depth, stack))
        rank = np.append(np.argsort(order), -1)
        count = np.bincount(group[group >= 0], minlength=n)
        middle = np.bincount(group[group >= 0], distance[group >= 0], n) / np.maximum(count, 1)
        off = np.abs(distance - np.append(middle, 0.0)[group])
        spread = np.zeros(n + 1)
        np.maximum.at(spread, group, off)
        samples = [s.drift.velocity * s.drift.sample if s.drift else 0.0 for s in detector.subsystems]
        told = np.nan_to_num(detector.sampling_fraction, nan=1.0)
        return cls(
            energy,
            charge,
            rank[group],
            outward,
            distance,
            np.nan_to_num(detector.moliere_radius, nan=0.0),
            np.where(told > 0, told, 1.0),
            np.array([*samples, 0.0])[detector.subsystem],
            stack[order],
            depth[order],
            weight[order],
            nuclear[order],
            behind[order],
            middle[order],
            spread[:n][order],
            _bend(outward, rank[group], n),
        )


def _bend(outward: Floats, group: Ints, n: int) -> Floats:
    """See `CellFrame.bend`: from each normal of a group to the nearest other one."""
    bend, order = np.zeros(n), np.argsort(group, kind="stable")
    rows = np.split(order, np.searchsorted(group[order], np.arange(n + 1)))[1:-1]
    for g, mine in enumerate(rows):
        ways = np.round(outward[mine], 6)
        if (ways != ways[:1]).any():
            some = np.unique(ways, axis=0)
            bend[g] = cKDTree(some).query(some, 2)[0][:, 1].max()
    return bend


def _measuring(detector: Detector, what: str) -> NDArray[np.bool_]:
    return np.array([what in s.measures for s in detector.subsystems], bool)[detector.subsystem]


def _facing(outward: Floats, subsystem: NDArray[np.int32], chosen: NDArray[np.bool_]) -> Ints:
    """A number for each way that the chosen sensors of a subsystem face."""
    ways = np.column_stack([subsystem[chosen], np.round(outward[chosen], 3)])
    return np.unique(ways, axis=0, return_inverse=True)[1].ravel()


def _stacks(
    detector: Detector, group: Ints, n: int, outward: Floats, distance: Floats
) -> tuple[Ints, Floats, Floats, Floats, Floats]:
    """Stack, depth to the middle, radiation lengths, and interaction lengths before and behind of each group."""
    mine = group >= 0
    rows = group[mine]
    count = np.maximum(np.bincount(rows, minlength=n), 1)

    def mean(values: Floats) -> Floats:
        return np.bincount(rows, values[mine], n) / count

    first = [mean(outward[:, i]) for i in range(3)]
    second = [mean(outward[:, i] * outward[:, j]) for i in range(3) for j in range(i + 1)]
    way, away = np.stack([*first, *second], axis=1), mean(distance)
    weight = mean(np.nan_to_num(detector.radiation_lengths))
    weight = np.where(weight > 0, weight, 1.0)  # nothing told: count layers
    stack, depth, nuclear = np.full(n, -1, np.int64), np.zeros(n), np.zeros(n)
    heavy = mean(np.nan_to_num(detector.interaction_lengths))
    for g in np.argsort(away, kind="stable"):  # some hundred layers at most
        behind = np.flatnonzero((stack >= 0) & (np.linalg.norm(way - way[g], axis=1) < SAME_WAY))
        stack[g] = stack[behind[-1]] if len(behind) else stack.max(initial=-1) + 1
        before = stack == stack[g]
        before[g] = False
        depth[g] = weight[before].sum() + weight[g]
        nuclear[g] = heavy[before].sum() + heavy[g]
    whole = np.array([heavy[stack == s].sum() for s in stack])
    return stack, depth, weight, nuclear, whole - nuclear
