"""The folder that a firmware engineer gets: Verilog, what goes in and out, vectors, testbench, reports, sums of it all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.bundle.files import MANIFEST
from gnnreco.columns import Floats
from gnnreco.deploy.budget import Budget, Fit, check_seconds, choose, fit
from gnnreco.deploy.folder import as_json, save_folder
from gnnreco.deploy.program.names import check_name
from gnnreco.deploy.program.program import JSON, Program
from gnnreco.deploy.simulator import BENCH, make_testbench
from gnnreco.deploy.toolchain import package
from gnnreco.errors import BadInput, MissingTool
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.progress import Progress

from .pipeline import PART, Design
from .placement import Placement, place
from .synthesis import Synthesis, synthesise
from .vendor import SCRIPT, constraints, vivado

IO, REPORT, README = "io.json", "report.json", "README.md"
INPUTS, ANSWERS, NOTE = "vectors/inputs.hex", "vectors/answers.hex", "vectors/NOTE.txt"
VECTORS = 1000


def write_firmware(
    program: Program,
    x: Floats,
    valid: NDArray | None,
    folder: Path,
    name: str,
    provenance: JsonMapping,
    budget: Budget | None = None,
    synthesis_s: float = 900.0,
    placement_s: float = 0.0,
    progress: Progress | None = None,
) -> JsonDict:
    """Write the firmware of a program.

    Parameters
    ----------
    program : Program
    x, valid : (n, [slots,] features), (n, slots)
        Real events as they come from the detector: the vectors; the first `VECTORS` are taken.
    folder : path
        A firmware that is there is replaced; any other folder must be empty.
    name : str
        Of the top module.
    provenance : mapping
        Plain values: where the program came from (``bundle``, its ``sha256``).
    budget : Budget
        What is allowed, and the clock.
    synthesis_s : float
        Longest time for Yosys; 0: do not run it.
    placement_s : float
        The same for nextpnr, which places it on an open family.
    progress : callable
        Told what is done, of how many steps.

    Returns
    -------
    dict
        What ``report.json`` holds.

    Raises
    ------
    BadConfig, BadInput, BadBundle
        For a bad name or folder, inputs that do not fit, a program that gives nothing to build.
    """
    budget = budget or Budget()
    tell = progress or (lambda what, done, of: None)
    check_name(name)
    check_seconds("synthesis_s", synthesis_s)
    check_seconds("placement_s", placement_s)
    x, valid = check_vectors(program, x, valid)
    tell("Verilog", 0, 4)
    design, fits = choose(program, name, budget)
    tell("vectors", 1, 4)
    ports = program.ported(x)
    answers = program.answer(ports, valid)
    lines = design.ports.pack_inputs(ports, valid), design.ports.pack_answers(answers)
    tell("synthesis", 2, 4)
    synthesis = counted("Yosys", synthesise, design, name, synthesis_s)
    if "lut" in synthesis:
        fits = fit(program, design, budget, synthesis["lut"], "Yosys")
    placement = counted("nextpnr", place, design, name, placement_s)
    tell("folder", 3, 4)
    report = make_report(design, name, budget, fits, len(x)) | {"synthesis": synthesis, "ecp5": placement}
    content = firmware_files(program, design, name, report) | {
        INPUTS: ("\n".join(lines[0]) + "\n").encode(),
        ANSWERS: ("\n".join(lines[1]) + "\n").encode(),
        REPORT: as_json(report).encode(),
    }
    save_folder(folder, content, name, provenance)
    tell("folder", 4, 4)
    return report


def firmware_files(program: Program, design: Design, name: str, report: JsonMapping) -> dict[str, bytes]:
    """All files that follow from a program, its design and the report: what `deploy verify` makes again."""
    content = {f"src/{file}": code for file, code in design.sources.items()} | {
        IO: as_json(design.ports.describe(program)),
        NOTE: f"{report['vectors']} events, one a line, in the bits of {IO}; answers are those of {JSON}.\n",
        f"sim/{BENCH}": make_testbench(name, design.ports, design.latency, report["clock_ns"]),
        f"vendor/{SCRIPT}": vivado(name, PART, list(design.sources)),
        f"vendor/{name}.xdc": constraints(report["clock_ns"]),
        README: readme(name, report),
    }
    return program.files() | {file: text.encode() for file, text in content.items()}


def check_vectors(program: Program, x: Floats, valid: NDArray | None) -> tuple[Floats, NDArray | None]:
    """The first `VECTORS` inputs, if they are such as the program takes."""
    wanted = (program.slots, program.features) if program.slots else (program.features,)
    if x.ndim != len(wanted) + 1 or not len(x):
        raise BadInput("input", "", f"needs at least one event of shape {wanted}, got {x.shape}")
    if x.shape[-1] != program.features:
        raise BadInput("input", "", f"has {x.shape[-1]} features, the network takes {program.features}")
    if program.slots and x.shape[1] > program.slots:
        raise BadInput(
            "input",
            "",
            f"has {x.shape[1]} particles in an event, the buffer holds {program.slots}: keep the first ones",
        )
    if x.shape[1:] != wanted:
        raise BadInput(
            "input", "", f"has {x.shape[1]} slots, the buffer {program.slots}: fill up with empty ones"
        )
    if not program.slots:
        return x[:VECTORS].astype(np.float64), None
    if valid is None or valid.shape != x.shape[:2] or not np.isin(valid, (0, 1)).all():
        raise BadInput("input", "valid", "must be 0 or 1 for each slot of each event")
    return x[:VECTORS].astype(np.float64), valid[:VECTORS].astype(np.float64)


def counted(
    by: str, count: Callable[..., Synthesis | Placement], design: Design, name: str, seconds: float
) -> JsonDict:
    """What a tool counted, as plain values, or why it did not."""
    if seconds <= 0:
        return {"by": by, "not_run": "not asked for"}
    try:
        return {"by": by, **asdict(count(design.sources, name, seconds))}
    except MissingTool as error:
        return {"by": by, "not_run": str(error)}


def make_report(design: Design, name: str, budget: Budget, fits: Fit, vectors: int) -> JsonDict:
    """Plain values of what a design is and needs; every number says who counted it."""
    advice = {"fits": fits.fits, "rows": [dict(row) for row in fits.rows], "advice": list(fits.advice)}
    return facts(design, name, budget.clock_ns, vectors) | {"budget": advice}


def facts(design: Design, name: str, clock_ns: float, vectors: int) -> JsonDict:
    """What follows from a design alone, counted again by `deploy verify`.

    ``latency_clocks`` are those from the edge that takes an event in to the edge after which its answer stands. Both edges
    fill a rank of registers, so an event passes ``register_ranks``, one more.
    """
    return {
        "target": "rtl",
        "name": name,
        "part": PART,
        "clock_ns": clock_ns,
        "latency_clocks": design.latency,
        "latency_ns": design.latency * clock_ns,
        "register_ranks": design.latency + 1,
        "initiation_interval": 1,
        "register_bits": design.registers,
        "adder_levels": design.levels,
        "estimate": {
            "by": f"alkaid {package('alkaid')}",
            "lut": round(design.luts),
            "delay_ns": round(design.delay_ns, 2),
        },
        "vectors": vectors,
    }


def readme(name: str, report: JsonMapping) -> str:
    """What an engineer reads first."""
    found = report["synthesis"]
    cells = f"about {report['estimate']['lut']:,} LUTs (alkaid's estimate)"
    if "lut" in found:
        cells = "{lut:,} LUTs, {ff:,} registers, {dsp} DSPs, {bram} block RAMs (Yosys)".format(**found)
    return f"""# {name}

Module `{name}` in `src`: one event every clock, its answer {report["latency_clocks"]} clocks later
({report["latency_ns"]:g} ns at {report["clock_ns"]:g} ns), from the edge that takes it in. Its inputs and its answer are
registered: an event passes {report["register_ranks"]} ranks of registers. No reset, no handshake. {cells}.

- `{IO}`: bits, order and scale of every number. Preprocessing (offset and scale) is inside.
- `vectors`: {report["vectors"]} events in and out. `sim/{BENCH}` replays them in any simulator, from this folder:
  `verilator --binary --timing -Wno-fatal --Mdir ../built --top-module testbench src/*.v sim/{BENCH} && ../built/Vtestbench`
- `vendor/{SCRIPT}`: synthesis to routing with Vivado for {report["part"]}; run it in `vendor`.
- `program.json`, `program.safetensors`: the network as fixed-point operations, the reference of all that is here.
- `{MANIFEST}`: sums of all files, and which trained bundle this is. `gnnreco deploy verify FOLDER` proves all of it again.

`src/{name}_operators.v` comes from alkaid and is LGPL-3.0-or-later.
"""
