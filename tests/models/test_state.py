"""What a bundle's arrays must be: shapes with free lengths, kinds and ranges; what does not fit is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.files.limits import LEARNED, NUMBER
from gnnreco.models.state import Numbers, checked, named, of_network

EXPECTED = {
    "weight": Numbers(("n", 3)),
    "bias": Numbers(("n",)),
    "table": Numbers((2,), np.int32, 0, 9),
    "edges": Numbers(("k",), np.float64, 0.0, 1.0, infinite=True, optional=True),
}


def good(n: int = 4) -> dict[str, Any]:
    return {"weight": np.zeros((n, 3), np.float32), "bias": np.ones(n, np.float32), "table": np.array([0, 9])}


@given(st.integers(0, 6))
def test_a_length_with_a_name_is_free_and_the_same_everywhere(n: int) -> None:
    found = checked(good(n), EXPECTED)
    assert found["weight"].shape == (n, 3)
    with pytest.raises(ValueError, match=rf"'bias' has shape \({n + 1},\), not \({n},\)"):
        checked(good(n) | {"bias": np.ones(n + 1, np.float32)}, EXPECTED)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_numbers_become_those_that_are_expected(kind: type) -> None:
    found = checked(good() | {"bias": np.full(4, 0.5, kind), "table": np.array([1, 2], np.uint8)}, EXPECTED)
    assert (found["bias"].dtype, found["table"].dtype) == (np.float32, np.int32)
    assert (found["bias"] == 0.5).all()


def test_what_fits_is_passed_on_as_it_is() -> None:
    given_ = good()
    assert checked(given_, EXPECTED)["weight"] is given_["weight"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"more": np.zeros(1)}, "knows no weight 'more'.*trained again"),
        ({"weight": np.zeros((4, 2), np.float32)}, r"'weight' has shape \(4, 2\), not \(4, 3\)"),
        ({"weight": np.zeros(12, np.float32)}, r"'weight' has shape \(12,\), not \(n, 3\)"),
        ({"bias": np.zeros(4, np.int64)}, "'bias' holds int64, not float32"),
        ({"bias": np.array(["a"] * 4)}, "'bias' holds <U1, not float32"),
        ({"bias": np.zeros(4, complex)}, "'bias' holds complex128, not float32"),
        ({"table": np.array([0.0, 1.0])}, "'table' holds float64, not int32"),
        ({"table": np.array([0, 10])}, "'table' holds 10; its numbers must lie between 0 and 9"),
        ({"table": np.array([0, -1])}, "'table' holds -1"),
        ({"bias": np.array([0, 0, np.nan, 0], np.float32)}, "'bias' holds nan"),
        ({"bias": np.array([0, 0, np.inf, 0], np.float32)}, "'bias' holds inf"),
        ({"bias": np.full(4, 2 * LEARNED, np.float64)}, "'bias' holds"),
        ({"edges": np.array([2.0])}, "between 0 and 1, or be infinite"),
        ({"edges": np.array([np.nan])}, "'edges' holds nan"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        checked(good() | change, EXPECTED)


def test_what_is_absent_is_named_unless_it_may_be() -> None:
    state = good()
    del state["table"]
    with pytest.raises(ValueError, match="lacks the weight 'table'"):
        checked(state, EXPECTED)
    assert "edges" not in checked(good(), EXPECTED)
    ends = checked(good() | {"edges": np.array([-np.inf, 0.5, np.inf])}, EXPECTED)["edges"]
    assert ends.tolist() == [-np.inf, 0.5, np.inf]


def test_the_shape_of_an_earlier_version_is_taken_too() -> None:
    expected = {"a": Numbers((4,), old_shape=(1,))}
    assert checked({"a": np.ones(1, np.float32)}, expected)["a"].shape == (1,)
    with pytest.raises(ValueError, match="shape"):
        checked({"a": np.ones(2, np.float32)}, expected)


def test_the_largest_half_is_within_the_limits_and_does_not_overflow_them() -> None:
    """Half precision does not hold the limits themselves: they are compared in double precision."""
    expected = {"a": Numbers((1,), np.float32, -1e6, 1e6)}
    assert checked({"a": np.array([65504], np.float16)}, expected)["a"].tolist() == [65504.0]


def test_names_of_something_larger() -> None:
    assert list(named("gate", {"a": Numbers((1,)), "b": Numbers((2,))})) == ["gate.a", "gate.b"]


def test_of_a_network_are_the_shapes_of_its_arrays_and_sums_may_be_large() -> None:
    network = torch.nn.Linear(3, 2)
    network.register_buffer("sums", torch.zeros(4, dtype=torch.float64))
    expected = of_network(network)
    assert {name: numbers.shape for name, numbers in expected.items()} == {
        "weight": (2, 3),
        "bias": (2,),
        "sums": (4,),
    }
    assert (expected["sums"].high, expected["weight"].high) == (NUMBER, LEARNED)
    state = {name: tensor.detach().numpy() for name, tensor in network.state_dict().items()}
    assert set(checked(state, expected)) == set(state)
