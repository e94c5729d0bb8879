"""Integrated gradients: they add up, ignore what the network ignores, and are exact for polynomials."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import Event, Hits
from gnnreco.report import attribution, integrated_gradients
from tests.report.toy import Toy, reading


def event(n: int) -> Event:
    return Event(0, "toy", Hits(np.arange(n), *np.zeros((3, n)), sensor=np.zeros(n, np.int32)))


@given(st.integers(0, 1000), st.integers(0, 11))
def test_parts_add_up_and_ignored_columns_have_none(seed: int, row: int) -> None:
    given_, toy = reading(12, seed), Toy()
    told = attribution(toy, given_, event(12), row)
    assert told["sum"] == pytest.approx(told["answer"] - told["answer_average"], abs=1e-4)
    parts = {each["feature"]: each["part"] for each in told["features"]}
    assert parts["ignored"] == 0.0
    assert np.flatnonzero(told["rows"]["row"]).tolist() == [row]
    # The parts of a row go to its two hits alike, and to no other.
    assert set(np.flatnonzero(told["hits"])) <= {row, (row + 1) % 12}
    assert told["hits"][row] == pytest.approx(told["sum"] / 2)


def test_a_network_that_reads_nothing_gives_nothing_a_part() -> None:
    told = attribution(Toy(torch.zeros(3)), reading(4), event(4), 0)
    assert told["sum"] == 0.0
    features = {"row": torch.ones(2, 3)}
    parts = integrated_gradients(lambda _: torch.ones(()), features, {"row": torch.zeros(2, 3)})
    assert not parts["row"].any()


def test_each_number_of_a_polynomial_has_its_own_term() -> None:
    rows, start = (torch.randn(2, 5, 3).double()).unbind()
    weight = torch.tensor([[1.0, -2.0, 0.5]]).double()
    parts = integrated_gradients(lambda f: (weight * f["row"] ** 3).sum(), {"row": rows}, {"row": start})
    torch.testing.assert_close(parts["row"], weight * (rows**3 - start**3))
