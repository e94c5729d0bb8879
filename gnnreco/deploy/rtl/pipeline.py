"""Programs as Verilog: one event each clock, in a pipeline whose stages are cut for a clock period."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from gnnreco.deploy.program.names import check_name
from gnnreco.deploy.program.ports import Form, Ports
from gnnreco.deploy.program.program import Program
from gnnreco.deploy.program.symbols import CHEAPEST, trace
from gnnreco.errors import BadBundle, BadConfig

#: Part of the clock period that logic between two registers gets by alkaid's estimate; the rest is for routing's spread.
LOGIC_SHARE = 0.8
FASTEST_CLOCK, SLOWEST_CLOCK = 1.0, 1000.0  # ns
PART = "xcvu9p-flga2104-2L-e"  # VU9P: the part of most published trigger designs


@dataclass(frozen=True)
class Design:
    """A program as Verilog.

    Attributes
    ----------
    sources : dict of str
        Content of each file.
    ports : Ports
    latency : int
        Clocks from the edge that takes an event in to the edge after which its answer stands.
    registers : int
        Bits of registers.
    luts, delay_ns : float
        As alkaid estimates: LUTs, and the delay between two registers.
    levels : int
        What it was built with.
    logic : CombLogic
        alkaid's, for its interpreter and for XLS.
    """

    sources: dict[str, str]
    ports: Ports
    latency: int
    registers: int
    luts: float
    delay_ns: float
    levels: int
    logic: Any


def estimate(program: Program, levels: int = CHEAPEST) -> tuple[float, float]:
    """LUTs and the delay in ns without registers, as alkaid estimates them."""
    logic = trace(program, levels)
    return float(logic.cost), float(max(logic.latency))


def check_clock(ns: float) -> None:
    """Raise `BadConfig` for a clock that no FPGA has: below, pipelines grow without end and promise what no part keeps."""
    if not FASTEST_CLOCK <= ns <= SLOWEST_CLOCK:  # also for NaN
        raise BadConfig(
            f"clock_ns: must be {FASTEST_CLOCK:g} to {SLOWEST_CLOCK:g} ns, got {ns:g}: clock networks of UltraScale+ end at "
            "about 0.9 GHz, and triggers run at 2 to 10 ns"
        )


def build(program: Program, name: str, clock_ns: float, levels: int = CHEAPEST) -> Design:
    """The Verilog of a program.

    Parameters
    ----------
    program : Program
    name : str
        Of the top module; all others start with it, so that two designs fit into one firmware.
    clock_ns : float
        Period of the clock: how much happens between two registers.
    levels : int
        See `gnnreco.deploy.program.symbols.trace`.

    Raises
    ------
    BadConfig
        For a name that Verilog would not take, or a clock that no FPGA has.
    BadBundle
        If the answers are the same for every input.
    """
    from alkaid.codegen import RTLModel

    check_name(name)
    check_clock(clock_ns)
    logic = trace(program, levels)
    if all(q.min == q.max for q in logic.out_qint):
        raise BadBundle("network", "gives the same answer to every input: there is nothing to build")
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as clean:
        core = f"{name}_core"
        model = RTLModel(
            logic,
            clean,
            core,
            flavor="verilog",
            latency_cutoff=LOGIC_SHARE * clock_ns,
            print_latency=False,
            part_name=PART,
            clock_period=clock_ns,
        )
        model.write()
        made = {f.stem: f.read_text() for f in sorted((Path(clean) / "src").rglob("*.v"))}
    inputs, outputs = (_forms(s[0].precisions) for s in (model.fsm.inp_signals, model.fsm.out_signals))
    answer = Form(1, max(f.integer for f in outputs if f.bits), max(f.fraction for f in outputs if f.bits))
    features = tuple(Form(*map(int, f)) for f in zip(program.signed, program.integer, program.fraction))
    ports = Ports(program.slots, features, answer, len(outputs))
    stages = model.fsm.logic.values()
    return Design(
        sources=_sources(name, made) | {f"{name}.v": _top(name, ports, inputs, outputs)},
        ports=ports,
        latency=int(model.latency),
        registers=int(model.reg_bits),
        luts=float(sum(c.cost for c in stages)),
        delay_ns=float(max(c.latency[1] for c in stages)) / len(stages),
        levels=levels,
        logic=logic,
    )


def _forms(precisions: Any) -> list[Form]:
    forms = [Form(int(k), int(i), int(f)) for k, i, f in precisions]
    return [f if f.bits else Form(0, 0, 0) for f in forms]


def _sources(name: str, made: dict[str, str]) -> dict[str, str]:
    """alkaid's files as two, their modules renamed to start with `name`."""
    core = "\n".join(made[k] for k in made if k == f"{name}_core" or re.fullmatch(r"logic\d+|.*_tables", k))
    parts = {k: v for k, v in made.items() if re.search(rf"^\s*(wire .*; )?{k} #\(", core, re.MULTILINE)}
    licence = f"// Operators of alkaid {version('alkaid')}, LGPL-3.0-or-later, with new names.\n"
    words = re.compile(rf"\b(logic\d+|{'|'.join(parts) or 'none'})\b")

    def renamed(code: str) -> str:
        return words.sub(rf"{name}_\1", code)

    return {
        f"{name}_core.v": renamed(core),
        f"{name}_operators.v": licence + renamed("\n".join(parts.values())),
    }


