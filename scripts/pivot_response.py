"""Response of pions against a nuisance at fixed true energy, before and after an adversary (arXiv 1611.01046).

    python scripts/pivot_response.py -o FOLDER [--nuisance cosine] [--strength 20 60] [--scale 1] [--json FILE]

In the training sample the nuisance comes with the energy, as it does in collisions: showers in crowds are soft and lone
ones hard (`foreign`), or those at large angles soft and those near the beam hard (`cosine`, `cell_size`). A regressor learns
to shrink towards what is usual there. In the test sample all have the same energies, so this shows. All trainings start from
the same bundle and judge the same clusters of the same events; only the judgement of showers learns. What is done already
in FOLDER is not done again, and a training goes on where it stopped.

Bins of the nuisance hold as many showers each. The spread is that of their median responses; beside it what as many
showers drawn at random give. The resolution is half of the central 68 %, over the median.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from gnnreco.bundle import load_bundle, load_task
from gnnreco.geometry import Detector, load_detector
from gnnreco.models.showers.network import ClusterCells
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.showers.moments import MOMENTS
from gnnreco.tasks.showers.samples import JudgementSample
from gnnreco.tasks.showers.targets import CHARGED, ClusterTargets
from gnnreco.tasks.showers.task import ClusteringTask
from gnnreco.train import train
from gnnreco.train.flat import flatten, unflatten
from gnnreco.train.settings import compose

KINDS = "pion,pion,k0l,neutron,photon"
BASE = SimulationOptions(particle=KINDS, noise_hits=0.02, spectrum="log")
# Name, events, seed, options of the training and the test: in the training soft showers stand in crowds or at large angles,
# hard ones alone or at small angles (as momenta across the beam make them), in the test all have the same energies.
ETA = (1.7, 2.0, 2.3, 2.6, 2.9)
SAME = (2.0, 20.0)
BAND = replace(BASE, count=5)
# Few showers of any energy at any angle: where a sample has none, no adversary can tell what it gets wrong.
TAIL = ("everywhere", 250, 5410, replace(BAND, energy=(1.5, 70.0)))
DENSE, ALONE = replace(BASE, count=10, cone=0.15), replace(BASE, count=4)


def around(eta: float) -> tuple[float, float]:
    """A narrow range of pseudorapidity."""
    return eta - 0.15, eta + 0.15


CROWDS = {
    "training": (
        ("soft_crowds", 600, 5101, replace(DENSE, energy=(1.0, 8.0))),
        ("hard_alone", 1200, 5102, replace(ALONE, energy=(5.0, 100.0))),
        ("soft_alone", 200, 5103, replace(ALONE, energy=(1.0, 8.0))),
        ("hard_crowds", 100, 5104, replace(DENSE, energy=(5.0, 100.0))),
    ),
    "test": (
        ("crowds", 400, 5301, replace(DENSE, energy=SAME)),
        ("alone", 500, 5302, replace(ALONE, energy=SAME)),
    ),
}
ANGLES = {
    "training": (
        *(
            (f"eta_{eta}", 300, 5400 + i, replace(BAND, eta=around(eta), energy=(1.5 * 1.7**i, 8 * 1.7**i)))
            for i, eta in enumerate(ETA)
        ),
        TAIL,
    ),
    "test": tuple(
        (f"eta_{eta}", 400, 5500 + i, replace(BAND, eta=around(eta), energy=SAME))
        for i, eta in enumerate(ETA)
    ),
}
SAMPLES = {"foreign": CROWDS, "cosine": ANGLES, "cell_size": ANGLES}
ENERGIES = ((3.0, 8.0), (8.0, 20.0))  # GeV
BINS = 4


@dataclass(frozen=True)
class Kept:
    """An event whose clusters are found: what the loop of the training asks of it, and what is learned from."""

    number: int
    source: str
    clusters: JudgementSample
    truth: bool = True


class Judge(ClusteringTask):
    """The task with its clusters found: only their judgement learns."""

    def sample(self, event: Any) -> JudgementSample:
        """What was kept of the event."""
        return event.clusters  # type: ignore[no-any-return]


def kept(folder: Path, finder: ClusteringTask, what: str, samples: Any, scale: float) -> list[Kept]:
    """Simulated events with their clusters, from files where these are there."""
    out = []
    for name, events, seed, options in samples:
        path = folder / f"{what}_{name}.safetensors"
        if not path.exists():
            columns = {}
            for number, event in enumerate(
                simulate(finder.detector, "gun", max(round(scale * events), 10), seed=seed, options=options)
            ):
                columns |= {
                    f"{number} {key}": value.contiguous()
                    for key, value in flatten(in_showers(finder.sample(event))).items()
                }
            folder.mkdir(parents=True, exist_ok=True)
            save_file(columns, path.with_suffix(".part"))
            path.with_suffix(".part").rename(path)
        rows: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in load_file(path).items():
            rows.setdefault(int(key.split()[0]), {})[key.split()[1]] = value
        out += [Kept(number, name, unflatten(JudgementSample, rows[number])) for number in sorted(rows)]
        print(f"{path.stem}: {len(rows)} events", flush=True)
    return out


def in_showers(sample: JudgementSample) -> JudgementSample:
    """The sample without the cells that are in no shower: they are noise."""
    cells, cell = torch.unique(sample.shares.cell, return_inverse=True)
    shares = replace(sample.shares, cell=cell)
    return replace(sample, state=sample.state[cells], energy=sample.energy[cells], shares=shares)


def together(events: list[Kept], size: int = 8) -> list[Kept]:
    """Events by the batch as one: the work of a step is then in few large tables, several times quicker."""
    out = []
    for first in range(0, len(events), size):
        some = [event.clusters for event in events[first : first + size]]
        cells = np.cumsum([0, *(len(one.energy) for one in some)]).tolist()
        showers = np.cumsum([0, *(len(one.moments) for one in some)]).tolist()
        cell = torch.cat([one.shares.cell + n for one, n in zip(some, cells)])
        cluster = torch.cat([one.shares.cluster + n for one, n in zip(some, showers)])
        weight = torch.cat([one.shares.weight for one in some])
        start = torch.searchsorted(cluster, torch.arange(showers[-1] + 1))
        energy, kind = (np.concatenate([getattr(one.targets, k) for one in some]) for k in ("energy", "kind"))
        row = JudgementSample(
            torch.cat([one.state for one in some]),
            torch.cat([one.energy for one in some]),
            ClusterCells(cell, cluster, weight, start),
            torch.cat([one.moments for one in some]),
            torch.cat([one.company for one in some]),
            ClusterTargets(energy, kind),
        )
        out.append(Kept(first, events[first].source, row))
    return out


def trained(args: argparse.Namespace, detector: Detector, strength: float, events: list[Kept]) -> Path:
    """A bundle whose judgement went on learning, against an adversary of some strength."""
    folder: Path = args.output / f"strength_{strength:g}"
    if (folder / "manifest.json").exists():
        return folder
    settings = compose(
        "clustering",
        [
            f"detector={args.detector}",
            f"train.start={args.bundle}",
            "task.frozen=true",
            "task.loss.energy=0.5",
            f"task.loss.pivot={strength}",
            f"task.loss.nuisance={args.nuisance}",
            f"train.epochs={args.epochs}",
            "train.threads=1",
        ],
    )
    task = Judge(settings.task, detector)
    task.load_state(load_bundle(args.bundle).state)
    events = together([events[i] for i in np.random.default_rng(1).permutation(len(events))])
    held = max(len(events) // 15, 1)
    begun = (folder / "training" / "last.safetensors").exists()
    row: Any = train(
        task, events[held:], events[:held], settings.train, folder, "scripts/pivot_response.py", resume=begun
    )  # type: ignore[arg-type]
    print(folder.name, row, flush=True)
    return folder


def responses(bundle: Path, detector: Detector, nuisance: str, events: list[Kept]) -> NDArray[np.float64]:
    """Nuisance, true energy and found over true energy of matched pions (n, 3)."""
    task, rows = load_task(load_bundle(bundle), detector), []
    for sample in (event.clusters for event in events):
        with torch.no_grad():
            columns = (sample.state, sample.energy, sample.shares, sample.moments)
            log_energy = task.network.showers(*columns)[0]
        wanted, value = sample.targets.energy, sample.moments.numpy()[:, MOMENTS.index(nuisance)]
        row = np.stack([value, wanted, np.exp(log_energy.numpy()) / wanted], axis=1)
        rows.append(row[np.isfinite(wanted) & (sample.targets.kind == CHARGED)])
    return np.concatenate(rows).astype(np.float64)


def dependence(rows: NDArray[np.float64]) -> dict[str, Any]:
    """Median response in bins of the nuisance with errors, the spread of these, what chance would give, the resolution."""
    rng, response = np.random.default_rng(1), rows[np.argsort(rows[:, 0], kind="stable"), 2]
    parts = np.array_split(response, BINS)
    medians = np.array([np.median(part) for part in parts])
    errors = [np.median(rng.choice(part, (300, len(part))), axis=1).std() for part in parts]
    chance = [
        np.std([np.median(p) for p in np.array_split(rng.permutation(response), BINS)]) for _ in range(300)
    ]
    low, middle, high = np.quantile(response, [0.16, 0.5, 0.84])
    return {
        "nuisance": [float(np.mean(part)) for part in np.array_split(np.sort(rows[:, 0]), BINS)],
        "response": medians.tolist(),
        "error": [float(error) for error in errors],
        "spread": float(medians.std()),
        "spread_by_chance": float(np.mean(chance)),
        "resolution": float((high - low) / 2 / middle),
        "showers": len(rows),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--bundle", default="showers-hgcal")
    parser.add_argument("--detector", default="hgcal")
    parser.add_argument("--nuisance", default="cosine", choices=("foreign", "cosine", "cell_size"))
    parser.add_argument("--strength", type=float, nargs="+", default=[20.0, 60.0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of events")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    detector, bundle = load_detector(args.detector), load_bundle(args.bundle)
    finder = load_task(replace(bundle, config={**bundle.config, "frozen": True}), detector)
    samples = SAMPLES[args.nuisance].items()
    parts = [kept(args.output, finder, what, some, args.scale) for what, some in samples]
    figure, axes = plt.subplots(1, len(ENERGIES), figsize=(9, 3.6), sharey=True)
    result: dict[str, Any] = {}
    for strength in (0.0, *args.strength):
        name = f"adversary of strength {strength:g}" if strength else "without an adversary"
        folder = trained(args, detector, strength, parts[0])
        rows = responses(folder, detector, args.nuisance, parts[1])
        for axis, (low, high) in zip(axes, ENERGIES, strict=True):
            row = dependence(rows[(rows[:, 1] >= low) & (rows[:, 1] < high)])
            result.setdefault(name, {})[f"{low:g}-{high:g} GeV"] = row
            label = (
                f"{name}: spread {100 * row['spread']:.1f} % (chance {100 * row['spread_by_chance']:.1f} %)"
            )
            axis.errorbar(range(BINS), row["response"], row["error"], fmt="o-", capsize=3, label=label)
            axis.set(title=f"pions of {low:g}-{high:g} GeV", xticks=range(BINS))
            axis.set_xticklabels([f"{x:.3f}" for x in row["nuisance"]])
            print(name, f"{low:g}-{high:g} GeV", {k: np.round(v, 4).tolist() for k, v in row.items()})
    for axis in axes:
        axis.axhline(1.0, color="grey", lw=0.8)
        axis.set_xlabel(f"mean of `{args.nuisance}` in the bin")
        axis.legend(fontsize=7)
    axes[0].set_ylabel("median of found over true energy")
    figure.savefig(args.output / "pivot.png", dpi=110, bbox_inches="tight")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
