"""Programs of triggers in ONNX Runtime beside torch: microseconds of one event and of many, one thread, same answers.

    python scripts/bench_onnx_program.py [--rounds 300] [--json FILE]

Networks have random weights: time does not depend on them. Torch runs the network eager, as it is trained, in float32.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

from gnnreco.deploy.onnx.program import MODEL, write_onnx_program
from gnnreco.deploy.program.lower import lower
from gnnreco.models.trigger.network import TriggerNetwork, TriggerNetworkConfig

SHAPES = {
    "16:64:32:32:5": (TriggerNetworkConfig(), 16),
    "8 nodes, 56 edges": (TriggerNetworkConfig(kind="nodes", head_layers=(16,)), 3),
    "8 nodes, senders": (TriggerNetworkConfig(kind="nodes", messages="senders", head_layers=(16,)), 3),
    "edges, 8 nodes": (TriggerNetworkConfig(kind="edges", head_layers=(8,), outputs=1), 3),
}
BATCHES = (1, 64, 1024)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rows = [row for name, (config, n) in SHAPES.items() for row in measured(name, config, n, asked.rounds)]
    if asked.json:
        asked.json.write_text(json.dumps(rows, indent=1) + "\n")


def measured(name: str, config: TriggerNetworkConfig, features: int, rounds: int) -> list[dict[str, object]]:
    """One row for each size of batch."""
    network = TriggerNetwork(config, features)
    slots = config.slots if config.kind != "dense" else 0
    x = torch.randn(max(BATCHES), *([slots] if slots else []), features)
    valid = (torch.rand(max(BATCHES), max(slots, 1)) < 0.7).float()
    network.train()
    network(x, valid)
    network.eval()
    program = lower(network)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        made = write_onnx_program(program, Path(folder), {})
        session = onnxruntime.InferenceSession(
            str(Path(folder) / MODEL), options, providers=["CPUExecutionProvider"]
        )
    rows: list[dict[str, object]] = []
    for batch in BATCHES:
        feeds = {"x": x[:batch].numpy()} | ({"valid": valid[:batch].numpy()} if slots else {})
        wanted = program.answer(program.ported(x[:batch].double().numpy()), valid[:batch].numpy())
        equal = float((session.run(None, feeds)[0] == wanted).mean())
        row = {
            "network": name,
            "batch": batch,
            "precision": made["precision"],
            "equal": equal,
            "onnx_us": microseconds(lambda f=feeds: session.run(None, f), rounds),
            "torch_us": microseconds(lambda b=batch: network(x[:b], valid[:b]), rounds),
        }
        rows.append(row)
        print(row, flush=True)
    return rows


def microseconds(work: Callable[[], object], rounds: int) -> float:
    """Median of so many runs after a few that warm up."""
    spent = []
    with torch.inference_mode():
        for _ in range(rounds + 10):
            start = time.perf_counter()
            work()
            spent.append(time.perf_counter() - start)
    return round(float(np.median(spent[10:])) * 1e6, 1)


if __name__ == "__main__":
    main()
