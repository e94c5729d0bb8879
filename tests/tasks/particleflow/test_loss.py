"""What mistakes cost, beside the same sums written out, and in which direction they push."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gnnreco.models.element_network import NOTHING, ElementTensors
from gnnreco.tasks.particleflow.answers import Answers, OwnerAnswers
from gnnreco.tasks.particleflow.judgement import Momenta
from gnnreco.tasks.particleflow.loss import FINE, FlowLossConfig, owner_loss, sharing_loss

SEEDS = st.integers(0, 10_000)
CLASSES = NOTHING + 1


def graph(counts: list[int]) -> ElementTensors:
    """So many edges for each shower; what the loss does not read is empty."""
    start = torch.from_numpy(np.cumsum([0, *counts]))
    source = torch.from_numpy(np.repeat(np.arange(len(counts)), counts))
    none = torch.zeros(0)
    return ElementTensors(none, none, source, none, none, start, none, none)


def answers(edge: Any, alone: Any, momentum: Any = None) -> Answers:
    """Parts of showers, and the four-momenta of all targets."""
    no, zero = np.zeros(0, np.int64), np.zeros(0)
    four = np.zeros((0, 4)) if momentum is None else np.array(momentum, float)
    return Answers(
        np.array(edge, np.float32),
        np.array(alone, np.float32).reshape(-1, 2),
        *(no, no, no, zero, no, four, np.zeros(0, bool)),
    )


def drawn(seed: int, n: int) -> tuple[ElementTensors, Tensor, Tensor, Answers, Tensor]:
    """Showers with logits and with answers that sum to one; energies."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 4, n).tolist()
    truth = [rng.dirichlet(np.ones(c + 2)) for c in counts]
    edge = np.concatenate([*(t[:-2] for t in truth), np.zeros(0)])
    alone = np.array([t[-2:] for t in truth]).reshape(-1, 2)
    logits = (
        torch.from_numpy(rng.normal(0, 3, len(edge))).float(),
        torch.from_numpy(rng.normal(0, 3, (n, 2))).float(),
    )
    return graph(counts), *logits, answers(edge, alone), torch.from_numpy(rng.uniform(0.1, 30, n)).float()


@given(SEEDS, st.integers(1, 8))
@settings(max_examples=40)
def test_all_owners_of_a_shower_compete(seed: int, n: int) -> None:
    g, edge, alone, wanted, energy = drawn(seed, n)
    weight = np.sqrt(energy.numpy()) / np.sqrt(energy.numpy()).sum()
    expected = 0.0
    for i in range(n):
        mine = (g.source == i).numpy()
        logits = np.concatenate([edge.numpy()[mine], alone.numpy()[i]]).astype(float)
        truth = np.concatenate([wanted.edge[mine], wanted.alone[i]])
        expected -= weight[i] * (truth * (logits - np.log(np.exp(logits).sum()))).sum()
    assert float(sharing_loss(g, edge, alone, wanted, energy, False)) == pytest.approx(expected, rel=1e-4)


@given(SEEDS, st.integers(1, 8))
@settings(max_examples=40)
def test_independent_edges_are_asked_one_by_one(seed: int, n: int) -> None:
    g, edge, alone, wanted, energy = drawn(seed, n)
    weight = np.sqrt(energy.numpy()) / np.sqrt(energy.numpy()).sum()

    def entropy(logit: np.ndarray, truth: np.ndarray) -> np.ndarray:
        return np.logaddexp(0, logit) - truth * logit

    expected = (entropy(edge.numpy(), wanted.edge) * weight[g.source.numpy()]).sum()
    expected += (entropy(alone.numpy(), wanted.alone) * weight[:, None]).sum()
    assert float(sharing_loss(g, edge, alone, wanted, energy, True)) == pytest.approx(expected, rel=1e-4)


@given(SEEDS, st.floats(-300, 300), st.floats(0.1, 10))
@settings(max_examples=40)
def test_neither_a_shift_of_all_logits_nor_the_unit_of_energy_matters(
    seed: int, shift: float, unit: float
) -> None:
    g, edge, alone, wanted, energy = drawn(seed, 5)
    loss = float(sharing_loss(g, edge, alone, wanted, energy, False))
    assert float(sharing_loss(g, edge + shift, alone + shift, wanted, unit * energy, False)) == pytest.approx(
        loss, rel=1e-3, abs=1e-4
    )


@pytest.mark.parametrize("independent", [False, True])
def test_the_best_logits_are_those_of_the_truth(independent: bool) -> None:
    """The gradient is the chance that is said minus the true one, weighted by the root of the energy."""
    g, edge, alone, wanted, energy = drawn(3, 6)
    edge.requires_grad_()
    alone.requires_grad_()
    sharing_loss(g, edge, alone, wanted, energy, independent).backward()
    assert edge.grad is not None
    assert alone.grad is not None
    weight = energy.sqrt() / energy.sqrt().sum()
    if independent:
        said, said_alone = edge.detach().sigmoid(), alone.detach().sigmoid()
    else:
        total = torch.zeros(6).index_add(0, g.source, edge.detach().exp()) + alone.detach().exp().sum(1)
        said, said_alone = edge.detach().exp() / total[g.source], alone.detach().exp() / total[:, None]
    torch.testing.assert_close(edge.grad, weight[g.source] * (said - torch.from_numpy(wanted.edge)))
    torch.testing.assert_close(alone.grad, weight[:, None] * (said_alone - torch.from_numpy(wanted.alone)))