def _top(name: str, ports: Ports, inputs: list[Form], outputs: list[Form]) -> str:
    """The top module: ports whose bits do not depend on what the network left unused."""
    wires: list[tuple[str, int]] = []
    answers: list[tuple[str, int]] = []
    start, place = {"features": 0, "valid": 0}, 0
    taken = [("features", f) for f in ports.features * ports.rows] + [("valid", Form(0, 1, 0))] * ports.slots
    for (port, outer), inner in zip(taken, inputs):
        wires += bits_of(port, start[port], outer, inner)
        start[port] += outer.bits
    for inner in outputs:
        answers += bits_of("core_answer", place, inner, ports.answer)
        place += inner.bits
    widths = ports.widths
    io = [f"    input wire [{w - 1}:0] {port}," for port, w in widths.items() if port != "answer"]
    return "\n".join(
        [
            "`timescale 1 ns / 1 ps",
            "// Made by gnnreco: see io.json for bits. Takes an event every clock; no reset, the pipeline empties itself.",
            f"module {name} (",
            "    input wire clk,",
            *io,
            f"    output wire [{widths['answer'] - 1}:0] answer",
            ");",
            f"    wire [{len(wires) - 1}:0] core_input = {joined(wires)};",
            f"    wire [{place - 1}:0] core_answer;",
            f"    {name}_core core (.clk(clk), .model_inp(core_input), .model_out(core_answer));",
            f"    assign answer = {joined(answers)};",
            "endmodule",
            "",
        ]
    )


def bits_of(port: str, start: int, outer: Form, inner: Form) -> list[tuple[str, int]]:
    """Port and place of each bit of a number of form `inner`, made from one of form `outer` that lies in a port."""
    bits = []
    for place in range(-inner.fraction, inner.bits - inner.fraction):
        at = place + outer.fraction
        if at < 0 or not outer.bits or (at >= outer.bits and not outer.signed):
            bits.append(("", 0))
        else:
            bits.append((port, start + min(at, outer.bits - 1)))
    return bits


def joined(bits: list[tuple[str, int]]) -> str:
    """Verilog of bits, the least significant first; neighbours become slices."""
    runs: list[tuple[str, int, int]] = []
    for port, at in bits:
        if runs and runs[-1][0] == port and port and runs[-1][2] + 1 == at:
            runs[-1] = (port, runs[-1][1], at)
        else:
            runs.append((port, at, at))
    parts = [f"{port}[{high}:{low}]" if port else "1'b0" for port, low, high in reversed(runs)]
    return "{" + ", ".join(parts) + "}"
