"""Particles as columns, and what the rules believe of them: shared by the rule-based, the perfect and the simplest particle flows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints, ReconstructedParticles
from gnnreco.tasks.particleflow.judgement import MASSES
from gnnreco.tasks.particleflow.targets import CHARGED, ELECTRON, MUON, NEUTRAL, PHOTON

__all__ = [
    "CHARGED",
    "ELECTRON",
    "MUON",
    "NEUTRAL",
    "PHOTON",
    "Made",
    "from_neutrals",
    "from_tracks",
    "joined_up",
]


@dataclass(frozen=True, slots=True)
class Made:
    """Particles before they are sorted.

    Attributes
    ----------
    kind : int64 (n,)
        Rows of `PARTICLE_CLASSES`.
    four : float64 (n, 4)
        px, py, pz, energy, GeV.
    sigma, charge : float64 (n,)
        Expected error of the energy, GeV; e.
    track : int64 (n,)
        Row of the track; -1: none.
    clusters : sequence of int64 (m,)
        Rows of the clusters of each.
    """

    kind: Ints
    four: Floats
    sigma: Floats
    charge: Floats
    track: Ints
    clusters: Sequence[Ints]


def from_tracks(
    rows: Ints, kind: Ints, momentum: Floats, error: Floats, charge: Floats, clusters: Sequence[Ints]
) -> Made:
    """One particle for each of these tracks; `momentum` (n, 3), relative `error` and `charge` are those of `rows`."""
    size = np.linalg.norm(momentum, axis=1)
    energy = np.hypot(size, np.array(MASSES)[kind])
    return Made(
        kind, np.column_stack([momentum, energy]), np.maximum(error * size, 1e-6), charge, rows, clusters
    )


def from_neutrals(
    kind: Ints,
    energy: Floats,
    way: Floats,
    sigma: Floats,
    clusters: Sequence[Ints],
    charge: Floats | None = None,
) -> Made:
    """Particles of energies (n,) along unit vectors (n, 3)."""
    mass = np.array(MASSES)[kind]
    energy = np.maximum(energy, mass)
    momentum = np.sqrt(np.maximum(energy**2 - mass**2, 0.0))[:, None] * way
    none = np.full(len(kind), -1, np.int64)
    charge = np.zeros(len(kind)) if charge is None else charge
    return Made(kind, np.column_stack([momentum, energy]), np.maximum(sigma, 1e-6), charge, none, clusters)


def joined_up(parts: Sequence[Made], belief: NDArray[np.float64] | None = None) -> ReconstructedParticles:
    """All particles, the most energetic first.

    Parameters
    ----------
    parts : sequence of Made
    belief : float64 (5, 6), optional
        For each class that is said, how often the particle truly is of each, and last how often it is none. By default
        the rules are sure.
    """
    belief = np.column_stack([np.eye(5), np.zeros(5)]) if belief is None else belief
    kind, four, sigma, charge, track = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("kind", "four", "sigma", "charge", "track")
    )
    clusters = [rows for part in parts for rows in part.clusters]
    order = np.lexsort((four[:, 2], four[:, 1], four[:, 0], -four[:, 3]))
    kind, clusters = kind[order], [np.asarray(clusters[k], np.int64) for k in order]
    real = 1 - belief[:, 5]
    track = track[order]
    has = track >= 0
    return ReconstructedParticles(
        class_index=kind.astype(np.int32),
        class_probability=(belief[:, :5] / real[:, None])[kind],
        charge=charge[order],
        px=four[order, 0],
        py=four[order, 1],
        pz=four[order, 2],
        energy=four[order, 3],
        energy_sigma=sigma[order],
        score=np.diag(belief)[kind],
        track_offsets=np.concatenate([[0], np.cumsum(has)]).astype(np.int64),
        track_index=track[has],
        cluster_offsets=np.concatenate([[0], np.cumsum([len(rows) for rows in clusters])]).astype(np.int64),
        cluster_index=np.concatenate([np.zeros(0, np.int64), *clusters]),
        offsets=np.zeros(len(kind) + 1, np.int64),
    )
