"""HGQ2 on the 16 features of jets: the peer of the jet tagger, a front of accuracy against resources.

    /path/to/env/bin/python scripts/peers/trigger_hgq2.py --train /tmp/jets/train --test /tmp/jets/test \\
        --minutes 12 --json /tmp/jets/hgq2_front.json

In an environment of its own, never in ours: ``pip install torch==2.13.0 hgq2==0.2.0 keras==3.15.1 alkaid==0.8.2 pyarrow``.
HGQ2's own recipe: every weight and channel has its bits, ``beta`` (the price of an effective bit operation) rises by powers
through one training, learning rates restart. Of all epochs the best by the validation jets is kept for each step in resources;
ranges are then calibrated on all training jets, as HGQ2 does for values that wrap. Accuracies are of the test jets, by alkaid's
interpreter: what the firmware answers. LUTs are alkaid's estimate and, of `--synth` points, Yosys' count for UltraScale+.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "torch"

import numpy as np
from trigger_jets import Jets, splits

WIDTHS, CLASSES = (64, 32, 32), 5
BITS = 6  # to begin with
BETA = (3e-7, 3e-4)
RATES, CYCLE = (5e-3, 2e-4), 12  # learning rates of each cycle, epochs in it
BATCH = 1024
STEP = 1.3  # in resources, from one point of the front to the next


def main() -> None:
    asked = arguments()
    import keras
    import torch

    torch.set_num_threads(1)
    keras.utils.set_random_seed(asked.seed)
    parts = splits(asked.train, asked.test)
    model = tagger()
    model.compile(
        keras.optimizers.Adam(RATES[0]),
        keras.losses.SparseCategoricalCrossentropy(True),
        metrics=["accuracy"],
    )
    keeper, start = train(model, parts, asked.minutes * 60), time.perf_counter()
    result: dict[str, Any] = {
        "jets": {name: len(part.y) for name, part in parts.items()},
        "epochs": keeper.epochs,
        "beta": BETA,
        "seconds": {"train": keeper.seconds},
        "seed": asked.seed,
        "front": [],
    }
    kept = [best for best in sorted(keeper.best.values(), key=lambda b: b[0]) if best[0] <= asked.most_ebops]
    every = math.ceil(len(kept) / max(asked.synth, 1))
    for number, (_, weights) in enumerate(kept):
        row, comb = point(model, weights, parts)
        if comb is not None and asked.synth and number % every == 0:
            row |= synthesised(comb, asked.clock_ns)
        print(row, flush=True)
        result["front"].append(row)
        result["seconds"]["front"] = time.perf_counter() - start
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


def tagger() -> Any:
    """16:64:32:32:5, as in HGQ2's example of jets."""
    import keras
    from hgq.config import LayerConfigScope, QuantizerConfigScope
    from hgq.layers import QDense

    weights = QuantizerConfigScope(
        place=("weight", "bias"), default_q_type="kbi", overflow_mode="SAT_SYM", b0=BITS
    )
    values = QuantizerConfigScope(place="datalane", default_q_type="kif", overflow_mode="WRAP", f0=BITS)
    with weights, values, LayerConfigScope(enable_ebops=True, beta0=BETA[0]):
        x = given = keras.layers.Input((16,))
        for width in WIDTHS:
            x = QDense(width, activation="relu")(x)
        return keras.Model(given, QDense(CLASSES)(x))


