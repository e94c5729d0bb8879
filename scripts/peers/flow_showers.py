"""Showers for the rules of particle flow: sums over pieces, the shape of photons, energies, and what is left free as neutral particles."""

from __future__ import annotations

import numpy as np
from flow_output import NEUTRAL, PHOTON, Made, from_neutrals
from flow_pieces import FlowEvent
from flow_settings import FlowSettings
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gnnreco.columns import Floats, Ints

Mask = NDArray[np.bool_]
CRITICAL = 0.01  # GeV: shower depth grows with the logarithm of energy over it
BENT = 10.0  # GeV: where the calibration of hadrons is linear whatever `FlowSettings.bend` says
FREE = -1


def summed(event: FlowEvent, group: Ints, n: int) -> tuple[Floats, Floats]:
    """Moments (n, 14) and beginnings (n,) of groups of pieces; pieces of group -1 are in none."""
    some = group >= 0
    moments = np.zeros((n, event.moments.shape[1]))
    np.add.at(moments, group[some], event.moments[some])
    start = np.full(n, np.inf)
    np.minimum.at(start, group[some], event.start[some])
    return moments, start


def energies(moments: Floats, photon: Mask, s: FlowSettings) -> Floats:
    """Of showers (n,), GeV: linear for photons; hadrons have a response that grows with energy."""
    linear = moments[:, :2] @ np.array(s.hadron_weights)
    return np.where(photon, moments[:, :2] @ np.array(s.photon_weights), bent(linear, s))


def bent(linear: Floats, s: FlowSettings) -> Floats:
    """Energies of hadrons from their sums of weighted signals."""
    return BENT * (np.maximum(linear, 0.0) / BENT) ** (1 - s.bend)


def straight(energy: Floats, s: FlowSettings) -> Floats:
    """The other way round: the signals that hadrons of these energies leave."""
    return BENT * (energy / BENT) ** (1 / (1 - s.bend))


def directions(moments: Floats, vertex: Floats) -> Floats:
    """Unit vectors from the vertex to the middles of showers (n, 3)."""
    way = moments[:, 2:5] / np.maximum(moments[:, 0] + moments[:, 1], 1e-9)[:, None] - vertex
    return way / np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)


def shapes(moments: Floats, start: Floats, s: FlowSettings) -> Mask:
    """Which showers with these moments (n, 14), beginning there (n,), look like photons."""
    energy = np.maximum(moments[:, 0] + moments[:, 1], 1e-9)
    depth = moments[:, 11] / energy - np.log(energy / CRITICAL)
    good = (moments[:, 1] <= s.photon_had * energy) & (start <= s.photon_start) & (depth <= s.photon_depth)
    return good & (_width(moments) <= s.photon_width)


def _width(moments: Floats) -> Floats:
    """Spread across the line from the origin, in lateral units (n,)."""
    energy = np.maximum(moments[:, 0] + moments[:, 1], 1e-9)[:, None]
    mean, second = moments[:, 2:5] / energy, moments[:, 5:11] / energy
    way = mean / np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    products = np.stack(
        [mean[:, i] * mean[:, j] for i, j in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))], axis=1
    )
    xx, yy, zz, xy, xz, yz = (second - products).T
    x, y, z = way.T
    along = x * x * xx + y * y * yy + z * z * zz + 2 * (x * y * xy + x * z * xz + y * z * yz)
    return np.sqrt(np.maximum(xx + yy + zz - along, 0.0)) / np.maximum(moments[:, 12] / energy[:, 0], 1e-9)


def beside_axes(moments: Floats, vertex: Floats) -> Floats:
    """How far the middle of each shower (column) lies from the axis of each (row), in that one's lateral units (n, n)."""
    energy = np.maximum(moments[:, 0] + moments[:, 1], 1e-9)
    off = moments[:, 2:5] / energy[:, None] - vertex
    along = directions(moments, vertex) @ off.T
    across = np.sqrt(np.maximum((off**2).sum(axis=1) - along**2, 0.0))
    return np.where(along > 0, across / np.maximum(moments[:, 12] / energy, 1e-9)[:, None], np.inf)


