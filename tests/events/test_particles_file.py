"""Found particles survive the file, in Parquet and in ROOT, each with its tracks, clusters and hits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import PARTICLE_CLASSES, ReconstructedParticles
from gnnreco.errors import BadInput
from gnnreco.events.clusters_file import read_clusters
from gnnreco.events.particles_file import read_particles, write_particles


def some_particles(lengths: list[tuple[int, int, int]], seed: int = 0) -> ReconstructedParticles:
    """Particles with so many tracks, clusters and hits each."""
    rng = np.random.default_rng(seed)
    n = len(lengths)
    ends = np.concatenate([np.zeros((1, 3), int), np.cumsum(np.reshape(lengths, (n, 3)), axis=0)])
    tracks, clusters, hits = ends.astype(np.int64).T
    return ReconstructedParticles(
        rng.integers(0, len(PARTICLE_CLASSES), n).astype(np.int32),
        rng.random((n, len(PARTICLE_CLASSES))),
        *rng.normal(size=(7, n)),
        tracks,
        rng.integers(0, 99, tracks[-1]),
        clusters,
        rng.integers(0, 99, clusters[-1]),
        hits,
        rng.integers(0, 99, hits[-1]),
        rng.integers(0, 2**62, hits[-1]),
    )


sizes = st.tuples(st.integers(0, 2), st.integers(0, 3), st.integers(0, 4))


@given(st.lists(st.lists(sizes, max_size=5), max_size=40))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, events: list[list[tuple[int, int, int]]]
) -> None:
    path = tmp_path_factory.mktemp("particles") / "shard-0.parquet"
    rows = [(7 + i, f"file{i}", some_particles(lengths, i)) for i, lengths in enumerate(events)]
    write_particles(path, rows)
    back = list(read_particles(path))
    assert back == rows
    assert all(found.class_index.dtype == np.int32 for _, _, found in back)


def test_root_holds_the_same_numbers(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    found = some_particles([(1, 2, 0), (0, 1, 3)])
    rows = [(4, "x", found), (5, "x", ReconstructedParticles(hit_id=np.zeros(0, np.int64)))]
    write_particles(tmp_path / "shard-0.root", rows)
    with uproot.open(tmp_path / "shard-0.root") as file:
        branches = file["particles"].arrays()
    assert branches["cluster_ids"].tolist() == [found.cluster_index.tolist(), []]
    assert branches["n_cluster_ids"].tolist() == [[2, 1], []]
    assert list(read_particles(tmp_path / "shard-0.root")) == rows


def test_the_columns_are_those_that_farms_rely_on(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    write_particles(tmp_path / "a.parquet", [(1, "x", some_particles([(1, 1, 0)]))])
    assert pq.read_schema(tmp_path / "a.parquet").names == [
        "event",
        "source",
        "particle_id",
        "hit_index",
        "hit_id",
        "pdg_class",
        "class_probability",
        "charge",
        "px",
        "py",
        "pz",
        "energy_gev",
        "energy_sigma_gev",
        "score",
        "track_ids",
        "cluster_ids",
    ]
    with pytest.raises(BadInput, match=r"column cluster_id: is missing: no clusters"):
        list(read_clusters(tmp_path / "a.parquet"))
