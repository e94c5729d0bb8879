"""Made-up particles, found as they are or with known faults."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import PARTICLE_CLASSES, Floats, ReconstructedParticles
from gnnreco.tasks.particleflow.targets import Targets

CHARGES = np.array([1.0, 0.0, 0.0, -1.0, 1.0])  # by class


def some_targets(n: int, seed: int = 0) -> Targets:
    """Particles of all classes in all directions, 2 to 50 GeV, far enough from each other."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, len(PARTICLE_CLASSES), n).astype(np.int32)
    energy, z, phi = rng.uniform(2, 50, n), rng.uniform(-0.95, 0.95, n), rng.uniform(-np.pi, np.pi, n)
    across = np.sqrt(1 - z**2)
    px, py, pz = energy * np.array([across * np.cos(phi), across * np.sin(phi), z])
    rows = np.arange(n)
    return Targets(rows, kind, CHARGES[kind], px, py, pz, energy, CHARGES[kind] != 0, rows)


def found_as(targets: Targets, scale: Floats | float = 1.0) -> ReconstructedParticles:
    """Each target found, with its energy and momentum times a number."""
    n = len(targets.pdg_class)
    no = np.zeros(n + 1, np.int64)
    return ReconstructedParticles(
        targets.pdg_class,
        np.eye(len(PARTICLE_CLASSES))[targets.pdg_class],
        targets.charge,
        targets.px * scale,
        targets.py * scale,
        targets.pz * scale,
        targets.energy * scale,
        0.1 * targets.energy,
        np.ones(n),
        track_offsets=no,
        cluster_offsets=no,
        offsets=no,
    )
