"""Dense programs as projects of hls4ml: written, simulated in C, and only left behind if every bit is the program's.

A folder holds the program and its vectors, what ran and how (``report.json``), the network as QONNX, the project for
Vitis or Vivado, and the sums of all. Nothing in a folder is run to check it: the project is written anew beside it, and has
to be the same.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors

from gnnreco.columns import Floats, Ints
from gnnreco.deploy.folder import FolderManifest, as_json, save_folder, versions
from gnnreco.deploy.onnx.program import HOLDS, most_bits
from gnnreco.deploy.program.program import Program
from gnnreco.deploy.proof.checks import SOURCES, Check, check_files, confined, equal
from gnnreco.deploy.rtl.pipeline import check_clock
from gnnreco.deploy.toolchain import package
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.files.json_file import parse_json
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.files.limits import VECTORS as MOST
from gnnreco.files.tensor_file import parse_tensors
from gnnreco.schema import build

from .compile import BACKENDS, PART, STRATEGIES, simulate, write_project
from .qonnx import qonnx_model

TAKEN = {"port", "dense", "cut"}  # operations that hls4ml has
REPORT, VECTORS, QONNX, PROJECT = "report.json", "vectors.safetensors", "network.qonnx.onnx", "project"
NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
TESTBENCH = ("tb_input_features.dat", "tb_output_predictions.dat")


def write_hls(
    program: Program,
    x: Floats,
    folder: Path,
    name: str,
    provenance: JsonMapping,
    clock_ns: float = 4.0,
    backend: str = "Vitis",
    strategy: str = "latency",
) -> JsonDict:
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
        Plain values, kept in the manifest.
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
        If a name is not allowed, or the C simulation differs from the program.
    """
    _check_program(program)
    if not NAME.fullmatch(name):
        raise BadInput(
            name, "name", "is no lower-case letter followed by up to 31 letters, digits, underscores"
        )
    if not package("hls4ml"):
        raise BadBundle("network", "the hls target needs hls4ml: pip install 'gnnreco[hls]'")
    for given, known in ((backend, BACKENDS), (strategy, STRATEGIES)):
        if given not in known:
            raise BadInput(given, "", f"is none of {', '.join(known)}")
    if not len(x):
        raise BadInput("vectors", "", "are none; give at least one row of features")
    check_clock(clock_ns)
    ports = program.ported(np.asarray(x, np.float64))
    answers = program.answer(ports)
    how = Report(f"{name}_hls", backend, strategy, clock_ns, most_bits(program), len(x), len(x))
    with tempfile.TemporaryDirectory(prefix="gnnreco-") as place:
        fresh = Path(place)
        layers, seconds = _project(program, ports, answers, fresh, how)
        seconds |= _prove(program, ports, answers, fresh, how)
        content = _files(fresh)
    report = {"target": "hls", "part": PART, **asdict(how), "layers": layers}
    content |= program.files()
    content |= {VECTORS: save_tensors({"answers": answers, "ports": ports}), REPORT: as_json(report).encode()}
    save_folder(folder, content, name, provenance)
    return report | {"seconds": seconds}


@dataclass(frozen=True)
class Report:
    """How a project was written: ``report.json``, as far as it is proved."""

    top: str
    backend: str
    strategy: str
    clock_ns: float
    most_bits: int
    vectors: int
    equal: int


