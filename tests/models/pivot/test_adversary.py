"""The adversary: its gradient comes with the sign turned, and a response that told a nuisance tells it no more."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gnnreco.models.pivot import Adversary


def adversary(hidden: int = 16, seed: int = 0) -> Adversary:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Adversary(hidden)


def likelihood(guess: Adversary, *columns: Tensor) -> Tensor:
    """The same loss of columns in units of their spread, with no sign turned."""
    output, truth, nuisance = ((x - x.detach().mean()) / x.detach().std(correction=0) for x in columns)
    mean, log_sigma = guess.layers(torch.stack([output, truth], dim=1)).T
    return -torch.distributions.Normal(mean, log_sigma.exp()).log_prob(nuisance).mean()


@pytest.mark.parametrize("strength", [0.5, 2.0])
def test_the_gradient_of_the_output_is_turned_that_of_the_adversary_is_not(strength: float) -> None:
    draw, guess = torch.Generator().manual_seed(1), adversary()
    output, truth, nuisance = (3 + 2 * torch.randn(50, generator=draw) for _ in range(3))
    output.requires_grad_()
    loss, expected = guess(output, truth, nuisance, strength), likelihood(guess, output, truth, nuisance)
    torch.testing.assert_close(loss + 0.5 * torch.log(torch.tensor(2 * torch.pi)), expected)
    parts = [output, *guess.parameters()]
    turned, *mine = torch.autograd.grad(loss, parts)
    plain, *theirs = torch.autograd.grad(expected, parts)
    assert plain.abs().max() > 0
    torch.testing.assert_close(turned, -strength * plain)
    for one, two in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, two)


def test_units_are_those_of_all_that_was_seen_in_training() -> None:
    guess, draw = adversary(), torch.Generator().manual_seed(2)
    columns = torch.tensor([[5.0], [-2.0], [0.1]]) + torch.randn(3, 90, generator=draw)
    for part in columns.split(30, dim=1):
        guess(*part, 1.0)
    guess.eval()
    torch.testing.assert_close(guess(*columns, 1.0), adversary()(*columns, 1.0))
    before = guess.seen.clone()
    guess(*(columns + 100), 1.0)
    torch.testing.assert_close(guess.seen, before)
    lone = guess.train()(*torch.ones(3, 1), 1.0)
    assert torch.isfinite(lone)


def learned(seen: Tensor, truth: Tensor, nuisance: Tensor, strength: float, told: bool = True) -> Tensor:
    """Deviation of a toy's linear fit from the truth, after training from the best fit to the sample."""
    guess = adversary(8, seed=5)
    weight = torch.linalg.lstsq(seen, truth[:, None]).solution[:, 0].requires_grad_()
    slow, quick = torch.optim.SGD([weight], 0.003), torch.optim.Adam(guess.parameters(), 0.03)
    for _ in range(400):
        off = seen @ weight - truth
        loss = (off**2).mean()
        if strength:
            loss = loss + guess(off, truth if told else torch.zeros_like(truth), nuisance, strength)
        for optimizer in (slow, quick):
            optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_([weight], 1.0)
        for optimizer in (slow, quick):
            optimizer.step()
    return (seen @ weight - truth).detach()


def together(*columns: Tensor) -> float:
    """Correlation of the first two columns at a fixed value of the others: of what a linear fit to these leaves."""
    rest = torch.stack([*columns[2:], torch.ones_like(columns[0])], dim=1)
    left = [x - rest @ torch.linalg.lstsq(rest, x[:, None]).solution[:, 0] for x in columns[:2]]
    return torch.corrcoef(torch.stack(left))[0, 1].item()


def test_a_response_that_tells_the_nuisance_tells_it_no_more() -> None:
    # What is seen is the truth plus the nuisance; a second number tells the nuisance, but badly.
    truth, nuisance, blur = torch.randn(3, 1000, generator=torch.Generator().manual_seed(2))
    seen = torch.stack([truth + 0.7 * nuisance, nuisance + blur], dim=1)
    before, after = (learned(seen, truth, nuisance, strength) for strength in (0.0, 3.0))
    assert abs(together(before, nuisance, truth)) > 0.5
    assert abs(together(after, nuisance, truth)) < 0.3
    assert after.std() < 0.8  # the truth itself is as wide as 1: something is still learned


def test_a_prior_that_came_with_the_nuisance_is_not_learned() -> None:
    """The nuisance changes nothing of what is seen, but in training the truth is lower where it is high.

    The best fit then leans on the nuisance, and has no deviation left that would tell it: only at a fixed truth it has.
    """
    truth, blur, own = torch.randn(3, 1000, generator=torch.Generator().manual_seed(3))
    nuisance = 0.6 * own - 0.8 * truth
    seen = torch.stack([truth + blur, nuisance], dim=1)
    before, blind, after = (
        learned(seen, truth, nuisance, strength, told)
        for strength, told in ((0.0, True), (3.0, False), (3.0, True))
    )
    assert abs(together(before, nuisance)) < 0.05  # nothing that the unconditional form could take away
    assert abs(together(before, nuisance, truth)) > 0.5
    assert abs(together(blind, nuisance, truth)) > 0.5
    assert abs(together(after, nuisance, truth)) < 0.25
    assert after.std() < 1.0
