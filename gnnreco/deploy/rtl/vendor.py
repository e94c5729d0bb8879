"""What the vendor's tool needs, and what it says: the only place where nanoseconds on a part are more than an estimate."""

from __future__ import annotations

import re
from pathlib import Path

from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict

SCRIPT, UTILISATION, TIMING = "vivado.tcl", "utilization.rpt", "timing.rpt"
CELLS = {
    "lut": r"(?:CLB|Slice) LUTs\*?",
    "ff": r"(?:CLB|Slice) Registers",
    "dsp": r"DSPs",
    "bram": r"Block RAM Tile",
}


def vivado(name: str, part: str, sources: list[str]) -> str:
    """Script for ``vivado -mode batch -source vivado.tcl`` in the folder ``vendor``: synthesis, placement, routing."""
    files = " ".join(f"../src/{file}" for file in sources)
    return f"""# Run in this folder: vivado -mode batch -source {SCRIPT}
# Then `gnnreco deploy verify FOLDER` reads {UTILISATION} and {TIMING}.
create_project -in_memory -part {part}
read_verilog {{{files}}}
read_xdc -mode out_of_context {name}.xdc
synth_design -top {name} -mode out_of_context -flatten_hierarchy full -global_retiming on
opt_design
place_design
phys_opt_design
route_design
report_utilization -file {UTILISATION}
report_timing_summary -file {TIMING}
"""


def constraints(clock_ns: float) -> str:
    """The clock."""
    return f"create_clock -period {clock_ns:g} -name clk [get_ports clk]\n"


def read_report(folder: Path, clock_ns: float) -> JsonDict:
    """What Vivado found, from its reports in a folder.

    Returns
    -------
    dict
        ``lut, ff, dsp, bram``; ``slack_ns``, ``meets_timing``, ``fastest_clock_ns``; ``by``.

    Raises
    ------
    BadInput
        If a report is missing or says something else.
    """
    cells = _read(folder / UTILISATION)
    found: JsonDict = {}
    for kind, row in CELLS.items():
        match = re.search(rf"^\|\s*{row}\s*\|\s*([\d.]+)\s*\|", cells, re.MULTILINE)
        if not match:
            raise BadInput(
                folder / UTILISATION, "", f"has no row of {kind.upper()}; is it report_utilization's?"
            )
        found[kind] = float(match[1]) if kind == "bram" else int(match[1])
    timing = _read(folder / TIMING)
    match = re.search(r"WNS\(ns\).*\n[\s-]+\n\s*(-?[\d.]+)", timing)
    if not match:
        raise BadInput(
            folder / TIMING,
            "",
            "has no worst slack; is it report_timing_summary's, of a design with a clock?",
        )
    slack = float(match[1])
    by = re.search(r"Tool Version\s*:\s*(Vivado v\.\S+)", cells)
    found |= {"slack_ns": slack, "meets_timing": slack >= 0, "fastest_clock_ns": round(clock_ns - slack, 3)}
    return found | {"by": by[1] if by else "Vivado"}


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace")
    except OSError as error:
        raise BadInput(
            file, "", f"cannot be read ({error.strerror}); run {SCRIPT} in its folder first"
        ) from error
