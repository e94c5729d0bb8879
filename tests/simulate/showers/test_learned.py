"""Showers by a network: energies are kept exactly, no direction is special, the same seed gives the same bytes."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gnnreco
from gnnreco.columns import Event
from gnnreco.errors import BadConfig, BadInput
from gnnreco.geometry import Detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.showers.along import along_axes
from gnnreco.simulate.showers.learned import Engine, Engines
from gnnreco.simulate.showers.learned.features import FEATURES, _among_neighbours, depths_of, describe
from gnnreco.simulate.showers.learned.known import doubts, material, unknown_layers
from gnnreco.simulate.showers.learned.layers import fill_layer
from gnnreco.simulate.showers.learned.pieces import UNDIVIDED
from gnnreco.simulate.showers.learned.points import DEPOSIT, A, B, Mixture, density, place_points
from gnnreco.simulate.showers.ray import cast, stack_of
from gnnreco.tasks.fastsim import FastSimConfig, FastSimTask
from tests.simulate.conftest import planes

LAYERS = 20
PHOTONS = SimulationOptions(
    particle="photon", energy=(1.0, 20.0), count=2, cell_noise=0.0, cell_threshold=0.0
)


@pytest.fixture(scope="module")
def sandwich() -> Detector:
    """Twenty radiation lengths of tungsten and silicon across the beam."""
    made = planes(
        [300.0 + 10 * i for i in range(LAYERS)],
        pitch=5.0,
        half=300.0,
        radiation=1.0,
        interaction=0.035,
        measures=("energy",),
    )
    return replace(
        made,
        moliere_radius=np.full(LAYERS, 20.0),
        sampling_fraction=np.full(LAYERS, 0.01),
        source=made.source,
    )


@pytest.fixture(scope="module")
def events(sandwich: Detector) -> list[Event]:
    return list(simulate(sandwich, "beam", 4, seed=1, options=PHOTONS, beam_width=20.0))


@pytest.fixture(scope="module")
def task(sandwich: Detector, events: list[Event]) -> FastSimTask:
    """Scaled to the events, but not trained: what must hold holds for any weights."""
    made = FastSimTask(FastSimConfig(hidden=8, deposit=8, seed=3), sandwich)
    made.prepare(events)
    return made


@pytest.fixture(scope="module")
def engine(task: FastSimTask) -> Engine:
    made = task.engine().electromagnetic
    assert made is not None
    return made


def features(detector: Detector, energy: float = 10.0) -> np.ndarray:
    """Of the fifth layer of a shower."""
    stack = stack_of(detector)
    d = depths_of(stack, cast(stack, (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), 6.0, 0.0), 0.0, UNDIVIDED)
    x, deposits, counts = np.empty(len(FEATURES)), np.full(LAYERS, 1e-3), np.full(LAYERS, 9.0)
    describe(x, 4, energy, False, 1.0, d, deposits, counts)
    return x.astype(np.float32)


def test_the_gap_before_a_sensor_is_known_to_showers_and_guessed_where_it_is_not_given(
    sandwich: Detector,
) -> None:
    guessed, known = features(sandwich), features(replace(sandwich, air_gap=np.full(LAYERS, 3.0)))
    same, here = guessed == known, FEATURES.index("log air gap")
    assert same.sum() == len(FEATURES) - 1
    assert not same[here]
    assert np.exp(guessed[here]) - 0.1 == pytest.approx(1.0)  # a tenth of the ten millimetres between sensors
    assert np.exp(known[here]) - 0.1 == pytest.approx(3.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 200), st.floats(0.1, 50.0), st.integers(0, 1 << 30))
def test_the_points_of_a_layer_share_its_energy_exactly(
    sandwich: Detector, engine: Engine, count: int, mean: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    before = np.abs(rng.standard_normal((5, 3)))
    x = np.append(features(sandwich), [np.log1p(count), np.log(mean)]).astype(np.float32)
    points = place_points(rng, x, count, mean, before, 20.0, engine.points)
    assert points.shape == (count, 3)
    assert np.isfinite(points).all()
    assert (points[:, DEPOSIT] > 0).all()
    assert points[:, DEPOSIT].sum() == pytest.approx(count * mean, rel=1e-12)


def test_no_direction_around_the_axis_is_special(sandwich: Detector, engine: Engine) -> None:
    rng, sums = np.random.default_rng(2), np.zeros(4, complex)
    for _ in range(400):  # points hang on one another: layers are independent, the points of one are not
        x = np.append(features(sandwich), [np.log1p(20), 0.0]).astype(np.float32)
        points = place_points(rng, x, 20, 1.0, np.empty((0, 3)), 20.0, engine.points)
        turn = np.arctan2(points[:, B], points[:, A])
        sums += np.exp(1j * np.arange(1, 5)[:, None] * turn).mean(axis=1)
    assert (abs(sums / 400) < 0.1).all()


def test_what_is_drawn_never_goes_beyond_what_training_saw(sandwich: Detector, engine: Engine) -> None:
    rng = np.random.default_rng(4)
    for _ in range(300):
        count, mean = fill_layer(rng, features(sandwich), engine.layer)
        assert 0 <= count <= np.exp(engine.layer.most[0]) + 1
        assert 0 <= mean <= np.exp(engine.layer.most[1]) * 1.001
        assert (count == 0) == (mean == 0)


def test_the_density_around_a_centre_integrates_to_one() -> None:
    mixture = Mixture(np.array([0.3, 0.7]), np.array([4.0, 100.0]))
    r = np.linspace(0, 3000, 300_001)
    shells = np.array([density(mixture, x) for x in r**2]) * 2 * np.pi * r
    assert np.trapezoid(shells, r) == pytest.approx(1.0, abs=1e-3)


def made(detector: Detector, engine: Engine | None, seed: int = 5, first: int = 0, n: int = 2) -> list[Event]:
    engines = None if engine is None else Engines(engine)
    return list(simulate(detector, "beam", n, 0, seed, PHOTONS, first, engines, beam_width=20.0))


def test_an_event_depends_on_the_seed_and_its_number_alone(sandwich: Detector, engine: Engine) -> None:
    both, last = made(sandwich, engine), made(sandwich, engine, first=1, n=1)
    assert both[1].hits == last[0].hits
    assert both[0].hits != both[1].hits
    assert made(sandwich, engine, seed=6)[0].hits != both[0].hits


def test_hits_are_finite_and_not_the_parametrisations(sandwich: Detector, engine: Engine) -> None:
    one, other = made(sandwich, engine)[0], made(sandwich, None)[0]
    assert one.hits.energy is not None
    assert other.hits.energy is not None
    assert np.isfinite(one.hits.energy).all()
    assert (one.hits.energy > 0).all()
    assert len(one.hits) != len(other.hits)


def test_energies_without_training_are_parametric(sandwich: Detector, engine: Engine) -> None:
    never = engine._replace(lowest=100.0, highest=200.0)
    assert made(sandwich, never)[0].hits == made(sandwich, None)[0].hits


def test_one_is_warned_of_energies_and_layers_that_nobody_trained_on(
    sandwich: Detector, engine: Engine
) -> None:
    known = replace(PHOTONS, energy=(engine.lowest, engine.highest))
    assert doubts(Engines(engine), sandwich, "beam", known) == []
    told = doubts(Engines(engine), sandwich, "beam", replace(PHOTONS, energy=(1.0, 500.0)))
    assert len(told) == 1
    assert "500 GeV" in told[0]
    thick = replace(sandwich, radiation_lengths=np.full(LAYERS, 30.0))
    assert "thickness" in unknown_layers(engine, thick)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        next(gnnreco.simulate(thick, "beam", engine=Engines(engine), particle="photon", energy=(5.0, 6.0)))
    assert any("radiation lengths of a layer 30 to 30, trained on 1 to 1" in str(w.message) for w in caught)


def test_energies_that_the_warning_itself_would_name_are_known(sandwich: Detector, engine: Engine) -> None:
    drawn = engine._replace(lowest=0.0301, highest=99.97)
    for energy, lines in (((1.0, 100.0), 0), ((0.0300, 5.0), 0), ((1.0, 102.0), 1), ((0.028, 5.0), 1)):
        assert len(doubts(Engines(drawn), sandwich, "beam", replace(PHOTONS, energy=energy))) == lines


def test_one_is_warned_of_an_air_gap_that_nobody_trained_on(sandwich: Detector, engine: Engine) -> None:
    wide = replace(sandwich, air_gap=np.full(LAYERS, 300.0))
    assert unknown_layers(engine, wide)["air gap"][2:] == (300.0, 300.0)
    known = replace(sandwich, air_gap=np.full(LAYERS, 1.0))  # a tenth of the way, as training took it
    assert "air gap" not in unknown_layers(engine, known)
    assert all(np.isfinite(values).all() for _, _, values in material(engine, sandwich))
    assert [word for word, *_ in material(engine, wide)][-1] == "air gap before a sensor (mm)"


@pytest.mark.parametrize(
    ("particle", "told"),
    [
        ("photon, electron", []),
        ("pi0,muon,hip", []),
        ("proton", ["proton"]),
        ("photon, k0l,pion", ["k0l, pion"]),
    ],
)
def test_one_is_told_of_hadrons(sandwich: Detector, engine: Engine, particle: str, told: list[str]) -> None:
    shot = replace(PHOTONS, energy=(engine.lowest, engine.highest), particle=particle)
    assert [line.split(":")[0] for line in doubts(Engines(engine), sandwich, "beam", shot)] == told
    assert doubts(Engines(engine), sandwich, "qq", shot) == []


def test_a_detector_without_a_calorimeter_is_refused(engine: Engine) -> None:
    with pytest.raises(BadConfig, match="no calorimeter"):
        gnnreco.simulate("telescope", "beam", engine=Engines(engine))


def test_without_an_engine_the_front_door_is_the_same(sandwich: Detector) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = list(gnnreco.simulate(sandwich, "beam", 1, seed=5, options=PHOTONS, beam_width=20.0))
    assert one[0].hits == made(sandwich, None, n=1)[0].hits


def test_all_that_a_shower_left_lies_along_its_axis(sandwich: Detector, events: list[Event]) -> None:
    for event in events:
        along = along_axes(sandwich, event)
        assert event.truth is not None
        assert event.truth.energy is not None
        assert along.deposit.sum() + along.beside.sum() == pytest.approx(event.truth.energy.sum())
        assert (np.diff(along.shower * 1000 + along.place) >= 0).all()
        assert np.median(np.hypot(along.a, along.b)) < 20.0  # a Moliere radius


def test_showers_need_a_truth_with_energies(sandwich: Detector, events: list[Event]) -> None:
    with pytest.raises(BadInput, match="no truth"):
        along_axes(sandwich, replace(events[0], truth=None))
    assert events[0].truth is not None
    bare = replace(events[0], truth=replace(events[0].truth, energy=None))
    with pytest.raises(BadInput, match="no energies"):
        along_axes(sandwich, bare)


def test_a_shower_is_as_wide_in_dense_layers_as_in_loose_ones_between_them() -> None:
    radiation = np.full(9, 0.9)
    alike = _among_neighbours(np.full(9, 21.0), radiation)
    in_turn = _among_neighbours(np.where(np.arange(9) % 2, 14.0, 42.0), radiation)
    assert alike == pytest.approx(21.0)
    assert in_turn[1:-1] == pytest.approx(28.0)
    assert len(_among_neighbours(np.array([21.0]), radiation[:1])) == 1
