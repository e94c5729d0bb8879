"""What became of each particle: in sensors made for one fate each, and in whole events."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gnnreco
from gnnreco.columns import FATES, Event, Fates
from gnnreco.events import open_events, write_events
from gnnreco.events.select import in_source_frame, out_of_source_frame
from gnnreco.geometry import load_detector
from gnnreco.geometry.source import Source
from gnnreco.simulate import SimulationOptions
from gnnreco.simulate.transport import Transport, Transported
from tests.simulate.conftest import QUIET, planes
from tests.simulate.flight.test_flight import NOTHING, air, flown, shell
from tests.simulate.test_transport import shot

OPTIONS = SimulationOptions()


def transported(name: str, pdg: int, p: list[list[float]], seed: int = 1) -> Transported:
    return _transport(name)(shot(pdg, np.array(p)), np.random.default_rng(seed))


@cache
def _transport(name: str) -> Transport:
    return Transport(load_detector(name), OPTIONS)


def children(done: Transported, parent: int) -> np.ndarray:
    return np.flatnonzero(done.fates.parent == parent)


def momenta(done: Transported) -> np.ndarray:
    p = done.particles
    return np.stack([p.px, p.py, p.pz], axis=1)


@pytest.mark.parametrize(
    ("pdg", "momentum", "how", "fate", "place"),
    [
        (13, (0.0, 0.0, 5.0), {}, "left", None),
        (2112, (0.0, 3.0, 4.0), {}, "left", None),
        (14, (0.0, 0.0, 5.0), {}, "escaped", (0, 0, 0)),
        (13, (0.0, 0.0, 0.04), {}, "stopped", (0, 0, 0)),
        (211, (1.0, 0.0, 0.001), {"field": 20.0}, "curled", None),
        (
            22,
            (4.0, 0.0, 3.0),
            {"matter": air(2, shell(50.0) * [1, 1, 1e5, 0, 1])},
            "converted",
            (50, 0, 37.5),
        ),
        (
            211,
            (3.0, 0.0, 4.0),
            {"matter": air(2, shell(50.0) * [1, 1, 0, 1e6, 1])},
            "interacted",
            (50, 0, 200 / 3),
        ),
        (
            130,
            (0.0, 0.0, 4.0),
            {"matter": air(2)._replace(depth=np.array([np.nan, 3.0]))},
            "showered",
            (0, 0, 197),
        ),
    ],
)
def test_each_fate_has_its_place(
    pdg: int, momentum: tuple[float, float, float], how: dict, fate: str, place: tuple | None
) -> None:
    physics = NOTHING._replace(radiation=True, nuclear=True, radiate=True)
    *_, fates = flown(pdg, momentum, physics=physics, **how)
    assert FATES[int(fates[0, 0])] == fate
    if place is not None:
        np.testing.assert_allclose(fates[0, 1:4], place, atol=1e-5)


def test_a_muon_flies_out_through_a_calorimeter() -> None:
    *_, fates = flown(13, (0.0, 0.0, 4.0), matter=air(2)._replace(depth=np.array([np.nan, 3.0])))
    assert FATES[int(fates[0, 0])] == "left"
    assert fates[0, 3] > 200


@pytest.mark.parametrize("pdg", [111, 310, 3122])
def test_the_daughters_of_a_decay_know_their_parent(pdg: int) -> None:
    detector, options = planes([100.0, 200.0], half=2000, pitch=10.0), replace(QUIET, decays=True)
    done = Transport(detector, options)(
        shot(pdg, np.tile([0.0, 0.3, 1.0], (20, 1))), np.random.default_rng(3)
    )
    assert done.fates.became("decayed")[:20].all()
    for row in range(20):
        two = children(done, row)
        assert len(two) == 2
        np.testing.assert_allclose(momenta(done)[two].sum(axis=0), [0, 0.3, 1], atol=1e-9)


def test_the_neutrino_of_a_pion_escapes() -> None:
    options = replace(QUIET, decays=True)
    done = Transport(planes([1e4, 2e4], half=2e4, pitch=100.0), options)(
        shot(211, np.tile([0.0, 0.0, 0.2], (20, 1))), np.random.default_rng(3)
    )
    neutrino = np.abs(done.particles.pdg) == 14
    assert neutrino.any()
    np.testing.assert_array_equal(done.fates.became("escaped"), neutrino)


def test_photons_convert_in_the_tracker_before_they_shower() -> None:
    phi = np.linspace(0, 6, 40)
    done = transported("odd", 22, np.stack([5 * np.cos(phi), 5 * np.sin(phi), 0 * phi], axis=1).tolist())
    converted = np.flatnonzero(done.fates.became("converted")[:40])
    assert 1 <= len(converted) < 35
    assert done.fates.became("converted", "showered")[:40].all()
    for row in converted:
        pair = children(done, int(row))
        assert done.particles.pdg[pair].tolist() == [11, -11]
        np.testing.assert_allclose(momenta(done)[pair].sum(axis=0), momenta(done)[row], atol=1e-9)
    for row in np.flatnonzero(done.fates.became("showered")[:40]):
        assert len(children(done, int(row))) == 0


@given(st.sampled_from([11, 13, 22, 211, -321, 2112, 310, 111]), st.integers(0, 20))
@settings(max_examples=12, deadline=None)
def test_families_hold_together(pdg: int, seed: int) -> None:
    angle = np.random.default_rng(seed).uniform(0.3, 2.8, 3)
    done = transported(
        "odd", pdg, np.stack([2 * np.sin(angle), 0 * angle, 2 * np.cos(angle)], axis=1).tolist(), seed
    )
    fates, particles = done.fates, done.particles
    assert len(fates) == len(particles)
    assert (fates.parent[:3] == -1).all()
    child = np.arange(3, len(fates))
    parent = fates.parent[child]
    assert ((parent >= 0) & (parent < child)).all()
    assert (done.generation[child] == done.generation[parent] + 1).all()
    assert (fates.time >= particles.time).all()
    # A child begins where its parent ended; only photons that an electron radiated begin on its way.
    on_the_way = (particles.pdg[child] == 22) & (np.abs(particles.pdg[parent]) == 11)
    begin = np.stack([particles.vx, particles.vy, particles.vz], axis=1)[child]
    end = np.stack([fates.x, fates.y, fates.z], axis=1)[parent]
    np.testing.assert_array_equal(begin[~on_the_way], end[~on_the_way])
    assert fates.became("decayed", "converted", "interacted")[parent[~on_the_way]].all()
    # Showers begin where the flight says, and muons have none.
    entries = done.entries
    np.testing.assert_array_equal(np.sort(entries.particle), np.flatnonzero(fates.became("showered")))
    for name in ("x", "y", "z", "time"):
        np.testing.assert_array_equal(getattr(fates, name)[entries.particle], getattr(entries, name))
    assert not (fates.became("showered") & (np.abs(particles.pdg) == 13)).any()
    assert (np.abs(particles.pdg[fates.became("converted")]) == 22).all()


@pytest.fixture(scope="module")
def event() -> Event:
    return next(iter(gnnreco.simulate("odd", particle="photon", energy=(1, 5), count=4, eta=(-1, 1), seed=2)))


def told(event: Event) -> Fates:
    assert event.truth is not None
    assert event.truth.fates is not None
    return event.truth.fates


def test_files_keep_what_the_simulation_says(event: Event, tmp_path: Path) -> None:
    write_events([event], tmp_path)
    back, fates = told(open_events(tmp_path, None)[0]), told(event)
    for name in ("parent", "fate"):
        np.testing.assert_array_equal(getattr(back, name), getattr(fates, name))
    for name in ("x", "y", "z", "time"):
        np.testing.assert_array_equal(getattr(back, name), getattr(fates, name).astype(np.float32))


def test_fates_move_with_the_frame(event: Event) -> None:
    source = Source(np.array([1.0, 2.0, 3.0]), np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0]))
    moved, fates = told(in_source_frame(event, source)), told(event)
    np.testing.assert_allclose(moved.z, fates.x - 1)
    np.testing.assert_allclose(moved.x, fates.y - 2)
    back = told(out_of_source_frame(in_source_frame(event, source), source))
    np.testing.assert_allclose([back.x, back.y, back.z], [fates.x, fates.y, fates.z], atol=1e-9)
