"""Placed and routed timing on an open family, Lattice ECP5: a 40 nm part, so a lower bound for any that triggers use."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gnnreco.deploy.program.names import check_name
from gnnreco.deploy.simulator import check_sources
from gnnreco.deploy.toolchain import nextpnr, yosys
from gnnreco.errors import MissingTool

DEVICE = ("--85k", "--package", "CABGA756", "--speed", "8")  # the largest and fastest of the family
WISH_MHZ = 400  # what the router aims for


@dataclass(frozen=True, slots=True)
class Placement:
    """What nextpnr found.

    Attributes
    ----------
    mhz : float
        Fastest clock after routing.
    lut4, ff : int
    version : str
        Of nextpnr.
    seconds : float
    """

    mhz: float
    lut4: int
    ff: int
    version: str
    seconds: float


def place(sources: Mapping[str, str], name: str, seconds: float = 1800.0) -> Placement:
    """Synthesise, place and route a design out of context, in a clean folder.

    Raises
    ------
    MissingTool
        Without Yosys or nextpnr, or if one fails (the design may not fit) or takes longer than `seconds`.
    """
    check_name(name)
    check_sources(sources)
    synthesis, router = yosys(), nextpnr()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as clean:
        folder = Path(clean)
        for file, code in sources.items():
            (folder / Path(file).name).write_text(code)
        read = [f"read_verilog {Path(file).name}" for file in sources]
        (folder / "synth.ys").write_text(
            "\n".join([*read, f"synth_ecp5 -top {name} -json netlist.json"]) + "\n"
        )
        synthesis.run(["-q", "-s", "synth.ys"], folder, seconds)
        router.run(
            [
                *DEVICE,
                "--json",
                "netlist.json",
                "--report",
                "report.json",
                "--freq",
                str(WISH_MHZ),
                "-q",
                "--lpf-allow-unconstrained",
                "--out-of-context",
                "--timing-allow-fail",
            ],
            folder,
            seconds,
        )
        report = json.loads((folder / "report.json").read_text())
    try:
        (clock,) = report["fmax"].values()
        lut4, ff = (int(report["utilization"][f"TRELLIS_{kind}"]["used"]) for kind in ("COMB", "FF"))
        return Placement(float(clock["achieved"]), lut4, ff, router.version, time.perf_counter() - start)
    except (KeyError, ValueError) as error:
        raise MissingTool("nextpnr-ecp5", f"wrote a report without a clock: {error!r}") from error
