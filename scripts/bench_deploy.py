"""Figures of models as firmware: the front of accuracy against LUTs, clocks, and equality of every bit, beside HGQ2.

    python scripts/bench_deploy.py --jets JETS --work FOLDER [--hgq2 hgq2_front.json] [--json FILE] [--picture FILE]

``JETS/train`` and ``JETS/test`` come from scripts/make_jets.py. Everything that is trained is kept in FOLDER and not trained
again. LUTs, registers and levels are Yosys' count for UltraScale+ (no vendor tool); clocks are measured by Verilator, which
runs all test jets, again and again up to `--events`, one each clock, against the trained network in every bit.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnreco.bundle import SHIPPED, load_bundle
from gnnreco.cli.table import show as print_table
from gnnreco.deploy.budget import Budget, choose
from gnnreco.deploy.export import buffers_of, open_trigger
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.rtl.synthesis import synthesise
from gnnreco.deploy.search import draw, search
from gnnreco.deploy.simulator import make_testbench, simulate
from gnnreco.errors import MissingTool
from gnnreco.tasks.trigger.buffers import Buffers
from gnnreco.train.settings import compose, run_training

PARTICLES = ("model=jet_particles", "task.input.source=jet_particles", "task.input.features=3")
FAST = ("train.learning_rate=0.004", "train.threads=1", "sample.validation_events=10", "sample.events=100000")


@dataclass(frozen=True)
class Model:
    """A model, how it is trained, and under which pressures its front is searched."""

    name: str
    settings: tuple[str, ...]
    pressures: tuple[float, ...]
    ships: str = ""  # the bundle that ships
    epochs: int = 40


MODELS = (
    Model("tagger", (), (1e-6, 3e-6, 1e-5, 2e-5, 4e-5, 8e-5, 1.6e-4, 3.2e-4), "jet-tagger"),
    Model("particles8", (*PARTICLES, "model.slots=8"), (1e-6, 3e-6, 8e-6, 1.6e-5, 3.2e-5), "jet-particles"),
    Model("particles16", (*PARTICLES, "model.slots=16"), (1e-6, 3e-6, 8e-6, 1.6e-5, 3.2e-5)),
)


def trained(model: Model, sample: tuple[str, ...], work: Path) -> list[Path]:
    """Bundles of a model: in floating point, in fixed point, and those of its front."""
    both = []
    for kind, extra in (("float", ("model.bits.weights=float",)), ("start", ())):
        folder = work / f"{model.name}_{kind}"
        if not (folder / "manifest.json").exists():
            words = (*model.settings, *sample, *FAST, f"train.epochs={model.epochs}", *extra)
            command = " ".join(("gnnreco train trigger", *words))
            run_training(compose("trigger", words), folder, command=command, overwrite=True)
        both.append(folder)
    words = [
        *sample,
        *FAST,
        f"train.epochs={model.epochs * 2}",
        f"task.teacher='{both[0]}'",
        "task.distil=0.5",
    ]
    points = search(both[1], work / f"{model.name}_front", words, model.pressures, resume=True)
    return [*both, *(work / f"{model.name}_front" / point.bundle for point in points)]


def accuracy(
    bundle: Path, filled: dict[str, Buffers], files: str
) -> tuple[float, Buffers, np.ndarray | None]:
    """Right answers in per cent, the buffers, and exact answers (None for a network in floating point)."""
    task = open_trigger(load_bundle(bundle))
    source = f"{task.config.input.source} {task.config.network.slots}"
    if source not in filled:
        filled[source] = buffers_of(task, [files])
    b, answers = filled[source], None
    if task.config.network.bits.weights == "float":
        with torch.inference_mode():
            said = task.network(*(torch.from_numpy(a).float() for a in (b.x, b.valid))).numpy()
    else:
        said = answers = task.answers(b)
    return 100 * float((said.argmax(axis=1) == b.label).mean()), b, answers


def measured(bundle: Path, b: Buffers, answers: np.ndarray, clock_ns: float, events: int) -> dict[str, Any]:
    """A model as hardware: what Yosys counts, and whether Verilator gives every bit of the network."""
    program = lower(open_trigger(load_bundle(bundle)).network)
    design, _ = choose(program, "model", Budget(clock_ns=clock_ns))
    row: dict[str, Any] = {
        "lut_estimate": round(design.luts),
        "clocks": design.latency,
        "ns": design.latency * clock_ns,
    }
    try:
        counted = synthesise(design.sources, "model")
        row |= {"lut": counted.lut, "ff": counted.ff, "dsp": counted.dsp, "levels": counted.levels}
    except MissingTool as error:
        print(f"{bundle.name}: {error}", file=sys.stderr)
        row |= dict.fromkeys(("lut", "ff", "dsp", "levels"))
    valid = b.valid if b.valid.size else None
    some = np.resize(np.arange(len(b.x)), events)
    lines = (
        design.ports.pack_inputs(program.ported(b.x), valid),
        design.ports.pack_answers(answers.reshape(len(answers), 1, -1)),
    )
    sent, wanted = ([line[i] for i in some] for line in lines)
    done = simulate(
        design.sources, make_testbench("model", design.ports, design.latency, clock_ns), sent, wanted
    )
    return row | {"events": events, "every_bit": done.verdict.startswith("PASS")}


def main() -> None:
    """Print the table, draw the fronts."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jets", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--models", nargs="+", choices=[m.name for m in MODELS], default=[m.name for m in MODELS]
    )
    parser.add_argument("--clock-ns", type=float, default=5.0)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument(
        "--largest", type=float, default=30_000, help="estimated LUTs up to which Yosys and Verilator run"
    )
    parser.add_argument("--hgq2", type=Path, help="front of scripts/peers/trigger_hgq2.py on the same jets")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--picture", type=Path)
    args = parser.parse_args()
    train = sorted((args.jets / "train").glob("*.parquet"))
    sample = (f"sample.inputs=[{','.join(map(str, train[1:]))}]", f"sample.validation=[{train[0]}]")
    test = str(args.jets / "test" / "*.parquet")
    rows, filled = [], dict[str, Buffers]()
    for model in (m for m in MODELS if m.name in args.models):
        folders = trained(model, sample, args.work)
        best, *_ = accuracy(folders[0], filled, test)
        shipped = [SHIPPED / model.ships] if model.ships else []
        for folder in (*folders[2:], *shipped):
            right, b, answers = accuracy(folder, filled, test)
            row = {"model": model.name, "bundle": folder.name, "accuracy": right, "lost": best - right}
            kept = args.work / f"{model.name}_front" / f"{folder.name}-{args.clock_ns:g}ns.json"
            if kept.exists():
                row |= json.loads(kept.read_text())
            elif lut_estimate(folder) <= args.largest:
                assert answers is not None
                more = measured(folder, b, answers, args.clock_ns, args.events)
                kept.write_text(json.dumps(more))
                row |= more
            rows.append(row)
            print(row, file=sys.stderr)
    print_table([{k: row.get(k) for k in max(rows, key=len)} for row in rows], args.json)
    if args.picture:
        picture(rows, args.hgq2, args.picture)


def lut_estimate(bundle: Path) -> float:
    """What the training reckoned that the hardware costs."""
    return float(load_bundle(bundle).manifest["metrics"]["validation_luts"])


@dataclass(frozen=True)
class Spot:
    """A point of the picture."""

    luts: float
    accuracy: float


def picture(rows: list[dict[str, Any]], peer: Path | None, file: Path) -> None:
    """Fronts by alkaid's estimate of LUTs, which there is of all points, ours and the peer's."""
    fronts = {
        name: [
            Spot(r["lut_estimate"], r["accuracy"] / 100)
            for r in rows
            if r["model"] == name and r.get("lut_estimate")
        ]
        for name in dict.fromkeys(r["model"] for r in rows)
    }
    if peer:
        points = json.loads(peer.read_text())["front"]
        fronts["HGQ2, tagger"] = [Spot(p["luts_alkaid"], p["accuracy"]) for p in points]
    shown = {name: points for name, points in fronts.items() if points}
    draw(list(shown.values()), list(shown), file)


if __name__ == "__main__":
    main()
