"""Distance correlation against its definition by pairs, and as a loss."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.models.pivot import distance_correlation


def by_pairs(x: np.ndarray, y: np.ndarray) -> float:
    """The definition of Szekely, Rizzo and Bakirov, number by number."""
    centered = []
    for rows in (x, y):
        far = np.array([[np.sqrt(((one - two) ** 2).sum()) for two in rows] for one in rows])
        n = len(rows)
        centered.append(
            [[far[i, j] - far[i].mean() - far[:, j].mean() + far.mean() for j in range(n)] for i in range(n)]
        )
    a, b = np.array(centered)
    return float(np.sqrt((a * b).mean() / np.sqrt((a * a).mean() * (b * b).mean())))


@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_it_is_that_of_the_definition(seed: int, n: int, features: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(n, features)), rng.normal(size=(n, 1))
    found = distance_correlation(torch.tensor(x), torch.tensor(y[:, 0]))
    assert found.item() == pytest.approx(by_pairs(x, y), rel=1e-6)
    assert distance_correlation(torch.tensor(x), torch.tensor(y), power=2).item() == pytest.approx(
        found.item() ** 2, rel=1e-6
    )


def test_weights_count_events_as_often_as_they_say() -> None:
    draw = torch.Generator().manual_seed(0)
    x, y = torch.randn(2, 9, generator=draw, dtype=torch.float64)
    times = torch.tensor([1, 2, 3, 1, 1, 2, 1, 1, 4])
    torch.testing.assert_close(
        distance_correlation(x, y, times.double()),
        distance_correlation(x.repeat_interleave(times), y.repeat_interleave(times)),
    )


def test_dependence_that_no_correlation_sees_is_seen() -> None:
    x, y = torch.randn(2, 1500, generator=torch.Generator().manual_seed(1))
    assert distance_correlation(3 * x + 1, x).item() == pytest.approx(1, abs=1e-4)
    assert distance_correlation(x, y).item() < 0.08
    assert abs(torch.corrcoef(torch.stack([x, x**2]))[0, 1].item()) < 0.15
    assert distance_correlation(x, x**2).item() > 0.4


def test_its_gradient_is_right_and_finite_where_events_are_equal() -> None:
    x, y = torch.randn(2, 8, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x.requires_grad_()
    assert torch.autograd.gradcheck(lambda column: distance_correlation(column, y), (x,))
    same = torch.tensor([1.0, 1.0, 2.0, 1.0], requires_grad=True)
    (slope,) = torch.autograd.grad(distance_correlation(same, torch.tensor([0.0, 1.0, 2.0, 2.0])), same)
    assert torch.isfinite(slope).all()
    flat = torch.ones(4, requires_grad=True)
    constant = distance_correlation(flat, torch.arange(4.0))
    assert constant.item() == pytest.approx(0, abs=1e-9)
    assert torch.isfinite(torch.autograd.grad(constant, flat)[0]).all()


def test_as_a_loss_it_takes_a_dependence_away() -> None:
    truth, nuisance = torch.randn(2, 400, generator=torch.Generator().manual_seed(3))
    seen = torch.stack([truth + nuisance, nuisance], dim=1)
    weight = torch.tensor([1.0, 0.0], requires_grad=True)
    optimizer = torch.optim.Adam([weight], 0.05)
    before = distance_correlation(seen @ weight, nuisance).item()
    for _ in range(80):
        loss = distance_correlation(seen @ weight, nuisance, power=2) + (weight[0] - 1) ** 2
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert before > 0.6
    assert distance_correlation(seen @ weight, nuisance).item() < 0.15
    assert weight[1].item() == pytest.approx(-1, abs=0.15)


def test_columns_of_unlike_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 and 3 rows"):
        distance_correlation(torch.zeros(2), torch.zeros(3))
