"""Condensation: the same as brute force, a loss that knows gathered from mixed, and forces that pull together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.tasks.showers.condensation import CondensationConfig, condensation_loss, condensed, places
from tests.tasks.toy import blob, cell_graph, loud_of, together, truth_of

CONFIG = CondensationConfig()


def brute(place: np.ndarray, beta: np.ndarray, config: CondensationConfig) -> list[int]:
    """Representatives by beta, none near a better one; every cell goes to the nearest in reach."""
    x, chosen = place.astype(np.float64) / config.distance, []
    square = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    for i in np.argsort(-beta, kind="stable"):
        if beta[i] >= config.beta and all(square[i, j] >= 1 for j in chosen):
            chosen.append(i)
    if not chosen:
        return [-1] * len(x)
    to = square[:, chosen]
    return np.where(to.min(axis=1) < 1, to.argmin(axis=1), -1).tolist()


@given(
    st.integers(1, 60),
    st.integers(0, 2**32),
    st.sampled_from([0.3, 1.0, 4.0]),
    st.sampled_from([0.05, 0.5, 0.99]),
)
def test_condensed_is_brute_force(n: int, seed: int, size: float, least: float) -> None:
    rng = np.random.default_rng(seed)
    place, beta = (size * rng.normal(size=(n, 3))).astype(np.float32), rng.random(n).astype(np.float32)
    config = CondensationConfig(beta=least)
    assert condensed(place, beta, config).tolist() == brute(place, beta, config)


def spots(apart: float, spread: float, seed: int = 0) -> tuple[torch.Tensor, np.ndarray]:
    """Two showers of twenty cells, and whose each cell is."""
    rng = np.random.default_rng(seed)
    owner = np.repeat([0, 1], 20)
    place = spread * rng.normal(size=(40, 3)) + apart * owner[:, None] * [1, 0, 0]
    return torch.from_numpy(place.astype(np.float32)), owner


def loss_of(place: torch.Tensor, owner: np.ndarray, beta: torch.Tensor | None = None) -> torch.Tensor:
    truth = truth_of([(i, int(p), 1.0) for i, p in enumerate(owner) if p >= 0], [5.0, 5.0])
    if beta is None:
        beta = torch.full((len(owner),), -3.0)
        beta[[0, 20]] = 3.0
    loss, numbers = condensation_loss(place, beta, truth, CONFIG)
    assert numbers["condensation_loss"] == pytest.approx(loss.item())
    return loss


def test_gathered_is_better_than_scattered_and_mixed() -> None:
    place, owner = spots(3.0, 0.05)
    gathered = loss_of(place, owner).item()
    wide = loss_of(spots(3.0, 1.0)[0], owner).item()
    on_top = loss_of(spots(0.0, 0.05)[0], owner).item()
    mixed = loss_of(place, np.arange(40) // 10 % 2).item()  # half of each blob is the other's
    assert gathered < 0.2
    assert min(wide, on_top, mixed) > 3 * gathered


def test_forces_gather_a_shower_and_part_two() -> None:
    place, owner = spots(0.5, 0.2, seed=1)
    place.requires_grad_()
    (pull,) = torch.autograd.grad(loss_of(place, owner), place)
    with torch.no_grad():
        moved = place - 0.01 * pull
        away = [torch.linalg.norm(x[1:20] - x[0], dim=1).mean().item() for x in (place, moved)]
        apart = [torch.linalg.norm(x[20:] - x[0], dim=1).mean().item() for x in (place, moved)]
    assert away[1] < away[0]
    assert apart[1] > apart[0]


def test_betas_rise_for_representatives_and_fall_for_noise() -> None:
    place, owner = spots(3.0, 0.05)
    owner = np.where(np.arange(40) % 20 < 15, owner, -1)
    beta = torch.zeros(40)
    beta[[3, 23]] = 0.1
    beta.requires_grad_()
    (slope,) = torch.autograd.grad(loss_of(place, owner, beta), beta)
    assert (slope[[3, 23]] < 0).all()
    assert (slope[owner < 0] > 0).all()


def test_a_shared_cell_is_the_one_of_who_left_most() -> None:
    place, beta = torch.tensor([[0.0, 0, 0], [2, 0, 0], [2, 0, 0]]), torch.tensor([2.0, 2.0, -2.0])
    first, second = (
        condensation_loss(
            place, beta, truth_of([(0, 0, 1.0), (1, 1, 1.0), (2, 0, a), (2, 1, 3 - a)], [1.0, 1.0]), CONFIG
        )[0]
        for a in (1.0, 2.0)
    )
    assert first < second  # the third cell lies with the second particle


def test_pulls_move_cells_towards_their_neighbours_only() -> None:
    graph = together(blob((-15, 0), 30), blob((15, 0), 30, seed=1))
    loud = loud_of(graph)
    neighbour = torch.from_numpy(loud.neighbour)
    still = places(graph, neighbour, torch.zeros(loud.real.shape), CONFIG.width)
    np.testing.assert_allclose(still / torch.linalg.norm(still, dim=1)[:, None], graph.direction, atol=1e-6)
    one = torch.zeros(loud.real.shape)
    one[4, 0] = 1.0
    moved = places(graph, neighbour, one, CONFIG.width)
    torch.testing.assert_close(moved[4], still[int(neighbour[4, 0])])
    rest = np.arange(60) != 4
    torch.testing.assert_close(moved[rest], still[rest])


def test_an_empty_event_and_one_of_noise() -> None:
    graph = cell_graph(np.zeros((0, 3)), np.zeros(0))
    place = places(graph, torch.zeros((0, 6), dtype=torch.int32), torch.zeros(0, 6), CONFIG.width)
    assert condensed(place.numpy(), np.zeros(0, np.float32), CONFIG).shape == (0,)
    loss, _ = condensation_loss(place, torch.zeros(0), truth_of([], []), CONFIG)
    assert loss.item() == 0
    beta = torch.zeros(3, requires_grad=True)
    loss, _ = condensation_loss(torch.zeros(3, 3), beta, truth_of([], []), CONFIG)
    loss.backward()
    assert (beta.grad > 0).all()  # type: ignore[operator]
