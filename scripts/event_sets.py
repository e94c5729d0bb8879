"""Many events at once: a classifier of whole sets of events beside the sum of a classifier of single events.

    python scripts/event_sets.py [--lhco FOLDER] [--fraction 0.1] [--repeats 5] [-o FIGURE.svg] [--json FILE]

The question of Nachman and Thaler (arXiv 2101.07263): is a set of N independent events pure background, or does each of them come from
signal with probability f? Both learn from the same two samples: background, and a mixture with the fraction f, whose signal nobody
marked. The classifier of events tells one sample from the other; its logits are logarithms of likelihood ratios, so their
sum judges a set. The classifier of sets (DeepSets, arXiv 1703.06114) learns from sets that are drawn anew from the samples in each
step. The second figure is f itself, estimated from a set where it lies anywhere between 0 and that of the mixture.

Events are two normal distributions, or those of the LHC Olympics (``train.npy``, ``val.npy``, ``extrasig_train.npy`` in FOLDER).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
import torch
from event_sets_samples import Kinds, exact, lesson, lhco, toy
from matplotlib.figure import Figure
from scipy import stats
from torch import Tensor, nn

from gnnreco.columns import Floats

WIDTH = 24  # of layers
BATCH, FEWEST = 512, 32  # events of a step; sets of a step at least
LABELS = {"auc": "AUC of sets", "rms": "error of f (RMS)"}
NAMES = {
    "events": "sum over events",
    "sets": "DeepSets",
    "additive": "sum, trained on sets",
    "exact": "exact",
}
Figures = dict[str, dict[str, list[float]]]  # by figure and method, a value for each size of sets


class SetNetwork(nn.Module):
    """One number for a set (n, size, k) in any order: DeepSets, or additive, a sum of one number for each event."""

    def __init__(self, features: int, additive: bool = False) -> None:
        super().__init__()
        self.additive = additive
        self.each = nn.Sequential(nn.Linear(features, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU())
        self.norm = nn.BatchNorm1d(WIDTH)  # a small fraction moves the mean of many events by little
        self.whole = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1))

    def forward(self, sets: Tensor) -> Tensor:
        found = self.each(sets)
        if self.additive:
            return self.whole(found).sum(dim=(1, 2))
        return self.whole(self.norm(found.mean(dim=1)))[:, 0]


def learn(
    network: SetNetwork, parts: Sequence[Kinds], size: int, shares: bool, steps: int, seed: int
) -> SetNetwork:
    """Train on sets of the first part to tell both kinds, or the share of the other; what did best on the second is kept."""
    rng, least, best = np.random.default_rng(seed), np.inf, {}
    loss = nn.functional.mse_loss if shares else nn.functional.binary_cross_entropy_with_logits
    optimizer = torch.optim.Adam(network.parameters(), 5e-3)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    def drawn(kinds: Kinds, sets: int) -> tuple[Tensor, Tensor]:
        share = rng.random(sets) if shares else np.arange(sets) % 2.0
        return kinds.sets(share, size, rng), torch.as_tensor(share).float()

    held = drawn(parts[1], max(4096 // size, 200))
    for step in range(1, steps + 1):
        sets, target = drawn(parts[0], max(BATCH // size, FEWEST))
        optimizer.zero_grad()
        loss(network.train()(sets), target).backward()
        optimizer.step()
        rate.step()
        if step % (steps // 10) == 0:
            with torch.no_grad():
                now = float(loss(network.eval()(held[0]), held[1]))
            if now < least:
                least, best = now, {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(best)
    return network.eval()


def estimate(logit: Floats) -> Floats:
    """Mean of the share of the mixture in each set by Bayes, given its events (n, size), if any share is as likely before."""
    grid = np.linspace(0.025, 0.975, 20)
    chance = np.stack([np.log1p(share * np.expm1(logit)).sum(axis=1) for share in grid], axis=1)
    chance = np.exp(chance - chance.max(axis=1, keepdims=True))
    return chance @ grid / chance.sum(axis=1)


@torch.no_grad()
def measure(pools: tuple[Kinds, Kinds], args: argparse.Namespace, seed: int) -> Figures:
    """Train all on one lesson and test them on the same sets."""
    rng, cut, test = np.random.default_rng(seed), args.events * 4 // 5, pools[1]
    whole = lesson(pools[0], args.events, args.fraction, rng)
    parts = [Kinds(whole.background[rows], whole.other[rows]) for rows in (slice(cut), slice(cut, None))]

    @torch.enable_grad()
    def trained(size: int, additive: bool = False, shares: bool = False) -> SetNetwork:
        torch.manual_seed(seed)
        network = SetNetwork(test.background.shape[1], additive)
        return learn(network, parts, size, shares, args.steps, seed)

    def logits(sets: Tensor) -> Floats:
        return single(sets.flatten(0, 1)[:, None]).reshape(sets.shape[:2]).double().numpy()

    single, figures = trained(1, additive=True), {name: {} for name in LABELS}
    for size in args.sizes:
        count = 2 * max(10000 // size, 500)
        label, share = np.arange(count) % 2, rng.random(count)
        pure, mixed = (test.sets(args.fraction * part, size, rng) for part in (label, share))
        score = {"events": logits(pure).sum(axis=1), "sets": trained(size)(pure).numpy()}
        score["additive"] = trained(size, additive=True)(pure).numpy() if size > 1 else score["events"]
        found = {"events": estimate(logits(mixed)), "sets": trained(size, shares=True)(mixed).numpy()}
        if args.lhco is None:
            score["exact"] = exact(pure, args.fraction).sum(axis=1)
            found["exact"] = estimate(exact(mixed, args.fraction))
        for name, s in score.items():
            pairs = stats.mannwhitneyu(s[label == 1], s[label == 0]).statistic
            figures["auc"].setdefault(name, []).append(float(pairs / (count // 2) ** 2))
        for name, f in found.items():
            square = np.mean((f - share) ** 2)
            figures["rms"].setdefault(name, []).append(args.fraction * float(square) ** 0.5)
    return figures


def summary(repeats: Sequence[Figures]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Means over the repeats with their errors, and of how much the others differ from the sum over events."""

    def told(values: Floats) -> dict[str, list[float]]:
        return {"mean": values.mean(axis=0).tolist(), "error": stats.sem(values, axis=0).tolist()}

    table = {}
    for figure, methods in repeats[0].items():
        values = {name: np.array([repeat[figure][name] for repeat in repeats]) for name in methods}
        table[figure] = {name: told(v) for name, v in values.items()}
        table[f"{figure}_minus_events"] = {
            n: told(v - values["events"]) for n, v in values.items() if n != "events"
        }
    return table


