"""Input buffers of triggers: a fixed number of slots, filled in a stated order; what does not fit is counted."""

from __future__ import annotations

from dataclasses import dataclass

from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints


@dataclass(frozen=True, slots=True)
class Buffers:
    """Full input buffers.

    Attributes
    ----------
    x : float (b, slots, features), or (b, features) where there are no slots
    valid : (b, slots)
        1 where a slot is filled; (b, 0) where there are none.
    label : int64 (b,), or (b, edges)
        What should come out; -1: unknown.
    dropped : int
        Nodes that did not fit.
    target : float (b, answers, outputs), optional
        Numbers that should come out, where answers are numbers and not classes; None: unknown.
    """

    x: Floats
    valid: NDArray
    label: Ints
    dropped: int = 0
    target: Floats | None = None
