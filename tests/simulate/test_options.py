"""The options of the simulation refuse what has no meaning, each by its name."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.errors import BadConfig
from gnnreco.simulate import SimulationOptions

NOT_NEGATIVE = [
    *("count", "sigma_xy", "sigma_z", "sigma_t", "min_pt", "max_eta", "max_turns", "min_momentum", "noise"),
    *("threshold", "noise_hits", "beam_width", "beam_divergence", "cell_noise", "cell_threshold", "cone"),
    "hadron_response",
]


@pytest.mark.parametrize("name", NOT_NEGATIVE)
@pytest.mark.parametrize("value", [-1, -1e-9, math.nan])
def test_no_negative_number_and_no_nan(name: str, value: float) -> None:
    with pytest.raises(BadConfig, match=rf"{name}: .*must not be negative"):
        SimulationOptions(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NOT_NEGATIVE)
def test_nought_is_a_choice(name: str) -> None:
    assert getattr(SimulationOptions(**{name: 0}), name) == 0  # type: ignore[arg-type]


@given(st.sampled_from(["energy", "eta"]), st.floats(-9, 9), st.floats(-9, 9))
def test_a_range_runs_upwards(name: str, low: float, high: float) -> None:
    if low <= high:
        assert getattr(SimulationOptions(**{name: (low, high)}), name) == (low, high)  # type: ignore[arg-type]
    else:
        with pytest.raises(BadConfig, match=rf"{name}: .*give MIN before MAX"):
            SimulationOptions(**{name: (low, high)})  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [(math.nan, 1.0), (1.0, math.nan)])
@pytest.mark.parametrize("name", ["energy", "eta"])
def test_a_range_has_two_numbers(name: str, bad: tuple[float, float]) -> None:
    with pytest.raises(BadConfig, match="is no range"):
        SimulationOptions(**{name: bad})  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [(1.0, math.inf), (-math.inf, 1.0)])
@pytest.mark.parametrize("name", ["energy", "eta"])
def test_a_range_has_two_ends(name: str, bad: tuple[float, float]) -> None:
    with pytest.raises(BadConfig, match=f"{name}: .*has no end"):
        SimulationOptions(**{name: bad})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("efficiency", -0.01),
        ("efficiency", 1.01),
        ("efficiency", math.nan),
        ("field_spacing", 0.0),
        ("field_spacing", math.nan),
    ],
)
def test_limits_on_both_sides(name: str, bad: float) -> None:
    with pytest.raises(BadConfig, match=name):
        SimulationOptions(**{name: bad})  # type: ignore[arg-type]


def test_every_option_is_described() -> None:
    text = SimulationOptions.__doc__ or ""
    assert [f.name for f in fields(SimulationOptions) if f.name not in text] == []
