"""Particle flow by rules, in the classical manner: the peer that the network is measured beside.

The ideas are those of ALEPH (NIM A 360, 481), PandoraPFA (arXiv 0907.3577) and CMS (arXiv 1706.04965); the code is our own.
In turn, with all numbers in `flow_settings.py`:

1. *Muons* are tracks with little energy in many layers and hits behind the calorimeters; they take the pieces on their path.
2. *Electrons* are tracks whose energy in front agrees with their momentum and that have little behind.
3. *Photons* are clusters that begin early, are narrow and not deep, and lie beside all tracks.
4. *Links*: every other cluster within reach goes to the nearest track; one that several tracks run into is shared out piece by
   piece, and these tracks are one block from there on: only the sum of their momenta is compared with energies.
5. *Energy against momentum*: a block that lacks energy takes free clusters, the nearest first; one that has too much gives pieces
   back, the farthest from its tracks first, as far as its energy stays consistent. What fits as a fragment joins it.
6. *Excess*: what is too much still, by several errors, is a neutral particle of that energy: a photon where the energy lies in front.
7. Free clusters next to a larger one's axis join it; what is left is a photon by its shape, or a neutral hadron. A charged
   particle has its track's momentum, a neutral one a linear calibration of its energies in front and behind.
"""

from __future__ import annotations

import numpy as np
from flow_output import CHARGED, ELECTRON, MUON, NEUTRAL, PHOTON, Made, from_neutrals, from_tracks, joined_up
from flow_pieces import FlowEvent
from flow_settings import FlowSettings
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gnnreco.columns import Floats, Ints, ReconstructedParticles

Mask = NDArray[np.bool_]
CRITICAL = 0.01  # GeV: shower depth grows with the logarithm of energy over it
FREE = -1


def particle_flow(event: FlowEvent, settings: FlowSettings) -> ReconstructedParticles:
    """The particles of one event; tracks and clusters by their rows in it."""
    kind = track_kinds(event, settings)
    block, owner, photon = links(event, kind, settings)
    owner, excess = balance(event, kind, block, owner, photon, settings)
    group, photon = merged(event, owner, photon, settings)
    rows = np.flatnonzero(kind >= 0)
    of_track = [np.unique(event.cluster[owner == t]) for t in rows]
    charged = from_tracks(
        rows, kind[rows], event.momentum[rows], event.error[rows], event.charge[rows], of_track
    )
    return joined_up([charged, neutrals(event, group, photon, excess, settings)], settings.belief)


def track_kinds(event: FlowEvent, s: FlowSettings) -> Ints:
    """Class of each track (n_t,); -1: left out."""
    kind = np.full(len(event.error), CHARGED)
    kind[np.abs(event.em - 1) < s.electron_ratio] = ELECTRON
    kind[(kind == ELECTRON) & (event.had > s.electron_had)] = CHARGED
    muon = (event.mips < s.muon_mips) & (event.layers >= s.muon_layers) & (event.behind >= s.muon_behind)
    kind[muon] = MUON
    kind[~((event.error <= s.track_error) & (event.score >= s.track_score))] = -1
    return kind


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


def summed(event: FlowEvent, group: Ints, n: int) -> tuple[Floats, Floats]:
    """Moments (n, 14) and beginnings (n,) of groups of pieces; pieces of group -1 are in none."""
    some = group >= 0
    moments = np.zeros((n, event.moments.shape[1]))
    np.add.at(moments, group[some], event.moments[some])
    start = np.full(n, np.inf)
    np.minimum.at(start, group[some], event.start[some])
    return moments, start


