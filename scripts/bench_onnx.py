"""The tracking network by ONNX Runtime beside torch and beside our own kernels: logits, seconds, memory, start-up, tracks.

    python scripts/bench_onnx.py [--events examples/events/acts-ttbar-pu50.parquet] [--json FILE]

All of one row is measured in turn, so that whatever else the machine does falls on all alike; the least of some rounds
counts. CPU seconds are those of the process over all its threads. Memory is the high-water mark of a process of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gnnreco.bundle import load_bundle, load_task
from gnnreco.bundle.onnx import MODEL, load_onnx, network_weights
from gnnreco.cli.table import show as print_table
from gnnreco.deploy.onnx.export import export_onnx
from gnnreco.deploy.onnx.parity import difference, random_graph, relative, torch_network
from gnnreco.evaluate import evaluate
from gnnreco.events import open_events
from gnnreco.geometry import load_detector
from gnnreco.models import infer
from gnnreco.models.onnx.session import OnnxNetwork
from gnnreco.models.segment_network import tensors_of
from gnnreco.reconstruct import reconstruct

EXAMPLES = Path(__file__).parents[1] / "examples" / "events"
MINIMAL = """
import sys, numpy as np, onnxruntime
o = onnxruntime.SessionOptions(); o.intra_op_num_threads = o.inter_op_num_threads = 1
g = dict(np.load(sys.argv[2]))
s = onnxruntime.InferenceSession(sys.argv[1], o, providers=["CPUExecutionProvider"])
s.run(["edge_logits"], g)
"""
# A process begins its account of memory at the size of the one that started it: so a small one starts them.
LAUNCH = """
import os, sys, time
begin = time.perf_counter()
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 1, "/dev/null", os.O_WRONLY, 0)])
_, status, usage = os.wait4(pid, 0)
assert status == 0, status
print(time.perf_counter() - begin, usage.ru_maxrss)
"""


def least(runs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, tuple[float, float]]:
    """Least wall and CPU seconds of each of `runs`, taken in turn."""
    found = {name: [np.inf, np.inf] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            wall, cpu = time.perf_counter(), time.process_time()
            run()
            found[name][0] = min(found[name][0], time.perf_counter() - wall)
            found[name][1] = min(found[name][1], time.process_time() - cpu)
    return {name: (wall, cpu) for name, (wall, cpu) in found.items()}


def times(name: str, folder: Path, graph: Any, threads: int, rounds: int) -> dict[str, Any]:
    """One graph by every engine."""
    read = load_onnx(folder)
    weights, iterations = network_weights(read.bundle), int(read.bundle.config["network"]["iterations"])
    session, network = read.network(threads), torch_network(read.bundle)
    anyhow = OnnxNetwork(read.models[MODEL], threads)
    torch.set_num_threads(threads)
    with torch.inference_mode():
        sorted_once = tensors_of(*graph)
        wanted = [x.numpy() for x in network(sorted_once)]
        network.double()
        exact = [
            x.numpy()
            for x in network(
                replace(sorted_once, nodes=sorted_once.nodes.double(), edges=sorted_once.edges.double())
            )
        ]
        network.float()
        runs: dict[str, Callable[[], Any]] = {
            "torch": lambda: network(sorted_once),
            "torch_and_sort": lambda: network(tensors_of(*graph)),
            "native": lambda: infer(weights, iterations, *graph),
            "onnx": lambda: session.both(*graph),
            "onnx_edges": lambda: session.logits(*graph),
            "onnx_any_threads": lambda: anyhow.both(*graph),
        }
        infer(weights, iterations, *graph)
        spent = least(runs, rounds)
    found = session.both(*graph)
    both = {f"{engine}_s": round(wall, 4) for engine, (wall, _) in spent.items()}
    both |= {f"{engine}_cpu_s": round(cpu, 4) for engine, (_, cpu) in spent.items()}
    return {
        "graph": name,
        "threads": threads,
        "nodes": len(graph[0]),
        "edges": len(graph[1]),
        "difference": difference(found, wanted),
        "relative": relative(found, wanted),
        "torch_to_float64": max(float(np.abs(w - x).max()) for w, x in zip(wanted, exact)),
        "largest_logit": max(float(np.abs(w).max()) for w in wanted),
        "cpu_over_torch": round(spent["onnx"][1] / spent["torch"][1], 3),
        "any_threads_cpu_over_torch": round(spent["onnx_any_threads"][1] / spent["torch"][1], 3),
        "cpu_over_native": round(spent["onnx_edges"][1] / spent["native"][1], 3),
        **both,
    }


def processes(folder: Path, graph: Any, events: Path, work: Path) -> list[dict[str, Any]]:
    """Start-up and memory of processes of their own: the least that runs the model, and the whole program."""
    ends = graph[2].T.astype(np.int64)
    np.savez(work / "graph.npz", nodes=graph[0], edges=graph[1], inner=ends[0], outer=ends[1])
    model, rows = str(folder / "model-one-thread.onnx"), []
    runs = {
        "python, onnxruntime and one graph": [sys.executable, "-c", MINIMAL, model, str(work / "graph.npz")]
    }
    program = os.environ.get("ONNX_TRACKING", "")  # scripts/examples/onnx_tracking.cpp, compiled
    if program:
        head = np.array([len(graph[0]), graph[0].shape[1], len(graph[1]), graph[1].shape[1]], np.int64)
        (work / "graph.bin").write_bytes(b"".join(x.tobytes() for x in (head, *graph[:2], ends)))
        runs["C++, onnxruntime and one graph"] = [
            program,
            model,
            str(work / "graph.bin"),
            str(work / "out.bin"),
        ]
    for engine in ("onnx", "native"):
        runs[f"gnnreco reconstruct --engine {engine}"] = [
            *(sys.executable, "-m", "gnnreco.cli", "reconstruct", str(events), "--detector", "trackml"),
            *("--bundle", "tracking-trackml", "--engine", engine, "--overwrite", "-o", str(work / "whole")),
        ]
    for name, command in runs.items():
        best, peak = np.inf, 0
        for _ in range(3):
            begun = subprocess.run(
                [sys.executable, "-S", "-c", LAUNCH, *command], capture_output=True, text=True, check=True
            )
            seconds, kilobytes = begun.stdout.splitlines()[-1].split()
            best, peak = min(best, float(seconds)), int(kilobytes)
        rows.append({"process": name, "seconds": round(best, 3), "peak_mb": round(peak / 1024)})
    return rows


def tracks(bundle: str, small: Path, events: Path, work: Path) -> list[dict[str, Any]]:
    """Tracks by each engine, scored against truth."""
    detector, rows = load_detector("trackml"), []
    for name, given, engine in (
        ("native", bundle, "native"),
        ("onnx", bundle, "onnx"),
        ("onnx int8", small, "onnx"),
    ):
        manifest = reconstruct(events, "trackml", given, work / name, engine=engine, overwrite=True)
        scores = evaluate(
            work / name, open_events([str(events)], detector, truth=True, deposits=False), detector
        )
        acts = scores["double_majority"]
        row = {
            "engine": name,
            "tracks": manifest["tracks"],
            "cpu_s_per_event": manifest["cpu_seconds_per_event"],
        }
        rows.append(row | {key: acts[key] for key in ("efficiency", "fake_rate", "duplicate_rate")})
    return rows


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=Path, default=EXAMPLES / "acts-ttbar-pu50.parquet")
    parser.add_argument("--bundle", default="tracking-trackml")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    bundle, detector = load_bundle(args.bundle), load_detector("trackml")
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        sizes = {
            "float32": export_onnx(bundle, work / "export"),
            "int8": export_onnx(bundle, work / "small", int8=True),
        }
        event = open_events([str(args.events)], detector, truth=False)[0]
        built = load_task(bundle, detector).graph.build(event)[1]
        real = built.doublet_features, built.triplet_features, built.triplets
        graphs = {"random": random_graph(network_weights(bundle), 20_000, 200_000), args.events.stem: real}
        rows = [times(n, work / "export", g, t, args.rounds) for n, g in graphs.items() for t in (1, 2)]
        files = [
            {"weights": n, "bytes": m["files"][MODEL]["bytes"], "relative": m["parity"]["relative"]}
            for n, m in sizes.items()
        ]
        small = random_graph(network_weights(bundle), 500, 4000)
        result = {
            "networks": rows,
            "files": files,
            "processes": processes(work / "export", small, EXAMPLES / "acts-ttbar-pu20.parquet", work),
        }
        result["tracks"] = tracks(args.bundle, work / "small", args.events, work)
    for row in rows:
        print("\n".join(f"{key:>28}: {value}" for key, value in row.items()), "\n")
    for part in ("files", "processes", "tracks"):
        print_table(result[part])
        print()
    print(f"load: {os.getloadavg()}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
