"""What values a program can have at all: the bounds and the grid of every number, whatever comes in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadBundle

from .program import LONGEST, Program

COARSE = -64  # fraction of a value that is always 0


class Range(NamedTuple):
    """Bounds and bits after the point of each number, (rows, channels) each; both bounds lie on the grid."""

    low: Floats
    high: Floats
    fraction: Ints

    @property
    def integer(self) -> Ints:
        """Bits before the point that hold both bounds."""
        step = np.exp2(-self.fraction.astype(np.float64))
        most = np.maximum(np.maximum(self.high + step, -self.low), step)
        return np.where(self.fraction == COARSE, 0, np.ceil(np.log2(most))).astype(np.int64)

    @property
    def signed(self) -> Ints:
        """1 where a number can be below zero."""
        return (self.low < 0).astype(np.int64)

    @property
    def bits(self) -> Ints:
        """Width of each number."""
        return np.where(self.fraction == COARSE, 0, self.signed + self.integer + self.fraction)


class Intervals:
    """The arithmetic on `Range`; refuses what float64 would not hold exactly."""

    def port(self, x: Range, offset: Floats, scale: Floats, integer: Ints, fraction: Ints) -> Range:
        """See `Machine`."""
        moved = Range((x.low - offset) / scale, (x.high - offset) / scale, np.full_like(x.fraction, LONGEST))
        return self.cut(moved, np.ones_like(integer), integer, fraction)

    def dense(self, x: Range, weight: Floats, bias: Floats | None = None) -> Range:
        """See `Machine`."""
        b = np.zeros(len(weight)) if bias is None else bias
        up, down = np.maximum(weight, 0.0).T, np.minimum(weight, 0.0).T
        grid = np.where(weight != 0, grid_of(weight), COARSE)
        fraction = np.max(
            np.where(weight != 0, x.fraction[:, None, :] + grid, COARSE), axis=2, initial=COARSE
        )
        fraction = np.maximum(fraction, np.where(b != 0, grid_of(b), COARSE)).astype(np.int64)
        return _checked(x.low @ up + x.high @ down + b, x.high @ up + x.low @ down + b, fraction)

    def cut(self, x: Range, signed: Ints, integer: Ints, fraction: Ints) -> Range:
        """See `Machine`."""
        alive = signed + integer + fraction > 0
        low = -signed * np.exp2(integer)
        high = np.maximum(np.exp2(integer) - np.exp2(-fraction), low)
        step = np.exp2(-fraction)

        def held(v: Floats) -> Floats:
            return np.where(alive, np.clip(np.floor(v / step) * step, low, high), 0.0)

        # The ends of the range need not lie on the grid of what comes in.
        ends = (x.high > high) | (x.low < low)
        finest = np.where(alive, np.where(ends, fraction, np.minimum(x.fraction, fraction)), COARSE)
        return Range(held(x.low), held(x.high), np.broadcast_to(finest, x.low.shape))

    def add(self, a: Range, b: Range) -> Range:
        """See `Machine`."""
        return _checked(a.low + b.low, a.high + b.high, np.maximum(a.fraction, b.fraction))

    def rows(self, x: Range, index: Ints) -> Range:
        """See `Machine`."""
        return Range(x.low[index], x.high[index], x.fraction[index])

    def valid(self, x: Range, valid: object, slots: Ints | None = None) -> Range:
        """See `Machine`."""
        return Range(np.minimum(x.low, 0.0), np.maximum(x.high, 0.0), x.fraction)

    def total(self, x: Range, group: Ints, n: Ints) -> Range:
        """See `Machine`."""
        low, high = np.zeros((n[0], x.low.shape[1])), np.zeros((n[0], x.low.shape[1]))
        fraction = np.full(low.shape, COARSE)
        np.add.at(low, group, x.low)
        np.add.at(high, group, x.high)
        np.maximum.at(fraction, group, x.fraction)
        return _checked(low, high, fraction)

    def square(self, x: Range) -> Range:
        """See `Machine`."""
        ends = np.stack([x.low**2, x.high**2])
        low = np.where((x.low < 0) & (x.high > 0), 0.0, ends.min(axis=0))
        return _checked(low, ends.max(axis=0), np.where(x.fraction == COARSE, COARSE, 2 * x.fraction))


def answer_range(program: Program, machine: Intervals | None = None) -> Range:
    """Range of each number of the answer, (rows, outputs), in a machine's arithmetic.

    Raises
    ------
    BadBundle
        If a number could need more than 53 bits.
    """
    rows = max(program.slots, 1)
    low = np.tile(-1.0 * program.signed * np.exp2(program.integer), (rows, 1))
    high = np.tile(np.exp2(program.integer) - np.exp2(-program.fraction), (rows, 1))
    ports = Range(low, high, np.tile(program.fraction, (rows, 1)))
    out: Range = program.run(machine or Intervals(), ports, None)
    return out


def grid_of(x: Floats) -> NDArray[np.int64]:
    """Bits after the point of numbers on grids of powers of two; of 0: 0."""
    mantissa, exponent = np.frexp(x)
    whole = np.round(np.abs(mantissa) * 2.0**LONGEST).astype(np.int64)
    trailing = np.log2(np.maximum(whole & -whole, 1)).astype(np.int64)
    return np.where(x == 0, 0, LONGEST - exponent - trailing)


def _checked(low: Floats, high: Floats, fraction: Ints) -> Range:
    found = Range(low, high, fraction)
    if (found.bits > LONGEST).any():
        raise BadBundle(
            "network",
            f"a sum needs {int(found.bits.max())} bits, more than the {LONGEST} that can be checked exactly; "
            "use fewer weight_bits or activation_bits",
        )
    return found