@pytest.mark.parametrize("independent", [False, True])
def test_events_without_showers_cost_nothing_and_can_be_learned_from(independent: bool) -> None:
    edge, alone = torch.zeros(0, requires_grad=True), torch.zeros((0, 2), requires_grad=True)
    loss = sharing_loss(graph([]), edge, alone, answers([], []), torch.zeros(0), independent)
    loss.backward()
    assert float(loss.detach()) == 0


def found(size: Any, sigma: float = 0.1, nothing: Any = None) -> Momenta:
    """Owners along z with these energies (GeV)."""
    n = len(size)
    probability = torch.zeros((n, CLASSES))
    probability[:, NOTHING] = torch.zeros(n) if nothing is None else torch.tensor(nothing)
    way = torch.tensor([0.0, 0.0, 1.0]).expand(n, 3)
    return Momenta(
        probability, torch.tensor(size, dtype=torch.float32).log(), torch.full((n,), sigma).log(), way
    )


def right(kind: list[int], size: list[float]) -> OwnerAnswers:
    return OwnerAnswers(np.array(kind), np.array(size, float))


def sure(kind: list[int]) -> Tensor:
    """Logits of somebody who is sure."""
    return 20.0 * torch.nn.functional.one_hot(torch.tensor(kind), CLASSES).float()


ENERGY_ALONE = FlowLossConfig(kind=0.0, sigma=0.0)


def test_what_is_right_costs_nothing_but_its_error() -> None:
    kind = [0, 2, NOTHING]
    total, told = owner_loss(
        found([5.0, 8.0, 1.0]), sure(kind), right(kind, [5.0, 8.0, np.nan]), answers([], []), FlowLossConfig()
    )
    assert told["kind_loss"] == pytest.approx(0, abs=1e-6)
    assert told["energy_loss"] == pytest.approx(0, abs=1e-6)
    assert told["right"] == pytest.approx(1)
    assert float(total) == pytest.approx(FlowLossConfig().sigma * np.log(0.1), rel=1e-4)


@given(st.floats(0.01, 3.0), st.booleans())
def test_deviations_count_by_their_square_and_then_in_proportion(off: float, less: bool) -> None:
    size = 5.0 * np.exp(-off if less else off)
    loss, _ = owner_loss(found([size]), sure([2]), right([2], [5.0]), answers([], []), ENERGY_ALONE)
    expected = off**2 / (2 * FINE) if off < FINE else off - FINE / 2
    assert float(loss) == pytest.approx(expected, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("sigma", [0.05, 0.2, 0.9])
def test_the_best_error_is_the_mean_deviation(sigma: float) -> None:
    """The gradient of the cost of errors is 1 - mean deviation / error: none where the error is the mean deviation."""
    only = FlowLossConfig(kind=0.0, energy=0.0, sigma=1.0)
    off = np.array([0.3, -0.1])
    made, log_sigma = found((5.0 * np.exp(off)).tolist()), torch.full((2,), np.log(sigma), requires_grad=True)
    said = Momenta(made.probability, made.log_energy, log_sigma, made.direction)
    owner_loss(said, sure([2, 2]), right([2, 2], [5.0, 5.0]), answers([], []), only)[0].backward()
    assert log_sigma.grad is not None
    weight = np.sqrt(5.0 * np.exp(off) + 0.25)
    mean = (weight * np.abs(off)).sum() / weight.sum()
    assert float(log_sigma.grad.sum()) == pytest.approx(1 - mean / sigma, rel=1e-4)


def test_energetic_owners_count_more() -> None:
    """A wrong class of 50 GeV costs more than one of 1 GeV, as the root of the energy says."""
    kind = [2, 2]
    made, wanted = found([50.0, 1.0]), right(kind, [50.0, 1.0])
    costs = [
        owner_loss(made, sure(said), wanted, answers([], []), FlowLossConfig(energy=0.0, sigma=0.0))[0]
        for said in ([0, 2], [2, 0])
    ]
    assert float(costs[0] / costs[1]) == pytest.approx(np.sqrt(50.25 / 1.25), rel=1e-3)


def test_no_owner_costs_nothing_and_nothings_have_no_energy_to_miss() -> None:
    none = torch.zeros((0, CLASSES), requires_grad=True)
    loss, told = owner_loss(found([]), none, right([], []), answers([], []), FlowLossConfig())
    loss.backward()
    assert (float(loss.detach()), told["right"]) == (0.0, 1.0)
    total, told = owner_loss(
        found([3.0]), sure([NOTHING]), right([NOTHING], [np.nan]), answers([], []), FlowLossConfig()
    )
    assert told["energy_loss"] == 0
    assert float(total) == pytest.approx(0, abs=1e-6)


@given(st.floats(0.2, 5.0), st.floats(0.0, 1.0))
@settings(max_examples=30)
def test_the_balance_asks_for_the_sum_of_all_momenta(scale: float, nothing: float) -> None:
    """What is doubtful counts by the probability that it is anything; too much here makes up for too little there."""
    config = FlowLossConfig(kind=0.0, energy=0.0, sigma=0.0, balance=1.0)
    sizes = [4.0 * scale, (10.0 - 4.0 * scale if scale < 2 else 1.0)]
    target = [[0.0, 0.0, 10.0, 10.0]]
    wanted = right([2, 2], [5.0, 5.0])
    loss, _ = owner_loss(
        found(sizes, nothing=[0.0, nothing]), sure([2, 2]), wanted, answers([], [], target), config
    )
    off = abs(sizes[0] + (1 - nothing) * sizes[1] - 10.0) / np.sqrt(10.0)
    each = off**2 / 2 if off < 1 else off - 0.5
    assert float(loss) == pytest.approx(2 * each / 4, rel=1e-3, abs=1e-4)
