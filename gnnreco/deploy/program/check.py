"""Whether a program that somebody else wrote can run: what it reads, shapes, ranges and sizes, before any of it does."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NoReturn

import numpy as np
from numpy.typing import NDArray

from gnnreco.files.limits import BITS, OPERATIONS, VALUE_NUMBERS, WEIGHTS

if TYPE_CHECKING:
    from .program import Op, Program

#: Arrays of each operation: those it must have, and those it may; how many values it reads.
OPERATIONS_KNOWN: dict[str, tuple[set[str], set[str], int]] = {
    "port": ({"offset", "scale", "integer", "fraction"}, set(), 1),
    "dense": ({"weight"}, {"bias"}, 1),
    "cut": ({"signed", "integer", "fraction"}, set(), 1),
    "add": (set(), set(), 2),
    "rows": ({"index"}, set(), 1),
    "valid": (set(), {"slots"}, 1),
    "total": ({"group", "n"}, set(), 1),
    "square": (set(), set(), 1),
}
GRAPHS = {"rows", "valid", "total"}  # operations on rows, of which a program without slots has none
PORT_BITS = 53  # float64 holds no longer integer exactly
Shape = tuple[int, int]  # rows, channels


class Unfit(ValueError):
    """What is wrong with a program, and where."""


def check_program(program: Program) -> int:
    """Numbers of all values for one event, if a program can run; else `Unfit`."""
    features = len(program.fraction) if program.fraction.ndim == 1 else 0
    for name in ("signed", "integer", "fraction"):
        array = getattr(program, name)
        if array.dtype.kind != "i" or array.shape != (features,) or not features:
            _fail(f"input.{name}", "must be a whole number for each feature")
        _within(f"input.{name}", array, 0 if name == "signed" else -BITS, 1 if name == "signed" else BITS)
    if (program.signed + program.integer + program.fraction > PORT_BITS).any():
        _fail("input", f"has a feature of more than {PORT_BITS} bits")
    if not 0 <= program.slots <= VALUE_NUMBERS or not 0 < len(program.ops) <= OPERATIONS:
        _fail(
            "slots, ops",
            f"must be at least one operation, at most {OPERATIONS:,}, and at most {VALUE_NUMBERS:,} slots",
        )
    weights = sum(array.size for op in program.ops for array in op.arrays.values())
    if weights > WEIGHTS:
        _fail("arrays", f"are {weights:,} numbers; at most {WEIGHTS:,} become hardware")
    shapes: list[Shape] = [(max(program.slots, 1), features)]
    size = math.prod(shapes[0])
    for i, op in enumerate(program.ops):
        where = f"operation {i} ({op.kind})"
        _check_inputs(where, i, op)
        if op.kind in GRAPHS and not program.slots:
            _fail(where, "works on rows, which a program without slots has not")
        shapes.append(_shape(where, op, [shapes[k] for k in op.inputs], program.slots))
        size += math.prod(shapes[-1])
        if size > VALUE_NUMBERS:
            _fail(where, f"takes the program over {VALUE_NUMBERS:,} numbers for one event")
    return size


def _check_inputs(where: str, i: int, op: Op) -> None:
    must, may, reads = OPERATIONS_KNOWN.get(op.kind, (None, set(), 0))
    if must is None:
        _fail(f"operation {i}", f"is '{op.kind[:40]}', which no program has")
    if not must <= set(op.arrays) <= must | may:
        _fail(where, f"has not the arrays it needs: {', '.join(sorted(must)) or 'none'}")
    if len(op.inputs) != reads:
        _fail(where, f"reads {len(op.inputs)} values, and needs {reads}")
    if not all(0 <= k <= i for k in op.inputs):
        _fail(where, "reads a value that is not there yet")


def _shape(where: str, op: Op, read: list[Shape], slots: int) -> Shape:
    """Rows and channels of what an operation gives, once its arrays are such as it takes."""
    (rows, channels), arrays = read[0], op.arrays
    for name, array in arrays.items():
        wanted = "f" if name in ("offset", "scale", "weight", "bias") else "i"
        if array.dtype.kind != wanted or (wanted == "f" and not np.isfinite(array).all()):
            _fail(
                f"{where}, {name}", "must hold finite numbers" if wanted == "f" else "must hold whole numbers"
            )
    if op.kind in ("port", "cut"):
        for name, array in arrays.items():
            if array.shape not in {(channels,), (1, channels), (rows, channels)}:
                _fail(f"{where}, {name}", f"has shape {array.shape} for {rows} rows of {channels} channels")
            if name in ("integer", "fraction"):
                _within(f"{where}, {name}", array, -2 * BITS, 2 * BITS)
        if op.kind == "port" and not (arrays["scale"] > 0).all():
            _fail(f"{where}, scale", "must be above 0")
        if op.kind == "cut":
            _within(f"{where}, signed", arrays["signed"], 0, 1)
        return rows, channels
    if op.kind == "dense":
        weight = arrays["weight"]
        if weight.ndim != 2 or weight.shape[1] != channels or not len(weight):
            _fail(f"{where}, weight", f"has shape {weight.shape} for {channels} channels")
        if "bias" in arrays and arrays["bias"].shape != weight.shape[:1]:
            _fail(f"{where}, bias", f"has shape {arrays['bias'].shape} for {len(weight)} outputs")
        return rows, len(weight)
    if op.kind == "square":
        return rows, channels
    if op.kind == "add":
        if read[1][1] != channels or (read[1][0] != rows and 1 not in (read[1][0], rows)):
            _fail(where, f"adds {rows} rows of {channels} channels to {read[1][0]} of {read[1][1]}")
        return max(rows, read[1][0]), channels
    return _shape_of_rows(where, op, read[0], slots)


def _shape_of_rows(where: str, op: Op, read: Shape, slots: int) -> Shape:
    (rows, channels), arrays = read, op.arrays
    if op.kind == "rows":
        if arrays["index"].ndim != 1:
            _fail(f"{where}, index", "must be a list of rows")
        _within(f"{where}, index", arrays["index"], 0, rows - 1)
        return len(arrays["index"]), channels
    if op.kind == "valid":
        on = arrays.get("slots")
        if on is None and rows != slots:
            _fail(where, f"takes {rows} rows for {slots} slots")
        if on is not None and (on.ndim != 2 or on.shape[1] != rows or not len(on)):
            _fail(f"{where}, slots", f"has shape {on.shape} for {rows} rows")
        if on is not None:
            _within(f"{where}, slots", on, 0, slots - 1)
        return rows, channels
    group, n = arrays["group"], arrays["n"]
    if group.shape != (rows,) or (np.diff(group) < 0).any():
        _fail(f"{where}, group", f"must be a group for each of {rows} rows, in order")
    if n.shape != (1,) or not 0 < int(n[0]) <= VALUE_NUMBERS:
        _fail(f"{where}, n", f"must be one number, up to {VALUE_NUMBERS:,}")
    _within(f"{where}, group", group, 0, int(n[0]) - 1)
    return int(n[0]), channels


def _within(where: str, array: NDArray, low: int, high: int) -> None:
    if array.size and not (low <= int(array.min()) and int(array.max()) <= high):
        _fail(where, f"must lie between {low} and {high}")


def _fail(where: str, why: str) -> NoReturn:
    raise Unfit(f"{where} {why}")
