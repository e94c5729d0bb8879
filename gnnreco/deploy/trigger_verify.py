"""Folders of trigger bundles proved again, also on events that nobody had when they were written."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load as load_tensors

from gnnreco.bundle import load_bundle
from gnnreco.deploy.folder import program_of, read_files
from gnnreco.deploy.lower import lower
from gnnreco.deploy.onnx_program import MODEL
from gnnreco.deploy.program import Program
from gnnreco.deploy.trigger import REPORT, VECTORS, Inputs, Progress, buffers_of, open_trigger
from gnnreco.errors import BadInput, MissingTool
from gnnreco.tasks.trigger import TriggerTask
from gnnreco.tasks.trigger_buffers import Buffers

Row = dict[str, Any]


def verify(
    folder: Path, named: Iterable[str] = (), bundle: str = "", progress: Progress | None = None
) -> list[Row]:
    """Prove a folder again; rows of ``check, ok, detail``, ``ok`` None where a tool is missing.

    Parameters
    ----------
    folder : path
        What `gnnreco.deploy.trigger.export` wrote.
    named : iterable of str
        Files of more events; their buffers are filled as the trained bundle does it.
    bundle : str
        The trained bundle; by default the one that the folder names.

    Raises
    ------
    BadBundle
        If a sum differs: then nothing in the folder is looked at any further.
    """
    report = json.loads((folder / REPORT).read_text())
    target, rows, named = report.get("target", "rtl"), list[Row](), list(named)
    extra: Inputs | None = None
    trained: Program | None = None
    if named or bundle or target == "stream":
        task = open_trigger(load_bundle(bundle or _named(folder, report)))
        trained = lower(task.network)
    filled = None
    if named:
        filled = buffers_of(task, named, progress)
        extra = filled.x, filled.valid if filled.valid.size else None
        rows += _network(task, trained, filled)
    if target == "stream":
        from gnnreco.deploy.stream_folder import verify_stream

        return rows + verify_stream(folder, task, filled)
    if target == "hls":
        from gnnreco.deploy.hls import verify_hls

        found = verify_hls(folder, None if extra is None else extra[0])
        rows.append(_row("files", True, f"{found['files']} are what the program gives"))
        return [*rows, _compared("C simulation", found["equal"], found["vectors"])]
    if target == "onnx":
        return rows + verify_onnx_program(folder, extra)
    from gnnreco.deploy.verify import verify_firmware

    return rows + list(verify_firmware(folder, extra, trained, progress)["rows"])


def _named(folder: Path, report: Row) -> str:
    """The trained bundle that a folder names."""
    file = folder / "manifest.json"
    where = (json.loads(file.read_text()) if file.exists() else report).get("provenance", {})
    for place in (where.get("folder"), where.get("bundle")):
        if place and (Path(str(place)).is_dir() or place == where.get("bundle")):
            return str(place)
    raise BadInput(folder, REPORT, "names no trained bundle: give it with --trained")


def _network(task: TriggerTask, program: Program | None, b: Buffers) -> list[Row]:
    """How buffers were filled, what the trained network says of them, and how often it is right."""
    assert program is not None
    answers = task.answers(b)
    valid = b.valid if b.valid.size else None
    again = program.answer(program.ported(b.x), valid).reshape(answers.shape)
    equal = int((answers == again).reshape(len(b.x), -1).all(axis=1).sum())
    rows = [
        _row("buffers", True, f"{len(b.x):,} filled; {b.dropped:,} nodes did not fit and were left out"),
        _compared("trained network", equal, len(b.x)),
    ]
    known = b.label >= 0
    if known.any():
        chosen = answers[..., 0] > 0 if answers.shape[-1] == 1 else answers.argmax(axis=-1)
        right = 100 * (chosen[known] == b.label[known]).mean()
        rows.append(_row("truth", True, f"{right:.2f} % of {known.sum():,} answers are right"))
    return rows


def _row(check: str, ok: bool | None, detail: str) -> Row:
    return {"check": check, "ok": ok, "detail": detail}


def _compared(check: str, equal: int, of: int) -> Row:
    return _row(check, equal == of, f"{equal:,} of {of:,} events are equal in every bit")


def verify_onnx_program(folder: Path, extra: Inputs | None = None) -> list[Row]:
    """Prove an ONNX folder again: sums, the program, and every bit of ONNX Runtime's answers."""
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingTool("onnxruntime", "pip install 'gnnreco[deploy]'") from error
    _, content = read_files(folder)
    program, vectors = program_of(content, folder), load_tensors(content[VECTORS])
    sets = {"vectors": (vectors["x"], vectors.get("valid"), vectors["answers"])}
    if extra is not None:
        sets["input"] = (*extra, program.answer(program.ported(extra[0]), extra[1]))
    session = onnxruntime.InferenceSession(content[MODEL], providers=["CPUExecutionProvider"])
    kind = np.float32 if session.get_inputs()[0].type == "tensor(float)" else np.float64
    again = program.answer(program.ported(vectors["x"]), vectors.get("valid"))
    same = int((again == vectors["answers"]).reshape(len(again), -1).all(axis=1).sum())
    rows = [
        _row("sums", True, f"{len(content)} files are what was written"),
        _compared("program", same, len(again)),
    ]
    for name, (x, valid, wanted) in sets.items():
        feed = {"x": x.astype(kind)} | ({} if valid is None else {"valid": valid.astype(kind)})
        found = session.run(None, feed)[0].reshape(wanted.shape)
        equal = int((found == wanted).reshape(len(x), -1).all(axis=1).sum())
        rows.append(_compared(f"ONNX Runtime, {name}", equal, len(x)))
    return rows
