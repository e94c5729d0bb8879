"""Particle flow by rules, in the classical manner: the peer that the network is measured beside.

The ideas are those of ALEPH (NIM A 360, 481), PandoraPFA (arXiv 0907.3577) and CMS (arXiv 1706.04965); the code is our own.
In turn, with all numbers in `flow_settings.py`:

1. *Muons* are tracks with little energy in many layers and hits behind the calorimeters; they take the pieces on their path.
2. *Electrons* are tracks whose energy in front agrees with their momentum and that have little behind.
3. *Photons* come before all other showers: clusters that begin early, are narrow and not deep, and lie beside all tracks, with
   the small clusters about their axes.
4. *Links*: every other cluster within reach goes to the nearest track; one that several tracks run into is shared out piece by
   piece, and these tracks are one block from there on: only the sum of their momenta is compared with energies.
5. *Energy against momentum*: a block that lacks energy takes free pieces, the nearest first; what fits as a fragment joins it; one that has too much gives pieces back, the farthest from its tracks first, as far as its
   energy stays consistent. Tracks whose energy is not there, by many errors, are left out, the worst measured ones first.
6. *Excess*: what is too much still, by several errors, is a neutral particle of that energy: a photon where the energy lies in front.
7. Free pieces that touch, or lie next to a larger one's axis, are one shower: a photon by its shape, or a neutral hadron. A
   charged particle has its track's momentum, a photon a linear calibration of its energies in front and behind, a hadron one
   that bends with energy.
"""

from __future__ import annotations

import numpy as np
from flow_output import CHARGED, ELECTRON, MUON, from_tracks, joined_up
from flow_pieces import FlowEvent
from flow_settings import FlowSettings
from flow_showers import (
    FREE,
    Mask,
    bent,
    clusters_of,
    directions,
    merged,
    neutrals,
    satellites,
    shapes,
    straight,
    summed,
)
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from gnnreco.columns import Floats, Ints, ReconstructedParticles


def particle_flow(event: FlowEvent, settings: FlowSettings) -> ReconstructedParticles:
    """The particles of one event; tracks and clusters by their rows in it."""
    kind = track_kinds(event, settings)
    block, owner, photon = links(event, kind, settings)
    kind, owner, excess = balance(event, kind, block, owner, photon, settings)
    group, photon = merged(event, owner, photon, settings)
    rows = np.flatnonzero(kind >= 0)
    charged = from_tracks(
        rows,
        kind[rows],
        event.momentum[rows],
        event.error[rows],
        event.charge[rows],
        clusters_of(event, owner, rows),
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
    order = np.argsort(event.cluster, kind="stable")
    names, first = np.unique(event.cluster[order], return_index=True)
    if len(names):
        of_cluster[:, names] = np.minimum.reduceat(distance[:, order], first, axis=1)
    moments, start = summed(event, event.cluster, n)
    photon = shapes(moments, start, s)
    electron = of_cluster[kind == ELECTRON].min(axis=0, initial=np.inf) < s.link
    photon &= (of_cluster.min(axis=0, initial=np.inf) > s.photon_away) & ~electron
    photon |= satellites(moments, photon, event.vertex, s) & ~electron
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
) -> tuple[Ints, Ints, Floats]:
    """Compare energy with momentum block by block, the hardest first: class of each track, track of each piece, and excesses.

    Each excess is a neutral, a row (k, 5): energy, unit vector, and 1 for a photon. Energies are compared as signals, before the
    calibration bends them, since these add up.
    """
    kind, owner, excess = kind.copy(), owner.copy(), []
    p = np.linalg.norm(event.momentum, axis=1)
    signal = straight(p, s)
    variance = s.sampling**2 * p + (s.constant * p) ** 2 + (event.error * p) ** 2
    energy = event.moments[:, :2] @ np.array(s.hadron_weights)
    hadron = (kind == CHARGED) | (kind == ELECTRON)
    names = np.unique(block[hadron])
    total = np.bincount(block[hadron], p[hadron], block.max(initial=0) + 1)
    for name in names[np.lexsort((names, -total[names]))]:
        tracks = np.flatnonzero((block == name) & hadron)
        wanted, sigma = float(signal[tracks].sum()), float(np.sqrt(variance[tracks].sum()))
        inside = np.zeros(len(kind) + 1, bool)  # the last one is what is free
        inside[tracks] = True
        distance = event.distance[tracks].min(axis=0)
        nearest = tracks[event.distance[tracks].argmin(axis=0)]
        have = _add(event, owner, photon, inside[owner], distance, nearest, energy, wanted, sigma, s)
        if have < wanted - s.n_bad * sigma:
            tracks = _without_worst(tracks, event.error * p, signal, variance, have, s)
            kind[inside[:-1] & ~np.isin(np.arange(len(kind)), tracks)] = -1
            held = inside[owner]
            if not len(tracks):
                owner[held] = FREE
                continue
            # What dropped tracks held stays in the block.
            close = tracks[event.distance[tracks].argmin(axis=0)]
            owner[held] = np.where(kind[owner[held]] >= 0, owner[held], close[held])
            wanted, sigma = float(signal[tracks].sum()), float(np.sqrt(variance[tracks].sum()))
        held = inside[owner]
        if have > wanted + s.n_high * sigma:
            have = _give_back(owner, held, distance, energy, have, wanted, sigma, s)
        if have > wanted + s.n_excess * sigma:
            excess.append(_excess(event, inside[owner], have - wanted, s))
    return kind, owner, np.array(excess).reshape(-1, 5)


