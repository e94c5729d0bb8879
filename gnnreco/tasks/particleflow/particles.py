"""From owners to the columns of particles."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints, ReconstructedParticles
from gnnreco.models.element_network import NOTHING

from .elements import Elements, Measured
from .judgement import MASSES, Momenta
from .sharing import Shares

MOSTLY = 0.5  # of a cell or a shower, for a particle to name it among what it is made of


def particles_of(
    elements: Elements, m: Measured, shares: Shares, found: Momenta, least_score: float, by_cells: bool
) -> ReconstructedParticles:
    """Particles of one event, the most energetic first; clusters by their rows, or with `by_cells` hits by theirs."""
    probability = found.probability.double().numpy()
    score = 1 - probability[:, NOTHING]
    given = probability[:, :NOTHING] / np.maximum(score, 1e-12)[:, None]
    kind, size = given.argmax(axis=1), np.exp(np.minimum(found.log_energy.double().numpy(), 12.0))
    n_tracks = len(elements.tracks)
    is_track = shares.element < n_tracks
    mass = np.array(MASSES)[kind]
    energy = np.where(is_track, np.hypot(size, mass), np.maximum(size, mass))
    momentum = np.where(is_track, size, np.sqrt(np.maximum(energy**2 - mass**2, 0.0)))
    vector = momentum[:, None] * found.direction.double().numpy()
    sigma = energy * np.exp(np.minimum(found.log_sigma.double().numpy(), 3.0))
    charge = np.zeros(len(kind))
    charge[is_track] = np.sign(elements.tracks.q_over_p)
    keep = np.flatnonzero(score >= least_score)
    keep = keep[np.lexsort((shares.element[keep], -energy[keep]))]
    tracks = np.where(is_track, np.arange(len(kind)), -1)[keep]
    ones: Ints = np.arange(len(keep))
    track_offsets, track_index = _ragged(ones[tracks >= 0], shares.element[keep][tracks >= 0], len(keep))
    held = _held(shares, keep)
    if by_cells:
        hit_index = elements.showers.cell
        owner, row = held
        hits = _ragged(owner, elements.cells.index[hit_index[row]], len(keep))
        clusters = _ragged(ones[:0], ones[:0], len(keep))
    else:
        clusters, hits = _ragged(*held, len(keep)), _ragged(ones[:0], ones[:0], len(keep))
    return ReconstructedParticles(
        class_index=kind[keep].astype(np.int32),
        class_probability=given[keep],
        charge=charge[keep],
        px=vector[keep, 0],
        py=vector[keep, 1],
        pz=vector[keep, 2],
        energy=energy[keep],
        energy_sigma=sigma[keep],
        score=score[keep],
        track_offsets=track_offsets,
        track_index=track_index,
        cluster_offsets=clusters[0],
        cluster_index=clusters[1],
        offsets=hits[0],
        hit_index=hits[1],
    )


def _held(shares: Shares, keep: Ints) -> tuple[Ints, Ints]:
    """Which kept particle (number) holds most of which shower."""
    place = np.full(len(shares.element), -1, np.int64)
    place[keep] = np.arange(len(keep))
    mine = (shares.share >= MOSTLY) & (place[shares.part] >= 0)
    return place[shares.part[mine]], shares.shower[mine]


def _ragged(owner: Ints, value: NDArray[np.int64], n: int) -> tuple[Ints, Ints]:
    """Offsets (n + 1,) and values sorted by owner, then value."""
    order = np.lexsort((value, owner))
    count = np.bincount(owner, minlength=n)
    return np.concatenate([[0], np.cumsum(count)]).astype(np.int64), value[order].astype(np.int64)


__all__ = ["Floats", "particles_of"]
