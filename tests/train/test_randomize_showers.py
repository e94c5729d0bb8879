"""Showers with the readout of another calorimeter: the same at each reading, truth that follows, and what changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Event, Floats
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs.showers.cells import hit_cells, visible_fraction
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.train import randomize_showers as recipe
from gnnreco.train.randomize import Randomized, randomized
from gnnreco.train.randomize_showers import randomized_showers
from gnnreco.train.settings import compose


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("hgcal")


@pytest.fixture(scope="module")
def event(detector: Detector) -> Event:
    options = SimulationOptions(
        particle="photon", count=3, energy=(5.0, 20.0), eta=(1.8, 2.5), cell_threshold=0.2
    )
    return next(simulate(detector, "gun", 1, seed=5, options=options))


def _left(event: Event) -> Floats:
    """What each particle left."""
    assert event.truth is not None
    left = np.bincount(event.truth.particle, event.truth.energy, len(event.truth.particles))
    return left.astype(np.float64)


def _in_mips(event: Event, detector: Detector) -> Floats:
    assert event.hits.energy is not None
    sensor = event.hits.sensor
    mip = 0.01 * detector.radiation_lengths[sensor] * visible_fraction(detector, sensor)
    return event.hits.energy / mip


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_truth_follows_the_hits(seed: int, detector: Detector, event: Event) -> None:
    changed = randomized_showers(event, detector, np.random.default_rng(seed))
    assert changed == randomized_showers(event, detector, np.random.default_rng(seed))
    hits, truth = changed.hits, changed.truth
    assert truth is not None
    assert truth.energy is not None
    assert hits.energy is not None
    assert hits.deposits is not None
    assert len(np.unique(hits.hit_id)) == len(hits)
    key = truth.hit * len(truth.particles) + truth.particle
    assert (np.diff(key) > 0).all()  # sorted, each link once
    noise = ~np.isin(hits.hit_id, event.hits.hit_id)
    assert not noise[truth.hit].any()
    assert truth.hit.max() < len(hits)
    cell = hit_cells(detector, hits)
    assert (cell >= 0).all()
    assert len(np.unique(detector.cell_id(hits.sensor, cell))) == len(hits)
    np.testing.assert_allclose(detector.cell_position(hits.sensor, cell), hits.xyz, atol=1e-6)
    np.testing.assert_allclose(hits.deposits.value, hits.energy, rtol=1e-5)
    assert len(hits) <= recipe.MOST_CELLS


def test_energy_moves_between_cells_and_is_never_made(detector: Detector, event: Event) -> None:
    assert event.hits.energy is not None
    rng = np.random.default_rng(1)
    talked = recipe._crosstalk(event, detector, 0.03)
    merged = recipe._merged(event, detector, 0.3, rng)
    for changed in (talked, merged):
        assert changed.hits.energy is not None
        assert changed.hits.energy.sum() == pytest.approx(event.hits.energy.sum())
        np.testing.assert_allclose(_left(changed), _left(event))
        assert not np.allclose(changed.hits.energy[:20], event.hits.energy[:20])
    assert len(talked.hits) == len(event.hits)
    assert 0.7 * len(event.hits) < len(merged.hits) < 0.98 * len(event.hits)
    loudest = event.hits.energy.argmax()
    assert talked.hits.energy is not None
    assert talked.hits.energy[loudest] < event.hits.energy[loudest]


def test_a_readout_cut_takes_the_links_of_its_cells(detector: Detector, event: Event) -> None:
    cut = recipe._over(event, detector, 1.0)
    kept = _in_mips(event, detector) > 1.0
    assert 0 < kept.sum() < len(kept)
    np.testing.assert_array_equal(cut.hits.hit_id, event.hits.hit_id[kept])
    assert cut.truth is not None
    assert event.truth is not None
    assert len(cut.truth.hit) == kept[event.truth.hit].sum()


def test_noise_falls_from_the_cut_within_its_budget(
    detector: Detector, event: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "NOISE", (10.0, 10.0 + 1e-9))
    noisy = recipe._with_noise(event, detector, 0.8, np.random.default_rng(2))
    made = _in_mips(noisy, detector)[len(event.hits) :]
    assert len(made) == pytest.approx(10 * len(event.hits), rel=0.02)
    assert made.min() > 0.8
    assert np.quantile(made, 0.5) < 1.2
    assert len(np.unique(detector.layer[noisy.hits.sensor[len(event.hits) :]])) > 20
    assert recipe._noise_count(detector, 1000, 1e6) == recipe.MOST_CELLS - 1000
    assert recipe._noise_count(detector, recipe.MOST_CELLS + 1, 5) == 0
    few = detector.select(np.arange(detector.n_sensors) < 3)
    cells = sum(few.templates[t].n_cells for t in few.template)
    assert recipe._noise_count(few, 1000, 1e6) <= recipe.MOST_OCCUPIED * cells


def test_noise_may_gather_around_one_angle(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    spread = []
    for factor in (1.0, 12.0):
        monkeypatch.setattr(recipe, "GATHERED", (factor, factor))
        sensor, cell = recipe._gathered_cells(detector, 2000, np.random.default_rng(5))
        assert 1800 < len(sensor) <= 2000
        x, y, z = detector.cell_position(sensor, cell).T
        spread.append(np.std(np.arcsinh(np.abs(z) / np.hypot(x, y))))
        assert len(np.unique(detector.layer[sensor])) > 20
        assert np.sign(z).min() == -1 or factor == 1.0
    assert spread[1] < 0.3 * spread[0]


def test_gain_is_one_number_a_layer(detector: Detector, event: Event) -> None:
    changed = recipe._with_gain(event, detector, np.random.default_rng(3))
    assert changed.hits.energy is not None
    assert event.hits.energy is not None
    gain = changed.hits.energy / event.hits.energy
    layer = detector.layer[event.hits.sensor]
    for number in np.unique(layer):
        assert np.ptp(gain[layer == number]) < 1e-9
    assert gain.min() >= 1 - recipe.GAIN - 1e-9
    assert gain.max() <= recipe.HIGHEST_GAIN
    assert np.unique(gain.round(6)).size > 10
    assert changed.truth is not None
    assert event.truth is not None
    assert changed.truth.energy is not None
    assert event.truth.energy is not None
    np.testing.assert_allclose(changed.truth.energy, event.truth.energy * gain[event.truth.hit])


def test_a_detector_without_calorimeters_keeps_its_events() -> None:
    tracker = load_detector("trackml")
    options = SimulationOptions(count=5, energy=(1.0, 10.0))
    event = next(simulate(tracker, "gun", 1, seed=5, options=options))
    assert randomized_showers(event, tracker, np.random.default_rng(0)) is event


def test_in_a_whole_detector_each_recipe_changes_its_own_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = load_detector("full_cld")
    options = SimulationOptions(particle="pion", count=3, energy=(2.0, 10.0), eta=(-1.0, 1.0))
    event = next(simulate(whole, "gun", 1, seed=5, options=options))
    mine = recipe.in_calorimeter(event, whole)
    assert mine.any()
    assert not mine.all()
    monkeypatch.setattr(recipe, "UNCHANGED", 1.0)
    changed = randomized(event, whole, np.random.default_rng(4))
    stays = recipe.in_calorimeter(changed, whole)
    np.testing.assert_array_equal(changed.hits.hit_id[stays], event.hits.hit_id[mine])
    assert changed.hits.energy is not None
    assert event.hits.energy is not None
    np.testing.assert_array_equal(changed.hits.energy[stays], event.hits.energy[mine])
    assert len(changed.hits) != len(event.hits)


def test_events_differ_from_each_other_and_not_from_reading_to_reading(
    detector: Detector, event: Event
) -> None:
    both = Randomized([event, replace(event, number=1)], detector, 3)
    assert both[0] == both[0]
    assert len(both[0].hits) != len(both[1].hits)


def test_the_preset_asks_for_it() -> None:
    sample = compose("clustering", ["sample=robust_showers"]).sample
    assert sample.randomize
    assert sample.simulation.cell_threshold < SimulationOptions().cell_threshold
    assert sample.simulation.energy[0] < 1.0
