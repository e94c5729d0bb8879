"""What a forger does to a deployed folder: another network under the name of a trained one, sums that are right again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnnreco.bundle.files import MANIFEST, manifest_sum
from gnnreco.deploy.program.program import Program


def resum(folder: Path, file: str) -> None:
    """Sums of a forger: right for what is there now."""
    manifest = json.loads((folder / MANIFEST).read_text())
    data = (folder / file).read_bytes()
    manifest["files"][file] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest["sha256"] = manifest_sum(manifest)
    (folder / MANIFEST).write_text(json.dumps(manifest))


def forged(program: Program) -> Program:
    """The same program with the sign of one weight flipped."""
    i = next(i for i, op in enumerate(program.ops) if op.kind == "dense" and (op.arrays["weight"] != 0).any())
    op = program.ops[i]
    weight = op.arrays["weight"].copy()
    place = np.unravel_index(np.abs(weight).argmax(), weight.shape)
    weight[place] *= -1
    ops = [*program.ops]
    ops[i] = replace(op, arrays={**op.arrays, "weight": weight})
    return replace(program, ops=tuple(ops))
