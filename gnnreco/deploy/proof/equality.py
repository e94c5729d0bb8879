"""The proof that every target shares: is this the network of the trained bundle, weight by weight and answer by answer?

A folder is proved when what it holds can be made again from the bundle that it names. What cannot be compared here is
not proved, and says so: see `gnnreco.deploy.proof.checks.verdict`.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from gnnreco.bundle import Bundle
from gnnreco.columns import Floats
from gnnreco.deploy.folder import Provenance
from gnnreco.deploy.hls.parts import dense_parts
from gnnreco.deploy.program.lower import lower
from gnnreco.deploy.program.program import Program
from gnnreco.errors import BadBundle
from gnnreco.models.trigger.network import TriggerNetwork

from .checks import Check, equal, parts
from .provenance import find_trained, trained_network


class Trained:
    """The trained bundle that a folder claims to be.

    Parameters
    ----------
    said : Provenance
    given : str
        Name or folder of the bundle; without one it is looked for by its sum.
    """

    def __init__(self, said: Provenance, given: str = "") -> None:
        self.said, self.bundle = said, find_trained(said.bundle, said.sha256, given)

    def needed(self) -> Bundle:
        """The bundle; `BadBundle` if it is not here."""
        if self.bundle is None:
            raise BadBundle(self.said.bundle, f"{self.missing}; it is needed for this")
        return self.bundle

    @property
    def missing(self) -> str:
        """Why nothing can be compared."""
        return f"not compared: no bundle here has the sum {self.said.sha256[:12]} of '{self.said.bundle}': give --bundle"

    @cached_property
    def network(self) -> TriggerNetwork:
        """Its network, exact."""
        return trained_network(self.needed()).double().eval()

    @cached_property
    def program(self) -> Program:
        """Its program, or the part of it that the folder says it holds."""
        whole = lower(self.network)
        if self.said.operations is None:
            return whole
        parts = {(p.first, p.last): p.program for p in dense_parts(whole)}
        part = parts.get(tuple(self.said.operations[:2]))  # type: ignore[arg-type]
        if part is None:
            raise BadBundle(self.needed().folder, f"has no dense part of operations {self.said.operations}")
        return part

    def check_program(self, program: Program) -> Check:
        """Whether a program is that of the bundle, in every number."""
        if self.bundle is None:
            return None, self.missing
        differs = difference(program, self.program)
        name = f"bundle '{self.bundle.name}'"
        if differs:
            return False, f"is not that of {name}: {differs}"
        return True, f"every weight and format is that of {name}{self._other_sum()}"

    def check_answers(self, x: Floats, valid: NDArray | None, answers: Floats) -> Check:
        """Whether the trained network gives these answers to events as they come from the detector, bit by bit."""
        if self.bundle is None:
            return None, self.missing
        if self.said.operations is not None:
            return None, "the folder holds a part of the network, which alone has no answer"
        wanted = np.concatenate(
            [self._answers(x[p], None if valid is None else valid[p]) for p in parts(len(x))]
        )
        return equal(wanted.reshape(len(x), -1), answers.reshape(len(x), -1))

    def _answers(self, x: Floats, valid: NDArray | None) -> Floats:
        on = np.zeros((len(x), 0)) if valid is None else np.asarray(valid, np.float64)
        with torch.inference_mode():
            out: Floats = self.network(
                torch.from_numpy(np.asarray(x, np.float64)), torch.from_numpy(on)
            ).numpy()
        return out

    def _other_sum(self) -> str:
        same = self.bundle is not None and self.bundle.manifest["sha256"] == self.said.sha256
        return (
            ""
            if same
            else f"; its manifest is another one than {self.said.sha256[:12]}, which the folder names"
        )


def difference(found: Program, wanted: Program) -> str:
    """Where two programs differ; empty if nowhere."""
    if found.slots != wanted.slots or len(found.ops) != len(wanted.ops):
        return f"{found.slots} slots, {len(found.ops)} operations for {wanted.slots}, {len(wanted.ops)}"
    for name in ("signed", "integer", "fraction"):
        if not np.array_equal(getattr(found, name), getattr(wanted, name)):
            return f"other formats of its inputs ({name})"
    for i, (mine, theirs) in enumerate(zip(found.ops, wanted.ops, strict=True)):
        where = f"operation {i} ({theirs.kind})"
        if (mine.kind, mine.inputs, set(mine.arrays)) != (theirs.kind, theirs.inputs, set(theirs.arrays)):
            return f"{where} is another"
        for name, array in mine.arrays.items():
            if array.shape != theirs.arrays[name].shape:
                return f"{where} has another shape of {name}"
            n = int((array != theirs.arrays[name]).sum())
            if n:
                return f"{where} has {n:,} of {array.size:,} numbers of {name} otherwise"
    return ""
