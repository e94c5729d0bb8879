"""Thick layers are showered in pieces: all of their energy stays in them, and thin layers are as they were."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.bundle import load_engine
from gnnreco.columns import Floats
from gnnreco.geometry import ConstantField, Detector, GridTemplate, load_detector
from gnnreco.simulate import SimulationOptions
from gnnreco.simulate.showers.electromagnetic import photon
from gnnreco.simulate.showers.learned import Engine, Engines
from gnnreco.simulate.showers.learned.features import depths_of, overall
from gnnreco.simulate.showers.learned.known import doubts, unknown_layers
from gnnreco.simulate.showers.learned.layers import share_seen
from gnnreco.simulate.showers.learned.pieces import PIECE, UNDIVIDED, active_of, all_pieces
from gnnreco.simulate.showers.ray import Ray, Stack, cast, stack_of
from gnnreco.simulate.showers.spots import SENSOR, VISIBLE, Entry, Passage
from tests.simulate.conftest import build

DEEP, LONG, FRACTION = 24.0, 450.0, 0.12  # radiation lengths, mm
SHOWERS = 60


def argon(n: int, thickness: float, fraction: float = FRACTION) -> Detector:
    """24 radiation lengths of lead and liquid argon over 450 mm in `n` layers with sensors of this thickness (mm)."""
    step = LONG / n
    center = np.array([[0.0, 0.0, 1000 + step * (i + 0.5)] for i in range(n)])
    made = build(
        GridTemplate("pad", thickness, 50.0, 50.0, 2000, 2000),
        center,
        np.tile(np.eye(3), (n, 1, 1)),
        ConstantField(0.0),
        radiation=DEEP / n,
        interaction=1.2 / n,
        measures=("energy",),
    )
    return replace(
        made,
        moliere_radius=np.full(n, 40.0),
        sampling_fraction=np.full(n, fraction),
        source=made.source,
    )


def axis(stack: Stack, slope: float = 0.0) -> Ray:
    t = np.array([slope, 0.0, 1.0]) / np.sqrt(1 + slope**2)
    return cast(stack, (0.0, 0.0, 0.0), tuple(t.tolist()), 6.0, 0.0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    made = load_engine("fastsim-any").electromagnetic
    assert made is not None
    return made


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.floats(0, 0.999), st.floats(0, 0.5))
def test_the_pieces_of_layers_add_up_to_what_lies_behind_the_start(
    engine: Engine, n: int, part: float, slope: float
) -> None:
    stack = stack_of(argon(n, LONG / n))
    ray = axis(stack, slope)
    whole = depths_of(stack, ray, 0.0, UNDIVIDED)
    d = depths_of(stack, ray, part * ray.radiation[-1], engine.ranges)
    left = (1 - part) * ray.radiation[-1]
    assert d.radiation.sum() == pytest.approx(left, abs=0.012 * PIECE)
    assert d.depth[-1] == pytest.approx(left, abs=0.012 * PIECE)
    assert (np.diff(d.place * 1000 + d.piece) > 0).all()
    assert (d.place[-1], d.piece[-1]) == (n - 1, d.pieces[-1] - 1)
    many = d.pieces[d.place == n - 1][0]
    assert d.mip[-1] * many == pytest.approx(whole.mip[-1])
    assert (d.gap > 0).all()
    if len(d.gap) > 1:
        assert d.gap[1:] == pytest.approx(LONG / n / many * np.sqrt(1 + slope**2))


def test_pieces_have_their_share_of_interaction_lengths() -> None:
    stack = stack_of(argon(3, LONG / 3))
    ray, thin = axis(stack, 0.2), np.zeros((10, 2), np.float32)
    whole, d = (depths_of(stack, ray, 0.0, ranges) for ranges in (UNDIVIDED, thin))
    assert len(d.depth) > len(whole.depth)
    np.testing.assert_allclose(d.interaction / d.radiation, whole.interaction[0] / whole.radiation[0])
    assert d.interaction.sum() == pytest.approx(whole.interaction.sum())


@pytest.mark.parametrize("name", ["hgcal", "calochallenge_ds2", "full_cld", "odd"])
def test_layers_that_an_engine_knows_stay_as_they_are(engine: Engine, name: str) -> None:
    stack = stack_of(load_detector(name).at_source())
    pieces, active = all_pieces(stack, engine.ranges)
    assert (pieces == 1).all()
    assert (active == 2 * stack.half).all()


def test_thick_layers_stay_whole_where_nothing_in_them_sees_the_shower_or_training_had_such(
    engine: Engine,
) -> None:
    one_sensor = stack_of(argon(3, 0.3))
    assert all_pieces(one_sensor, engine.ranges)[0].tolist() == [1, 1, 1]
    filled = stack_of(argon(3, LONG / 3))
    assert all_pieces(filled, engine.ranges)[0].tolist() == 3 * [round(DEEP / 3 / PIECE)]
    assert all_pieces(filled, UNDIVIDED)[0].tolist() == [1, 1, 1]


def test_what_is_active_throughout_is_divided_too(engine: Engine) -> None:
    crystal = argon(1, LONG, fraction=1.0)
    assert all_pieces(stack_of(crystal), engine.ranges)[0].tolist() == [round(DEEP / PIECE)]
    assert set(unknown_layers(engine, crystal)) >= {"fraction"}  # nobody trained on any


def seen(detector: Detector, engine: Engine, energy: float) -> Floats:
    """What showers of photons show, over the sampling fraction and the energy; checked against what was drawn."""
    stack, found = stack_of(detector), []
    ray, middle = axis(stack), []
    d = depths_of(stack, ray, 0.0, engine.ranges)
    for seed in range(SHOWERS):
        passage = Passage(stack, ray, Entry(0, 0.0))
        rng = np.random.default_rng(seed)
        spots, used = photon(rng, passage, engine, np.empty((64, 6)), 0, energy, 0.0, 0.0, 0.0)
        row = spots[:used, SENSOR].astype(np.int64)
        found.append((spots[:used, VISIBLE] / stack.fraction[row]).sum() / energy)
        drawn = share_seen(np.random.default_rng(seed), overall(energy, False, d), engine.total)
        assert found[-1] == pytest.approx(drawn, rel=1e-4)  # a point may land in no cell at all, far away
        middle.append(used)
    assert min(middle) > 20
    return np.array(found)


def test_a_thick_layer_shows_what_the_same_in_thin_layers_shows(engine: Engine) -> None:
    block = argon(1, LONG)
    stack = stack_of(block)
    n = int(all_pieces(stack, engine.ranges)[0][0])
    assert n == round(DEEP / PIECE)
    thin = argon(n, active_of(stack, 0, n))
    assert (all_pieces(stack_of(thin), engine.ranges)[0] == 1).all()
    one, many = seen(block, engine, 5.0), seen(thin, engine, 5.0)
    assert one.mean() == pytest.approx(many.mean(), rel=0.03)
    assert one.mean() == pytest.approx(1.0, abs=0.06)


def test_of_thick_layers_nobody_is_warned_any_more(engine: Engine) -> None:
    options = SimulationOptions(particle="photon", energy=(1.0, 90.0))
    for name in ("lar", "calochallenge_ds1_photons"):
        assert doubts(Engines(engine), load_detector(name), "gun", options) == []