def draw(table: dict, sizes: Sequence[int], file: Path) -> None:
    """Both figures against the size of sets."""
    with matplotlib.rc_context({"svg.hashsalt": "gnnreco", "svg.fonttype": "none"}):
        sheet = Figure(figsize=(9, 3.6), layout="constrained")
        for axes, (key, label) in zip(sheet.subplots(1, 2), LABELS.items()):
            for name, row in table[key].items():
                axes.errorbar(sizes, row["mean"], row["error"], fmt="o-", ms=4, label=NAMES[name])
            axes.set(xscale="log", xlabel="events in a set", ylabel=label)
            axes.legend()
        sheet.savefig(file, format="svg", metadata={"Date": None})


def main(asked: Sequence[str] | None = None) -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lhco", type=Path, metavar="FOLDER")
    parser.add_argument("--fraction", type=float, default=0.1)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 3, 10, 30, 100])
    parser.add_argument("--events", type=int, default=20000, help="of background, and as many of the mixture")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument(
        "--repeats", type=int, default=5, help="other training events, tests and first weights"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FIGURE.svg")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(asked)
    if args.repeats < 2 or args.steps < 10:
        parser.error("an error needs at least two repeats, a training at least ten steps")
    torch.set_num_threads(1)
    repeats = []
    for seed in range(args.repeats):
        rng = np.random.default_rng([seed, 1])
        pools = lhco(args.lhco) if args.lhco else (toy(60000, rng), toy(60000, rng))
        repeats.append(measure(pools, args, seed))
        print(f"repeat {seed}:", repeats[-1], flush=True)
    table = summary(repeats)
    for key, rows in table.items():
        for name, row in rows.items():
            cells = " ".join(f"{m:8.4f} ± {e:.4f}" for m, e in zip(row["mean"], row["error"]))
            print(f"{key:18} {name:9} {cells}")
    if args.output:
        draw(table, args.sizes, args.output)
    if args.json:
        told = {"data": "lhco" if args.lhco else "toy", "fraction": args.fraction, "sizes": args.sizes}
        told |= {"training_events": 2 * args.events, "steps": args.steps, "repeats": repeats, **table}
        args.json.write_text(json.dumps(told, indent=2) + "\n")


if __name__ == "__main__":
    main()
