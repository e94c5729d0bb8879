"""What the networks of triggers learn from."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class TriggerSample:
    """The buffers of a training event, with what should come out: see `Buffers`.

    Attributes
    ----------
    x : float32 (b, slots, features), or (b, features) where there are no slots
    valid : float32 (b, slots)
        1 where a slot is filled; (b, 0) where there are none.
    label : int8 (b,), or (b, edges)
        -1: unknown.
    target : float32 (b, answers, outputs)
        See `Buffers.target`; (b, 0, 0) where answers are classes.
    """

    x: Tensor
    valid: Tensor
    label: Tensor
    target: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, rows: slice | Tensor) -> TriggerSample:
        return TriggerSample(self.x[rows], self.valid[rows], self.label[rows], self.target[rows])
