"""What lies in the way of a particle, what may become of it there, and how far it may go at once."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import FATES, Floats
from gnnreco.particles import ELECTRON, HADRON, MUON, PHOTON
from gnnreco.simulate.flight.passage import NONE, STEEPEST, Body, Layer, Matter, Ray, met, through
from gnnreco.simulate.flight.processes import Physics
from gnnreco.simulate.flight.steps import SAGITTA, stride
from gnnreco.simulate.matter.material import SILICON_X0

ALL_OFF = Physics(False, False, False, False, False, 1.0, 10.0, 0.1, False, np.inf, False)
ALL_ON = Physics(True, True, True, True, True, 1.0, 10.0, 0.1, True, np.inf, False)
X_AXIS = (1.0, 0.0, 0.0)
KINDS = {"muon": (0.10566, 1.0, MUON), "photon": (0.0, 0.0, PHOTON), "electron": (0.000511, -1.0, ELECTRON)}


def matter(radiation: float = 0.02) -> Matter:
    """One sensor and one passive cylinder of twice its material."""
    one = np.ones(1)
    cylinder = np.array([[30.0, 100.0, 2 * radiation, 0.002]])
    both, layer = radiation * np.array([[1.0, 0.1]]), np.array([3], np.int32)
    return Matter(both, 0.001 * one, 0.3 * one, layer, SILICON_X0 * one, np.nan * one, cylinder)


def facing(angle: float) -> Floats:
    """Axes (1, 3, 3) of a sensor whose normal lies at an angle to x."""
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[[-s, c, 0.0], [0.0, 0.0, 1.0], [c, s, 0.0]]])


def behind(
    body: tuple[float, float, int], layer: Layer, physics: Physics, p: float = 5.0, seed: int = 0
) -> tuple[Floats, tuple[float, float, float], float, int]:
    """Secondaries, direction, momentum and fate of a particle along x."""
    rng, ray = np.random.default_rng(seed), Ray((1.0, 2.0, 3.0), p, X_AXIS, 4.0)
    made = np.empty((4, 9))
    # As Python, which costs no compiler: flights run the same lines compiled.
    made, used, t, momentum, fate = through.py_func(rng, physics, made, 0, 7, Body(*body), ray, layer, 1e-4)
    return made[:used], t, momentum, fate


@given(st.floats(0.0, 1.5), st.booleans())
@settings(max_examples=40)
def test_a_sensor_is_longer_the_more_slanted_it_is_crossed(angle: float, from_behind: bool) -> None:
    t = (-1.0, 0.0, 0.0) if from_behind else X_AXIS
    layer = met(matter(), facing(angle), -1, 0, -1, t, 1.0)
    longer = 1 / max(np.cos(angle), STEEPEST)
    assert layer.slope == pytest.approx(-longer if from_behind else longer)
    assert (layer.radiation, layer.interaction) == pytest.approx((0.02 * longer, 0.001 * longer))
    assert (layer.active, layer.silicon) == pytest.approx((0.3 * longer, SILICON_X0))


def test_a_further_sensor_of_a_layer_has_no_services() -> None:
    for before, share in ((-1, 1.0), (2, 1.0), (3, 0.1)):
        layer = met(matter(), facing(0.0), -1, 0, before, X_AXIS, 1.0)
        assert (layer.radiation, layer.interaction) == pytest.approx((0.02 * share, 0.001))


@given(st.floats(0.0, 1.0))
@settings(max_examples=20)
def test_a_passive_cylinder_has_its_own_material_and_nothing_that_is_read_out(cosine: float) -> None:
    layer = met(matter(), facing(0.0), 0, -1, -1, X_AXIS, cosine)
    longer = 1 / max(cosine, STEEPEST)
    assert layer.radiation == pytest.approx(0.04 * longer)
    assert layer.interaction == pytest.approx(0.002 * longer)
    assert (layer.active, layer.silicon) == (0.0, SILICON_X0)


@pytest.mark.parametrize("kind", list(KINDS))
def test_where_nothing_may_happen_everything_flies_on_as_it_was(kind: str) -> None:
    made, t, p, fate = behind(KINDS[kind], Layer(50.0, 50.0, 1.0, SILICON_X0, 1.0), ALL_OFF)
    assert (len(made), t, p, fate) == (0, X_AXIS, pytest.approx(5.0), NONE)


@pytest.mark.parametrize(
    ("body", "layer", "fate"),
    [
        (KINDS["photon"], Layer(1e3, 0.0, 0.0, SILICON_X0, 1.0), "converted"),
        ((0.13957, 1.0, HADRON), Layer(0.0, 1e3, 0.0, SILICON_X0, 1.0), "interacted"),
        ((0.93957, 0.0, HADRON), Layer(0.0, 1e3, 0.0, SILICON_X0, 1.0), "interacted"),
    ],
)
def test_in_thick_matter_photons_convert_and_hadrons_interact(
    body: tuple[float, float, int], layer: Layer, fate: str
) -> None:
    made, _, _, said = behind(body, layer, ALL_ON)
    assert FATES[said] == fate
    assert len(made) >= (2 if fate == "converted" else 1)
    assert (made[:, 0] == 7).all()
    np.testing.assert_array_equal(made[:, 2:5], np.tile([1.0, 2.0, 3.0], (len(made), 1)))
    assert (made[:, 8] == 4.0).all()
    assert np.linalg.norm(made[:, 5:8], axis=1).sum() <= 5.0 * (1 + 1e-9)


@given(st.integers(0, 500))
@settings(max_examples=30)
def test_what_an_electron_radiates_is_its_photons(seed: int) -> None:
    """Energy before is that behind, of the photon and of what stays in the sensor; a photon that is too soft is lost."""
    physics = ALL_ON._replace(scattering=False, energy_loss=False)
    made, t, p, fate = behind(KINDS["electron"], Layer(0.3, 0.0, 0.0, SILICON_X0, 1.0), physics, 5.0, seed)
    assert (t, fate) == (X_AXIS, NONE)
    photon = np.linalg.norm(made[:, 5:8], axis=1).sum()
    assert p + photon == pytest.approx(5.0, abs=1e-4 if len(made) else physics.min_momentum + 1e-4)
    assert len(made) == (photon > 0)


@given(st.floats(0.1, 1e5), st.floats(1e-7, 1.0), st.booleans())
def test_a_step_turns_by_half_a_radian_at_most_and_stays_near_its_chord(
    limit: float, k: float, back: bool
) -> None:
    s = stride(limit, -k if back else k)
    assert 0 < s <= limit
    assert s * k <= 0.5 + 1e-9
    assert s * s * k / 8 <= SAGITTA * (1 + 1e-9)
    assert s == pytest.approx(min(limit, 0.5 / k, np.sqrt(8 * SAGITTA / k)))


def test_what_flies_straight_goes_as_far_as_it_is_let() -> None:
    assert stride(1234.5, 0.0) == 1234.5
