"""Faults that are put into events: the hits told are those that differ, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Event
from gnnreco.errors import BadInput
from gnnreco.events.select import select_hits
from gnnreco.geometry import Detector, Subsystem
from gnnreco.simulate import simulate
from gnnreco.testing.implants import FAULTS, dead_region, hot_tower, noise_burst
from tests.simulate.conftest import planes


@pytest.fixture(scope="module")
def detector() -> Detector:
    """Three planes of a tracker before ten plates of a calorimeter."""
    made = planes(
        [100.0, 200.0, 300.0] + [500.0 + 12 * i for i in range(10)], pitch=5.0, half=150.0, radiation=1.0
    )
    n = made.n_sensors
    return replace(
        made,
        subsystems=(Subsystem("tracker", ("position",)), Subsystem("plates", ("energy",))),
        subsystem=np.array([0] * 3 + [1] * 10, np.int32),
        radiation_lengths=np.array([0.01] * 3 + [1.5] * 10),
        moliere_radius=np.full(n, 20.0),
        sampling_fraction=np.full(n, 0.05),
    )


@pytest.fixture(scope="module")
def event(detector: Detector) -> Event:
    """Photons and pions."""
    (made,) = simulate(
        detector, "gun", 1, seed=3, particle="photon,pion", count=8, energy=(5.0, 20.0), eta=(2.2, 3.0)
    )
    return made


def by_id(event: Event) -> dict[int, tuple[float, ...]]:
    """Place and energy of each hit."""
    h = event.hits
    assert h.energy is not None
    return dict(zip(h.hit_id.tolist(), zip(h.x, h.y, h.z, h.energy, strict=True), strict=True))


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_told_is_what_differs_and_a_seed_makes_it_again(
    name: str, event: Event, detector: Detector
) -> None:
    made, again, other = (FAULTS[name](event, detector, seed) for seed in (1, 1, 2))
    before, after = by_id(event), by_id(made.event)
    assert {key for key, value in after.items() if before.get(key) != value} == set(made.hits.tolist())
    assert set(before) - set(after) == set(made.gone.tolist())
    assert len(made.hits) + len(made.gone) > 0
    assert by_id(again.event) == after != by_id(other.event)
    assert len(after) == len(made.event.hits)  # no id twice
    assert made.event.hits.deposits is not None
    assert len(made.event.hits.deposits) == len(made.event.hits)


@pytest.mark.parametrize("name", FAULTS)
def test_the_truth_still_names_the_same_hits(name: str, event: Event, detector: Detector) -> None:
    made = FAULTS[name](event, detector, 4).event
    assert event.truth is not None
    assert made.truth is not None
    links = [
        {(int(e.hits.hit_id[h]), int(p)) for h, p in zip(e.truth.hit, e.truth.particle, strict=True)}  # type: ignore[union-attr]
        for e in (event, made)
    ]
    assert links[1] == {link for link in links[0] if link[0] in by_id(made)}


def test_a_hot_tower_goes_through_the_plates_and_has_its_energy(event: Event, detector: Detector) -> None:
    made = hot_tower(event, detector, 1, energy=2.0)
    rows = np.isin(made.event.hits.hit_id, made.hits)
    assert set(made.event.hits.sensor[rows].tolist()) == set(range(3, 13))
    assert made.event.hits.energy is not None
    assert event.hits.energy is not None
    assert made.event.hits.energy.sum() - event.hits.energy.sum() == pytest.approx(2.0)
    way = made.event.hits.xyz[rows] / np.linalg.norm(made.event.hits.xyz[rows], axis=1)[:, None]
    assert (way @ way.mean(axis=0) > np.cos(0.1)).all()


def test_a_burst_fires_cells_of_one_part_and_a_dead_region_lies_in_one(
    event: Event, detector: Detector
) -> None:
    burst, dead = noise_burst(event, detector, 2, count=100), dead_region(event, detector, 2)
    sensor = burst.event.hits.sensor[np.isin(burst.event.hits.hit_id, burst.hits)]
    assert len(np.unique(detector.subsystem[sensor])) == 1
    assert 50 < len(sensor) <= 100
    gone = event.hits.sensor[np.isin(event.hits.hit_id, dead.gone)]
    assert len(np.unique(detector.subsystem[gone])) == 1


def test_an_event_without_hits_can_have_no_fault(event: Event, detector: Detector) -> None:
    empty = select_hits(event, np.zeros(len(event.hits), bool))
    for fault in FAULTS.values():
        with pytest.raises(BadInput, match=r"event 0.*has no hit there"):
            fault(empty, detector, 1)
