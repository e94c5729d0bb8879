"""Clusters survive the file, in Parquet and in ROOT; a part of an event keeps what belongs to its hits."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Deposits, Event, Hits, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events.clusters_file import CLUSTERS, read_clusters, write_clusters
from gnnreco.events.output_file import read_note, write_output
from gnnreco.events.select import select_hits
from gnnreco.events.tracks_file import read_tracks


def some_clusters(lengths: list[int], seed: int = 0) -> Clusters:
    rng = np.random.default_rng(seed)
    n, m = len(lengths), sum(lengths)
    numbers = {name: rng.normal(size=n) for name in ("energy", "energy_sigma", "x", "y", "z", "score")}
    probability = rng.random((n, len(CLUSTER_CLASSES)))
    probability[::2] = np.nan
    return Clusters(
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        rng.integers(0, 99, m),
        rng.random(m),
        axis=rng.normal(size=(n, 3)),
        class_probability=probability,
        hit_id=rng.integers(0, 2**62, m),
        **numbers,
    )


def test_a_file_with_other_classes_is_of_another_version(tmp_path: Path) -> None:
    longer = replace(some_clusters([2, 1]), class_probability=np.zeros((2, len(CLUSTER_CLASSES) + 2)))
    layout = replace(CLUSTERS, vectors=CLUSTERS.vectors | {"class_probability": ("class_probability", 6)})
    write_output(layout, tmp_path / "shard-00000.parquet", [(0, "old", longer)])
    with pytest.raises(BadInput, match=r"class_probability.*6 numbers.*not 4.*reconstruct again"):
        list(read_clusters(tmp_path / "shard-00000.parquet"))


def same(a: Clusters, b: Clusters) -> None:
    for f in fields(Clusters):
        np.testing.assert_array_equal(getattr(a, f.name), getattr(b, f.name), err_msg=f.name)


@given(st.lists(st.lists(st.integers(1, 20), max_size=5), max_size=70))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, events: list[list[int]]) -> None:
    path = tmp_path_factory.mktemp("clusters") / "shard-0.parquet"
    rows = [(7 + i, f"file{i}", some_clusters(lengths, i)) for i, lengths in enumerate(events)]
    write_clusters(path, rows, {"events": 3})
    back = list(read_clusters(path))
    assert read_note(path) == {"events": 3}
    assert [r[:2] for r in back] == [r[:2] for r in rows]
    for ours, theirs in zip(rows, back, strict=True):
        same(ours[2], theirs[2])


def test_the_columns_are_those_that_farms_rely_on(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    write_clusters(tmp_path / "a.parquet", [(1, "x", some_clusters([2]))])
    assert pq.read_schema(tmp_path / "a.parquet").names == [
        "event",
        "source",
        "cluster_id",
        "hit_index",
        "hit_id",
        "hit_weight",
        "energy_gev",
        "energy_sigma_gev",
        "x_mm",
        "y_mm",
        "z_mm",
        "axis",
        "class_probability",
        "score",
    ]
    with pytest.raises(BadInput, match=r"column track_id: is missing: no tracks"):
        list(read_tracks(tmp_path / "a.parquet"))


def test_root_holds_the_same_numbers(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    clusters = some_clusters([3, 5])
    write_clusters(tmp_path / "shard-0.root", [(4, "x", clusters), (5, "x", Clusters())], {"events": 2})
    assert read_note(tmp_path / "shard-0.root") == {"events": 2}
    with uproot.open(tmp_path / "shard-0.root") as file:
        branches = file["clusters"].arrays()
    assert branches["hit_weight"].tolist() == [clusters.hit_weight.tolist(), []]
    assert branches["n_hits"].tolist() == [[3, 5], []]
    assert branches["axis"].tolist()[0] == clusters.axis.ravel().tolist()
    (_, source, back), _ = read_clusters(tmp_path / "shard-0.root")
    assert source == "x"
    same(clusters, back)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 2)), max_size=30))
def test_a_part_of_an_event_keeps_what_belongs_to_its_hits(
    rows: list[tuple[bool, int, int]],
) -> None:
    n = len(rows)
    keep = np.array([row[0] for row in rows], bool)
    count = np.array([row[1] for row in rows], np.int64)
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    number = np.arange(offsets[-1], dtype=np.int32)
    deposits = Deposits(offsets, number, number, number.astype(np.float32))
    hits = Hits(
        np.arange(n), *np.zeros((3, n)), np.zeros(n, np.int32), energy=np.arange(n) * 1.0, deposits=deposits
    )
    links = np.array([row[2] for row in rows], np.int64)
    hit = np.repeat(np.arange(n), links)
    particle = np.arange(len(hit)) % 3
    particles = Particles(np.arange(3), np.zeros(3, np.int32), *np.zeros((7, 3)))
    event = Event(1, "", hits, Truth(particles, hit, particle, np.arange(n) * 0.5, hit * 10.0 + particle))
    part = select_hits(event, keep)
    chosen = np.flatnonzero(keep)
    assert part.hits.hit_id.tolist() == chosen.tolist()
    for new, old in enumerate(chosen):
        one, two = part.hits.deposits, deposits
        assert one is not None
        assert (
            one.u[one.offsets[new] : one.offsets[new + 1]].tolist()
            == two.u[offsets[old] : offsets[old + 1]].tolist()
        )
    assert part.truth is not None
    assert part.truth.energy is not None
    assert (chosen[part.truth.hit] * 10.0 + part.truth.particle == part.truth.energy).all()
    assert len(part.truth.hit) == links[keep].sum()
