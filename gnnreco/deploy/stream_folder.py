"""Streamed edge classifiers as a folder: Verilog that takes an edge each clock, with real graphs to prove it on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from gnnreco.bundle import load_bundle
from gnnreco.columns import Floats, Ints
from gnnreco.deploy.folder import as_json, check_folder, read_files, save_folder
from gnnreco.deploy.provenance import provenance
from gnnreco.deploy.simulator import check_sources
from gnnreco.deploy.stream import Stream, kept, simulate_stream, stream
from gnnreco.deploy.synthesis import synthesise
from gnnreco.errors import BadBundle, MissingTool
from gnnreco.models.trigger_network import TriggerNetwork
from gnnreco.tasks.trigger import TriggerTask
from gnnreco.tasks.trigger_buffers import Buffers

GRAPHS, REPORT = "graphs.safetensors", "report.json"
MANY = 40  # graphs that a folder keeps
Graph = tuple[Floats, Ints]


def write_stream(
    task: TriggerTask, bundle: str, folder: Path, name: str, limits: tuple[int, int], clock_ns: float,
    synthesis_s: float = 900.0,
) -> dict[str, Any]:  # fmt: skip
    """Write a trigger bundle that answers for edges as Verilog for graphs of up to `limits` nodes and edges.

    The examples of the bundle, several buffers together, become graphs.

    Returns
    -------
    dict
        What ``report.json`` holds: clocks of each graph, LUTs, `equal` graphs of all.
    """
    check_folder(folder)
    design = stream(task.network, name, *limits, clock_ns)
    assert task.examples is not None
    graphs = merged(task, task.examples, limits[0])[:MANY]
    report: dict[str, Any] = {
        "target": "stream", "name": name, "nodes": limits[0], "edges": limits[1], "clock_ns": clock_ns,
        "initiation_interval": 1, "lut_estimate_of_kernels": round(design.luts), **compared(task.network, design, graphs),
    }  # fmt: skip
    report["synthesis"] = {"by": "Yosys", "not_run": "not asked for"}
    try:
        if synthesis_s > 0:
            counted = asdict(synthesise(design.sources, name, synthesis_s))
            report["synthesis"] = {"by": "Yosys", **counted}
    except MissingTool as error:
        report["synthesis"] = {"by": "Yosys", "not_run": str(error)}
    arrays = {f"{k}.{part}": value for k, graph in enumerate(graphs) for part, value in zip("xe", graph)}
    content = {f"src/{file}": code.encode() for file, code in design.sources.items()}
    content |= {GRAPHS: save_tensors(arrays), REPORT: as_json(report).encode()}
    save_folder(folder, content, name, provenance(load_bundle(bundle)))
    return report


def verify_stream(folder: Path, task: TriggerTask, more: Buffers | None = None) -> list[dict[str, Any]]:
    """Prove a folder again with the trained bundle: sums, the Verilog, and the simulation of its graphs and of others."""
    _, content = read_files(folder)
    report = json.loads(content[REPORT])
    name, limits = str(report["name"]), (int(report["nodes"]), int(report["edges"]))
    sources = {Path(f).name: data.decode() for f, data in content.items() if f.startswith("src/")}
    check_sources(sources)
    design = stream(task.network, name, *limits, float(report["clock_ns"]))
    if design.sources != sources:
        raise BadBundle(folder, "its Verilog is not what the trained bundle gives: deploy it again")
    tensors = load_tensors(content[GRAPHS])
    graphs = [(tensors[f"{k}.x"], tensors[f"{k}.e"]) for k in range(len(tensors) // 2)]
    if more is not None:
        graphs += merged(task, more, limits[0])
    found = compared(task.network, design, graphs)
    detail = f"{found['equal']:,} of {found['graphs']:,} graphs, {found['answers']:,} edges, are equal in every bit"
    return [
        {"check": "sums", "ok": True, "detail": f"{len(content)} files are what was written"},
        {"check": "sources", "ok": True, "detail": "the trained bundle gives the same Verilog"},
        {"check": "Verilator", "ok": found["equal"] == found["graphs"], "detail": detail},
    ]


def merged(task: TriggerTask, b: Buffers, nodes: int) -> list[Graph]:
    """Graphs of up to so many nodes: the filled slots of successive buffers, with the edges of each buffer."""
    pairs = task.config.network.pairs()
    graphs, n = list[Graph](), 0
    xs, es = list[Floats](), list[Ints]()
    for x, valid in zip(np.asarray(b.x, np.float64), np.asarray(b.valid) > 0, strict=True):
        if n and n + valid.sum() > nodes:
            graphs.append((np.concatenate(xs), np.concatenate(es)))
            xs, es, n = [], [], 0
        place = np.cumsum(valid) - 1 + n
        xs.append(x[valid])
        es.append(place[pairs[valid[pairs].all(axis=1)]].reshape(-1, 2))
        n += int(valid.sum())
    if n:
        graphs.append((np.concatenate(xs), np.concatenate(es)))
    return graphs


def compared(network: TriggerNetwork, design: Stream, graphs: list[Graph]) -> Mapping[str, Any]:
    """How many graphs the hardware answers as the network does, in every bit; clocks of the longest."""
    exact = TriggerNetwork(network.config, len(network.offset))
    exact.load_state_dict(network.state_dict())
    exact.double().eval()
    equal, answers = 0, 0
    said = simulate_stream(design, graphs)
    for (x, edges), one in zip(graphs, said, strict=True):
        rows = kept(design, len(x), edges)
        with torch.inference_mode():
            wanted = exact.graph(torch.from_numpy(x[: design.nodes]), edges[rows]).numpy()
        equal += bool(np.array_equal(one.answers.reshape(wanted.shape), wanted))
        answers += len(rows)
    longest = max(range(len(said)), key=lambda k: said[k].clocks)
    x, edges = graphs[longest]
    return {
        "graphs": len(graphs), "equal": equal, "answers": answers,
        "longest": {"nodes": len(x), "edges": len(edges), "clocks": said[longest].clocks},
    }  # fmt: skip
