"""Tracks survive the file, the same tracks give the same bytes, and a flipped bit is found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import Tracks
from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.tracks_file import COLUMNS, read_note, read_tracks, write_tracks


def some_tracks(lengths: list[int], seed: int = 0) -> Tracks:
    rng = np.random.default_rng(seed)
    n = len(lengths)
    return Tracks(
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        hit_index=rng.permutation(sum(lengths)).astype(np.int64),
        covariance=rng.normal(size=(n, 15)),
        hit_id=rng.integers(0, 2**62, sum(lengths)) if seed % 3 else None,
        **{attribute: rng.normal(size=n) for attribute in COLUMNS.values()},
    )


def same(a: Tracks, b: Tracks) -> None:
    if not len(a.hit_index):
        a, b = (replace(tracks, hit_id=None) for tracks in (a, b))
    for name in ("offsets", "hit_index", "hit_id", "covariance", *COLUMNS.values()):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name


@given(st.lists(st.lists(st.integers(1, 20), max_size=5), max_size=70))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, events: list[list[int]]) -> None:
    path = tmp_path_factory.mktemp("tracks") / "shard-0.parquet"
    rows = [(7 + i, f"file{i}", some_tracks(lengths, i)) for i, lengths in enumerate(events)]
    write_tracks(path, rows)
    back = list(read_tracks(path))
    assert [r[:2] for r in back] == [r[:2] for r in rows]
    for ours, theirs in zip(rows, back, strict=True):
        same(ours[2], theirs[2])


def test_a_file_of_an_older_version_has_no_hit_ids(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    write_tracks(tmp_path / "new.parquet", [(1, "x", some_tracks([3, 4], 1))])
    pq.write_table(pq.read_table(tmp_path / "new.parquet").drop_columns("hit_id"), tmp_path / "old.parquet")
    ((_, _, tracks),) = read_tracks(tmp_path / "old.parquet")
    assert tracks.hit_id is None
    same(replace(some_tracks([3, 4], 1), hit_id=None), tracks)


def test_what_was_found_is_not_taken_for_events(tmp_path: Path) -> None:
    write_tracks(tmp_path / "shard-00000000.parquet", [(1, "x", some_tracks([3, 4], 1))], {"events": 1})
    with pytest.raises(BadInput, match="what `gnnreco reconstruct` found, and no hits"):
        open_events(tmp_path, None)[0]


def test_same_tracks_same_bytes_and_a_note(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_tracks(tmp_path / f"{name}.parquet", [(1, "x", some_tracks([3, 4]))], {"events": 3})
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert read_note(tmp_path / "a.parquet") == {"events": 3}
    assert not list(tmp_path.glob(".*"))


def test_a_folder_is_read_in_order(tmp_path: Path) -> None:
    for first in (2, 0, 1, 9):
        write_tracks(tmp_path / f"shard-{first:06d}.parquet", [(first, "x", Tracks())])
    listed = [{"file": f"shard-{first:06d}.parquet"} for first in range(3)]  # not the one of another run
    (tmp_path / "manifest.json").write_text(json.dumps({"shards": listed}))
    assert [row[0] for row in read_tracks(tmp_path)] == [0, 1, 2]


def test_a_flipped_bit_or_a_cut_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "shard-0.parquet"
    write_tracks(path, [(1, "x", some_tracks([9] * 50))])
    good = path.read_bytes()
    quiet = []
    before = next(read_tracks(path))[2]
    for position in np.random.default_rng(1).integers(0, len(good), 200):
        bad = bytearray(good)
        bad[position] ^= 1
        path.write_bytes(bad)
        try:
            same(next(read_tracks(path))[2], before)  # a bit that nobody reads may flip
        except BadInput:
            continue
        except AssertionError:
            quiet.append(position)
    assert not quiet
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(BadInput, match="cut short"):
        list(read_tracks(path))


def test_no_file_and_a_foreign_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"manifest\.json: missing: give the folder"):
        list(read_tracks(tmp_path))
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"event": [1]}), tmp_path / "shard-0.parquet")
    with pytest.raises(BadInput, match="column source: is missing"):
        list(read_tracks(tmp_path / "shard-0.parquet"))


def test_root_holds_the_same_numbers(tmp_path: Path) -> None:
    uproot = pytest.importorskip("uproot")
    tracks = some_tracks([3, 5])
    rows = [(4, "x", tracks), (5, "y", Tracks()), (6, "x", some_tracks([2]))]
    write_tracks(tmp_path / "shard-0.root", rows[:2], {"events": 2})
    assert read_note(tmp_path / "shard-0.root") == {"events": 2}
    with uproot.open(tmp_path / "shard-0.root") as file:
        branches = file["tracks"].arrays()
    assert branches["event"].tolist() == [4, 5]
    assert branches["hit_index"].tolist() == [tracks.hit_index.tolist(), []]
    assert branches["n_hits"].tolist() == [[3, 5], []]
    assert branches["d0_mm"].tolist()[0] == tracks.d0.tolist()
    for events in (rows, rows[1:2], []):
        write_tracks(tmp_path / "shard-0.root", events)
        back = list(read_tracks(tmp_path / "shard-0.root"))
        assert [row[:2] for row in back] == [row[:2] for row in events]
        for ours, theirs in zip(events, back, strict=True):
            same(ours[2], theirs[2])


def test_ids_of_any_size_survive_root(tmp_path: Path) -> None:
    pytest.importorskip("uproot")
    tracks = replace(some_tracks([2, 1]), hit_id=np.array([2**62 + 1, -5, 2**53 + 1]))
    write_tracks(tmp_path / "a.root", [(1, "x", tracks)])
    ((_, _, back),) = read_tracks(tmp_path / "a.root")
    same(tracks, back)


def test_a_damaged_root_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("uproot")
    write_tracks(tmp_path / "a.root", [(1, "x", some_tracks([9] * 50))])
    good = (tmp_path / "a.root").read_bytes()
    (tmp_path / "a.root").write_bytes(good[: len(good) // 2])
    with pytest.raises(BadInput, match=r"a\.root"):
        list(read_tracks(tmp_path / "a.root"))
