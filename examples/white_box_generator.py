"""A generator whose steps are physical splittings, which finds the splitting function of showers from their final particles.

    python examples/white_box_generator.py WORK

After the white-box generator for jets (arXiv:2012.06582). A toy cascade is known here: a particle above `STOP` splits into
two with fractions z and 1 - z of its energy, z from the splitting function of gluons, and an angle that their mass gives.
The generator is the same cascade with a table of numbers in place of the splitting function. It sees the energies
and angles of the particles that are left in the end, never a splitting; an adversary, a network on sets of particles,
tells its showers from the given ones. What the adversary says is the logarithm of the ratio of the two densities, and the
table follows its mean over showers by the score function: no step has to be differentiable. Since the table is the splitting
function, what was learned can be read. Writes WORK/white_box_generator.svg and .json; a minute on one core.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

BEGIN, STOP = 100.0, 10.0  # GeV: of the first particle, and below which none splits
LEAST = 0.05  # smallest fraction of the softer one of two particles
MASS, SPREAD = 0.5, 0.5  # GeV: median mass of two particles, and the width of its logarithm
BINS = 12  # of the generator's table, equal in log z
EDGES = torch.logspace(
    torch.log10(torch.tensor(LEAST)).item(), torch.log10(torch.tensor(0.5)).item(), BINS + 1
)
WIDTH = EDGES.diff()
SHOWERS, POOL = 400, 10_000  # in a step, and given in all
ROUNDS, RATE = 3, 0.1  # of the adversary in a step of the generator; part of the way that it goes in a step


class Showers(NamedTuple):
    """What is left of n showers: m particles, of which the adversary knows no more than this.

    Attributes
    ----------
    of : int64 (m,)
        Shower of each particle.
    features : float32 (m, 3)
        Logarithm of the energy over `STOP`, two angles times the energy, in units of 0.2 GeV.
    fractions : float32 (n, BINS)
        How many splittings had their z in each bin: for the generator's own gradient, never shown to the adversary.
    """

    of: Tensor
    features: Tensor
    fractions: Tensor


def gluons(z: Tensor) -> Tensor:
    """The splitting function of gluons into gluons, not normalised: what is fed, and to be found."""
    return (1 - z * (1 - z)) ** 2 / (z * (1 - z))


def draw_fed(n: int) -> Tensor:
    """Fractions (n,) from `gluons`, of the softer particle, by the inverse of its cumulative sum on a fine grid."""
    grid = torch.linspace(LEAST, 0.5, 2001)
    middle = (grid[1:] + grid[:-1]) / 2
    total = torch.cat([torch.zeros(1), gluons(middle).cumsum(0)])
    place = torch.rand(n) * total[-1]
    row = torch.searchsorted(total, place, right=True).clamp(1, 2000) - 1
    return grid[row] + (place - total[row]) / (total[row + 1] - total[row]) * (grid[1] - grid[0])


def draw_table(logits: Tensor, n: int) -> Tensor:
    """Fractions (n,) from a table: a bin by its probability, flat in it."""
    row = torch.multinomial(logits.softmax(0), n, replacement=True)
    return EDGES[row] + torch.rand(n) * WIDTH[row]


def cascade(n: int, draw: Callable[[int], Tensor]) -> Showers:
    """Let n particles split until none is above `STOP`."""
    of, energy, angle = torch.arange(n), torch.full((n,), BEGIN), torch.zeros(n, 2)
    fractions, ended = torch.zeros(n, BINS), []
    while len(of):
        z = draw(len(of))
        row = torch.bucketize(z, EDGES[1:-1])
        fractions.index_put_((of, row), torch.ones(len(of)), accumulate=True)
        mass = MASS * torch.exp(SPREAD * torch.randn(len(of)))
        opening = mass / (energy * (z * (1 - z)).sqrt())
        turn = 2 * torch.pi * torch.rand(len(of))
        away = opening[:, None] * torch.stack([turn.cos(), turn.sin()], dim=1)
        # The softer one goes farther from the old direction, so that momentum across it is kept.
        angle = torch.cat([angle + (1 - z)[:, None] * away, angle - z[:, None] * away])
        energy, of = torch.cat([z * energy, (1 - z) * energy]), torch.cat([of, of])
        done = energy < STOP
        ended.append((of[done], energy[done], angle[done]))
        of, energy, angle = of[~done], energy[~done], angle[~done]
    of, energy, angle = (torch.cat(parts) for parts in zip(*ended, strict=True))
    return Showers(
        of, torch.cat([(energy / STOP).log()[:, None], angle * energy[:, None] / 0.2], dim=1), fractions
    )


def some(showers: Showers, rows: Tensor) -> Showers:
    """Some showers of many."""
    number = torch.full((len(showers.fractions),), -1)
    number[rows] = torch.arange(len(rows))
    kept = number[showers.of] >= 0
    return Showers(number[showers.of[kept]], showers.features[kept], showers.fractions[rows])


class Adversary(nn.Module):
    """A network on sets (arXiv:1703.06114): log of the density of given showers over that of generated ones."""

    def __init__(self, wide: int = 24) -> None:
        super().__init__()
        self.each = nn.Sequential(nn.Linear(3, wide), nn.ReLU(), nn.Linear(wide, wide), nn.ReLU())
        self.all = nn.Sequential(nn.Linear(wide, wide), nn.ReLU(), nn.Linear(wide, 1))

    def forward(self, showers: Showers) -> Tensor:
        total = torch.zeros(len(showers.fractions), self.all[0].in_features)
        return self.all(total.index_add(0, showers.of, self.each(showers.features)) / 10)[:, 0]


def learn(given: Showers, steps: int, seed: int) -> Tensor:
    """The splitting function (BINS,) that showers tell: its mean density over the second half of the steps."""
    torch.manual_seed(seed)
    adversary, logits = Adversary(), WIDTH.log()  # flat in z to begin with
    judge = torch.optim.Adam(adversary.parameters(), lr=3e-3)
    density = torch.zeros(BINS)
    for step in range(steps):
        made = cascade(SHOWERS, partial(draw_table, logits))
        for _ in range(ROUNDS):
            real = some(given, torch.randperm(len(given.fractions))[:SHOWERS])
            loss = softplus(-adversary(real)).mean() + softplus(adversary(made)).mean()
            judge.zero_grad()
            loss.backward()
            judge.step()
        # Fresh showers: of those that it was trained on the adversary knows more than of others.
        made = cascade(SHOWERS, partial(draw_table, logits))
        with torch.no_grad():
            reward = adversary(made).clamp(-5, 5)
        # The gradient by the logits, over its scale for each (Fisher's information): a step towards log(fed / table).
        expected = made.fractions.sum(1, keepdim=True) * logits.softmax(0)
        gradient = ((reward - reward.mean())[:, None] * (made.fractions - expected)).mean(0)
        logits += RATE * gradient / expected.mean(0)
        if 2 * step >= steps:
            density += logits.softmax(0) / WIDTH
    return density / (density @ WIDTH)


def fed() -> Tensor:
    """What is to be found: mean density (BINS,) of the fed function in each bin."""
    grid = torch.linspace(LEAST, 0.5, 20001)
    middle = (grid[1:] + grid[:-1]) / 2
    share = torch.zeros(BINS).index_add(0, torch.bucketize(middle, EDGES[1:-1]), gluons(middle))
    return share / share.sum() / WIDTH


def distance(density: Tensor) -> float:
    """Integral of the absolute difference to what was fed; 0 at best, 2 at worst."""
    return float(((density - fed()).abs() * WIDTH).sum())


def draw(found: Tensor, file: Path) -> None:
    """What was fed, what was found (n_seeds, BINS) and its spread."""
    grid = torch.linspace(LEAST, 0.5, 200)
    scale = (fed() * WIDTH).sum() / torch.trapezoid(gluons(grid), grid)
    figure, axes = plt.subplots(figsize=(5, 3.4), layout="constrained")
    axes.plot(grid, scale * gluons(grid), color="black", label="fed")
    axes.axhline(1 / (0.5 - LEAST), color="gray", linestyle=":", label="where the generator began")
    middle = (EDGES[1:] + EDGES[:-1]) / 2
    spread = found.std(0) if len(found) > 1 else None
    label = f"found, mean and spread of {len(found)} seeds"
    axes.errorbar(middle, found.mean(0), spread, WIDTH / 2, "o", markersize=3, color="tab:red", label=label)
    axes.set(xlabel="z, energy fraction of the softer particle", ylabel="P(z)", ylim=(0, None))
    axes.legend(frameon=False)
    with plt.rc_context({"svg.hashsalt": file.name}):  # the same bytes for the same numbers
        figure.savefig(file, metadata={"Date": None})
    plt.close(figure)


def main(work: Path, seeds: int = 4, steps: int = 160) -> dict[str, Any]:
    """Learn once a seed, each from showers of its own; returns what was found, and its distances to what was fed."""
    torch.manual_seed(1000)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # small networks: more threads wait for each other
    found = torch.stack([learn(cascade(POOL, draw_fed), steps, seed) for seed in range(seeds)])
    torch.set_num_threads(threads)
    result = {
        "began": distance(torch.full((BINS,), 1 / (0.5 - LEAST))),
        "found": [distance(one) for one in found],
        "mean_of_seeds": distance(found.mean(0)),
        "edges": EDGES.tolist(),
        "densities": found.tolist(),
    }
    work.mkdir(parents=True, exist_ok=True)
    draw(found, work / "white_box_generator.svg")
    (work / "white_box_generator.json").write_text(json.dumps(result, indent=1))
    return result


if __name__ == "__main__":
    said = main(Path(sys.argv[1]))
    print({name: said[name] for name in ("began", "found", "mean_of_seeds")})