def _add(
    event: FlowEvent,
    owner: Ints,
    photon: Mask,
    held: Mask,
    distance: Floats,
    nearest: Ints,
    energy: Floats,
    wanted: float,
    sigma: float,
    s: FlowSettings,
) -> float:
    """Give a block the free pieces that it lacks, and those that fit as fragments; in place. Its energy afterwards."""
    have = float(energy[held].sum())
    rows = np.flatnonzero((owner == FREE) & ~photon[event.cluster] & (distance < max(s.grow, s.fragment)))
    for row in rows[np.argsort(distance[rows], kind="stable")]:
        more = have + float(energy[row])
        lacks = have < wanted - s.n_low * sigma and more <= wanted + s.n_high * sigma
        if (lacks and distance[row] < s.grow) or (
            distance[row] < s.fragment and more <= wanted + s.n_fragment * sigma
        ):
            owner[row], have = nearest[row], more
    return have


def _without_worst(
    tracks: Ints, worst: Floats, signal: Floats, variance: Floats, have: float, s: FlowSettings
) -> Ints:
    """Tracks of a block less those that its energy does not bear out, the worst measured ones first."""
    left = tracks[np.argsort(-worst[tracks], kind="stable")]
    while len(left) and have < signal[left].sum() - s.n_bad * np.sqrt(variance[left].sum()):
        left = left[1:]
    return np.sort(left)


def _give_back(
    owner: Ints,
    held: Mask,
    distance: Floats,
    energy: Floats,
    have: float,
    wanted: float,
    sigma: float,
    s: FlowSettings,
) -> float:
    """Free the pieces that a block has too much of, the farthest first; in place. Its energy afterwards."""
    rows = np.flatnonzero(held & (distance > s.core))
    for row in rows[np.argsort(-np.minimum(distance[rows], 1e6), kind="stable")]:
        less = have - float(energy[row])
        if abs(less - wanted) < abs(have - wanted) and less >= wanted - s.n_low * sigma:
            owner[row] = FREE
            have = less
    return have


def _excess(event: FlowEvent, held: Mask, signal: float, s: FlowSettings) -> list[float]:
    """What a block has too much of as a neutral particle, where its energy lies."""
    moments = event.moments[held].sum(axis=0)
    way = directions(moments[None], event.vertex)[0]
    photon = moments[0] > s.excess_photon * (moments[0] + moments[1])
    if photon:  # hadronic weights do not hold for it
        return [signal * s.photon_weights[0] / s.hadron_weights[0], *way, 1.0]
    return [float(bent(np.array(signal), s)), *way, 0.0]
