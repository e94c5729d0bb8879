"""Dense programs as projects of hls4ml: written, simulated in C, and only left behind if every bit is the program's.

A folder holds the program and its vectors, what ran and how (``report.json``), the network as QONNX, and the project for
Vitis or Vivado. Nothing in a folder is run to check it: the project is written anew beside it, and has to be the same.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from gnnreco import __version__
from gnnreco.columns import Floats, Ints
from gnnreco.deploy.hls_project import BACKENDS, PART, STRATEGIES, simulate, write_project
from gnnreco.deploy.onnx_program import HOLDS, most_bits
from gnnreco.deploy.program import Program
from gnnreco.deploy.qonnx import qonnx_model
from gnnreco.errors import BadBundle, BadInput

TAKEN = {"port", "dense", "cut"}  # operations that hls4ml has
REPORT, VECTORS, QONNX, PROJECT = "report.json", "vectors.safetensors", "network.qonnx.onnx", "project"
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
TESTBENCH = ("tb_input_features.dat", "tb_output_predictions.dat")


def write_hls(
    program: Program, x: Floats, folder: Path, name: str, provenance: Mapping[str, Any],
    clock_ns: float = 4.0, backend: str = "Vitis", strategy: str = "latency",
) -> dict[str, Any]:  # fmt: skip
    """Write a program's project and prove it on vectors.

    Parameters
    ----------
    program : Program
        Of one row of features: ``slots == 0``.
    x : float64 (b, features)
        Vectors, as they come from the detector.
    folder : Path
        Not there yet, or empty.
    name : str
        Lower-case letters, digits, underscores; the top function is called ``<name>_hls``.
    provenance : mapping
        Plain values, kept in the report.
    clock_ns : float
        Clock period that synthesis shall aim at, ns.
    backend, strategy : str
        See `BACKENDS`, `STRATEGIES`; ``distributed_arithmetic`` needs da4ml.

    Returns
    -------
    dict
        The report, and seconds of each step.

    Raises
    ------
    BadBundle
        If an operation of the program is none that hls4ml has, or hls4ml is not installed.
    BadInput
        If the folder is not clean, a name is not allowed, or the C simulation differs from the program.
    """
    _check_program(program)
    if not NAME.fullmatch(name):
        raise BadInput(
            name, "name", "is no lower-case letter followed by up to 31 letters, digits, underscores"
        )
    for given, known in ((backend, BACKENDS), (strategy, STRATEGIES)):
        if given not in known:
            raise BadInput(given, "", f"is none of {', '.join(known)}")
    if not len(x):
        raise BadInput("vectors", "", "are none; give at least one row of features")
    _clean(folder)
    ports = program.ported(np.asarray(x, np.float64))
    answers = program.answer(ports)
    report = {
        "target": "hls", "top": f"{name}_hls", "backend": backend, "strategy": strategy, "part": PART,
        "clock_ns": clock_ns, "gnnreco": __version__, "hls4ml": _version(), "provenance": dict(provenance),
    }  # fmt: skip
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".hls-") as place:
        fresh = Path(place) / name
        fresh.mkdir()
        layers, seconds = _project(program, ports, answers, fresh, report)
        seconds |= _prove(program, ports, answers, fresh, report)
        report |= {"vectors": len(x), "equal": len(x), "most_bits": most_bits(program), "layers": layers}
        program.save(fresh)
        (fresh / VECTORS).write_bytes(save_tensors({"answers": answers, "ports": ports}))
        (fresh / REPORT).write_text(json.dumps(report, indent=1) + "\n")
        fresh.rename(folder)
    return report | {"seconds": seconds}


def verify_hls(folder: Path, extra: Floats | None = None) -> dict[str, Any]:
    """Check a folder that `write_hls` wrote: same files when written anew, same bits when simulated.

    Parameters
    ----------
    folder : path
    extra : float64 (n, features), optional
        More inputs, as they come from the detector, besides the vectors.

    Returns
    -------
    dict
        ``files`` and ``vectors`` that are equal, and seconds.

    Raises
    ------
    BadBundle, BadInput
        At the first difference, with its place.
    """
    program = Program.load(folder)
    _check_program(program)
    try:
        report = json.loads((folder / REPORT).read_text())
        tensors = load_tensors((folder / VECTORS).read_bytes())
        ports, answers = tensors["ports"], tensors["answers"]
        if not NAME.fullmatch(str(report["top"]).removesuffix("_hls")):
            raise ValueError("the top function's name is not allowed")
        if report["backend"] not in BACKENDS or report["strategy"] not in STRATEGIES:
            raise ValueError("the backend or strategy is unknown")
        float(report["clock_ns"])
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise BadInput(folder, REPORT, f"cannot be read: {error!r}; export the bundle again") from error
    if report.get("hls4ml") != _version():
        raise BadInput(
            folder, REPORT, f"written with hls4ml {report.get('hls4ml')}, here is {_version()}: export again"
        )
    with tempfile.TemporaryDirectory() as place:
        fresh = Path(place)
        _, seconds = _project(program, ports, answers, fresh, report)
        names = sorted(p.relative_to(fresh).as_posix() for p in fresh.rglob("*") if p.is_file())
        there = {p.relative_to(folder).as_posix() for p in (folder / PROJECT).rglob("*") if p.is_file()} | {
            QONNX
        }
        for file in sorted(there ^ set(names)):
            raise BadInput(folder, file, "is missing, or does not belong here; export the bundle again")
        for file in names:
            if (fresh / file).read_bytes() != (folder / file).read_bytes():
                raise BadInput(folder, file, "is not what the program gives; export the bundle again")
        _compare(folder, "program", program.answer(ports), answers)
        if extra is not None:
            more = program.ported(np.asarray(extra, np.float64))
            ports, answers = np.concatenate([ports, more]), np.concatenate([answers, program.answer(more)])
        seconds |= _prove(program, ports, answers, fresh, report)
    return {"files": len(names), "vectors": len(ports), "equal": len(ports), "seconds": seconds}


def _project(
    program: Program, ports: Ints, answers: Floats, folder: Path, report: Mapping[str, Any]
) -> tuple[list[dict[str, str]], dict[str, float]]:
    """Write the QONNX file and the project, with the vectors where the vendor's test bench reads them."""
    start = time.perf_counter()
    model = qonnx_model(program)
    (folder / QONNX).write_bytes(model.SerializeToString(deterministic=True))
    project = folder / PROJECT
    layers = write_project(
        model, project, report["top"], report["clock_ns"], report["backend"], report["strategy"]
    )
    for file, rows in zip(TESTBENCH, (ports / np.exp2(program.fraction), answers)):
        text = "\n".join(" ".join(f"{v:.17g}" for v in row) for row in rows)
        (project / "tb_data" / file).write_text(text + "\n")
    return layers, {"convert": time.perf_counter() - start}


