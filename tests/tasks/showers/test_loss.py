"""Losses of showers: errors that cover what they say, sums that agree, and nothing from what is unknown."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from gnnreco.models.pivot import Adversary
from gnnreco.tasks.showers.loss import LossConfig, pair_loss, shower_loss
from gnnreco.tasks.showers.moments import MOMENTS
from gnnreco.tasks.showers.targets import CHARGED, MUON, PHOTON, UNKNOWN, ClusterTargets

SIGMA_ONLY = LossConfig(energy=0, sigma=1, kind=0, balance=0)
BALANCE_ONLY = LossConfig(energy=0, sigma=0, kind=0, balance=1)


def loss_of(
    energy: Tensor,
    wanted: list[float] | np.ndarray,
    config: LossConfig,
    log_sigma: Tensor | None = None,
    **more: object,
) -> Tensor:
    n = len(energy)
    target = ClusterTargets(np.array(wanted, float), np.full(n, UNKNOWN))
    sigma = torch.full((n,), -2.0) if log_sigma is None else log_sigma
    moments = torch.zeros(n, len(MOMENTS))
    return shower_loss(torch.log(energy), sigma, torch.zeros(n, 6), target, moments, config, **more)[0]  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", ["normal", "tails"])
def test_the_learned_error_covers_68_percent(shape: str) -> None:
    rng = np.random.default_rng(0)
    off = 0.1 * rng.normal(size=4000) if shape == "normal" else 0.05 * rng.standard_t(2, 4000)
    off = np.clip(off, -5.0, 0.9)
    energy = torch.full((4000,), 10.0)
    wanted = 10 * (1 - off)
    log_sigma = torch.tensor(0.0, requires_grad=True)
    optimizer = torch.optim.Adam([log_sigma], 0.05)
    for _ in range(150):
        optimizer.zero_grad()
        loss_of(energy, wanted, SIGMA_ONLY, log_sigma.expand(4000)).backward()
        optimizer.step()
    covered = (np.abs(off) < log_sigma.exp().item()).mean()
    assert covered == pytest.approx(0.6827, abs=0.03)


def test_the_mean_response_is_one_where_it_counts() -> None:
    config = LossConfig(energy=0, sigma=0, kind=0, balance=0, response=1)
    rng = np.random.default_rng(4)
    wanted = rng.uniform(1.1, 1.9, 4000)
    kind = np.where(np.arange(4000) < 2000, PHOTON, CHARGED)
    scatter = torch.from_numpy(np.exp(rng.normal(0, np.where(kind == PHOTON, 0.2, 0.6)))).float()
    shift = torch.zeros(2, requires_grad=True)
    optimizer = torch.optim.Adam([shift], 0.02)

    def energy() -> Tensor:
        return (
            torch.from_numpy(wanted).float()
            * scatter
            * torch.exp(shift[(torch.from_numpy(kind) != PHOTON).long()])
        )

    def loss(energy: Tensor, wanted: np.ndarray = wanted, kind: np.ndarray = kind) -> Tensor:
        n = len(energy)
        target = ClusterTargets(wanted, kind)
        nothing = torch.zeros(n), torch.zeros(n, 6)
        return shower_loss(torch.log(energy), *nothing, target, torch.zeros(n, len(MOMENTS)), config)[0]

    for _ in range(200):
        optimizer.zero_grad()
        loss(energy()).backward()
        optimizer.step()
    ratio = energy().detach().numpy() / wanted
    for mine in (kind == PHOTON, kind == CHARGED):  # medians of 1 would be means of 1.02 and 1.2
        assert np.minimum(ratio[mine], np.exp(1.5)).mean() == pytest.approx(1, abs=0.01)
    assert loss(torch.tensor([3.0, 7.0]), np.array([0.5, np.nan]), np.array([PHOTON, CHARGED])).item() == 0


def test_balance_is_zero_when_sums_agree() -> None:
    energy = torch.tensor([12.0, 8.0, 50.0], requires_grad=True)
    wanted = [10.0, 10.0, np.nan]  # the last is no shower of anybody
    loss = loss_of(energy, wanted, BALANCE_ONLY)
    assert loss.item() == pytest.approx(0, abs=1e-9)
    more = torch.tensor([12.0, 10.0, 50.0], requires_grad=True)
    gap = loss_of(more, wanted, BALANCE_ONLY)
    assert gap.item() > 0.01
    (slope,) = torch.autograd.grad(gap, more)
    assert (slope[:2] > 0).all()
    assert slope[2] == 0


def test_energies_that_are_right_cost_nothing() -> None:
    config = LossConfig(sigma=0, kind=0, balance=0)
    right, near, far = (
        loss_of(torch.tensor([x, 20.0]), [10.0, 20.0], config).item() for x in (10.0, 10.5, 12.0)
    )
    assert right == pytest.approx(0, abs=1e-9)
    assert right < near < far


def test_the_energy_of_a_muon_which_nobody_can_measure_costs_little() -> None:
    config, log_energy = LossConfig(energy=1, sigma=0, kind=0, balance=0), torch.log(torch.tensor([5.0]))
    losses = {}
    for kind in (PHOTON, MUON):
        target = ClusterTargets(np.array([35.0]), np.array([kind]))
        moments = torch.zeros(1, len(MOMENTS))
        losses[kind] = shower_loss(log_energy, log_energy, torch.zeros(1, 6), target, moments, config)[
            0
        ].item()
    assert losses[MUON] == pytest.approx(np.log(7) - 0.5, rel=1e-5)  # Huber's loss beyond one unit
    assert losses[PHOTON] > 20 * losses[MUON]


def test_nothing_known_nothing_learned() -> None:
    for n in (0, 3):
        energy = torch.ones(n, requires_grad=True)
        loss = loss_of(energy, np.full(n, np.nan), LossConfig(pivot=1.0), adversary=Adversary())
        loss.backward()
        assert loss.item() == 0
        assert (energy.grad == 0).all()  # type: ignore[union-attr]


def test_the_adversary_reads_the_chosen_nuisance() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        adversary = Adversary()
    n, name = 20, "cosine"
    target = ClusterTargets(np.full(n, 10.0), np.full(n, UNKNOWN))

    def loss(column: str) -> float:
        moments = torch.zeros(n, len(MOMENTS))
        moments[:, MOMENTS.index(column)] = torch.linspace(0, 3, n)
        config = LossConfig(pivot=1.0, nuisance=name)  # type: ignore[arg-type]
        adversary.seen.zero_()
        off = torch.full((n,), 2.0)
        return shower_loss(off, off - 4, torch.zeros(n, 6), target, moments, config, adversary)[0].item()

    assert loss(name) != pytest.approx(loss("foreign"))
    assert loss("cell_size") == pytest.approx(loss("foreign"))


def test_classes_are_learned_where_they_are_known() -> None:
    logit = torch.zeros(3, 6, requires_grad=True)
    target = ClusterTargets(np.full(3, np.nan), np.array([2, UNKNOWN, 0]))
    loss, numbers = shower_loss(
        torch.zeros(3), torch.zeros(3), logit, target, torch.zeros(3, len(MOMENTS)), LossConfig()
    )
    loss.backward()
    slope = logit.grad
    assert slope is not None
    assert slope.argmin(dim=1)[[0, 2]].tolist() == [2, 0]
    assert (slope[1] == 0).all()
    assert numbers["class_loss"] == pytest.approx(np.log(6), rel=1e-5)


def test_pairs_that_are_not_real_do_not_count_and_loud_ones_count_more() -> None:
    target, real = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    energy, mip = torch.tensor([5.0, 0.1]), torch.tensor([0.1, 0.1])
    good = 20 * (target - 0.5)
    assert pair_loss(good, target, real, energy, mip)[0].item() == pytest.approx(0, abs=1e-3)
    wrong = good.clone()
    wrong[0, 1] = 10.0
    assert pair_loss(wrong, target, real, energy, mip)[0].item() == pytest.approx(0, abs=1e-3)
    at = []
    for row, column in ((0, 0), (1, 0)):
        wrong = good.clone()
        wrong[row, column] *= -1
        at.append(pair_loss(wrong, target, real, energy, mip)[0].item())
    assert at[0] > 2 * at[1] > 0.5
    none = torch.zeros(0, 2)
    assert pair_loss(none, none, none, none[:, 0], none[:, 0])[0].item() == 0
