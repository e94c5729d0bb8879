"""Response of showers against a nuisance, before and after an adversary made it independent (arXiv 1611.01046).

    python scripts/pivot_response.py -o FOLDER [--nuisance foreign] [--strength 1] [--events 600] [--json FILE]

Both trainings start from the same bundle, see the same events and judge the same clusters; only the judgement of showers
learns, and only one of them against an adversary. Test events have seeds of their own. The spread is that of the medians
in five bins of the nuisance, each of as many showers, over what an equal number of showers drawn at random would give.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from numpy.typing import NDArray

from gnnreco.bundle import load_bundle, load_task
from gnnreco.config import compose, run_training
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.clustering_moments import MOMENTS

KINDS = "photon,electron,pion"
BINS = 5


def trained(folder: Path, bundle: str, detector: str, nuisance: str, strength: float, events: int) -> Path:
    """A bundle whose judgement went on learning with an adversary of some strength."""
    settings = compose(
        "clustering",
        [
            f"detector={detector}", f'sample.simulation.particle="{KINDS}"', "sample.simulation.cone=0.3",
            f"sample.events={events}", "sample.validation_events=20", "sample.seed=3100", f"train.start={bundle}",
            "task.frozen=true", f"task.loss.pivot={strength}", f"task.loss.nuisance={nuisance}", "train.epochs=15",
            "train.batch=16", "train.threads=1",
        ],
    )  # fmt: skip
    run_training(settings, folder)
    return folder


def responses(bundle: Path, detector: Detector, nuisance: str, events: int) -> NDArray[np.float64]:
    """Nuisance and found over true energy of matched showers (n, 2)."""
    task, rows = load_task(load_bundle(bundle), detector), []
    options = SimulationOptions(particle=KINDS, energy=(5.0, 80.0), count=10, cone=0.3, noise_hits=0.02)
    for event in simulate(detector, "gun", events, seed=97_310, options=options):
        sample = task.sample(event)
        with torch.no_grad():
            log_energy = task.network.showers(sample["state"], sample["energy"], sample, sample["moments"])[0]
        found = np.exp(log_energy.numpy()) / sample["wanted"].numpy()
        value = sample["moments"].numpy()[:, MOMENTS.index(nuisance)]
        rows.append(np.stack([value, found], axis=1)[np.isfinite(found)])
    return np.concatenate(rows).astype(np.float64)


def dependence(rows: NDArray[np.float64]) -> dict[str, Any]:
    """Median response in bins of the nuisance, the spread of these, what chance would give, and the resolution."""
    order = np.argsort(rows[:, 0], kind="stable")
    parts = np.array_split(rows[order], BINS)
    medians = [float(np.median(part[:, 1])) for part in parts]
    rng = np.random.default_rng(1)
    chance = [
        np.std([np.median(p) for p in np.array_split(rng.permutation(rows[:, 1]), BINS)]) for _ in range(200)
    ]
    low, middle, high = np.quantile(rows[:, 1], [0.16, 0.5, 0.84])
    return {
        "nuisance": [float(part[:, 0].mean()) for part in parts],
        "response": medians,
        "spread": float(np.std(medians)),
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
    parser.add_argument("--nuisance", default="foreign", choices=("foreign", "cosine", "cell_size"))
    parser.add_argument("--strength", type=float, default=1.0)
    parser.add_argument("--events", type=int, default=600)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    detector, result = load_detector(args.detector), {}
    figure, axes = plt.subplots(figsize=(6, 4))
    for name, strength in (("without an adversary", 0.0), ("with", args.strength)):
        folder = args.output / name.split()[0]
        trained(folder, args.bundle, args.detector, args.nuisance, strength, args.events)
        row = result[name] = dependence(responses(folder, detector, args.nuisance, max(args.events // 3, 20)))
        axes.plot(row["nuisance"], row["response"], "o-", label=f"{name}: spread {row['spread']:.3f}")
        print(name, {k: np.round(v, 4).tolist() for k, v in row.items()})
    axes.axhline(1.0, color="grey", lw=0.8)
    axes.set(xlabel=f"{args.nuisance} (moment of the shower)", ylabel="median of found over true energy")
    axes.legend()
    figure.savefig(args.output / "pivot.png", dpi=150, bbox_inches="tight")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
