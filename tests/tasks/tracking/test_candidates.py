"""Tables of candidates: rows and concatenation keep hits, weights and fits together; a hit that does not fit is dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import Hits
from gnnreco.fit.trackfit import MISSED_SENSOR
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs import first_particle
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.tracking.candidates import Assumed, Candidates, concatenate

DETECTOR = "hex_tracker"


def true_candidates(detector: Detector) -> tuple[Hits, Candidates]:
    options = SimulationOptions(count=12, energy=(5.0, 20.0), efficiency=1.0)
    event = next(simulate(detector, "gun", events=1, seed=3, options=options))
    assert event.truth is not None
    owner = first_particle(event.truth, len(event.hits))
    order = np.lexsort((np.linalg.norm(event.hits.xyz, axis=1), owner))
    order = order[owner[order] >= 0]
    size = np.bincount(owner[order], minlength=len(event.truth.particles))
    size = size[size > 0]
    weight = np.arange(len(size)) + 0.5
    offsets = np.append(0, np.cumsum(size))
    return event.hits, Candidates.fitted(detector, event.hits, offsets, order, weight)


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector(DETECTOR)


@pytest.fixture(scope="module")
def event(detector: Detector) -> tuple[Hits, Candidates]:
    return true_candidates(detector)


def same(one: Candidates, two: Candidates) -> None:
    for name in ("offsets", "hit_index", "weight"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name
    for name, a, b in zip(one.fit._fields, one.fit, two.fit, strict=True):
        assert np.array_equal(a, b), name


@given(keep=st.lists(st.booleans(), min_size=64, max_size=64))
def test_rows_and_their_complement_make_the_table(keep: list[bool], event: tuple[Hits, Candidates]) -> None:
    _, all_of = event
    chosen = np.array(keep[: len(all_of)])
    first, second = all_of.rows(chosen), all_of.rows(~chosen)
    assert len(first) + len(second) == len(all_of)
    assert np.array_equal(first.weight, all_of.weight[chosen])
    for k, row in enumerate(np.flatnonzero(chosen)):
        mine, theirs = slice(*first.offsets[k : k + 2]), slice(*all_of.offsets[row : row + 2])
        assert np.array_equal(first.hit_index[mine], all_of.hit_index[theirs])
        assert np.array_equal(first.fit.chi2_hit[mine], all_of.fit.chi2_hit[theirs])
        assert np.array_equal(first.fit.parameters[k], all_of.fit.parameters[row])
    both = concatenate([first, second])
    back = np.argsort(np.append(np.flatnonzero(chosen), np.flatnonzero(~chosen)))
    assert np.array_equal(both.weight[back], all_of.weight)
    assert np.array_equal(both.fit.covariance[back], all_of.fit.covariance)
    assert sorted(both.hit_index) == sorted(all_of.hit_index)


def test_all_rows_and_none(event: tuple[Hits, Candidates]) -> None:
    _, all_of = event
    every, none = np.ones(len(all_of), bool), np.zeros(len(all_of), bool)
    same(all_of.rows(every), all_of)
    same(concatenate([all_of.rows(none), all_of]), all_of)
    assert len(all_of.rows(none).tracks(4)) == 0
    assert all_of.rows(none).offsets.tolist() == [0]


def test_good_candidates_are_left_as_they_are(detector: Detector, event: tuple[Hits, Candidates]) -> None:
    hits, all_of = event
    assert all_of.fit.valid.all()
    same(all_of.without_outliers(detector, hits, 1e6, 1e6), all_of)


def test_a_wild_hit_is_dropped_and_the_others_are_not_touched(
    detector: Detector, event: tuple[Hits, Candidates]
) -> None:
    hits, all_of = event
    row = 2
    wild = all_of.hit_index[all_of.offsets[row] + 4]
    u = detector.rotation[hits.sensor[wild], :, 0] * 5.0  # mm: a hundred cells away
    moved = replace(hits, **{c: np.array(getattr(hits, c)) for c in "xyz"})
    for k, c in enumerate("xyz"):
        getattr(moved, c)[wild] += u[k]
    bad = Candidates.fitted(detector, moved, all_of.offsets, all_of.hit_index, all_of.weight)
    limit = 2 * np.delete(all_of.fit.chi2_hit, all_of.offsets[row] + 4).max()
    clean = bad.without_outliers(detector, moved, limit, limit)
    tracks = clean.tracks(4)
    assert len(tracks) == len(all_of)
    found = [
        tracks.hit_index[a:b].tolist() for a, b in zip(tracks.offsets[:-1], tracks.offsets[1:], strict=True)
    ]
    wanted = np.split(all_of.hit_index, all_of.offsets[1:-1])
    wanted[row] = wanted[row][wanted[row] != wild]
    assert sorted(found) == sorted(w.tolist() for w in wanted)
    mine = found.index(wanted[row].tolist())
    without = Candidates.fitted(detector, hits, np.array([0, len(wanted[row])]), wanted[row], np.ones(1))
    assert tracks.q_over_p[mine] == pytest.approx(without.fit.parameters[0, 4], rel=1e-2)
    assert tracks.chi2[mine] < 0.01 * bad.fit.chi2[row]


def test_tracks_have_a_fit_enough_hits_and_a_score(
    detector: Detector, event: tuple[Hits, Candidates]
) -> None:
    hits, all_of = event
    length = np.diff(all_of.offsets)
    assert set(length) > {10}
    assert len(all_of.tracks(4)) == len(all_of)
    assert len(all_of.tracks(10)) == np.count_nonzero(length >= 10)
    short = Candidates.fitted(detector, hits, np.array([0, 2]), all_of.hit_index[:2], np.ones(1))
    assert len(concatenate([all_of, short]).tracks(2)) == len(all_of), "two hits make no track"
    score = all_of.tracks(4).score
    assert np.allclose(score, np.minimum(all_of.weight / (length - 2), 1.0))


def test_a_hit_that_leaves_the_fit_stays_on_the_track_unless_it_is_far_off(
    detector: Detector, event: tuple[Hits, Candidates]
) -> None:
    hits, all_of = event
    row = 2
    aside = all_of.offsets[row] + 4
    hit = all_of.hit_index[aside]
    u = detector.rotation[hits.sensor[hit], :, 0] * 10 * detector.resolution_u[hits.sensor[hit]]
    moved = replace(hits, x=hits.x.copy(), y=hits.y.copy(), z=hits.z.copy())
    moved.x[hit], moved.y[hit], moved.z[hit] = moved.x[hit] + u[0], moved.y[hit] + u[1], moved.z[hit] + u[2]
    bad = Candidates.fitted(detector, moved, all_of.offsets, all_of.hit_index, all_of.weight)
    assert bad.fit.chi2_hit[aside] > 30
    near, far = (bad.without_outliers(detector, moved, 30.0, lost).tracks(4) for lost in (1e4, 30.0))
    assert near.n_hits.sum() == far.n_hits.sum() + 1
    assert hit in near.hit_index
    assert hit not in far.hit_index
    for name in ("q_over_p", "phi", "chi2", "ndf"):  # the same fit, without it
        assert sorted(getattr(near, name)) == sorted(getattr(far, name))


def test_a_track_that_no_curve_meets_as_a_whole_keeps_its_hits_and_takes_the_fit_of_the_inner_ones(
    detector: Detector, event: tuple[Hits, Candidates]
) -> None:
    hits, all_of = event
    first, second = (slice(*all_of.offsets[row : row + 2]) for row in (0, 1))
    inner, rest = all_of.hit_index[first], all_of.hit_index[second][-3:]
    mixed = np.append(inner, rest)  # the end of another track, which points elsewhere
    bad = Candidates.fitted(detector, hits, np.array([0, len(mixed)]), mixed, np.ones(1))
    bad.fit.status[:] = MISSED_SENSOR
    mended = bad.fitted_inside(detector, hits, len(inner) / len(mixed), 30.0, Assumed())
    assert mended.fit.valid.all()
    assert np.array_equal(mended.hit_index, mixed)
    assert mended.fit.kept[: len(inner)].all()
    assert mended.fit.parameters[0] == pytest.approx(all_of.fit.parameters[0], rel=1e-6)
    assert mended.fit.ndf[0] == 2 * len(inner) - 5
