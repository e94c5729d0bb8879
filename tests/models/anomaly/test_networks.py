"""The networks of heads, run as arrays, beside what torch and zuko say of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import nn

from gnnreco.models.anomaly.autoencoder import Autoencoder
from gnnreco.models.anomaly.flow import STEPS, Flow, _network
from gnnreco.models.anomaly.layers import STRAIGHT, squashed
from gnnreco.models.anomaly.oneclass import LEAK, OneClass
from gnnreco.models.anomaly.training import learn


def rows(n: int, k: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, k))


def test_what_is_far_is_seen_by_its_logarithm_and_order_stays() -> None:
    z = np.array([-1e6, -6.0, -5.0, -0.3, 0.0, 2.0, 5.0, 5.01, 1e6])
    seen = squashed(z)
    assert (np.diff(seen) > 0).all()
    np.testing.assert_array_equal(seen[2:7], z[2:7])
    np.testing.assert_allclose(seen[-1], STRAIGHT + math.log1p(1e6 - STRAIGHT))


@pytest.mark.parametrize("columns", [1, 2, 5])
def test_a_flow_says_what_zuko_says(columns: int) -> None:
    flows = pytest.importorskip("zuko.flows")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        theirs = flows.NSF(columns, transforms=STEPS, bins=6, hidden_features=(16, 16)).double()
        with torch.no_grad():
            for parameter in theirs.parameters():
                parameter.mul_(3.0)  # splines that are far from straight
    ours = Flow()
    ours._networks = [_network(step, 16) for step in theirs.transform.transforms]
    x = np.concatenate([3 * rows(300, columns), [[-5.0] * columns, [5.0] * columns, [9.0] * columns]])
    with torch.no_grad():
        expected = -theirs().log_prob(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours._terms(x).sum(axis=1), expected, rtol=1e-9, atol=1e-9)


def test_a_density_is_one_in_all() -> None:
    """Over a fine grid of the two columns that vary, in spreads."""
    head = Flow(hidden=16, steps=60)
    head.fit(rows(400, 2).astype(np.float32) ** 3, seed=1)
    axis = np.linspace(-5, 5, 201)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    inside = math.exp(logsumexp(-head._terms(grid).sum(axis=1))) * (axis[1] - axis[0]) ** 2
    outside = (np.abs(squashed(head.scale(rows(4000, 2, seed=2) ** 3))) > 5).any(axis=1).mean()
    assert 0.93 - outside < inside < 1.02


def test_the_gradient_of_a_one_class_network_is_that_of_torch() -> None:
    head = OneClass(hidden=8, out=4, steps=5)
    head.fit(rows(50, 3).astype(np.float32), seed=1)
    x = torch.from_numpy(rows(20, 3, seed=2)).requires_grad_()
    y = torch.cat([x, torch.ones(20, 1)], dim=1)
    for depth, weight in enumerate(head._layers.weights):
        y = nn.functional.leaky_relu(y, LEAK) if depth else y
        y = y @ torch.from_numpy(weight).T
    away = (y - torch.from_numpy(head._centre)).square().sum(dim=1)
    np.testing.assert_allclose(head._distance(x.detach().numpy()), away.detach().numpy())
    (slope,) = torch.autograd.grad(away.sum(), x)
    np.testing.assert_allclose(head._slope(x.detach().numpy()), slope.numpy(), rtol=1e-9, atol=1e-12)


def test_a_one_class_network_has_no_bias_and_does_not_collapse() -> None:
    head = OneClass(hidden=24, steps=200)
    normal = rows(500, 3).astype(np.float32)
    head.fit(normal, seed=1)
    assert not [name for name in head.arrays() if "bias" in name]
    assert (np.abs(head.arrays()["centre"]) >= 0.1 - 1e-6).all()
    assert np.median(head.score(normal * 4)) > 5 * np.median(head.score(normal))


def test_an_autoencoder_counts_each_column_by_how_well_it_usually_comes_back() -> None:
    """A column that follows from others is told off by a step that a free one may take."""
    a, b = rows(600, 2).T
    head = Autoencoder(hidden=24, code=1, steps=400)
    head.fit(np.stack([a, 3 * a, b], axis=1).astype(np.float32), seed=2)
    parts = head.contributions(np.array([[1.0, 3.0, 0.0], [1.0, 1.0, 0.0], [1.0, 3.0, 1.0]], np.float32))
    assert parts[1, :2].sum() > 5 * (parts[0].sum() + 1)
    assert parts[1, :2].sum() > parts[2].sum()


def test_rows_are_drawn_as_often_as_their_weights_say() -> None:
    known = np.arange(4.0)[:, None]
    seen = []

    def loss(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.detach().clone())
        return (x * weight).sum()

    weight = nn.Parameter(torch.ones(1))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        learn([weight], loss, known, np.array([0.0, 1.0, 3.0, 0.0]), steps=40)
    often = torch.bincount(torch.cat(seen).long().ravel(), minlength=4) / (40 * len(seen[0]))
    np.testing.assert_allclose(often, [0, 0.25, 0.75, 0], atol=0.03)