def links(event: FlowEvent, kind: Ints, s: FlowSettings) -> tuple[Ints, Ints, Mask]:
    """Block of each track (n_t,), track of each piece (n_p,; -1: free), and which clusters are photons (n_c,)."""
    n = int(event.cluster.max(initial=-1)) + 1
    owner = np.full(len(event.cluster), FREE)
    distance = np.where((kind >= 0)[:, None], event.distance, np.inf)
    muon = np.flatnonzero(kind == MUON)
    if len(muon) and len(owner):
        nearest = distance[muon].argmin(axis=0)
        on_path = distance[muon, :].min(axis=0) < s.link / 2
        owner[on_path] = muon[nearest[on_path]]
    distance[kind == MUON] = np.inf
    of_cluster = np.full((len(kind), n), np.inf)
    for t in np.flatnonzero(kind >= 0):
        np.minimum.at(of_cluster[t], event.cluster, distance[t])
    photon = shapes(*summed(event, event.cluster, n), s)
    electron = of_cluster[kind == ELECTRON].min(axis=0, initial=np.inf) < s.link
    photon &= (of_cluster.min(axis=0, initial=np.inf) > s.photon_away) & ~electron
    linked = (of_cluster < s.link) & ~photon
    block = _blocks(linked)
    if len(kind):
        inside = np.where(linked[:, event.cluster], distance, np.inf)
        reachable = linked.any(axis=0)[event.cluster] & (owner == FREE)
        # A piece that no linked track reaches goes where the nearest part of its cluster goes.
        fallback = np.where(linked, of_cluster, np.inf).argmin(axis=0) if n else np.zeros(0, np.int64)
        best = np.where(np.isfinite(inside.min(axis=0)), inside.argmin(axis=0), fallback[event.cluster])
        owner[reachable] = best[reachable]
    return block, owner, photon


def _blocks(linked: Mask) -> Ints:
    """Tracks that run into the same clusters, in any number of steps, share a block (n_t,)."""
    n_tracks, n = linked.shape
    track, cluster = np.nonzero(linked)
    pairs = coo_array((np.ones(len(track)), (track, n_tracks + cluster)), shape=(n_tracks + n, n_tracks + n))
    _, label = connected_components(pairs, directed=False)
    return label[:n_tracks].astype(np.int64)


def balance(
    event: FlowEvent, kind: Ints, block: Ints, owner: Ints, photon: Mask, s: FlowSettings
) -> tuple[Ints, Floats]:
    """Compare energy with momentum block by block, the hardest first: the track of each piece, and neutrals by excess.

    Each neutral is a row (k, 5): energy, unit vector, and 1 for a photon.
    """
    owner, excess = owner.copy(), []
    p = np.linalg.norm(event.momentum, axis=1)
    variance = s.sampling**2 * p + (s.constant * p) ** 2 + (event.error * p) ** 2
    energy = event.moments[:, :2] @ np.array(s.hadron_weights)
    hadron = (kind == CHARGED) | (kind == ELECTRON)
    names = np.unique(block[hadron])
    total = np.bincount(block[hadron], p[hadron], block.max(initial=0) + 1)
    for name in names[np.lexsort((names, -total[names]))]:
        tracks = np.flatnonzero((block == name) & hadron)
        wanted, sigma = float(p[tracks].sum()), float(np.sqrt(variance[tracks].sum()))
        distance = event.distance[tracks].min(axis=0)
        nearest = tracks[event.distance[tracks].argmin(axis=0)]
        held = np.isin(owner, tracks)
        have = float(energy[held].sum())
        have = _add(event, owner, photon, distance, nearest, energy, have, wanted, sigma, s)
        if have > wanted + s.n_high * sigma:
            have = _give_back(owner, tracks, distance, energy, have, wanted, sigma, s)
        if have > wanted + s.n_excess * sigma:
            excess.append(_excess(event, np.isin(owner, tracks), have - wanted, s))
    return owner, np.array(excess).reshape(-1, 5)


def _add(
    event: FlowEvent,
    owner: Ints,
    photon: Mask,
    distance: Floats,
    nearest: Ints,
    energy: Floats,
    have: float,
    wanted: float,
    sigma: float,
    s: FlowSettings,
) -> float:
    """Give a block the free clusters that it lacks, and those that fit as fragments; in place. Its energy afterwards."""
    reach = max(s.grow, s.fragment)
    free = (owner == FREE) & ~photon[event.cluster]
    close = np.unique(event.cluster[free & (distance < reach)])
    parts = [np.flatnonzero(free & (event.cluster == c)) for c in close]
    away = np.array([distance[rows].min() for rows in parts])
    for k in np.argsort(away, kind="stable"):
        rows = parts[k]
        more = have + float(energy[rows].sum())
        lacks = have < wanted - s.n_low * sigma and more <= wanted + s.n_high * sigma and away[k] < s.grow
        if lacks or (away[k] < s.fragment and more <= wanted + s.n_fragment * sigma):
            near = rows[distance[rows].argmin()]
            owner[rows] = nearest[near]
            have = more
    return have