def satellites(moments: Floats, photon: Mask, vertex: Floats, s: FlowSettings) -> Mask:
    """Showers that are no photons by themselves, but small ones about the axis of a photon (n,)."""
    energy = moments[:, 0] + moments[:, 1]
    rows = np.flatnonzero(photon)
    near = beside_axes(moments, vertex)[rows] < s.merge_photon
    return (near & (energy < s.satellite * energy[rows, None])).any(axis=0) & ~photon


def merged(event: FlowEvent, owner: Ints, photon: Mask, s: FlowSettings) -> tuple[Ints, Mask]:
    """Group of each piece (n_p,; -1: it belongs to a track), and which groups are photons."""
    free = owner == FREE
    names, group = np.unique(event.cluster[free], return_inverse=True)
    label = np.full(len(owner), FREE)
    label[free] = group.ravel()
    is_photon = photon[names] | shapes(*summed(event, label, len(names)), s)
    first = _touching(event, label, is_photon, s)
    label[free] = first[label[free]]
    is_photon = np.bincount(first, is_photon) > 0
    moments, _ = summed(event, label, len(is_photon))
    energy = moments[:, 0] + moments[:, 1]
    reach = np.where(is_photon, s.merge_photon, s.merge)
    near = beside_axes(moments, event.vertex) < reach[:, None]
    near &= (energy < energy[:, None]) & (is_photon == is_photon[:, None])
    into, taken = np.arange(len(energy)), np.zeros(len(energy), bool)
    for k in np.lexsort((moments[:, 2], -energy)):
        if not taken[k]:
            mine = near[k] & ~taken
            into[mine], taken[mine] = k, True
    label[free] = into[label[free]]
    return label, is_photon


def _touching(event: FlowEvent, label: Ints, photon: Mask, s: FlowSettings) -> Ints:
    """Groups of hadrons that touch, in any number of steps, are one: the new number of each group."""
    n = len(photon)
    one = np.repeat(label, np.diff(event.beside_start))
    two = label[event.beside]
    hadron = np.append(~photon, False)  # the last one stands for pieces of tracks
    rows = np.flatnonzero((event.gap < s.touch) & hadron[one] & hadron[two])
    pairs = coo_array((np.ones(len(rows)), (one[rows], two[rows])), shape=(n, n))
    return connected_components(pairs, directed=False)[1].astype(np.int64)


def clusters_of(event: FlowEvent, label: Ints, names: Ints) -> list[Ints]:
    """The clusters that the pieces with each of these labels, sorted, come from."""
    pairs = np.unique(np.stack([label, event.cluster], axis=1), axis=0)
    ends = np.searchsorted(pairs[:, 0], names, side="right")
    return [pairs[a:b, 1] for a, b in zip(np.searchsorted(pairs[:, 0], names), ends, strict=True)]


def neutrals(event: FlowEvent, group: Ints, photon: Mask, excess: Floats, s: FlowSettings) -> Made:
    """Photons and neutral hadrons of groups of free pieces and of excesses."""
    names = np.unique(group[group >= 0])
    moments, _ = summed(event, np.where(group >= 0, np.searchsorted(names, group), -1), len(names))
    is_photon = photon[names]
    clusters = clusters_of(event, group, names) + [np.zeros(0, np.int64)] * len(excess)
    energy = np.concatenate([energies(moments, is_photon, s), excess[:, 0]])
    way = np.concatenate([directions(moments, event.vertex), excess[:, 1:4]])
    is_photon = np.concatenate([is_photon, excess[:, 4] > 0])
    energy = energy * np.where(is_photon, s.photon_scale, s.neutral_scale)
    keep = np.flatnonzero(energy > np.where(is_photon, s.least_photon, s.least_neutral))
    energy, way, is_photon = energy[keep], way[keep], is_photon[keep]
    sigma = np.where(
        is_photon, 0.2 * np.sqrt(energy), np.hypot(s.sampling * np.sqrt(energy), s.constant * energy)
    )
    kind = np.where(is_photon, PHOTON, NEUTRAL)
    return from_neutrals(kind, energy, way, sigma, [clusters[k] for k in keep])
