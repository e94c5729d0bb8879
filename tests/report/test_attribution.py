"""Integrated gradients: they add up, ignore what the network ignores, and are those of Captum."""

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


def test_captum_says_the_same() -> None:
    attr = pytest.importorskip("captum.attr", reason="needs captum: pip install captum")
    network = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)).double()
    rows, start = torch.randn(1, 3).double(), torch.zeros(1, 3).double()
    mine = integrated_gradients(lambda f: network(f["row"])[0, 0], {"row": rows}, {"row": start}, steps=32)
    theirs = attr.IntegratedGradients(lambda x: network(x)[:, 0]).attribute(
        rows, start, n_steps=32, method="gausslegendre"
    )
    torch.testing.assert_close(mine["row"], theirs.detach())
