"""Layers in fixed point: values on their grids, gradients that teach bits, pressure that takes them away."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.models.trigger.fixed_point import SPEED, BitsConfig, FixedDense, FixedPoint
from gnnreco.models.trigger.pruning import PruneConfig, prune


def bits_of(layer: FixedPoint, x: torch.Tensor) -> torch.Tensor:
    layer.train()(x)
    return layer.eval()(x)


@given(st.integers(0, 1000), st.floats(0.5, 6.0), st.booleans())
def test_what_is_cut_lies_on_its_grid_and_within_its_format(seed: int, bits: float, signed: bool) -> None:
    draw = torch.Generator().manual_seed(seed)
    layer = FixedPoint(4, BitsConfig(activation_bits=bits), signed)
    x = 5 * torch.randn(64, 4, generator=draw)
    q, form = bits_of(layer, x).double().detach().numpy(), layer.format()
    scaled = q * np.exp2(form.fraction)
    assert np.array_equal(scaled, np.round(scaled))
    assert (q <= np.exp2(form.integer) - np.exp2(-form.fraction)).all()
    assert (q >= -form.signed * np.exp2(form.integer)).all()
    inside = (x.numpy() > 0) | signed
    assert (q - x.numpy() <= 1e-6)[inside].all(), "rounded up"


def test_a_channel_without_bits_is_zero() -> None:
    layer = FixedPoint(2, BitsConfig(activation_bits=4))
    with torch.no_grad():
        layer.fraction[0] = -10 / SPEED
    out = bits_of(layer, torch.rand(8, 2) * 3)
    assert not out[:, 0].any()
    assert out[:, 1].any()
    assert layer.bits().tolist()[0] == 0


@pytest.mark.parametrize(("kind", "values"), [("ternary", 3), ("binary", 2)])
def test_weights_of_few_values(kind: str, values: int) -> None:
    weights = FixedDense(16, 8, BitsConfig(weights=kind)).weights()  # type: ignore[arg-type]
    assert len(torch.unique(weights)) == values
    assert torch.log2(weights[weights > 0]).frac().eq(0).all()


def test_pressure_takes_bits_and_error_gives_them_back() -> None:
    torch.manual_seed(0)
    x, true = torch.randn(512, 6), torch.randn(1, 6)
    rows = {}
    for pressure in (0.0, 0.02):
        layer = FixedDense(6, 1, BitsConfig(weight_bits=1.0))
        optimizer = torch.optim.Adam(layer.parameters(), 0.01)
        for _ in range(400):
            loss = ((layer(x) - x @ true.T) ** 2).mean() + pressure * layer.bits().sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            rows[pressure] = float(layer.bits().sum()), float(((layer(x) - x @ true.T) ** 2).mean())
    assert rows[0.0][0] > 1.5 * rows[0.02][0]
    assert rows[0.0][1] < rows[0.02][1]


@pytest.mark.parametrize("structured", [False, True])
def test_pruning_follows_its_schedule(structured: bool) -> None:
    net = torch.nn.ModuleDict(
        {"a": FixedDense(10, 8, BitsConfig()), "answer": FixedDense(8, 4, BitsConfig())}
    )
    config = PruneConfig(0.5, structured, steps=100)
    gone = []
    for step in (0.0, 30.0, 100.0, 200.0):
        prune(net, config, step)
        kept = net["a"].kept
        gone.append(float(1 - kept.mean()))
        assert not structured or (kept == kept[:, :1]).all()
    assert gone[0] == 0
    assert gone[0] < gone[1] < gone[2] == gone[3] == 0.5
    assert bool(net["answer"].kept.all()) == structured
