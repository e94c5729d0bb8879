"""Products of one particle that leave one shower, and those that leave several."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import FATES, Event, Fates, Hits, Particles, Truth
from gnnreco.graphs.showers.families import one_shower_each

RADIUS = 20.0  # mm
DETECTOR: Any = SimpleNamespace(moliere_radius=np.array([RADIUS]), sampling_fraction=np.array([0.5]))
PHOTON, ELECTRON, POSITRON, PION = 22, 11, -11, 211
Row = tuple[int, int, str, float, float | None]


def event_of(rows: Sequence[Row], fates: bool = True, z: float = 1000.0) -> Event:
    """Rows of pdg, parent, fate, energy along z (GeV) and x of a hit with half of that energy (None: no hit)."""
    pdg, parent, fate, energy, x = zip(*rows, strict=True)
    n, lit = len(rows), [k for k, row in enumerate(rows) if row[4] is not None]
    none, e = np.zeros(n), np.array(energy)
    charge = np.array([0.0 if code == PHOTON else -np.sign(code) for code in pdg])
    particles = Particles(np.arange(n), np.array(pdg, np.int32), charge, none, none, none, none, none, e)
    ends = np.array([FATES.index(name) for name in fate], np.int8)
    became = Fates(np.array(parent, np.int64), ends, none, none, none, none) if fates else None
    place = np.array([x[k] for k in lit], float)
    left = 0.5 * e[lit]
    m = len(lit)
    hits = Hits(
        hit_id=np.arange(m),
        x=place,
        y=np.zeros(m),
        z=np.full(m, z),
        sensor=np.zeros(m, np.int32),
        energy=left,
    )
    truth = Truth(particles, np.arange(m), np.array(lit, np.int64), energy=left, fates=became)
    return Event(1, "hand", hits=hits, truth=truth)


def conversion(apart: float) -> list[Row]:
    """A photon of 10 GeV that converted; the electrons come in so far apart (mm)."""
    return [
        (PHOTON, -1, "converted", 10.0, None),
        (ELECTRON, 0, "showered", 7.0, 0.0),
        (POSITRON, 0, "showered", 3.0, apart),
    ]


def true(event: Event) -> Truth:
    truth = one_shower_each(event, DETECTOR).truth
    assert truth is not None
    return truth


def test_both_halves_of_a_conversion_that_come_in_together_are_the_photon() -> None:
    truth = true(event_of(conversion(0.9 * RADIUS)))
    assert truth.particle.tolist() == [0, 0]
    assert truth.particles.pz[0] == pytest.approx(10.0, rel=1e-6)
    assert truth.energy is not None
    assert truth.energy.tolist() == [3.5, 1.5]


def test_halves_that_a_field_has_parted_are_two_showers() -> None:
    truth = true(event_of(conversion(1.1 * RADIUS)))
    assert truth.particle.tolist() == [1, 2]
    assert truth.particles.pz[1:].tolist() == [7.0, 3.0]


def test_what_an_electron_radiated_is_its_own_where_it_stays_near_and_is_missing_from_it_elsewhere() -> None:
    near, far = (
        true(event_of([(ELECTRON, -1, "showered", 10.0, 0.0), (PHOTON, 0, "showered", 4.0, x)]))
        for x in (5.0, 300.0)
    )
    assert (near.particle.tolist(), far.particle.tolist()) == ([0, 0], [0, 1])
    assert near.particles.pz[0] == pytest.approx(10.0, rel=1e-6)
    assert far.particles.pz.tolist() == pytest.approx([6.0, 4.0], rel=1e-6)


def test_a_shower_that_is_not_all_of_its_maker_has_the_row_of_the_particle_that_left_most() -> None:
    rows = [
        (PION, -1, "interacted", 20.0, None),
        (PION, 0, "showered", 6.0, 0.0),
        (PION, 0, "showered", 8.0, 5.0),
        (PION, 0, "showered", 2.0, 500.0),
    ]
    truth = true(event_of(rows))
    assert truth.particle.tolist() == [2, 2, 3]
    mass = 0.13957
    energy = sum(np.hypot(p, mass) for p in (6.0, 8.0))
    assert np.hypot(truth.particles.pz[2], mass) == pytest.approx(energy, rel=1e-4)


def test_products_of_a_decay_stay_apart() -> None:
    rows = [
        (PION, -1, "decayed", 10.0, None),
        (PHOTON, 0, "showered", 6.0, 0.0),
        (PHOTON, 0, "showered", 4.0, 1.0),
    ]
    assert true(event_of(rows)).particle.tolist() == [1, 2]


def test_strangers_stay_apart_and_an_event_without_fates_stays_what_it_is() -> None:
    strangers = [(PHOTON, -1, "showered", 6.0, 0.0), (PHOTON, -1, "showered", 4.0, 1.0)]
    event = event_of(strangers)
    assert one_shower_each(event, DETECTOR) is event
    event = event_of(conversion(1.0), fates=False)
    assert one_shower_each(event, DETECTOR) is event


@given(st.lists(st.tuples(st.floats(-60, 60), st.floats(0.5, 20)), min_size=1, max_size=6))
def test_nothing_is_lost(children: list[tuple[float, float]]) -> None:
    whole = sum(energy for _, energy in children)
    rows: list[Row] = [(PHOTON, -1, "converted", whole, None)]
    rows += [(PHOTON, 0, "showered", energy, x) for x, energy in children]
    event = event_of(rows)
    truth = true(event)
    assert truth.energy is not None
    assert truth.energy.sum() == pytest.approx(event.hits.energy.sum())  # type: ignore[union-attr]
    used = np.unique(truth.particle)
    assert truth.particles.pz[used].sum() == pytest.approx(whole, rel=1e-5)
