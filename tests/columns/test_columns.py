"""Columns are cut by rows, joined, compared, and handed to pandas and awkward without losing anything."""

from __future__ import annotations

import doctest
import itertools
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gnnreco.columns
from gnnreco.columns import (
    FATES,
    Clusters,
    Collections,
    Columns,
    Deposits,
    Event,
    Fates,
    Hits,
    Jets,
    Particles,
    ReconstructedParticles,
    Tracks,
    Truth,
    concatenate,
)
from gnnreco.errors import MissingTool


def ragged(rng: np.random.Generator, n: int) -> tuple[np.ndarray, int]:
    offsets = np.concatenate([[0], np.cumsum(rng.integers(0, 5, n))]).astype(np.int64)
    return offsets, int(offsets[-1])


def hits(rng: np.random.Generator, n: int) -> Hits:
    offsets, m = ragged(rng, n)
    u, v = rng.integers(0, 99, (2, m)).astype(np.int32)
    x, y, z, time = rng.normal(0, 100, (4, n))
    deposits = Deposits(offsets, u, v, rng.random(m).astype(np.float32))
    return Hits(rng.permutation(n), x, y, z, np.arange(n, dtype=np.int32) % 7, time=time, deposits=deposits)


def particles(rng: np.random.Generator, n: int) -> Particles:
    return Particles(rng.permutation(n), np.full(n, 13, np.int32), -np.ones(n), *rng.normal(0, 10, (6, n)))


def truth(rng: np.random.Generator, n: int) -> Truth:
    pairs = np.unique(rng.integers(0, max(n, 1), (3 * n, 2)) * [2, 1], axis=0)
    return Truth(
        particles(rng, n), pairs[:, 0], pairs[:, 1], rng.random(2 * n), rng.random(len(pairs)), fates(rng, n)
    )


def fates(rng: np.random.Generator, n: int) -> Fates:
    """Without parents: cutting must forget those; `tests/columns/test_fates.py` looks at them."""
    fate = rng.integers(0, len(FATES), n).astype(np.int8)
    return Fates(np.full(n, -1), fate, *rng.normal(0, 10, (4, n)))


def tracks(rng: np.random.Generator, n: int) -> Tracks:
    offsets, m = ragged(rng, n)
    five = rng.uniform(0.1, 1, (5, n))
    return Tracks(
        offsets,
        rng.permutation(m),
        *five,
        rng.normal(0, 1, (n, 15)),
        *rng.random((3, n)),
        hit_id=np.arange(m),
    )


def clusters(rng: np.random.Generator, n: int) -> Clusters:
    offsets, m = ragged(rng, n)
    where, axis, kinds = rng.random((5, n)), rng.random((n, 3)), rng.random((n, 4))
    return Clusters(offsets, rng.permutation(m), rng.random(m), *where, axis, kinds, rng.random(n))


def found_particles(rng: np.random.Generator, n: int) -> ReconstructedParticles:
    three = {name: ragged(rng, n) for name in ("track", "cluster", "hit")}
    index = {f"{name}_index": rng.permutation(m) for name, (_, m) in three.items()}
    kinds, numbers = rng.integers(0, 5, n).astype(np.int32), rng.random((7, n))
    offsets = {"track_offsets": three["track"][0], "cluster_offsets": three["cluster"][0]}
    return ReconstructedParticles(
        kinds, rng.random((n, 5)), *numbers, **index, **offsets, offsets=three["hit"][0]
    )


def jets(rng: np.random.Generator, n: int) -> Jets:
    offsets, m = ragged(rng, n)
    label = rng.integers(0, 2, n)
    return Jets(
        offsets, *rng.random((3, m)), rng.random((n, 2)), ("a", "b"), label, ("q", "g"), *rng.random((4, n))
    )


def collections(rng: np.random.Generator, n: int) -> Collections:
    return Collections(("ecal", "hcal"), np.arange(n, dtype=np.int32) % 2, rng.random((n, 3, 3)))


MAKERS = (hits, particles, fates, truth, tracks, clusters, found_particles, jets, collections)
every = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


def rows_of(table: Columns, name: str) -> list[list[float]]:
    """The entries of a ragged member, row by row, the slow way."""
    offsets, values = table._ragged()[name]
    return [values[a:b].tolist() for a, b in itertools.pairwise(offsets)]


@every
@given(seed=st.integers(0, 1000), n=st.integers(0, 9), data=st.data())
def test_rows_in_any_order_keep_what_is_theirs(make: Any, seed: int, n: int, data: st.DataObject) -> None:
    table = make(np.random.default_rng(seed), n)
    rows = data.draw(st.lists(st.integers(-n, n - 1), max_size=12)) if n else []
    cut = table[rows]
    assert len(cut) == len(rows)
    for name, value in table._flat().items():
        np.testing.assert_array_equal(cut._flat()[name], value[rows] if rows else value[:0])
    for name in table._ragged():
        before = rows_of(table, name)
        assert rows_of(cut, name) == [before[row] for row in rows]


@every
@given(seed=st.integers(0, 1000), n=st.integers(0, 9), data=st.data())
def test_what_is_cut_and_joined_again_is_the_same(make: Any, seed: int, n: int, data: st.DataObject) -> None:
    table = make(np.random.default_rng(seed), n)
    at = data.draw(st.integers(0, n))
    assert concatenate([table[:at], table[at:]]) == table
    assert table[np.arange(n) >= 0] == table
    assert table[::-1][::-1] == table
    assert concatenate(list(table) or [table]) == table


