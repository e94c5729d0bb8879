"""Effects of detector and beam, put into one of many alike events, are named; what is none of them is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Event
from gnnreco.tasks.explore import Effect, known_effect, measure, rank

from .made import AROUND, chambers_at, hot, plain, shower
from .test_ranking import MANY


def effect(event: Event) -> Effect:
    """What explains an event among the usual ones, of which it is the strangest."""
    ranking = rank([*MANY, measure(event)])
    assert ranking.order[0] == len(MANY)
    return known_effect(ranking, len(MANY))


def test_a_hot_cell_is_a_noisy_cell() -> None:
    found = effect(hot(plain(99), 200.0))
    assert found.name == "noisy cell"
    assert "one cell of barrel has 200 GeV" in found.text
    assert "no other collection can confirm it" in found.text
    assert found.numbers["cell_gev"] == 200
    assert found.numbers["neighbours_gev"] < 2


def test_a_shower_is_none() -> None:
    found = effect(shower(plain(99), 200.0))
    assert found.name == "none of these"
    assert found.text.startswith("large missing transverse momentum in barrel")
    # The middle cell lies at the azimuth of row 20 of 36; what is missing points to the other side.
    azimuth = float(found.text.rsplit(" ", 1)[1])
    assert azimuth == pytest.approx(20.5 * 2 * np.pi / AROUND - np.pi, abs=0.1)


def test_a_muon_along_the_beam_is_beam_halo() -> None:
    z = np.array([-6800.0, -6000, -5000, -4200, -3000, -2000, 2000, 3000, 4200, 5000, 6000, 6800])
    found = effect(chambers_at(plain(99), np.array([2000.0]), np.array([1.0]), z))
    assert found.name == "beam halo"
    assert "12 hits of chambers lie on one line along the beam, at a radius of 2,000 mm" in found.text
    assert found.numbers["z_low_mm"] == -6800


def test_more_of_everything_is_pile_up() -> None:
    chance = np.random.default_rng(1)
    many = [measure(plain(number, many)) for number, many in enumerate(chance.uniform(0.6, 1.4, 20))]
    ranking = rank([*many, measure(plain(99, 2.2))])
    assert ranking.order[0] == 20
    found = known_effect(ranking, 20)
    assert found.name == "pile-up"
    assert found.numbers["times_usual"] > 1.5


def test_vertices_of_the_file_tell_of_pile_up() -> None:
    """What a file lists besides hits is left aside by the reader, but counted."""
    chance = np.random.default_rng(2)
    each = chance.uniform(0.6, 1.4, 21)
    each[20] = 2.2
    events = [
        replace(plain(number, many), left_aside={"Vertices_V1": round(15 * many), "Tracks_V3": 99})
        for number, many in enumerate(each)
    ]
    ranking = rank([measure(event) for event in events])
    found = known_effect(ranking, 20)
    assert found.name == "pile-up"
    assert "33 vertices (usually " in found.text


def test_events_that_are_not_strange_need_no_explanation() -> None:
    ranking = rank(MANY)
    assert known_effect(ranking, int(ranking.order[-1])) == Effect("ordinary", "as the others")
