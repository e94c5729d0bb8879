"""Anomalies in a trigger: efficiencies at one rate, latency and LUTs, of what ships and of its peers on the same events.

    python scripts/make_jets.py --events --process qcd --jets 60000 --seed 1 -o EVENTS/train
    python scripts/make_jets.py --events --process qcd --jets 60000 --seed 1001 -o EVENTS/test
    python scripts/make_jets.py --events --process top higgs dark --jets 6000 --seed 2001 -o EVENTS/strange
    python scripts/bench_trigger_anomaly.py --events EVENTS --work FOLDER [--json FILE]

All learn from the same normal events and the same numbers. What ships learned, in fixed point, the score of a wide autoencoder
(`teacher`), as CICADA's network does; `pupil, float` is such a network in floating point, and `pupil` the same one, trained on in
fixed point. `autoencoder` is one as small as the pupil, `VAE` scores by the squares of latent means, as AXOL1TL does, `distance` is that of Mahalanobis, in fixed point, and `sum` is
the plain sum of all transverse momenta. Efficiencies are at a threshold that `--rate` of the normal test events pass, the same
for all; `rate` is what passes the threshold that a bundle keeps. Scores in fixed point are exact: Verilator proves on all test
events that they are those of the Verilog. Trained
bundles are kept in FOLDER.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnreco.bundle import SHIPPED, load_bundle
from gnnreco.cli.table import show as print_table
from gnnreco.columns import Floats
from gnnreco.deploy.export import buffers_of, open_trigger
from gnnreco.evaluate.fastsim.classifier import auc_of
from gnnreco.events import open_jets
from gnnreco.statistics import clopper_pearson, threshold_for_rate
from gnnreco.tasks.trigger.buffers import Buffers
from gnnreco.train.settings import compose, run_training

sys.path.insert(0, str(Path(__file__).parent))

from bench_deploy import measured

FLOAT = "model.bits.weights=float"
VALIDATION = 2  # files of the training sample, the first ones


@dataclass(frozen=True)
class Model:
    """A model and how it is trained; without settings it ships."""

    name: str
    settings: tuple[str, ...] = ()
    epochs: int = 40
    learning_rate: float = 0.01


VAE = ("model.score=squares", "model.head_layers=[28,14]", "model.outputs=3", "task.anomaly.divergence=1")
PUPIL = ("model.score=answer", "model.head_layers=[16,8]", "model.outputs=1")
MODELS = (
    Model("trigger-anomaly"),
    Model("teacher, float", ("model.head_layers=[64,16,3,16,64]", FLOAT)),
    Model("pupil, float", (*PUPIL, FLOAT, "task.teacher='{work}/teacher-float'")),
    Model(
        "pupil",
        (
            *PUPIL,
            "model.bits.weights=fixed",
            "task.teacher='{work}/teacher-float'",
            "train.start='{work}/pupil-float'",
            "task.resource=1e-6",
        ),
        8,
        0.004,
    ),
    Model("autoencoder, float", (FLOAT,)),
    Model("VAE, float", (*VAE, FLOAT)),
    Model("distance", ("model.score=distance", "model.bits.activation_bits=3"), 10),
)


def bundle_of(model: Model, events: Path, work: Path) -> Path:
    """The bundle of a model, trained unless it is there."""
    if not model.settings:
        return SHIPPED / model.name
    folder = work / model.name.replace(", ", "-").replace(" ", "-")
    if not (folder / "manifest.json").exists():
        files = sorted((events / "train").glob("*.parquet"))
        learn, check = (",".join(map(str, part)) for part in (files[VALIDATION:], files[:VALIDATION]))
        words = [
            "model=anomaly",
            "task=events",
            f"sample.inputs=[{learn}]",
            f"sample.validation=[{check}]",
            "sample.events=100000",
            "sample.validation_events=100000",
            f"train.epochs={model.epochs}",
            f"train.learning_rate={model.learning_rate}",
            "train.threads=1",
            *(word.format(work=work) for word in model.settings),
        ]
        run_training(compose("trigger", words), folder, command=" ".join(words), overwrite=True)
    return folder


def scores_of(bundle: Path, b: Buffers) -> tuple[Floats, float, bool]:
    """Score of each buffer, the threshold of the bundle, and whether the scores are exact."""
    task = open_trigger(load_bundle(bundle))
    threshold = float(task.network.score.threshold)
    if task.config.network.bits.weights != "float":
        return task.answers(b)[:, 0], threshold, True
    with torch.inference_mode():
        x = torch.from_numpy(b.x).float()
        return task.network(x)[:, 0].double().numpy(), threshold, False


def row(name: str, normal: Floats, strange: dict[str, Floats], rate: float) -> dict[str, Any]:
    """Efficiencies of all classes at one rate, with 68 % intervals, and areas under the ROC curve."""
    cut = threshold_for_rate(normal, rate).value
    out: dict[str, Any] = {"model": name}
    for kind, scores in strange.items():
        passed = int((scores > cut).sum())
        low, high = clopper_pearson(passed, len(scores))
        out[kind] = f"{passed / len(scores):.3f} [{low:.3f}, {high:.3f}]"
        label = np.repeat([0, 1], [len(normal), len(scores)])
        out[f"AUC {kind}"] = round(auc_of(label, np.concatenate([normal, scores])), 3)
    return out


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--clock-ns", type=float, default=5.0)
    parser.add_argument("--no-hardware", action="store_true", help="neither Yosys nor Verilator")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="only these")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    rows, names = [], open_jets([args.events / "strange"])[0].jets.classes
    for model in (m for m in MODELS if not args.models or m.name in args.models):
        bundle = bundle_of(model, args.events, args.work)
        task = open_trigger(load_bundle(bundle))
        normal, other = (buffers_of(task, [str(args.events / part)]) for part in ("test", "strange"))
        scores, threshold, exact = scores_of(bundle, normal)
        found = scores_of(bundle, other)[0]
        strange = {names[k]: found[other.label == k] for k in np.unique(other.label)}
        line = row(model.name, scores, strange, args.rate)
        passed = int((scores > threshold).sum())
        low, high = 1e3 * clopper_pearson(passed, len(scores))
        line["rate"] = f"{1e3 * passed / len(scores):.2f} [{low:.2f}, {high:.2f}] e-3"
        if exact and not args.no_hardware:
            line |= measured(bundle, normal, task.answers(normal), args.clock_ns, len(normal.x))
        rows.append(line)
        print(line, file=sys.stderr)
    sums = [b.x.sum(axis=1) for b in (normal, other)]
    rows.append(
        row("sum", sums[0], {names[k]: sums[1][other.label == k] for k in np.unique(other.label)}, args.rate)
    )
    wide = max(rows, key=len)
    print_table([{k: r.get(k) for k in wide} for r in rows], args.json)


if __name__ == "__main__":
    main()
