"""Programs as Verilog: products by distributed arithmetic, one event a clock, with alkaid (an optional package)."""

from __future__ import annotations

from typing import Any

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.deploy.program import Program


class Symbols:
    """The arithmetic on symbols that become hardware."""

    def port(self, x: Any, offset: Floats, scale: Floats, integer: Ints, fraction: Ints) -> Any:
        """See `Machine`."""
        return self.cut((x - offset) * (1.0 / scale), np.ones_like(integer), integer, fraction)

    def dense(self, x: Any, weight: Floats, bias: Floats | None = None) -> Any:
        """See `Machine`."""
        out = x @ weight.T
        return out if bias is None else out + bias

    def cut(self, x: Any, signed: Ints, integer: Ints, fraction: Ints) -> Any:
        """See `Machine`."""
        from alkaid.trace.ops import quantize, relu

        alive = signed + integer + fraction > 0
        k, i, f = (np.broadcast_to(np.where(alive, v, 0), x.shape) for v in (signed, integer, fraction))
        if not signed.any():
            x = relu(x)
        return quantize(x * alive, k, i, f, "SAT", "TRN")

    def add(self, a: Any, b: Any) -> Any:
        """See `Machine`."""
        return a + b

    def rows(self, x: Any, index: Ints) -> Any:
        """See `Machine`."""
        return x[index]

    def valid(self, x: Any, valid: Any, slots: Ints | None = None) -> Any:
        """See `Machine`."""
        on = valid
        if slots is not None:
            on = valid[slots[0]]
            for row in slots[1:]:
                on = on & valid[row]
        return np.where(on.reshape(-1, 1), x, 0.0)

    def total(self, x: Any, group: Ints, n: Ints) -> Any:
        """See `Machine`."""
        return np.stack([np.sum(x[group == k], axis=0) for k in range(n[0])])


def trace(program: Program) -> Any:
    """The program as alkaid's combinational logic: features of all slots first, then which are valid."""
    from alkaid.trace import FVArrayInput, trace
    from alkaid.trace.ops import quantize

    rows, c = max(program.slots, 1), program.features
    inputs = FVArrayInput((rows * c + program.slots,))
    k, i, f = (np.tile(v, (rows, 1)) for v in (program.signed, program.integer, program.fraction))
    x = quantize(inputs[: rows * c].reshape(rows, c), k, i, f, "WRAP", "TRN")
    valid = quantize(inputs[rows * c :], 0, 1, 0, "WRAP", "TRN") if program.slots else None
    return trace(inputs, program.run(Symbols(), x, valid).ravel())


def estimate(program: Program) -> tuple[float, float]:
    """LUTs and the delay in ns without registers, as alkaid estimates them."""
    logic = trace(program)
    return float(logic.cost), float(max(logic.latency))
