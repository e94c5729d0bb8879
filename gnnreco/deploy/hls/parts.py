"""What hls4ml can take of a graph's program: its runs of dense layers, each as a project of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.deploy.folder import check_folder
from gnnreco.deploy.program.intervals import COARSE, answer_range
from gnnreco.deploy.program.program import Op, Program
from gnnreco.errors import BadBundle
from gnnreco.files.json_types import JsonDict, JsonMapping

from .project import write_hls


class Part(NamedTuple):
    """A run of dense operations: the program's first and last of them, the value it reads, itself as a program."""

    first: int
    last: int
    reads: int
    program: Program


def dense_parts(program: Program) -> list[Part]:
    """Every run of dense layers and the quantisers between and behind them."""
    parts: list[Part] = []
    run: list[Op] = []
    for i, op in enumerate((*program.ops, Op("", (), {}))):
        follows = op.inputs == (i,) if run else True
        if op.kind in ("dense", "cut") and follows:
            run.append(op)
            continue
        if any(r.kind == "dense" for r in run):
            reads = run[0].inputs[0]
            parts.append(Part(i - len(run), i - 1, reads, _alone(program, reads, run)))
        run = [op] if op.kind in ("dense", "cut") else []
    return parts


def write_hls_parts(
    program: Program,
    x: Floats,
    valid: NDArray,
    folder: Path,
    name: str,
    provenance: JsonMapping,
    overwrite: bool = False,
    **how: Any,
) -> list[JsonDict]:
    """Write each dense part of a graph's program as `write_hls` does, in folders ``<name>_<first operation>``.

    Parameters
    ----------
    program : Program
    x : float64 (b, slots, features)
        Vectors; each part is proved on what it would read for them.
    valid : (b, slots)
    folder, name, provenance
        See `write_hls`.
    overwrite : bool
        Replace parts that were written there before.
    **how
        ``clock_ns``, ``backend``, ``strategy``.

    Returns
    -------
    list of dict
        The report of each, with the operations that it holds.

    Raises
    ------
    BadBundle, BadInput
        See `write_hls`.
    """
    parts = dense_parts(program)
    if not parts:
        raise BadBundle("network", "has no dense part for hls4ml; use --target rtl")
    for part in parts:
        check_folder(folder / f"{name}_{part.first}", overwrite)
    reports = []
    for part in parts:
        read = _before(program, part.reads).answer(program.ported(np.asarray(x, np.float64)), valid)
        rows = np.unique(read.reshape(-1, read.shape[-1]), axis=0)
        note = {
            "operations": [part.first, part.last],
            "of": "a graph's program: sums and edges are not in it",
        }
        title = f"{name}_{part.first}"
        report = write_hls(part.program, rows, folder / title, title, {**provenance, **note}, **how)
        reports.append(note | report)
    return reports


def _before(program: Program, value: int) -> Program:
    """The program whose answer is one of its values."""
    return replace(program, ops=program.ops[:value])


def _alone(program: Program, reads: int, run: list[Op]) -> Program:
    """A run as a program whose ports hold every value that can come in."""
    seen = answer_range(_before(program, reads))
    still = (seen.fraction == COARSE).all(axis=0)  # a channel that is always 0
    fraction = np.where(still, 0, seen.fraction.max(axis=0))
    signed, integer = (np.where(still, 0, v.max(axis=0)) for v in (seen.signed, seen.integer))
    return Program(0, signed, integer, fraction, tuple(replace(op, inputs=(i,)) for i, op in enumerate(run)))
