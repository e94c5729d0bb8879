"""From owners to the columns of particles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints, ReconstructedParticles
from gnnreco.models.element_network import NOTHING

from .elements import Elements, Measured
from .judgement import MASSES, Momenta
from .sharing import Shares

MOSTLY = 0.5  # of a cell or a shower, for a particle to name it among what it is made of


@dataclass(frozen=True, slots=True)
class Kept:
    """The owners that become particles, the most energetic first.

    Attributes
    ----------
    row : int64 (k,)
        Among the owners.
    kind : int64 (k,)
        Likeliest class.
    energy : float64 (k,)
        GeV.
    """

    row: Ints
    kind: Ints
    energy: Floats


def kept(shares: Shares, found: Momenta, n_tracks: int, least_score: float) -> Kept:
    """Which owners become particles.

    What has no track has the energy that is expected of it: the energy of what it would be, times the probability that it is
    anything, so that doubtful pieces shift no sum.
    """
    probability = found.probability.double().numpy()
    score = 1 - probability[:, NOTHING]
    kind, size = probability[:, :NOTHING].argmax(axis=1), _size(found)
    mass = np.array(MASSES)[kind]
    energy = np.where(shares.element < n_tracks, np.hypot(size, mass), np.maximum(size * score, mass))
    row = np.flatnonzero(score >= least_score)
    row = row[np.lexsort((shares.element[row], -energy[row]))]
    return Kept(row, kind[row], energy[row])


def _size(found: Momenta) -> Floats:
    """Momentum of owners with a track, energy of the others (p,), GeV."""
    return np.exp(np.minimum(found.log_energy.double().numpy(), 12.0))


def particles_of(
    elements: Elements, m: Measured, shares: Shares, found: Momenta, least_score: float, by_cells: bool
) -> ReconstructedParticles:
    """Particles of one event, the most energetic first; clusters by their rows, or with `by_cells` hits by theirs."""
    n_tracks = len(elements.tracks)
    these = kept(shares, found, n_tracks, least_score)
    keep, energy = these.row, these.energy
    probability = found.probability.double().numpy()[keep]
    given = np.maximum(probability[:, :NOTHING], 1e-30)
    given /= given.sum(axis=1, keepdims=True)
    element = shares.element[keep]
    is_track = element < n_tracks
    mass = np.array(MASSES)[these.kind]
    momentum = np.where(is_track, _size(found)[keep], np.sqrt(np.maximum(energy**2 - mass**2, 0.0)))
    vector = momentum[:, None] * found.direction.double().numpy()[keep]
    sigma = energy * np.exp(np.minimum(found.log_sigma.double().numpy()[keep], 3.0))
    charge = np.zeros(len(keep))
    charge[is_track] = np.sign(elements.tracks.q_over_p[element[is_track]])
    ones: Ints = np.arange(len(keep))
    track_offsets, track_index = _ragged(ones[is_track], element[is_track], len(keep))
    held = _held(shares, keep)
    if by_cells:
        hit_index = elements.showers.cell
        owner, row = held
        hits = _ragged(owner, elements.cells.index[hit_index[row]], len(keep))
        clusters = _ragged(ones[:0], ones[:0], len(keep))
    else:
        clusters, hits = _ragged(*held, len(keep)), _ragged(ones[:0], ones[:0], len(keep))
    return ReconstructedParticles(
        class_index=these.kind.astype(np.int32),
        class_probability=given,
        charge=charge,
        px=vector[:, 0],
        py=vector[:, 1],
        pz=vector[:, 2],
        energy=energy,
        energy_sigma=sigma,
        score=1 - probability[:, NOTHING],
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