def _prove(
    program: Program, ports: Ints, answers: Floats, folder: Path, report: Mapping[str, Any]
) -> dict[str, float]:
    """C simulation, and qonnx's own executor where single precision holds every sum, against the program."""
    start = time.perf_counter()
    x = ports / np.exp2(program.fraction)
    _compare(folder, "C simulation", simulate(folder / PROJECT, report["top"], x, answers.shape[1]), answers)
    simulated = time.perf_counter()
    if most_bits(program) <= HOLDS["float32"]:
        from qonnx.core.modelwrapper import ModelWrapper
        from qonnx.core.onnx_exec import execute_onnx

        batch = ModelWrapper(qonnx_model(program, len(x)))
        _compare(folder, "QONNX", execute_onnx(batch, {"x": x.astype(np.float32)})["answer"], answers)
    return {"simulate": simulated - start, "qonnx": time.perf_counter() - simulated}


def _compare(folder: Path, what: str, found: Floats, wanted: Floats) -> None:
    wrong = np.argwhere(found != wanted) if found.shape == wanted.shape else np.zeros((1, 2), np.int64)
    if len(wrong):
        vector, output = wrong[0]
        raise BadInput(
            folder,
            f"vector {vector}, output {output}",
            f"{what} says {found[vector, output]!r}, the program's vectors {wanted[vector, output]!r} "
            f"({len(wrong):,} of {wanted.size:,} differ); please report it, and use --target rtl meanwhile",
        )


def _check_program(program: Program) -> None:
    for i, op in enumerate(program.ops):
        if op.kind not in TAKEN or op.inputs != (i,):
            raise BadBundle(
                "network",
                f"operation {i} is '{op.kind}', which hls4ml cannot take: it has no graphs; use --target rtl, "
                "or --parts for the dense layers alone",
            )


def _clean(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(folder, "", "is there already; name a folder that is not, or an empty one")
    folder.parent.mkdir(parents=True, exist_ok=True)


def _version() -> str:
    try:
        return version("hls4ml")
    except PackageNotFoundError as error:
        raise BadBundle("network", "the hls target needs hls4ml: pip install 'gnnreco[hls]'") from error
