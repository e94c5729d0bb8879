"""What goes into and out of the hardware: every number's bits, their order, and vectors of them as hexadecimal text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadConfig, BadInput
from gnnreco.files.json_types import JsonDict
from gnnreco.files.limits import BITS, VALUE_NUMBERS
from gnnreco.schema import build

from .program import LONGEST, Program


@dataclass(frozen=True, slots=True)
class Form:
    """Fixed point of one number: value = integer * 2**-fraction, in two's complement where signed."""

    signed: int
    integer: int
    fraction: int

    @property
    def bits(self) -> int:
        """Width."""
        return max(self.signed + self.integer + self.fraction, 0)


@dataclass(frozen=True)
class Ports:
    """Ports of a design. Numbers lie from the least significant bit up, in the order of the program.

    Attributes
    ----------
    slots : int
        0: one row of features.
    features : tuple of Form
        Of each row; the port ``features`` holds slot 0's first, then slot 1's, and so on.
    answer : Form
        One for all answers.
    answers : int
    """

    slots: int
    features: tuple[Form, ...]
    answer: Form
    answers: int

    @property
    def rows(self) -> int:
        """Rows of the port ``features``."""
        return max(self.slots, 1)

    @property
    def widths(self) -> dict[str, int]:
        """Bits of each port."""
        widths = {"features": self.rows * sum(f.bits for f in self.features), "valid": self.slots}
        return {k: v for k, v in widths.items() if v} | {"answer": self.answers * self.answer.bits}

    def pack_inputs(self, x: Ints, valid: NDArray | None) -> list[str]:
        """One line for each event: ``valid`` above ``features``, as one hexadecimal number.

        Parameters
        ----------
        x : int64 (n, [slots,] features)
            Integers at the ports: see `Program.ported`.
        valid : (n, slots)
        """
        numbers = x.reshape(len(x), -1)
        widths = [f.bits for f in self.features] * self.rows
        if self.slots:
            if valid is None or valid.shape != (len(x), self.slots):
                raise BadInput(
                    "input", "valid", f"must say for each of the {self.slots} slots whether it is filled"
                )
            numbers = np.concatenate([numbers, valid.astype(np.int64)], axis=1)
            widths += [1] * self.slots
        return _hex(_bits(numbers, widths))

    def unpack_inputs(self, lines: Sequence[str]) -> tuple[Ints, Floats | None]:
        """What `pack_inputs` packed."""
        n, c = len(lines), len(self.features)
        widths = [f.bits for f in self.features] * self.rows + [1] * self.slots
        signed = [f.signed for f in self.features] * self.rows + [0] * self.slots
        numbers = _numbers(_unhex(lines, sum(widths)), widths, signed)
        x = numbers[:, : self.rows * c].reshape((n, self.slots, c) if self.slots else (n, c))
        return x, numbers[:, self.rows * c :].astype(np.float64) if self.slots else None

    def pack_answers(self, answers: Floats) -> list[str]:
        """One line for each event; `answers` are values, (n, ...)."""
        scaled = answers.reshape(len(answers), -1) * 2.0**self.answer.fraction
        return _hex(_bits(scaled.astype(np.int64), [self.answer.bits] * self.answers))

    def unpack_answers(self, lines: Sequence[str]) -> Ints:
        """Integers of the answers, (n, answers)."""
        widths = [self.answer.bits] * self.answers
        return _numbers(_unhex(lines, sum(widths)), widths, [self.answer.signed] * self.answers)

    def describe(self, program: Program) -> JsonDict:
        """Plain values for ``io.json``, preprocessing included."""
        first = program.ops[0]
        scaled = first.arrays if first.kind == "port" else {}
        forms: list[JsonDict] = [
            {"signed": bool(f.signed), "bits": f.bits, "fraction": f.fraction} for f in self.features
        ]
        for place, form in enumerate(forms):
            form |= {name: float(scaled[name][place]) for name in ("offset", "scale") if name in scaled}
        return {
            "note": "value = integer * 2**-fraction; numbers from the least significant bit up: features of slot 0, "
            "slot 1, ...; then, in lines of vectors, the valid bits from slot 0 up. Inputs that lie beyond a port's range "
            "are to be held at its ends before they come in; (value - offset) / scale is part of the design.",
            "ports": self.widths,
            "slots": self.slots,
            "features": forms,
            "answers": self.answers,
            "answer": {
                "signed": bool(self.answer.signed),
                "bits": self.answer.bits,
                "fraction": self.answer.fraction,
            },
        }


@dataclass(frozen=True)
class _Number:
    """A number as ``io.json`` describes it."""

    signed: bool
    bits: int
    fraction: int


@dataclass(frozen=True)
class _Described:
    """``io.json``."""

    slots: int
    features: list[_Number]
    answers: int
    answer: _Number


def ports_of(described: Any, program: Program) -> Ports:
    """From what `Ports.describe` gave.

    Raises
    ------
    BadConfig
        If a value is missing, of another type, or not that of the program.
    """
    said = build(_Described, described, others=True)
    wanted = [
        Form(*map(int, form)) for form in zip(program.signed, program.integer, program.fraction, strict=True)
    ]
    if said.slots != program.slots or [(n.signed, n.bits, n.fraction) for n in said.features] != [
        (bool(f.signed), f.bits, f.fraction) for f in wanted
    ]:
        raise BadConfig("features: their number, bits or grid is not that of the program")
    one = said.answer
    if not (0 < one.bits <= LONGEST and abs(one.fraction) <= BITS and 0 < said.answers <= VALUE_NUMBERS):
        raise BadConfig("answer: its bits, fraction or number cannot be")
    answer = Form(int(one.signed), one.bits - one.signed - one.fraction, one.fraction)
    return Ports(said.slots, tuple(wanted), answer, said.answers)


def _bits(numbers: Ints, widths: Sequence[int]) -> NDArray[np.uint8]:
    """Bits (n, sum of widths), least significant first."""
    columns = [(numbers[:, [j]] >> np.arange(w)) & 1 for j, w in enumerate(widths) if w]
    return np.concatenate(columns, axis=1).astype(np.uint8)


def _numbers(bits: NDArray[np.uint8], widths: Sequence[int], signed: Sequence[int]) -> Ints:
    out = np.zeros((len(bits), len(widths)), np.int64)
    start = 0
    for j, (w, s) in enumerate(zip(widths, signed)):
        if w:
            out[:, j] = bits[:, start : start + w].astype(np.int64) @ (1 << np.arange(w, dtype=np.int64))
            out[:, j] -= s * (bits[:, start + w - 1].astype(np.int64) << w)
        start += w
    return out


def _hex(bits: NDArray[np.uint8]) -> list[str]:
    digits = -(-bits.shape[1] // 4)
    packed = np.packbits(bits, axis=1, bitorder="little")[:, ::-1]
    return [row.tobytes().hex()[-digits:] for row in packed]


def _unhex(lines: Sequence[str], width: int) -> NDArray[np.uint8]:
    digits = -(-width // 4)
    size = -(-digits // 2)
    if any(len(line) != digits for line in lines):
        place = next(i for i, line in enumerate(lines) if len(line) != digits)
        raise BadInput("vectors", f"line {place + 1}", f"must hold {digits} hexadecimal digits")
    try:
        data = bytes.fromhex("".join(line.zfill(2 * size) for line in lines))
    except ValueError as error:
        raise BadInput("vectors", "", f"holds what is no hexadecimal number: {error}") from error
    rows = np.frombuffer(data, np.uint8).reshape(len(lines), size)[:, ::-1]
    return np.unpackbits(rows, axis=1, bitorder="little")[:, :width]
