"""Trigger bundles on their way out: what each target writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors

from gnnreco.bundle import ANY_DETECTOR, Bundle, load_bundle, load_task
from gnnreco.columns import Floats
from gnnreco.deploy.onnx.program import MODEL, make_onnx_program
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.program.names import check_name
from gnnreco.deploy.program.program import Program
from gnnreco.deploy.proof.provenance import provenance
from gnnreco.errors import BadBundle, BadInput
from gnnreco.events import EventSource, JetSource, open_events, open_jets
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import load_detector
from gnnreco.progress import Progress
from gnnreco.tasks.trigger.buffers import Buffers
from gnnreco.tasks.trigger.task import TriggerTask

from .budget import Budget, check_seconds
from .folder import as_json, check_folder, save_folder

Inputs = tuple[Floats, NDArray | None]
VECTORS, REPORT = "vectors.safetensors", "report.json"


def open_trigger(bundle: Bundle) -> TriggerTask:
    """The task of a trigger bundle, with its detector where it needs one.

    Raises
    ------
    BadBundle
        If it is for another task, or keeps no examples to become vectors.
    """
    if bundle.task != "trigger":
        raise BadBundle(
            bundle.folder,
            f"is for {bundle.task}: only trigger bundles (`gnnreco train trigger`) become hardware; of others "
            "tracking can be written with --target onnx",
        )
    name = bundle.manifest["detector"]["name"]
    task = load_task(bundle, None if name == ANY_DETECTOR["name"] else load_detector(name))
    if not isinstance(task, TriggerTask) or task.examples is None:
        raise BadBundle(
            bundle.folder, "keeps no examples to become test vectors: its training was not finished"
        )
    return task


def export(
    name: str,
    target: str,
    folder: Path,
    budget: Budget,
    synthesis_s: float = 900.0,
    placement_s: float = 0.0,
    stream: Sequence[int] | None = None,
    parts: bool = False,
    progress: Progress | None = None,
    overwrite: bool = False,
) -> JsonDict:
    """Write a trigger bundle for a target; returns the report.

    Parameters
    ----------
    name : str
        Of a shipped bundle, or its folder.
    target : str
        ``onnx``, ``hls`` or ``rtl``.
    folder : path
    budget : Budget
        What is allowed (rtl), and the clock.
    synthesis_s, placement_s : float
        Longest time for Yosys, and for placing the design on an open family of FPGAs (rtl); 0: not.
    stream : two int, optional
        Most nodes and edges of a graph (rtl, models that answer for edges): an edge each clock.
    parts : bool
        Only the dense parts of a graph network, a project each (hls).
    overwrite : bool
        Replace what was deployed to `folder` before.
    """
    check_seconds("synthesis_s", synthesis_s)
    check_seconds("placement_s", placement_s)
    bundle = load_bundle(name)
    task = open_trigger(bundle)
    program, (x, valid) = lower(task.network), examples(task)
    top = check_name(
        "".join(c if c.isalnum() else "_" for c in bundle.name.lower()).lstrip("0123456789_") or "top"
    )
    where = provenance(bundle)
    if target == "hls" and parts and valid is not None:
        from gnnreco.deploy.hls.parts import write_hls_parts

        made = write_hls_parts(program, x, valid, folder, top, where, overwrite, clock_ns=budget.clock_ns)
        return {"target": "hls", "parts": made, "vectors": len(x)}
    check_folder(folder, overwrite)
    if target == "hls":
        from gnnreco.deploy.hls.project import write_hls

        return write_hls(program, x, folder, top, where, budget.clock_ns)
    if target == "onnx":
        return write_onnx(program, x, valid, folder, top, where)
    if stream:
        from gnnreco.deploy.stream.folder import write_stream

        return write_stream(task, bundle, folder, top, (stream[0], stream[1]), budget.clock_ns, synthesis_s)
    from gnnreco.deploy.rtl.firmware import write_firmware

    report = write_firmware(program, x, valid, folder, top, where, budget, synthesis_s, placement_s, progress)
    return report


def examples(task: TriggerTask) -> Inputs:
    """Inputs that a bundle keeps."""
    assert task.examples is not None
    kept = task.examples
    valid = kept.valid.astype(np.float64) if kept.valid.size else None
    return np.asarray(kept.x, np.float64), valid


def buffers_of(task: TriggerTask, named: Iterable[str], progress: Progress | None = None) -> Buffers:
    """Buffers of all events of some files, in one."""
    files = list(named)
    source: JetSource | EventSource = (
        open_jets(files) if task.reads_jets else open_events(files, task.detector)
    )
    taken = []
    for i in range(len(source)):
        taken.append(task.buffers(source[i]))
        if progress:
            progress("fill buffers", i + 1, len(source))
    x, valid, label = (np.concatenate([getattr(b, n) for b in taken]) for n in ("x", "valid", "label"))
    if not len(x):
        raise BadInput(", ".join(files), "", "fills no input buffer; name events with hits or jets")
    targets = [b.target for b in taken if b.target is not None]
    target = np.concatenate(targets) if len(targets) == len(taken) else None
    dropped = sum(b.dropped for b in taken)
    return Buffers(x.astype(np.float64), valid.astype(np.float64), label, dropped, target)


def write_onnx(
    program: Program, x: Floats, valid: NDArray | None, folder: Path, name: str, provenance: JsonDict
) -> JsonDict:
    """Write a program as ONNX with its vectors."""
    model, about = make_onnx_program(program, provenance)
    report = {"target": "onnx", "name": name, **about, "vectors": len(x)}
    vectors = {"x": x, "answers": program.answer(program.ported(x), valid)}
    vectors |= {} if valid is None else {"valid": valid}
    content = {MODEL: model, VECTORS: save_tensors(vectors), REPORT: as_json(report).encode()}
    save_folder(folder, content | program.files(), name, provenance)
    return report
