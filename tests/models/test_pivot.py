"""The adversary: its gradient comes with the sign turned, and a response that told a nuisance tells it no more."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gnnreco.models.pivot import Adversary


def adversary(seed: int = 0) -> Adversary:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Adversary()


def likelihood(guess: Adversary, output: Tensor, nuisance: Tensor) -> Tensor:
    """The same loss, with no sign turned."""
    mean, log_sigma = guess.layers(output[:, None]).T
    return -torch.distributions.Normal(mean, log_sigma.exp()).log_prob(nuisance).mean()


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_the_gradient_of_the_output_is_turned_that_of_the_adversary_is_not(strength: float) -> None:
    draw, guess = torch.Generator().manual_seed(1), adversary()
    output, nuisance = torch.randn(50, generator=draw, requires_grad=True), torch.randn(50, generator=draw)
    loss, expected = guess(output, nuisance, strength), likelihood(guess, output, nuisance)
    torch.testing.assert_close(loss + 0.5 * torch.log(torch.tensor(2 * torch.pi)), expected)
    parts = [output, *guess.parameters()]
    turned, *mine = torch.autograd.grad(loss, parts)
    plain, *theirs = torch.autograd.grad(expected, parts)
    assert plain.abs().max() > 0
    torch.testing.assert_close(turned, -strength * plain)
    for one, two in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, two)


def learned(strength: float, steps: int = 400) -> tuple[float, float]:
    """Correlation of a toy's deviation with a nuisance, and the width of the deviation, after training from the best fit.

    What is seen is the truth plus the nuisance; a second number tells the nuisance, but badly.
    """
    draw = torch.Generator().manual_seed(2)
    truth, nuisance, blur = torch.randn(3, 1000, generator=draw)
    seen = torch.stack([truth + 0.7 * nuisance, nuisance + blur], dim=1)
    with torch.random.fork_rng():
        torch.manual_seed(5)
        guess = Adversary(8)
    weight = torch.linalg.lstsq(seen, truth[:, None]).solution[:, 0].requires_grad_()
    slow, quick = torch.optim.SGD([weight], 0.003), torch.optim.Adam(guess.parameters(), 0.03)
    for _ in range(steps):
        off = seen @ weight - truth
        loss = (off**2).mean() + (guess(off, nuisance, strength) if strength else 0.0)
        for optimizer in (slow, quick):
            optimizer.zero_grad()
        loss.backward()
        for optimizer in (slow, quick):
            optimizer.step()
    off = (seen @ weight - truth).detach()
    return torch.corrcoef(torch.stack([off, nuisance]))[0, 1].item(), off.std().item()


def test_a_response_that_tells_the_nuisance_tells_it_no_more() -> None:
    before, after = learned(0.0), learned(3.0)
    assert before[0] > 0.5
    assert abs(after[0]) < 0.3
    assert after[1] < 0.8  # the truth itself is as wide as 1: something is still learned