def _give_back(
    owner: Ints,
    tracks: Ints,
    distance: Floats,
    energy: Floats,
    have: float,
    wanted: float,
    sigma: float,
    s: FlowSettings,
) -> float:
    """Free the pieces that a block has too much of, the farthest first; in place. Its energy afterwards."""
    held = np.flatnonzero(np.isin(owner, tracks) & (distance > s.core))
    for row in held[np.argsort(-np.minimum(distance[held], 1e6), kind="stable")]:
        less = have - float(energy[row])
        if abs(less - wanted) < abs(have - wanted) and less >= wanted - s.n_low * sigma:
            owner[row] = FREE
            have = less
    return have


def _excess(event: FlowEvent, held: Mask, energy: float, s: FlowSettings) -> list[float]:
    """What a block has too much of as a neutral particle, where its energy lies."""
    moments = event.moments[held].sum(axis=0)
    visible = moments[0] + moments[1]
    way = moments[2:5] / visible - event.vertex
    way = way / max(float(np.linalg.norm(way)), 1e-9)
    photon = moments[0] > s.excess_photon * visible
    if photon:  # hadronic weights do not hold for it
        energy *= s.photon_weights[0] / s.hadron_weights[0]
    return [energy, *way, float(photon)]


def merged(event: FlowEvent, owner: Ints, photon: Mask, s: FlowSettings) -> tuple[Ints, Mask]:
    """Group of each piece (n_p,; -1: it belongs to a track), and which groups are photons."""
    free = owner == FREE
    names, group = np.unique(event.cluster[free], return_inverse=True)
    label = np.full(len(owner), FREE)
    label[free] = group.ravel()
    moments, start = summed(event, label, len(names))
    is_photon = photon[names] | shapes(moments, start, s)
    energy = moments[:, 0] + moments[:, 1]
    middle, unit = moments[:, 2:5] / energy[:, None], moments[:, 12] / energy
    way = middle - event.vertex
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    order = np.lexsort((middle[:, 0], -energy))
    into, reach = np.arange(len(names)), np.where(is_photon, s.merge_photon, s.merge)
    taken = np.zeros(len(names), bool)
    for k in order:
        if taken[k]:
            continue
        off = middle - event.vertex
        along = off @ way[k]
        across = np.sqrt(np.maximum((off**2).sum(axis=1) - along**2, 0.0))
        near = (
            (across < reach[k] * unit[k])
            & (along > 0)
            & ~taken
            & (energy < energy[k])
            & (is_photon == is_photon[k])
        )
        into[near], taken[near] = k, True
    label[free] = into[group.ravel()]
    return label, is_photon


def neutrals(event: FlowEvent, group: Ints, photon: Mask, excess: Floats, s: FlowSettings) -> Made:
    """Photons and neutral hadrons of groups of free pieces and of excesses."""
    names = np.unique(group[group >= 0])
    moments, _ = summed(event, np.where(group >= 0, np.searchsorted(names, group), -1), len(names))
    is_photon = photon[names]
    visible = moments[:, 0] + moments[:, 1]
    weights = np.where(is_photon[:, None], s.photon_weights, s.hadron_weights)
    energy = (moments[:, :2] * weights).sum(axis=1)
    way = moments[:, 2:5] / np.maximum(visible, 1e-9)[:, None] - event.vertex
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    clusters = [np.unique(event.cluster[group == name]) for name in names] + [np.zeros(0, np.int64)] * len(
        excess
    )
    energy, way = np.concatenate([energy, excess[:, 0]]), np.concatenate([way, excess[:, 1:4]])
    is_photon = np.concatenate([is_photon, excess[:, 4] > 0])
    energy = energy * np.where(is_photon, s.photon_scale, s.neutral_scale)
    keep = np.flatnonzero(energy > np.where(is_photon, s.least_photon, s.least_neutral))
    energy, way, is_photon = energy[keep], way[keep], is_photon[keep]
    sigma = np.where(
        is_photon, 0.2 * np.sqrt(energy), np.hypot(s.sampling * np.sqrt(energy), s.constant * energy)
    )
    kind = np.where(is_photon, PHOTON, NEUTRAL)
    return from_neutrals(kind, energy, way, sigma, [clusters[k] for k in keep])