class Project:
    """A folder that `write_hls` wrote, whose sums are right, and the checks of what it holds.

    Parameters
    ----------
    folder : path
    manifest, content
        See `gnnreco.deploy.folder.read_files`.
    extra : (n, features), (), optional
        More inputs, as they come from the detector, besides the vectors.
    trust : bool
        Compile sources that are not those of the program.

    Raises
    ------
    BadBundle
        If the folder holds no whole project.
    """

    def __init__(
        self,
        folder: Path,
        manifest: FolderManifest,
        content: Mapping[str, bytes],
        extra: tuple[Floats, NDArray | None] | None = None,
        trust: bool = False,
    ) -> None:
        self.manifest, self.content, self.trust = manifest, content, trust
        self.program = Program.parse(content, folder)
        _check_program(self.program)
        file = REPORT
        try:
            self.stated = parse_json(content[REPORT], REPORT)
            self.report = build(Report, self.stated, others=True)
            if not NAME.fullmatch(self.report.top.removesuffix("_hls")):
                raise BadConfig("setting 'top': the name is not allowed")
            if self.report.backend not in BACKENDS or self.report.strategy not in STRATEGIES:
                raise BadConfig("setting 'backend' or 'strategy': is unknown")
            check_clock(self.report.clock_ns)
            file = VECTORS
            tensors = parse_tensors(content[VECTORS], VECTORS)
            self.ports, self.said = tensors["ports"], tensors["answers"]
        except KeyError as error:
            raise BadBundle(folder, f"holds no {error}; deploy the trained bundle again") from error
        except (BadConfig, BadInput) as error:
            raise BadBundle(folder, f"{file}: {error}; deploy the trained bundle again") from error
        outputs = (
            self.program.ops[-1].arrays["weight"].shape[:1] if self.program.ops[-1].kind == "dense" else None
        )
        rows = self.ports.shape[:1]
        if (
            self.ports.dtype.kind != "i"
            or self.ports.shape != (*rows, self.program.features)
            or not 0 < rows[0] <= MOST
            or self.said.dtype.kind != "f"
            or self.said.shape[:1] != rows
            or self.said.ndim != 2
            or (outputs and self.said.shape[1:] != outputs)
            or not np.isfinite(self.said).all()
        ):
            raise BadBundle(folder, f"{VECTORS}: do not fit the program; deploy the trained bundle again")
        more = (
            np.zeros((0, self.program.features), np.int64) if extra is None else self.program.ported(extra[0])
        )
        self.x = np.concatenate([self.ports, more])
        self.answers = self.program.answer(self.x)

    @property
    def vectors_as_given(self) -> tuple[Floats, NDArray | None, Floats]:
        """Vectors as numbers: what comes from the detector, and what the folder says."""
        return self.ports / np.exp2(self.program.fraction), None, self.said

    def checks(self) -> dict[str, Callable[[], Check]]:
        """Every check but those that all targets share, in order."""
        return {
            "vectors": self.vectors,
            SOURCES: self.sources,
            "C simulation": self.simulation,
            "QONNX": self.qonnx,
        }

    def vectors(self) -> Check:
        """The program gives the answers of the vectors."""
        ok, detail = equal(self.answers[: len(self.ports)], self.said)
        return ok, f"answers of the program and of the vectors: {detail}"

    def sources(self) -> Check:
        """The project with its scripts, the network as QONNX and the report are what the program gives."""
        if not package("hls4ml"):
            return None, "needs hls4ml to be made again: pip install 'gnnreco[hls]'; nothing is compiled"
        return self.same

    @cached_property
    def made(self) -> dict[str, bytes]:
        """All files but the vectors, made again from the program."""
        with tempfile.TemporaryDirectory(prefix="gnnreco-") as place:
            layers, _ = _project(self.program, self.ports, self.said, Path(place), self.report)
            made = _files(Path(place)) | self.program.files()
        n = len(self.ports)
        how = replace(self.report, most_bits=most_bits(self.program), vectors=n, equal=n)
        made[REPORT] = as_json({"target": "hls", "part": PART, **asdict(how), "layers": layers}).encode()
        return made

    @cached_property
    def same(self) -> Check:
        """Whether all files are those that the program gives."""
        kept = {f: data for f, data in self.content.items() if f != VECTORS}
        return check_files(kept, self.made, self.manifest.made_with, versions("hls4ml"), self.trust)

    def simulation(self) -> Check:
        """The project compiled and run: that which was made again, or else the folder's own on trust."""
        if not package("hls4ml") or self.same[0] is False:
            return None, "not compiled: see sources"
        with tempfile.TemporaryDirectory(prefix="gnnreco-") as place:
            fresh = Path(place)
            for file, data in (self.made if self.same[0] else self.content).items():
                (fresh / file).parent.mkdir(parents=True, exist_ok=True)
                (fresh / file).write_bytes(data)
            x = self.x / np.exp2(self.program.fraction)
            found = simulate(fresh / PROJECT, self.report.top, x, self.answers.shape[1])
        ok, detail = equal(found, self.answers)
        return ok, f"{detail}, {confined()}"

    def qonnx(self) -> Check:
        """The network as QONNX, run by qonnx's own executor."""
        if not package("qonnx"):
            return None, "needs qonnx: pip install 'gnnreco[hls]'"
        if most_bits(self.program) > HOLDS["float32"]:
            return None, "a sum needs more bits than qonnx's single precision holds"
        return equal(_qonnx_answers(self.program, self.x), self.answers)


def _project(
    program: Program, ports: Ints, answers: Floats, folder: Path, how: Report
) -> tuple[list[dict[str, str]], dict[str, float]]:
    """Write the QONNX file and the project, with the vectors where the vendor's test bench reads them."""
    start = time.perf_counter()
    model = qonnx_model(program)
    (folder / QONNX).write_bytes(model.SerializeToString(deterministic=True))
    project = folder / PROJECT
    layers = write_project(model, project, how.top, how.clock_ns, how.backend, how.strategy)
    for file, rows in zip(TESTBENCH, (ports / np.exp2(program.fraction), answers)):
        text = "\n".join(" ".join(f"{v:.17g}" for v in row) for row in rows)
        (project / "tb_data" / file).write_text(text + "\n")
    return layers, {"convert": time.perf_counter() - start}


def _prove(program: Program, ports: Ints, answers: Floats, folder: Path, how: Report) -> dict[str, float]:
    """C simulation, and qonnx's own executor where single precision holds every sum, against the program."""
    start = time.perf_counter()
    x = ports / np.exp2(program.fraction)
    _compare(folder, "C simulation", simulate(folder / PROJECT, how.top, x, answers.shape[1]), answers)
    simulated = time.perf_counter()
    if most_bits(program) <= HOLDS["float32"]:
        _compare(folder, "QONNX", _qonnx_answers(program, ports), answers)
    return {"simulate": simulated - start, "qonnx": time.perf_counter() - simulated}


def _qonnx_answers(program: Program, ports: Ints) -> Floats:
    """What qonnx's executor says, on the model that the program gives."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    x = (ports / np.exp2(program.fraction)).astype(np.float32)
    answers: Floats = execute_onnx(ModelWrapper(qonnx_model(program, len(x))), {"x": x})["answer"]
    return answers


def _files(folder: Path) -> dict[str, bytes]:
    """Content of all files in a folder, by name."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


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
                f"operation {i} is '{op.kind}', which hls4ml cannot take: it has no graphs, and no sums of what "
                "came in or squares; use --target rtl, or --parts for the dense layers of a graph alone",
            )
