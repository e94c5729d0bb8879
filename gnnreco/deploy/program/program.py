"""A network as a static program of fixed-point operations: no torch, no branches, no code in its files.

Every value is an integer over a power of two. The program runs on float64 arrays, which hold such numbers exactly up to 53
bits (`Intervals` proves that none gets longer), and in any other arithmetic with the same eight operations: symbols that
become hardware, or intervals.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save as save_tensors

from gnnreco.bundle.files import read_file
from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.files.json_file import parse_json
from gnnreco.files.tensor_file import parse_tensors
from gnnreco.schema import build

from .check import Unfit, check_program

Value = TypeVar("Value")

FORMAT = 1
JSON, ARRAYS = "program.json", "program.safetensors"
LONGEST = 53  # bits that a float64 holds exactly


@dataclass(frozen=True)
class Op:
    """One operation: its kind (see `program_check`), the numbers of the values it reads (0: the input), its arrays."""

    kind: str
    inputs: tuple[int, ...]
    arrays: Mapping[str, NDArray]


class Machine(Protocol[Value]):
    """An arithmetic that runs programs; a value is what it likes, rows by channels."""

    def port(self, x: Value, offset: Floats, scale: Floats, integer: Ints, fraction: Ints) -> Value:
        """``(x - offset) / scale``, rounded down to `fraction` and held within ``+-2**integer``."""

    def dense(self, x: Value, weight: Floats, bias: Floats | None = None) -> Value:
        """``x @ weight.T + bias``."""

    def cut(self, x: Value, signed: Ints, integer: Ints, fraction: Ints) -> Value:
        """To the format of each channel: rounded down, held at the ends of its range; 0 where it has no bits."""

    def add(self, a: Value, b: Value) -> Value:
        """Sum; one row is added to all."""

    def rows(self, x: Value, index: Ints) -> Value:
        """Rows by number."""

    def valid(self, x: Value, valid: Any, slots: Ints | None = None) -> Value:
        """0 in rows of which not all `slots` (k, rows) are valid; without slots: each row its own."""

    def total(self, x: Value, group: Ints, n: Ints) -> Value:
        """Sums of the rows of each of n groups."""

    def square(self, x: Value) -> Value:
        """Each number times itself."""


@dataclass(frozen=True)
class Program:
    """A static program.

    Attributes
    ----------
    slots : int
        Rows of the input; 0: one row of features, always valid.
    signed, integer, fraction : int64 (features,)
        Format of the input ports: integer bits may be negative.
    ops : tuple of Op
        In order; value ``i + 1`` is the result of ``ops[i]``, the last one the answer.
    """

    slots: int
    signed: Ints
    integer: Ints
    fraction: Ints
    ops: tuple[Op, ...]

    @property
    def features(self) -> int:
        """Numbers of each row of the input."""
        return len(self.fraction)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one event: ([slots,] features)."""
        return (self.slots, self.features) if self.slots else (self.features,)

    def run(self, machine: Machine[Value], x: Value, valid: Any) -> Value:
        """The answer in a machine's arithmetic."""
        values = [x]
        for op in self.ops:
            arguments: list[Any] = [values[i] for i in op.inputs]
            if op.kind == "valid":
                arguments.append(valid)
            values.append(getattr(machine, op.kind)(*arguments, **op.arrays))
        return values[-1]

    def ported(self, x: Floats) -> Ints:
        """Integers at the input ports: rounded down, held at the ends of the range.

        Parameters
        ----------
        x : float64 (..., features)
            As they come from the detector.

        Raises
        ------
        BadInput
            For a number that is not finite.
        """
        if not np.isfinite(x).all():
            row = int(np.flatnonzero(~np.isfinite(x).reshape(len(x), -1).all(axis=1))[0])
            raise BadInput("input", f"row {row}", "holds a number that is not finite; leave it out")
        low, high = -self.signed * np.exp2(self.integer), np.exp2(self.integer) - np.exp2(-self.fraction)
        held = np.clip(x, low, high)
        return np.floor(held * np.exp2(self.fraction)).astype(np.int64)

    def answer(self, ports: Ints, valid: NDArray | None = None) -> Floats:
        """Answers to integers at the ports (b, [slots,] features), with which slots are valid (b, slots)."""
        x = ports / np.exp2(self.fraction)
        on = None if valid is None else np.asarray(valid, np.float64)
        out: Floats = self.run(Numbers(), x, on)
        return out

    def files(self) -> dict[str, bytes]:
        """Content of ``program.json`` and ``program.safetensors``; the same program gives the same bytes."""
        arrays = {f"input.{name}": getattr(self, name) for name in ("signed", "integer", "fraction")}
        ops = []
        for i, op in enumerate(self.ops):
            ops.append({"kind": op.kind, "inputs": list(op.inputs), "arrays": sorted(op.arrays)})
            arrays |= {f"{i}.{name}": array for name, array in op.arrays.items()}
        head = {"format": FORMAT, "slots": self.slots, "ops": ops}
        kept = {k: np.ascontiguousarray(arrays[k]) for k in sorted(arrays)}
        return {JSON: (json.dumps(head, indent=1) + "\n").encode(), ARRAYS: save_tensors(kept)}

    def save(self, folder: Path) -> None:
        """Write `files` into a folder."""
        for name, data in self.files().items():
            (folder / name).write_bytes(data)

    @classmethod
    def load(cls, folder: Path) -> Program:
        """Read what `save` wrote. Raises `BadBundle` for what is no program."""
        return cls.parse({name: read_file(folder, name) for name in (JSON, ARRAYS)}, folder)

    @classmethod
    def parse(cls, content: Mapping[str, bytes], folder: Path) -> Program:
        """The program of its `files`. Raises `BadBundle`, which names `folder` and the operation, for what is none."""
        for file in (JSON, ARRAYS):
            if file not in content:
                raise BadBundle(folder, f"holds no {file}; deploy the trained bundle again")
        try:
            head = build(_Head, parse_json(content[JSON], JSON), others=True)
            arrays = parse_tensors(content[ARRAYS], ARRAYS)
            ops = tuple(
                Op(op.kind, tuple(op.inputs), {a: arrays[f"{i}.{a}"] for a in op.arrays})
                for i, op in enumerate(head.ops)
            )
            signed, integer, fraction = (arrays[f"input.{n}"] for n in ("signed", "integer", "fraction"))
        except (BadInput, BadConfig) as error:
            raise BadBundle(folder, f"holds no program that can be read: {JSON}: {error}") from error
        except KeyError as error:
            raise BadBundle(folder, f"holds no program that can be read: {ARRAYS} lacks {error}") from error
        if head.format != FORMAT:
            raise BadBundle(folder, f"holds a program of format {head.format}; this version reads {FORMAT}")
        program = cls(head.slots, signed, integer, fraction, ops)
        try:
            check_program(program)
        except Unfit as error:
            raise BadBundle(folder, f"{JSON}: {error}; deploy the trained bundle again") from error
        return program


