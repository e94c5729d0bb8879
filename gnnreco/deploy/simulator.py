"""Verilog simulated clock by clock with Verilator: one event each clock, every bit of every answer, latency measured."""

from __future__ import annotations

import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gnnreco.deploy.program.names import check_name
from gnnreco.deploy.program.ports import Ports
from gnnreco.errors import BadBundle

from .toolchain import cores, run, verilator

TEMPLATE = Path(__file__).parent / "rtl" / "testbench.v"
BENCH = "testbench.v"
#: Comments and strings, as Verilog finds them: whichever begins first.
SILENT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)
#: What generated Verilog never holds: system tasks that read, write or run, other files, foreign functions.
FOREIGN = re.compile(r"\$(?!signed\b|unsigned\b|clog2\b)\w+|`(?!timescale\b)\w+|\b(import|export|bind)\b|\\")
BUILD_SECONDS, RUN_SECONDS = 1800.0, 600.0


@dataclass(frozen=True, slots=True)
class Simulation:
    """What a simulation gave.

    Attributes
    ----------
    answers : list of str
        The port ``answer`` after each clock, as hexadecimal numbers.
    verdict : str
        What the testbench said of the events it compared.
    version : str
        Of Verilator.
    build_s, run_s : float
        Seconds on the wall.
    """

    answers: list[str]
    verdict: str
    version: str
    build_s: float
    run_s: float

    def latency(self, expected: Sequence[str]) -> int | None:
        """Clocks from the edge that takes an event in until its answer stands, if all answers come one a clock."""
        for place in range(len(self.answers) - len(expected) + 1):
            if self.answers[place : place + len(expected)] == list(expected):
                return place - 1
        return None


def make_testbench(name: str, ports: Ports, latency: int, clock_ns: float) -> str:
    """The testbench of a design, for any simulator."""
    connections, low = [], 0
    for port, width in ports.widths.items():
        if port != "answer":
            connections.append(f".{port}(event_in[{low + width - 1}:{low}])")
            low += width
    values = {
        "INPUT_HIGH": low - 1,
        "ANSWER_HIGH": ports.widths["answer"] - 1,
        "TOP": check_name(name),
        "CONNECTIONS": ", ".join(connections),
        "PERIOD": clock_ns,
        "LATENCY": latency,
    }
    return re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), TEMPLATE.read_text())


def check_sources(sources: Mapping[str, str]) -> None:
    """Raise `BadBundle` for Verilog that does more than compute: such is never built, whatever its sums say.

    A second lock: `deploy verify` builds no Verilog of others, but what it makes again from the program.
    """
    for file, code in sources.items():
        found = FOREIGN.search(SILENT.sub(lambda said: re.sub(r"[^\n]", " ", said[0]), code))
        if found:
            line = code.count("\n", 0, found.start()) + 1
            raise BadBundle(
                file, f"line {line} holds '{found[0]}', which no generated Verilog does; it is not built"
            )


def simulate(
    sources: Mapping[str, str], bench: str, inputs: Sequence[str], expected: Sequence[str]
) -> Simulation:
    """Build and run in a clean folder.

    Parameters
    ----------
    sources : mapping of str
        Verilog by the name of its file: see `check_sources`.
    bench : str
        See `make_testbench`.
    inputs, expected : sequence of str
        See `Ports.pack_inputs` and `Ports.pack_answers`.
    """
    check_sources(sources)
    tool = verilator()
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as clean:
        folder = Path(clean)
        for file, text in {**sources, BENCH: bench}.items():
            (folder / Path(file).name).write_text(text)
        (folder / "inputs.hex").write_text("\n".join(inputs) + "\n")
        (folder / "expected.hex").write_text("\n".join(expected) + "\n")
        start = time.perf_counter()
        tool.run(
            [
                "--binary",
                "--timing",
                "-Wno-fatal",
                "--top-module",
                "testbench",
                "--Mdir",
                "built",
                "-j",
                str(cores()),
                "--output-split",
                "20000",
                # The wheel was configured on another machine: where Python is, how to name a precompiled header.
                "-MAKEFLAGS",
                f"PYTHON3={sys.executable}",
                "-MAKEFLAGS",
                "CFG_CXXFLAGS_PCH_I=-include",
                "-MAKEFLAGS",
                "OPT_FAST=-O1",
                "-MAKEFLAGS",
                "OPT_GLOBAL=-O0",
                "-CFLAGS",
                "-std=c++20",
                *(Path(file).name for file in sources),
                BENCH,
            ],
            folder,
            BUILD_SECONDS,
        )
        built = time.perf_counter()
        said = run(
            ["built/Vtestbench", "+inputs=inputs.hex", "+expected=expected.hex", "+answers=answers.hex"],
            folder,
            RUN_SECONDS,
            name="simulation",
        )
        done = time.perf_counter()
        answers = (folder / "answers.hex").read_text().split()
    verdict = next(
        (line for line in said.splitlines() if line.startswith(("PASS", "FAIL"))), "FAIL: said nothing"
    )
    return Simulation(answers, verdict, tool.version, built - start, done - built)
