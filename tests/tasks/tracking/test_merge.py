"""Pieces of one track are joined, pieces of two are not; a track has one hit on a sensor, but may have two on a layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Event
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs import first_particle
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.tracking.candidates import Candidates
from gnnreco.tasks.tracking.merge import merge

MAX_CHI2 = 50.0


def muons(detector: Detector, **options: object) -> tuple[Event, list[list[int]]]:
    """An event and the hits of each particle that crossed at least eight layers, from the inside outwards."""
    chosen = SimulationOptions(count=40, energy=(5.0, 20.0), efficiency=1.0, **options)  # type: ignore[arg-type]
    event = next(simulate(detector, "gun", events=1, seed=7, options=chosen))
    assert event.truth is not None
    owner = first_particle(event.truth, len(event.hits))
    layer = detector.layer[event.hits.sensor]
    distance = np.linalg.norm(event.hits.xyz, axis=1)
    found = []
    for particle in range(len(event.truth.particles)):
        rows = np.flatnonzero(owner == particle)
        if len(set(layer[rows])) >= 8:
            found.append(rows[np.argsort(distance[rows])].tolist())
    assert len(found) > 25
    return event, found


@pytest.fixture(scope="module")
def disks() -> tuple[Detector, Event, list[list[int]]]:
    detector = load_detector("hex_tracker")
    return detector, *muons(detector)


def fitted(detector: Detector, event: Event, pieces: Sequence[Sequence[int]]) -> Candidates:
    offsets = np.append(0, np.cumsum([len(p) for p in pieces])).astype(np.int64)
    hits = np.array([h for p in pieces for h in p], np.int64)
    return Candidates.fitted(detector, event.hits, offsets, hits, np.arange(1.0, len(pieces) + 1))


def lists(candidates: Candidates) -> list[list[int]]:
    cut = candidates.offsets[1:-1]
    return [part.tolist() for part in np.split(candidates.hit_index, cut)] if len(candidates) else []


def test_two_halves_of_each_track_join(disks: tuple[Detector, Event, list[list[int]]]) -> None:
    detector, event, tracks = disks
    pieces = fitted(detector, event, [t[:4] for t in tracks] + [t[4:] for t in tracks])
    joined = merge(detector, event.hits, pieces, MAX_CHI2)
    assert joined.fit.valid.all()
    whole = {tuple(t) for t in tracks}
    found = [tuple(t) for t in lists(joined)]
    assert sorted(h for t in found for h in t) == sorted(h for t in tracks for h in t), (
        "no hit is lost or doubled"
    )
    assert len(whole & set(found)) >= 0.95 * len(tracks)
    # A joint track carries the weight of both pieces, and the fit of all its hits.
    assert joined.weight.sum() == pytest.approx(pieces.weight.sum())
    again = fitted(detector, event, found)
    assert np.allclose(joined.fit.parameters, again.fit.parameters)
    assert np.allclose(joined.fit.chi2, again.fit.chi2)


def test_halves_of_two_particles_do_not_join(disks: tuple[Detector, Event, list[list[int]]]) -> None:
    detector, event, tracks = disks
    inner, outer = tracks[0::2], tracks[1::2]
    pieces = fitted(detector, event, [t[:4] for t in inner] + [t[4:] for t in outer])
    joined = merge(detector, event.hits, pieces, MAX_CHI2)
    assert sorted(lists(joined)) == sorted(lists(pieces))


def test_three_pieces_join_in_two_rounds(disks: tuple[Detector, Event, list[list[int]]]) -> None:
    detector, event, tracks = disks
    track = next(t for t in tracks if len(t) == 10)
    once = merge(detector, event.hits, fitted(detector, event, [track[:4], track[4:7], track[7:]]), MAX_CHI2)
    assert len(once) == 2
    assert lists(merge(detector, event.hits, once, MAX_CHI2)) == [track]


def test_no_window_no_joint(disks: tuple[Detector, Event, list[list[int]]]) -> None:
    detector, event, tracks = disks
    pieces = fitted(detector, event, [tracks[0][:4], tracks[0][4:]])
    assert (
        len(merge(detector, event.hits, pieces, 0.0)) == 2
    )  # whatever the pieces are, a joint fit adds something


def test_pieces_that_share_a_sensor_stay_apart(disks: tuple[Detector, Event, list[list[int]]]) -> None:
    detector, event, tracks = disks
    track = next(t for t in tracks if len(t) == 10)
    pieces = fitted(detector, event, [track[:5], track[4:]])  # one hit in both
    assert lists(merge(detector, event.hits, pieces, MAX_CHI2)) == lists(pieces)


def test_pieces_may_share_a_layer_where_sensors_overlap() -> None:
    detector = load_detector("trackml")
    event, tracks = muons(detector)
    layer = detector.layer[event.hits.sensor]
    tried = joined = 0
    for track in tracks:
        along = layer[track]
        cuts = np.flatnonzero(along[1:] == along[:-1]) + 1
        cuts = cuts[(cuts >= 4) & (cuts <= len(track) - 4)]
        if not len(cuts):
            continue
        pieces = [track[: cuts[0]], track[cuts[0] :]]
        assert set(layer[pieces[0]]) & set(layer[pieces[1]])
        tried += 1
        joined += lists(merge(detector, event.hits, fitted(detector, event, pieces), MAX_CHI2)) == [track]
    assert tried >= 15
    assert joined >= 0.9 * tried


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_join(count: int, disks: tuple[Detector, Event, list[list[int]]]) -> None:
    detector, event, tracks = disks
    pieces = fitted(detector, event, tracks[:count])
    same = merge(detector, event.hits, pieces, MAX_CHI2)
    assert lists(same) == tracks[:count]
    assert same.offsets.tolist() == pieces.offsets.tolist()
    assert np.array_equal(same.fit.parameters, pieces.fit.parameters)


def test_pieces_too_short_to_fit_stay(disks: tuple[Detector, Event, list[list[int]]]) -> None:
    detector, event, tracks = disks
    pieces = fitted(detector, event, [tracks[0][:2], tracks[0][2:], tracks[1][:1]])
    assert pieces.fit.valid.tolist() == [False, True, False]
    assert sorted(lists(merge(detector, event.hits, pieces, MAX_CHI2))) == sorted(lists(pieces))


def test_pieces_on_both_sides_of_the_seam_join(disks: tuple[Detector, Event, list[list[int]]]) -> None:
    """Turned so that pi lies between the azimuths of its two halves, a track is joined all the same."""
    detector, event, tracks = disks
    for track in tracks[:10]:
        halves = fitted(detector, event, [track[:4], track[4:]])
        turn = np.pi - halves.fit.parameters[:, 2].mean()
        x, y = event.hits.x, event.hits.y
        hits = replace(
            event.hits, x=np.cos(turn) * x - np.sin(turn) * y, y=np.sin(turn) * x + np.cos(turn) * y
        )
        turned = fitted(detector, replace(event, hits=hits), [track[:4], track[4:]])
        assert np.ptp(turned.fit.parameters[:, 2]) > 6
        joined = len(merge(detector, event.hits, halves, MAX_CHI2)) == 1
        assert len(merge(detector, hits, turned, MAX_CHI2)) == (1 if joined else 2)