@dataclass(frozen=True)
class _OpHead:
    kind: str
    inputs: list[int]
    arrays: list[str]


@dataclass(frozen=True)
class _Head:
    """``program.json``."""

    format: int
    slots: int
    ops: list[_OpHead]


class Numbers:
    """The arithmetic on float64 arrays (..., rows, channels), exact up to 53 bits."""

    def port(self, x: Floats, offset: Floats, scale: Floats, integer: Ints, fraction: Ints) -> Floats:
        """See `Machine`."""
        return self.cut((x - offset) / scale, np.ones_like(integer), integer, fraction)

    def dense(self, x: Floats, weight: Floats, bias: Floats | None = None) -> Floats:
        """See `Machine`."""
        out = x @ weight.T
        return out if bias is None else out + bias

    def cut(self, x: Floats, signed: Ints, integer: Ints, fraction: Ints) -> Floats:
        """See `Machine`."""
        low, high = -signed * np.exp2(integer), np.exp2(integer) - np.exp2(-fraction)
        q = np.floor(x * np.exp2(fraction)) / np.exp2(fraction)
        return np.where(signed + integer + fraction > 0, np.clip(q, low, np.maximum(high, low)), 0.0)

    def add(self, a: Floats, b: Floats) -> Floats:
        """See `Machine`."""
        return a + b

    def rows(self, x: Floats, index: Ints) -> Floats:
        """See `Machine`."""
        return x[..., index, :]

    def valid(self, x: Floats, valid: Floats, slots: Ints | None = None) -> Floats:
        """See `Machine`."""
        on = valid if slots is None else valid[..., slots].prod(axis=-2)
        return x * on[..., None]

    def total(self, x: Floats, group: Ints, n: Ints) -> Floats:
        """See `Machine`."""
        start = np.searchsorted(group, np.arange(n[0]))
        out = np.zeros((*x.shape[:-2], n[0], x.shape[-1]))
        filled = np.diff(np.append(start, len(group))) > 0
        if filled.any():
            out[..., filled, :] = np.add.reduceat(x, start[filled], axis=-2)
        return out

    def square(self, x: Floats) -> Floats:
        """See `Machine`."""
        return x * x
