"""Edge classifiers of large graphs as Verilog: nodes come one a clock, then edges one a clock, answers one a clock.

A graph of n nodes and m edges takes about 2 n + 2 m clocks. Its logic does not grow with the graph, only its memory does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.deploy.program.names import check_name
from gnnreco.deploy.program.ports import Form, Ports
from gnnreco.deploy.rtl.pipeline import bits_of, build, joined
from gnnreco.deploy.simulator import simulate
from gnnreco.errors import BadBundle, BadConfig, MissingTool
from gnnreco.models.trigger.network import TriggerNetwork

from .kernels import Kernels, forms, kernels

TEMPLATE, BENCH = (Path(__file__).with_name(name) for name in ("stream.v", "stream_bench.v"))
NUMBER = 16  # bits of the number of a node at the ports
PATIENCE = 64  # clocks beyond the graph and the pipelines that a simulation waits for the next answer


@dataclass(frozen=True)
class Stream:
    """A design.

    Attributes
    ----------
    name : str
    sources : dict of str
        Content of each file.
    kernels : Kernels
    nodes, edges : int
        The most of one graph; what comes beyond them is left out, and counted.
    ports : Ports
        Of a node's features, and of an answer.
    latency : tuple of int
        Clocks of each kernel.
    luts : float
        Of the kernels, as alkaid estimates.
    """

    name: str
    sources: dict[str, str]
    kernels: Kernels
    nodes: int
    edges: int
    ports: Ports
    latency: tuple[int, ...]
    luts: float


@dataclass(frozen=True)
class StreamAnswer:
    """What the hardware said of one graph.

    Attributes
    ----------
    answers : float64 (m, outputs)
        Of the edges that were kept, in their order.
    dropped : int
        Nodes and edges that were left out.
    fault : bool
        The edges were not sorted by receiver.
    clocks : int
        From the first node to the last answer.
    """

    answers: Floats
    dropped: int
    fault: bool
    clocks: int


def stream(network: TriggerNetwork, name: str, nodes: int, edges: int, clock_ns: float) -> Stream:
    """The Verilog of an edge classifier for graphs of up to so many nodes and edges.

    Raises
    ------
    BadConfig
        For limits that do not fit the ports, or a bad name.
    BadBundle
        If the network does not answer for edges, or a part of it says nothing.
    """
    check_name(name)
    if not (2 <= nodes <= 2**NUMBER and 1 <= edges <= 2**24):
        raise BadConfig(
            f"nodes {nodes}, edges {edges}: there can be 2 to {2**NUMBER} nodes and 1 to {2**24} edges"
        )
    cut = kernels(network, edges)
    programs = {"nodes": cut.nodes, "edges": cut.edges, "heard": cut.heard, "answers": cut.answers}
    made = {part: build(program, f"{name}_{part}", clock_ns) for part, program in programs.items()}
    m, t = forms(cut.message), forms(cut.sums)
    widths = {
        "X": sum(f.bits for f in made["nodes"].ports.features),
        "Y": made["answers"].ports.widths["answer"],
        **{f"S{k}": sum(f.bits for f in forms(said)) for k, said in enumerate(cut.said)},
        **{f"H{k}": sum(f.bits for f in forms(told)) for k, told in enumerate(cut.told)},
        "M": sum(f.bits for f in m),
        "T": sum(f.bits for f in t),
        **{f"L{k}": design.latency for k, design in enumerate(made.values())},
        "A": int(nodes - 1).bit_length(),
        "B": max(int(edges - 1).bit_length(), 1),
        "NODES": nodes,
        "EDGES": edges,
    }
    silent = [key for key in ("S0", "S1", "S2", "M", "H0", "H1") if not widths[key]]
    if silent:
        raise BadBundle("network", "a part of it says nothing: it was pruned too far to be cut into kernels")
    results = {
        "nodes": {
            f"said_{to}": forms(f) for to, f in zip(("sender", "receiver", "itself"), cut.said, strict=True)
        },
        "edges": {"message": m},
        "heard": {f"told_{to}": forms(f) for to, f in zip(("sender", "receiver"), cut.told, strict=True)},
    }
    inputs = {
        "nodes": "x",
        "edges": "{says_receiver, says_sender}",
        "heard": "{hears, says_itself}",
        "answers": "{tells_message, tells_receiver, tells_sender}",
    }
    lines = []
    for part, design in made.items():
        out = "answer" if part == "answers" else f"{part}_answer"
        if part != "answers":
            lines.append(f"    wire [{design.ports.widths['answer'] - 1}:0] {out};")
        lines.append(
            f"    {name}_{part} {part}_kernel (.clk(clk), .features({inputs[part]}), .answer({out}));"
        )
        lines += _unpacked(results.get(part, {}), out, design.ports.answer)
    values = widths | {"TOP": name, "KERNELS": "\n".join(lines), "SUMS": _sums(m, t)}
    sources = {file: code for design in made.values() for file, code in design.sources.items()}
    sources[f"{name}.v"] = _filled(TEMPLATE, values)
    last = made["answers"].ports
    ports = Ports(0, made["nodes"].ports.features, last.answer, last.answers)
    luts = sum(design.luts for design in made.values())
    return Stream(name, sources, cut, nodes, edges, ports, tuple(d.latency for d in made.values()), luts)


def kept(design: Stream, n: int, edges: Ints) -> Ints:
    """Rows of the edges that a design keeps of a graph of `n` nodes: those of nodes that fit, as many as fit."""
    fit = (edges < min(n, design.nodes)).all(axis=1)
    return np.flatnonzero(fit)[: design.edges]


def simulate_stream(design: Stream, graphs: Sequence[tuple[Floats, Ints]]) -> list[StreamAnswer]:
    """Simulate graphs one after the other, clock by clock, with Verilator.

    Parameters
    ----------
    design : Stream
    graphs : sequence of (float64 (n, features), int64 (m, 2))
        Features as they come from the detector; sender and receiver of each edge, sorted by receiver.

    Raises
    ------
    MissingTool
        Without Verilator, or if the design stops answering.
    """
    x = sum(f.bits for f in design.ports.features)
    patience = PATIENCE + 2 * max(design.latency) + max(design.nodes, design.edges)
    values = {
        "WORD": x + 2 * NUMBER + 4,
        "X": x,
        "Y": design.ports.widths["answer"],
        "TOP": design.name,
        "PATIENCE": patience,
    }
    words = [word for graph in graphs for word in _words(design, *graph)]
    result = simulate(design.sources, _filled(BENCH, values), words, [])
    if not result.verdict.startswith("PASS"):
        raise MissingTool("simulation", result.verdict)
    found, lines = [], []
    for line in result.answers:
        if line[0] == "a":
            lines.append(line[1:])
            continue
        dropped, fault, clocks = map(int, line[1:].split(","))
        answers = design.ports.unpack_answers(lines) / 2.0**design.ports.answer.fraction
        found.append(StreamAnswer(answers, dropped, bool(fault), clocks))
        lines = []
    return found


def _words(design: Stream, x: Floats, edges: Ints) -> list[str]:
    """What the testbench feeds in: a word for each node and edge, one more where there are none."""
    width = sum(f.bits for f in design.ports.features)
    packed = design.ports.pack_inputs(design.kernels.nodes.ported(x), None) if len(x) else ["0"]
    numbers = [int(line, 16) | (min(len(x), 1) << width) for line in packed]
    numbers[-1] |= 2 << width
    low = width + 2
    ends = [int(s) << low | int(r) << (low + NUMBER) | 1 << (low + 2 * NUMBER) for s, r in edges] or [0]
    ends[-1] |= 2 << (low + 2 * NUMBER)
    return [f"{number:x}" for number in numbers + ends]


def _unpacked(parts: dict[str, list[Form]], port: str, outer: Form) -> list[str]:
    """Wires that take the answers of a kernel, all of one form, to the form of each number."""
    lines, place = [], 0
    for wire, inner in parts.items():
        bits = []
        for form in inner:
            bits += bits_of(port, place * outer.bits, outer, form)
            place += 1
        lines.append(f"    wire [{len(bits) - 1}:0] {wire} = {joined(bits)};")
    return lines


def _sums(message: Sequence[Form], total: Sequence[Form]) -> str:
    """A message on top of the open sum of its receiver, number by number."""
    lines, low, start = [], 0, 0
    for one, sums in zip(message, total, strict=True):
        if one.bits:
            place = f"[{start + sums.bits - 1}:{start}]"
            before = f"(same ? sum_open{place} : {sums.bits}'d0)"
            lines.append(f"    assign sum_next{place} = {before} + message_now[{low + one.bits - 1}:{low}];")
        low, start = low + one.bits, start + sums.bits
    return "\n".join(lines)


def _filled(template: Path, values: Mapping[str, object]) -> str:
    return re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), template.read_text())
