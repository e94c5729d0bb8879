"""What a design costs on an UltraScale+ part, counted by Yosys: cells of each kind and the longest path between registers.

Yosys knows no routing and no speed grade: how many LUTs and carry chains lie in series is a fact, nanoseconds would not be.
It builds sums of three out of two adders where the vendor's tool needs one, so its LUTs are an upper bound: 5,000 for a
16:64:32:32:5 network of alkaid's estimate 3,700.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gnnreco.deploy.program.names import check_name
from gnnreco.deploy.simulator import check_sources
from gnnreco.deploy.toolchain import yosys
from gnnreco.errors import MissingTool
from gnnreco.files.json_types import JsonMapping

FAMILY = "xcup"  # UltraScale+
KINDS = {
    "lut": r"LUT\d(_2)?",
    "ff": r"FD[A-Z]+",
    "dsp": r"DSP48.*",
    "bram": r"RAMB.*",
    "carry": r"CARRY\d",
    "srl": r"SRL.*",
}
SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Synthesis:
    """What Yosys found.

    Attributes
    ----------
    lut, ff, dsp, bram, carry, srl : int
        Cells; a wide multiplexer (``MUXF``) belongs to its LUTs.
    levels : int
        LUTs and carry chains in series on the longest path between two registers.
    version : str
        Of Yosys.
    seconds : float
    """

    lut: int
    ff: int
    dsp: int
    bram: int
    carry: int
    srl: int
    levels: int
    version: str
    seconds: float


def synthesise(sources: Mapping[str, str], name: str, seconds: float = SECONDS) -> Synthesis:
    """Synthesise a design out of context, in a clean folder.

    Raises
    ------
    MissingTool
        Without Yosys, or if it fails or takes longer than `seconds`.
    """
    check_name(name)
    check_sources(sources)
    tool = yosys()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as clean:
        folder = Path(clean)
        for file, code in sources.items():
            (folder / Path(file).name).write_text(code)
        script = [
            *(f"read_verilog {Path(file).name}" for file in sources),
            f"synth_xilinx -family {FAMILY} -flatten -noiopad -noclkbuf -top {name}",
            "write_json netlist.json",
        ]
        (folder / "synth.ys").write_text("\n".join(script) + "\n")
        tool.run(["-q", "-s", "synth.ys"], folder, seconds)
        netlist = json.loads((folder / "netlist.json").read_text())
    try:
        cells = netlist["modules"][name]["cells"]
    except KeyError as error:
        raise MissingTool("yosys", f"wrote no netlist of '{name}'") from error
    counts = Counter(cell["type"] for cell in cells.values())
    found = {kind: sum(n for cell, n in counts.items() if re.fullmatch(p, cell)) for kind, p in KINDS.items()}
    return Synthesis(
        **found, levels=longest_path(cells), version=tool.version, seconds=time.perf_counter() - start
    )


def longest_path(cells: JsonMapping) -> int:
    """LUTs and carry chains in series, at most, from register to register.

    Parameters
    ----------
    cells : mapping
        Of a flat netlist, as Yosys writes it: ``type``, ``port_directions``, ``connections``.
    """
    logic = {n: c for n, c in cells.items() if re.match(r"LUT|CARRY|MUXF|INV|XORCY", c["type"])}
    driver: dict[Any, str] = {}
    for n, cell in logic.items():
        for port, bits in cell["connections"].items():
            if cell["port_directions"][port] == "output":
                driver |= dict.fromkeys(bits, n)
    depth: dict[str, int] = {}
    for first in logic:
        pile = [first]  # no recursion: carry chains are long
        while pile:
            n = pile[-1]
            before = [(port, driver[b]) for port, b in _inputs(logic[n]) if b in driver]
            missing = [other for _, other in before if other not in depth]
            if missing:
                pile += missing
                continue
            pile.pop()
            depth[n] = max(
                (depth[other] + _step(logic, n, port, other) for port, other in before),
                default=_own(logic[n]),
            )
    return max(depth.values(), default=0)


def _inputs(cell: JsonMapping) -> list[tuple[str, Any]]:
    return [
        (p, b)
        for p, bits in cell["connections"].items()
        if cell["port_directions"][p] == "input"
        for b in bits
    ]


def _own(cell: JsonMapping) -> int:
    """Inverters move into LUTs, and MUXF sits behind its own."""
    return int(cell["type"].startswith(("LUT", "CARRY", "XORCY")))


def _step(logic: JsonMapping, n: str, port: str, before: str) -> int:
    """A chain counts once however long; the LUT in front of it (port S) is part of it."""
    chained = (
        logic[n]["type"].startswith("CARRY") and logic[before]["type"].startswith("CARRY") and port == "CI"
    )
    return 0 if chained or (port == "S" and logic[before]["type"].startswith("LUT")) else _own(logic[n])