@every
def test_one_row_is_columns_of_length_one(make: Any) -> None:
    table = make(np.random.default_rng(1), 6)
    assert table[2] == table[2:3] == table[-4] == table[np.int64(2)]
    assert [row == table[i] for i, row in enumerate(table)] == [True] * 6
    for bad in (6, [True], "pt", (1, 2), None, 1.5):
        with pytest.raises(IndexError):
            table[bad]
    with pytest.raises(TypeError, match="not one array"):
        np.asarray(table)


@every
def test_equality_is_by_content(make: Any) -> None:
    table, again = (make(np.random.default_rng(1), 6) for _ in range(2))
    assert table == again
    assert table != make(np.random.default_rng(2), 6)
    assert table != table[:5]
    assert table != "a table"
    with pytest.raises(TypeError):
        hash(table)


def test_a_missing_number_equals_a_missing_number() -> None:
    one = tracks(np.random.default_rng(1), 3)
    blank = replace(one, score=np.full(3, np.nan))
    assert blank == replace(one, score=np.full(3, np.nan))
    assert blank != one


def test_an_event_equals_one_of_the_same_content() -> None:
    rng = np.random.default_rng(1)
    event = Event(3, "run1", hits(rng, 4), truth(rng, 2))
    assert event == replace(event, hits=event.hits[:])
    assert event != replace(event, number=4)
    assert event != replace(event, truth=None)


def test_links_of_particles_are_numbered_anew_and_stay_sorted() -> None:
    whole = truth(np.random.default_rng(5), 8)
    part = whole[[6, 1, 6]]
    assert part.particles == whole.particles[[6, 1, 6]]
    assert (np.diff(part.hit) >= 0).all()
    for new, old in enumerate([6, 1, 6]):
        np.testing.assert_array_equal(part.hit[part.particle == new], whole.hit[whole.particle == old])
    assert part.weight is not None
    assert len(part.weight) == 16  # of the hits, which stay


def test_what_cannot_be_joined_says_why() -> None:
    rng = np.random.default_rng(1)
    one = hits(rng, 3)
    with pytest.raises(ValueError, match="at least one part"):
        concatenate([])
    with pytest.raises(TypeError, match="Hits and Tracks"):
        concatenate([one, tracks(rng, 2)])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="time: some of these Hits"):
        concatenate([one, replace(one, time=None)])
    with pytest.raises(ValueError, match="classes: these parts differ"):
        concatenate([jets(rng, 2), replace(jets(rng, 2), classes=("b", "c"))])
    assert concatenate([Tracks(), tracks(np.random.default_rng(1), 2)]) == tracks(np.random.default_rng(1), 2)


def test_momenta_and_directions() -> None:
    one = particles(np.random.default_rng(3), 5)
    p = np.sqrt(one.px**2 + one.py**2 + one.pz**2)
    q_over_p, theta, phi = 1 / p, np.arccos(one.pz / p), one.phi
    found = replace(tracks(np.random.default_rng(3), 5), q_over_p=-q_over_p, theta=theta, phi=phi)
    np.testing.assert_allclose(found.pt, one.pt)
    np.testing.assert_allclose(found.eta, one.eta)
    np.testing.assert_array_equal(found.charge, -1)
    ahead = replace(clusters(np.random.default_rng(3), 5), x=one.px * 9, y=one.py * 9, z=one.pz * 9, energy=p)
    np.testing.assert_allclose(ahead.pt, one.pt)
    np.testing.assert_allclose(ahead.eta, one.eta)
    np.testing.assert_allclose(ahead.phi, one.phi)
    straight = replace(found, q_over_p=np.zeros(5))
    assert np.isinf(straight.pt).all()


@every
def test_awkward_holds_every_row(make: Any) -> None:
    pytest.importorskip("awkward")
    for n in (0, 6):
        table = make(np.random.default_rng(1), n)
        array = table.to_awkward()
        assert len(array) == n
        for name in table._ragged():
            assert array[name].tolist() == rows_of(table, name)
        for name, value in table._content().items():
            if not isinstance(value, Columns):
                np.testing.assert_array_equal(array[name].to_numpy(), value)


@every
def test_pandas_holds_every_row(make: Any) -> None:
    pytest.importorskip("pandas")
    for n in (0, 6):
        table = make(np.random.default_rng(1), n)
        frame = table.to_pandas()
        assert len(frame) == n
        for name in table._ragged():
            assert [list(entries) for entries in frame[name]] == rows_of(table, name)
        for name, value in table._flat().items():
            np.testing.assert_array_equal(frame[name].to_numpy(), value)


def test_a_library_that_is_missing_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "awkward", None)
    with pytest.raises(MissingTool, match=r"to_pandas needs it: pip install 'gnnreco\[pandas\]'"):
        Tracks().to_pandas()
    with pytest.raises(MissingTool, match=r"to_awkward needs it: pip install 'gnnreco\[root\]'"):
        Tracks().to_awkward()


def test_the_examples_in_the_docstrings() -> None:
    for module in (gnnreco.columns, sys.modules["gnnreco.columns.table"]):
        result = doctest.testmod(module)
        assert result.attempted
        assert not result.failed
