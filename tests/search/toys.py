"""Small tables with a bump, and without; folders of particles."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gnnreco.columns import PARTICLE_CLASSES, Clusters, Floats, ReconstructedParticles
from gnnreco.events.clusters_file import write_clusters
from gnnreco.events.particles_file import write_particles
from gnnreco.search import EventTable

NAMES = ("a", "b", "c")


def toy(background: int = 3000, signal: int = 60, seed: int = 0) -> EventTable:
    """Masses that fall from 2 to 6, features that drift a little with it, and a narrow bump at 3.5."""
    draw = np.random.default_rng(seed)
    # The inverse of a truncated exponential distribution: every draw is used.
    falling = 2 - 1.2 * np.log1p(-draw.random(background) * -np.expm1(-4 / 1.2))
    plain = np.stack(
        [draw.normal(0.1 * falling), draw.normal(size=background), draw.exponential(size=background)], 1
    )
    strange = np.stack(
        [draw.normal(2.5, 0.3, signal), draw.normal(2, 0.3, signal), draw.exponential(0.3, signal)], 1
    )
    mixed = draw.permutation(background + signal)
    mass = np.concatenate([falling, draw.normal(3.5, 0.08, signal)])[mixed]
    label = (mixed >= background).astype(np.int64)
    return EventTable(f"toy {seed}", NAMES, mass, np.concatenate([plain, strange])[mixed], label)


def matrix(table: EventTable) -> Floats:
    """Its columns: mass, features, label."""
    return np.column_stack([table.mass, table.features, table.label])


def write_found(folder: Path, events: Mapping[int, Floats]) -> None:
    """A folder as particle flow leaves it: of each event, by its number, the particles (n, 4: px, py, pz, energy)."""
    rows = [(number, "a", found(four)) for number, four in events.items()]
    write_particles(folder / "shard-0.parquet", rows)
    _write_manifest(folder, "particleflow")


def write_found_clusters(folder: Path, events: Mapping[int, Floats]) -> None:
    """A folder as clustering leaves it: massless particles (n, 4) as clusters 2 m from the origin."""
    rows = [(number, "a", clusters(four)) for number, four in events.items()]
    write_clusters(folder / "shard-0.parquet", rows)
    _write_manifest(folder, "clustering")


def _write_manifest(folder: Path, task: str) -> None:
    manifest = {"task": task, "shards": [{"file": "shard-0.parquet"}], "events_failed": 0}
    (folder / "manifest.json").write_text(json.dumps(manifest))


def clusters(four: Floats) -> Clusters:
    """Clusters of which only energies and places matter."""
    n, place = len(four), 2000.0 * four[:, :3] / four[:, 3:]
    return Clusters(
        np.zeros(n + 1, np.int64),
        energy=four[:, 3],
        energy_sigma=np.ones(n),
        x=place[:, 0],
        y=place[:, 1],
        z=place[:, 2],
        axis=four[:, :3] / four[:, 3:],
        class_probability=np.ones((n, 4)) / 4,
        score=np.ones(n),
        hit_id=np.zeros(0, np.int64),
    )


def found(four: Floats) -> ReconstructedParticles:
    """Particles of which only momenta matter."""
    n, no = len(four), np.zeros(len(four) + 1, np.int64)
    return ReconstructedParticles(
        np.zeros(n, np.int32),
        np.eye(len(PARTICLE_CLASSES))[np.zeros(n, int)],
        np.zeros(n),
        px=four[:, 0],
        py=four[:, 1],
        pz=four[:, 2],
        energy=four[:, 3],
        energy_sigma=np.ones(n),
        score=np.ones(n),
        track_offsets=no,
        cluster_offsets=no,
        offsets=no,
        hit_id=np.zeros(0, np.int64),
    )
