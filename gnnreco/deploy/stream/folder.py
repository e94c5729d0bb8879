"""Streamed edge classifiers as a folder: Verilog that takes an edge each clock, with real graphs to prove it on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save as save_tensors

from gnnreco.bundle import Bundle
from gnnreco.columns import Floats, Ints
from gnnreco.deploy.budget import check_seconds
from gnnreco.deploy.folder import FolderManifest, as_json, save_folder, versions
from gnnreco.deploy.proof.checks import SOURCES, TRAINED, Check, check_files, confined
from gnnreco.deploy.proof.equality import Trained
from gnnreco.deploy.proof.provenance import provenance
from gnnreco.deploy.rtl.pipeline import check_clock
from gnnreco.deploy.rtl.synthesis import synthesise
from gnnreco.deploy.toolchain import package
from gnnreco.errors import BadBundle, BadConfig, BadInput, MissingTool
from gnnreco.files.json_file import parse_json
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.files.limits import VECTORS
from gnnreco.files.tensor_file import parse_tensors
from gnnreco.models.trigger.network import TriggerNetwork
from gnnreco.schema import build
from gnnreco.tasks.trigger.buffers import Buffers
from gnnreco.tasks.trigger.task import TriggerTask

from .classifier import Stream, kept, simulate_stream, stream

GRAPHS, REPORT = "graphs.safetensors", "report.json"
MANY = 40  # graphs that a folder keeps
Graph = tuple[Floats, Ints]


def write_stream(
    task: TriggerTask,
    bundle: Bundle,
    folder: Path,
    name: str,
    limits: tuple[int, int],
    clock_ns: float,
    synthesis_s: float = 900.0,
) -> JsonDict:
    """Write a trigger bundle that answers for edges as Verilog for graphs of up to `limits` nodes and edges.

    The examples of the bundle, several buffers together, become graphs.

    Returns
    -------
    dict
        What ``report.json`` holds: clocks of each graph, LUTs, `equal` graphs of all.
    """
    check_seconds("synthesis_s", synthesis_s)
    design = stream(task.network, name, *limits, clock_ns)
    assert task.examples is not None
    graphs = merged(task, task.examples, limits[0])[:MANY]
    report: JsonDict = {
        "target": "stream",
        "name": name,
        "nodes": limits[0],
        "edges": limits[1],
        "clock_ns": clock_ns,
        "lut_estimate_of_kernels": round(design.luts),
        **compared(task.network, design, graphs),
    }
    report["clocks_per_graph"] = clocks_per_graph(report["longest"], limits)
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
    save_folder(folder, content, name, provenance(bundle))
    return report


@dataclass(frozen=True)
class Report:
    """``report.json``, as far as it is proved."""

    name: str
    nodes: int
    edges: int
    clock_ns: float
    graphs: int


class Streamed:
    """A folder that `write_stream` wrote, whose sums are right, and the checks of what it holds.

    It holds no program, as its graphs have no fixed size: its Verilog is made again from the trained network.

    Parameters
    ----------
    folder : path
    manifest, content
        See `gnnreco.deploy.folder.read_files`.
    trained : Trained
    trust : bool
        Build sources that are not those of the trained network.

    Raises
    ------
    BadBundle
        If the folder holds no whole design.
    """

    def __init__(
        self,
        folder: Path,
        manifest: FolderManifest,
        content: Mapping[str, bytes],
        trained: Trained,
        trust: bool = False,
    ) -> None:
        self.manifest, self.content, self.trained, self.trust = manifest, content, trained, trust
        file = REPORT
        try:
            self.report = build(Report, parse_json(content[REPORT], REPORT), others=True)
            check_clock(self.report.clock_ns)
            file = GRAPHS
            tensors = parse_tensors(content[GRAPHS], GRAPHS)
            if not 0 < self.report.graphs <= VECTORS:
                raise BadConfig(f"setting 'graphs': must lie between 1 and {VECTORS:,}")
            self.graphs = [(tensors[f"{k}.x"], tensors[f"{k}.e"]) for k in range(self.report.graphs)]
        except KeyError as error:
            raise BadBundle(folder, f"holds no {error}; deploy the trained bundle again") from error
        except (BadConfig, BadInput) as error:
            raise BadBundle(folder, f"{file}: {error}; deploy the trained bundle again") from error
        for k, (x, e) in enumerate(self.graphs):
            fits = x.dtype.kind == "f" and x.ndim == e.ndim == 2 and e.dtype.kind == "i" and e.shape[1] == 2
            if not (fits and np.isfinite(x).all() and (not e.size or 0 <= e.min() <= e.max() < len(x))):
                raise BadBundle(folder, f"{GRAPHS}: graph {k} is none; deploy the trained bundle again")

    def checks(self) -> dict[str, Callable[[], Check]]:
        """Every check but the sums, in order."""
        return {TRAINED: self.network, SOURCES: self.sources, "Verilator": self.verilator}

    @cached_property
    def design(self) -> Stream:
        """The design made again from the trained network."""
        report = self.report
        return stream(self.trained.network, report.name, report.nodes, report.edges, report.clock_ns)

    @cached_property
    def same(self) -> Check:
        """Whether the Verilog is that of the trained network."""
        made = {f"src/{file}": code.encode() for file, code in self.design.sources.items()}
        kept = {f: data for f, data in self.content.items() if f not in (GRAPHS, REPORT)}
        return check_files(kept, made, self.manifest.made_with, versions("alkaid"), self.trust)

    def network(self) -> Check:
        """The Verilog is that of the bundle."""
        if self.trained.bundle is None:
            return None, self.trained.missing
        ok, detail = self.sources()
        return ok, f"bundle '{self.trained.bundle.name}': {detail}"

    def sources(self) -> Check:
        """The same, of every file."""
        if self.trained.bundle is None:
            return None, "cannot be made again without the trained bundle; nothing is built"
        if not package("alkaid"):
            return None, "needs alkaid to be made again: pip install 'gnnreco[rtl]'; nothing is built"
        return self.same

    def verilator(self) -> Check:
        """Graphs clock by clock, beside the trained network."""
        if self.sources()[0] is False or self.trained.bundle is None or not package("alkaid"):
            return None, "not built: see sources"
        design = self.design
        if not self.same[0]:
            others = {Path(f).name: d.decode() for f, d in self.content.items() if f.startswith("src/")}
            design = replace(design, sources=others)
        if any(x.shape[1] != design.kernels.nodes.features for x, _ in self.graphs):
            return False, f"a graph of {GRAPHS} has not the features of the network"
        found = compared(self.trained.network, design, self.graphs)
        detail = f"{found['equal']:,} of {found['graphs']:,} graphs, {found['answers']:,} edges, are equal in every bit"
        return found["equal"] == found["graphs"], f"{detail}; {confined()}"


def clocks_per_graph(longest: Mapping[str, int], limits: tuple[int, int]) -> JsonDict:
    """Clocks from the first node of a graph to its last answer, after which the next one begins.

    Each node takes two, each edge two, and the pipelines a number that does not depend on the graph: it is that of the
    longest graph which was simulated.
    """
    nodes, edges = (min(longest[what], most) for what, most in zip(("nodes", "edges"), limits, strict=True))
    fixed = longest["clocks"] - 2 * (nodes + edges)
    return {"each_node": 2, "each_edge": 2, "pipelines": fixed, "largest_graph": 2 * sum(limits) + fixed}


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


def compared(network: TriggerNetwork, design: Stream, graphs: list[Graph]) -> JsonMapping:
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
        "graphs": len(graphs),
        "equal": equal,
        "answers": answers,
        "longest": {"nodes": len(x), "edges": len(edges), "clocks": said[longest].clocks},
    }
