"""Folders of trigger bundles proved again, also on events that nobody had when they were written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gnnreco.bundle.files import typed
from gnnreco.columns import Floats
from gnnreco.deploy.program.program import JSON, Program
from gnnreco.deploy.proof.checks import TRAINED, Check, Row, run_checks
from gnnreco.deploy.proof.equality import Trained
from gnnreco.errors import BadBundle, BadInput
from gnnreco.files.json_file import parse_json
from gnnreco.progress import Progress
from gnnreco.tasks.trigger.buffers import Buffers
from gnnreco.tasks.trigger.task import TriggerTask

from .export import REPORT, Inputs, buffers_of, open_trigger
from .folder import FolderManifest, read_files


class Deployed(Protocol):
    """A folder of any target with a program, its sums right."""

    program: Program

    @property
    def vectors_as_given(self) -> tuple[Floats, NDArray | None, Floats]:
        """Inputs as they come from the detector, which slots are filled, and what the folder says to them."""

    def checks(self) -> dict[str, Callable[[], Check]]:
        """What this target proves besides."""


@dataclass(frozen=True)
class _Head:
    """What the report of every target says."""

    target: str = "rtl"


def verify(
    folder: Path,
    named: Iterable[str] = (),
    bundle: str = "",
    trust: bool = False,
    progress: Progress | None = None,
) -> list[Row]:
    """Prove a folder again; rows of ``check, ok, detail``, ``ok`` None where it could not be checked here.

    Parameters
    ----------
    folder : path
        What `gnnreco.deploy.export.export` wrote.
    named : iterable of str
        Files of more events; their buffers are filled as the trained bundle does it.
    bundle : str
        The trained bundle; by default the one of the sum that the folder names, if it is here.
    trust : bool
        Build and run sources that cannot be made again here.

    Raises
    ------
    BadBundle
        If a sum differs or a file is not what it should be: then nothing in the folder is looked at any further.
    """
    manifest, content = read_files(folder)
    if REPORT not in content:
        raise BadBundle(folder, f"holds no {REPORT}; deploy the trained bundle again")
    try:
        target = typed(_Head, parse_json(content[REPORT], REPORT), folder, REPORT).target
    except BadInput as error:
        raise BadBundle(folder, f"{error}; deploy the trained bundle again") from error
    trained, named = Trained(manifest.provenance, bundle), list(named)
    sums: dict[str, Callable[[], Check]] = {
        "sums": lambda: (True, f"{len(content)} files are what was written")
    }
    filled = task = None
    if named:
        if manifest.provenance.operations is not None:
            raise BadInput(folder, "--input", "the folder holds a part of a network, which takes no events")
        task = open_trigger(trained.needed())
        filled = buffers_of(task, named, progress)
    if target == "stream":
        from gnnreco.deploy.stream.folder import Streamed, merged

        streamed = Streamed(folder, manifest, content, trained, trust)
        if task is not None and filled is not None:
            streamed.graphs += merged(task, filled, streamed.report.nodes)
        return run_checks(sums | streamed.checks(), progress)
    extra = None if filled is None else (filled.x, filled.valid if filled.valid.size else None)
    if filled is not None and filled.x.shape[1:] != Program.parse(content, folder).shape:
        raise BadBundle(folder, f"{JSON}: takes other inputs than bundle '{trained.needed().name}' fills")
    deployed = open_folder(target, folder, manifest, content, extra, trust)
    checks = sums | {
        TRAINED: lambda: trained.check_program(deployed.program),
        "its answers": lambda: trained.check_answers(*deployed.vectors_as_given),
    }
    if filled is not None and task is not None:
        checks |= of_events(deployed.program, trained, task, filled)
    return run_checks(checks | deployed.checks(), progress)


def open_folder(
    target: str,
    folder: Path,
    manifest: FolderManifest,
    content: Mapping[str, bytes],
    extra: Inputs | None,
    trust: bool,
) -> Deployed:
    """A folder of a target with a program."""
    if target == "hls":
        from gnnreco.deploy.hls.project import Project

        return Project(folder, manifest, content, extra, trust)
    if target == "onnx":
        from gnnreco.deploy.onnx.folder import OnnxFolder

        return OnnxFolder(folder, manifest, content, extra, trust)
    if target == "rtl":
        from gnnreco.deploy.rtl.verify import Firmware

        return Firmware(folder, manifest, content, extra, trust)
    raise BadBundle(
        folder, f"{REPORT}: names the target '{target[:40]}', which is none of onnx, hls, rtl, stream"
    )


def of_events(
    program: Program, trained: Trained, task: TriggerTask, b: Buffers
) -> dict[str, Callable[[], Check]]:
    """Checks on events: how buffers were filled, whether the folder answers as the network, how often that is right."""
    valid = b.valid if b.valid.size else None
    answers = program.answer(program.ported(b.x), valid)
    known = b.label >= 0

    def truth() -> Check:
        flat = answers.reshape(*b.label.shape, -1)
        chosen = flat[..., 0] > 0 if flat.shape[-1] == 1 else flat.argmax(axis=-1)
        right = 100 * (chosen[known] == b.label[known]).mean()
        return True, f"{right:.2f} % of {known.sum():,} answers are right"

    checks: dict[str, Callable[[], Check]] = {
        "buffers": lambda: (True, f"{len(b.x):,} filled; {b.dropped:,} nodes did not fit and were left out"),
        "trained network, input": lambda: trained.check_answers(b.x, valid, answers),
    }
    if task.config.network.score != "none":
        passed = answers.reshape(len(answers), -1)[:, 1]
        said = f"{int(passed.sum()):,} of {len(passed):,} are above it"
        return checks | {"threshold": lambda: (True, said)}
    target = b.target
    if target is not None:
        checks["offline"] = lambda: (True, beside_offline(answers[:, -1], target[:, -1]))
    return checks | ({"truth": truth} if known.any() else {})


def beside_offline(answer: Floats, target: Floats) -> str:
    """How the energy of whole events compares to that of the offline particles; both (n, 4)."""
    loud = target[:, 3] > 0
    if not loud.any():
        return "no event has offline particles"
    low, middle, high = np.quantile(answer[loud, 3] / target[loud, 3], [0.25, 0.5, 0.75])
    words = f"energy of {loud.sum():,} events: median {middle:.3f} of the offline particles'"
    return f"{words}, interquartile range {high - low:.3f}"
