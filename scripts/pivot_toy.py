"""The toy of "Learning to pivot" (Louppe, Kagan, Cranmer, arXiv 1611.01046, section 5.1), with gnnreco's own adversary.

    python scripts/pivot_toy.py -o docs/images/pivot_toy.svg [--strength 30] [--steps 1000] [--method adversary|distance] [--json FILE]

Background is normal with means 0, widths 1 and a correlation of -1/2; signal is normal with means 1 and 1 + Z and widths 1. Z, the
nuisance, is itself normal, and what it is in an event nobody knows. A classifier learns from both; its score of signal moves
with Z. Then the same classifier goes on learning against an adversary that guesses Z from the score, or with the distance
correlation of score and Z as a part of its loss. The figure has the densities of the score at Z = -1, 0 and 1 before and after,
as the figure 2 of the paper.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from scipy import stats
from torch import Tensor, nn

from gnnreco.columns import Floats
from gnnreco.display.drawing.frame import Frame, draw_axes
from gnnreco.display.drawing.svg import Drawing, hue
from gnnreco.models.pivot import Adversary, distance_correlation

BATCH = 512
PLACES = (-1.0, 0.0, 1.0)  # Z, in units of its width
BINS = np.linspace(0, 1, 31)
WIDTH, HEIGHT, LEFT, TOP, GAP = 320.0, 240.0, 64.0, 56.0, 84.0  # pixels


@dataclass(frozen=True)
class Judged:
    """What a classifier does.

    Attributes
    ----------
    auc : float
        Of signal against background, Z drawn as in the training.
    auc_at : list of float
        The same at each of the three fixed Z.
    ks : float
        Largest Kolmogorov-Smirnov distance between the scores at two of the three Z, signal and background together.
    distance_correlation : float
        Of score and Z, for 3,000 events; independent ones have about 0.02.
    """

    auc: float
    auc_at: list[float]
    ks: float
    distance_correlation: float


def drawn(events: int, draw: torch.Generator, z: float | None = None) -> tuple[Tensor, Tensor, Tensor]:
    """Events, half of them signal: x (n, 2), label (n,), Z (n,)."""
    label = (torch.arange(events) % 2).float()
    nuisance = torch.randn(events, generator=draw) if z is None else torch.full((events,), z)
    noise = torch.randn(events, 2, generator=draw)
    background = torch.stack([noise[:, 0], -0.5 * noise[:, 0] + 0.75**0.5 * noise[:, 1]], dim=1)
    signal = noise + 1 + torch.stack([torch.zeros(events), nuisance], dim=1)
    return torch.where(label[:, None] > 0, signal, background), label, nuisance


def classifier(seed: int) -> nn.Sequential:
    """Three hidden layers of twenty; its output is the logit of the score."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        layers: list[nn.Module] = []
        for inputs in (2, 20, 20):
            layers += [nn.Linear(inputs, 20), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(20, 1), nn.Flatten(0))


def learn(network: nn.Sequential, steps: int, strength: float, method: str, seed: int) -> nn.Sequential:
    """A copy that learned for some steps, against what tells Z where the strength is above zero."""
    network, draw = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        adversary = Adversary(20)
    optimizers = [
        torch.optim.Adam(network.parameters(), 2e-3),
        torch.optim.Adam(adversary.parameters(), 1e-2),
    ]
    for step in range(steps):
        for optimizer in optimizers:
            optimizer.param_groups[0]["lr"] *= 0.05 ** (1 / steps)
        x, label, nuisance = drawn(BATCH, draw)
        logit = network(x)
        loss = nn.functional.binary_cross_entropy_with_logits(logit, label)
        if strength and method == "distance":
            loss = loss + strength * distance_correlation(torch.sigmoid(logit), nuisance, power=2)
        elif strength:
            # The adversary learns alone first: before, its gradient would point anywhere.
            loss = loss + adversary(torch.sigmoid(logit), None, nuisance, strength if step > 50 else 0.0)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    return network


@torch.no_grad()
def scores(network: nn.Sequential, events: int, z: float | None) -> tuple[Floats, Floats, Floats]:
    """Scores, labels and Z of events that no training saw."""
    x, label, nuisance = drawn(events, torch.Generator().manual_seed(99), z)
    return tuple(column.double().numpy() for column in (torch.sigmoid(network(x)), label, nuisance))


def judge(network: nn.Sequential, events: int = 20000) -> Judged:
    """How well it separates, and how far its score tells Z."""
    at = [scores(network, events, z) for z in PLACES]
    score, label, nuisance = scores(network, events, None)
    some = (torch.tensor(column[:3000]) for column in (score, nuisance))
    apart = [
        stats.ks_2samp(at[i][0], at[j][0], method="asymp").statistic for i, j in ((0, 1), (1, 2), (0, 2))
    ]
    return Judged(
        auc(score, label),
        [auc(*part[:2]) for part in at],
        float(max(apart)),
        distance_correlation(*some).item(),
    )


def auc(score: Floats, label: Floats) -> float:
    """Probability that signal has a higher score than background."""
    rank, signal = stats.rankdata(score), label > 0
    n, m = int(signal.sum()), int((~signal).sum())
    return float((rank[signal].sum() - n * (n + 1) / 2) / (n * m))


def draw(networks: Sequence[tuple[str, nn.Sequential]], events: int = 60000) -> Drawing:
    """Densities of the score at the three Z, a panel for each network."""
    density = [
        [np.histogram(scores(network, events, z)[0], BINS, density=True)[0] for z in PLACES]
        for _, network in networks
    ]
    sheet = Drawing(LEFT + len(networks) * (WIDTH + GAP) - GAP + 20, TOP + HEIGHT + 44)
    for i, (title, _) in enumerate(networks):
        high = 1.1 * max(d.max() for d in density[i])
        frame = Frame(LEFT + i * (WIDTH + GAP), TOP, WIDTH, HEIGHT, np.zeros(2), np.array([1.0, high]))
        draw_axes(sheet, frame, "score", "density")
        sheet.text(frame.x, TOP - 14, title, "b")
        for j, (z, values) in enumerate(zip(PLACES, density[i], strict=True)):
            steps = np.stack([np.repeat(BINS, 2)[1:-1], np.repeat(values, 2)], axis=1)
            sheet.line(frame.map(steps), hue(3 * j), 1.6)
            sheet.line([[frame.x + 84 * j, 18], [frame.x + 84 * j + 16, 18]], hue(3 * j), 2)
            sheet.text(frame.x + 84 * j + 20, 22, f"Z = {z:+g}σ".replace("+0σ", "0").replace("-", "−"), "s")
    return sheet


def main(asked: Sequence[str] | None = None) -> None:
    """Train, print and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FIGURE.svg")
    parser.add_argument("--strength", type=float, default=30.0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--method", choices=("adversary", "distance"), default="adversary")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(asked)
    torch.set_num_threads(1)
    before = learn(classifier(args.seed), args.steps, 0.0, args.method, args.seed + 1)
    after = learn(before, args.steps, args.strength, args.method, args.seed + 2)
    found = {"before": judge(before), "after": judge(after)}
    for name, row in found.items():
        print(name, {k: np.round(v, 3).tolist() for k, v in asdict(row).items()})
    names = {"adversary": "with an adversary", "distance": "with distance correlation"}
    sheet = draw([("classifier alone", before), (names[args.method], after)])
    args.output.write_text(sheet.standalone(), encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps({k: asdict(v) for k, v in found.items()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