def train(model: Any, parts: dict[str, Jets], seconds: float) -> Any:
    """One training of so many seconds, its price rising; returns who kept the best weights."""
    import keras
    from hgq.utils.sugar import FreeEBOPs

    begun = time.perf_counter()

    class Keeper(keras.callbacks.Callback):
        """Sets price and rate by the clock, keeps the best weights for each step in resources."""

        def __init__(self) -> None:
            super().__init__()
            self.best: dict[int, tuple[float, list[Any]]] = {}
            self.marks: dict[int, float] = {}
            self.epochs, self.seconds = 0, 0.0

        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            gone = min((time.perf_counter() - begun) / seconds, 1.0)
            beta = BETA[0] * (BETA[1] / BETA[0]) ** max((gone - 0.1) / 0.9, 0.0)
            for layer in model._flatten_layers():
                if getattr(layer, "_beta", None) is not None:
                    layer._beta.assign(keras.ops.convert_to_tensor(beta, dtype=layer._beta.dtype))
            turn = (epoch % CYCLE) / CYCLE
            model.optimizer.learning_rate = (
                RATES[1] + (RATES[0] - RATES[1]) * (1 + math.cos(math.pi * turn)) / 2
            )

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            step = round(math.log(max(logs["ebops"], 1)) / math.log(STEP))
            if logs["val_accuracy"] > self.marks.get(step, 0.0):
                self.marks[step] = logs["val_accuracy"]
                self.best[step] = (logs["ebops"], model.get_weights())
            self.epochs, self.seconds = epoch + 1, time.perf_counter() - begun
            if epoch % CYCLE == CYCLE - 1:
                print(
                    f"epoch {epoch + 1}, {self.seconds:.0f} s:",
                    {k: round(float(v), 4) for k, v in logs.items()},
                    flush=True,
                )
            if self.seconds > seconds:
                model.stop_training = True

    keeper = Keeper()
    model.fit(
        parts["train"].x,
        parts["train"].y,
        batch_size=BATCH,
        epochs=100_000,
        verbose=0,
        validation_data=tuple(parts["validation"]),
        validation_batch_size=8192,
        callbacks=[FreeEBOPs(), keeper],
    )
    return keeper


def point(model: Any, weights: list[Any], parts: dict[str, Jets]) -> tuple[dict[str, Any], Any]:
    """Accuracy and resources with these weights, and alkaid's logic; None if the network is left with nothing."""
    from alkaid.converter import trace_model
    from alkaid.trace import trace
    from hgq.utils import trace_minmax

    model.set_weights(weights)
    ebops = int(trace_minmax(model, parts["train"].x, batch_size=16384))
    test = parts["test"]
    if not ebops:
        return {"ebops": 0}, None
    comb = trace(*trace_model(model))
    answers = np.asarray(comb.predict(test.x.astype(np.float64))).reshape(len(test.y), -1)
    keras_answers = model.predict(test.x, batch_size=16384, verbose=0)
    row = {
        "ebops": ebops,
        "accuracy": float((answers.argmax(axis=1) == test.y).mean()),
        "equal": float((answers == keras_answers).mean()),
        "luts_alkaid": float(comb.cost),
    }
    return row, comb


def synthesised(comb: Any, clock_ns: float) -> dict[str, Any]:
    """LUTs and flip-flops that Yosys counts, and cycles of the pipeline."""
    from alkaid.codegen import RTLModel

    with tempfile.TemporaryDirectory() as place:
        made = RTLModel(
            comb,
            place,
            "tagger",
            flavor="verilog",
            latency_cutoff=5,
            clock_period=clock_ns,
            part_name="xcvu9p-flga2104-2L-e",
        )
        made.write()
        source = Path(place) / "src"
        files = [
            f for f in sorted(source.rglob("*.v")) if "wrapper" not in f.name and "lookup_table" not in f.name
        ]
        script = [f"read_verilog -sv {' '.join(map(str, files))}"]
        script += [
            "synth_xilinx -family xcup -flatten -noiopad -noclkbuf -top tagger",
            f"tee -o {place}/stat.txt stat",
        ]
        (Path(place) / "synth.ys").write_text("\n".join(script) + "\n")
        subprocess.run(
            ["yosys", "-q", "-s", f"{place}/synth.ys"], check=True, capture_output=True, timeout=3600
        )
        text = (Path(place) / "stat.txt").read_text()
    cells = {kind: int(n) for kind, n in re.findall(r"^\s+([A-Z][A-Z0-9_]+)\s+(\d+)\s*$", text, re.MULTILINE)}
    lut = sum(n for kind, n in cells.items() if re.fullmatch(r"LUT\d(_2)?", kind))
    ff = sum(n for kind, n in cells.items() if kind.startswith("FD"))
    return {
        "luts_yosys": lut,
        "ff_yosys": ff,
        "pipeline": str(made).split("comb blocks")[0].split(",")[-1].strip(),
        "clock_ns": clock_ns,
    }


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--train", type=Path, required=True)
    parser.add_argument("--test", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=12.0)
    parser.add_argument(
        "--most-ebops", type=float, default=15_000.0, help="larger points are left out of the front"
    )
    parser.add_argument("--synth", type=int, default=3, help="points of the front that Yosys counts")
    parser.add_argument("--clock-ns", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    main()
