"""Densities of points, compiled with their derivatives, against the same written out in torch with its own derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gnnreco.models.fastsim.batch import ShowerPoints
from gnnreco.models.fastsim.places import log_density
from gnnreco.simulate.showers.learned.points import LARGEST, SMALLEST, STRONGEST, density
from gnnreco.simulate.showers.learned.points import mixture as drawn_from
from gnnreco.simulate.showers.learned.weights import (
    BY_ENERGY,
    BY_RADIUS,
    CHILD,
    FRESH,
    GROWTH,
    NEAR,
    NEAR_LATE,
    OF_CHILD,
    OF_FRESH,
    OF_SIBLING,
    PLACES,
    SIBLING,
)


def mixture(
    g: Tensor, at: int, n: int, unit: float, place: Tensor, centres: Tensor, weight: Tensor
) -> Tensor:
    """Weighted sum over centres of a mixture of f(r) = 2 R^4 / pi / (r^2 + R^2)^3."""
    share = torch.softmax(g[at : at + n], 0)
    square = (unit * torch.exp(torch.clamp(g[at + n : at + 2 * n], SMALLEST, LARGEST))) ** 2
    away = ((place[None] - centres) ** 2).sum(1)[:, None]
    return ((2 * share * square**2 / torch.pi) / (away + square) ** 3).sum(1) @ weight


def written_out(numbers: Tensor, p: ShowerPoints) -> Tensor:
    """Point after point."""
    found = []
    for layer, rank in zip(p.layer.tolist(), p.rank.tolist(), strict=True):
        g, moliere = numbers[layer], float(p.moliere[layer])
        own = p.points[p.first[layer] : p.first[layer + 1]].double()
        parents = p.parents[p.parent_first[layer] : p.parent_first[layer + 1]].double()
        place, one = own[rank, :2], torch.ones(max(rank, 1), dtype=torch.float64)
        around = mixture(g, OF_FRESH, FRESH, moliere, place, torch.zeros(1, 2, dtype=torch.float64), one[:1])
        if len(parents):
            alone, radius = torch.sigmoid(g[0]), torch.hypot(parents[:, 0], parents[:, 1]) / moliere
            strength = g[BY_ENERGY] * torch.log(parents[:, 2]) + g[BY_RADIUS] * torch.log1p(radius)
            chance = torch.softmax(torch.clamp(strength, -STRONGEST, STRONGEST), 0)
            centres = torch.exp(0.3 * g[GROWTH]) * parents[:, :2]
            child = mixture(g, OF_CHILD, CHILD, moliere, place, centres, chance)
            around = alone * around + (1 - alone) * child
        if rank > 0:
            near = torch.sigmoid(g[NEAR] + g[NEAR_LATE] * np.log(rank / len(own) + 1e-6))
            beside = mixture(g, OF_SIBLING, SIBLING, 1.0, place, own[:rank, :2], one / rank)
            around = (1 - near) * around + near * beside
        found.append(torch.log(around))
    return torch.stack(found)


def some_points(seed: int, counts: list[int], before: list[int]) -> ShowerPoints:
    """Every point of layers of so many, each with so many points in the layer before it."""
    rng = np.random.default_rng(seed)

    def drawn(n: int) -> Tensor:
        place, energy = rng.normal(0, 8, (n, 2)), rng.exponential(1.5, (n, 1)) + 0.05
        return torch.from_numpy(np.hstack([place, energy]).astype(np.float32))

    def ends(numbers: list[int]) -> Tensor:
        return torch.from_numpy(np.append(0, np.cumsum(numbers)))

    layer = np.repeat(np.arange(len(counts)), counts)
    rank = np.concatenate([np.arange(n) for n in counts])
    return ShowerPoints(
        *(torch.zeros(len(counts), 1), torch.from_numpy(rng.uniform(8, 30, len(counts)).astype(np.float32))),
        *(ends(counts), drawn(sum(counts)), ends(before), drawn(sum(before))),
        *(torch.from_numpy(layer), torch.from_numpy(rank)),
    )


@settings(max_examples=15, deadline=None)
@given(
    st.integers(0, 1 << 20),
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6)), min_size=1, max_size=4),
    st.sampled_from([1.0, 8.0]),
)
def test_densities_and_derivatives_are_those_written_out(
    seed: int, sizes: list[tuple[int, int]], spread: float
) -> None:
    points = some_points(seed, [n for n, _ in sizes], [m for _, m in sizes])
    rng = np.random.default_rng(seed)
    numbers = torch.from_numpy(rng.normal(0, spread, (len(sizes), PLACES)).astype(np.float32))
    numbers[:, GROWTH] = numbers[:, GROWTH].clamp(-3, 3)
    ours, theirs = numbers.clone().requires_grad_(), numbers.double().requires_grad_()
    weight = torch.from_numpy(rng.random(len(points.layer)).astype(np.float32))
    found, expected = log_density(ours, points), written_out(theirs, points)
    np.testing.assert_allclose(found.detach(), expected.detach(), rtol=2e-4, atol=2e-4)
    (found * weight).sum().backward()
    (expected * weight).sum().backward()
    assert ours.grad is not None
    assert theirs.grad is not None
    np.testing.assert_allclose(ours.grad, theirs.grad, rtol=2e-3, atol=2e-3)


def test_no_point_no_density() -> None:
    points = some_points(0, [1], [0])
    nothing = ShowerPoints(
        *(getattr(points, name) for name in list(points.__dataclass_fields__)[:-2]),
        *2 * [torch.zeros(0, dtype=torch.int64)],
    )
    numbers = torch.zeros(1, PLACES, requires_grad=True)
    log_density(numbers, nothing).sum().backward()
    assert numbers.grad is not None
    assert not numbers.grad.any()


def test_what_is_drawn_follows_the_same_densities() -> None:
    numbers = torch.zeros(1, PLACES)
    numbers[0, OF_FRESH : OF_FRESH + 2 * FRESH] = torch.tensor([0.3, -0.2, 0.5, 0.1, -1.0, 0.4])
    points = some_points(3, [1], [0])
    m = drawn_from(numbers[0].numpy(), OF_FRESH, FRESH, float(points.moliere[0]))
    away = float((points.points[0, :2] ** 2).sum())
    assert float(log_density(numbers, points)[0]) == pytest.approx(np.log(density(m, away)), rel=1e-5)
