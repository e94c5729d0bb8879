"""Reading the text of a wafer map, in all the versions that are about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.files import limits

from .wafers import CELLS_ALONG, CUTS, LETTERS, OLD_CUTS

ToldCells = dict[tuple[str, int], tuple[Ints, Ints]]

#: What a column may be called in a line of names; in this order where there is none.
NAMES = {
    "layer": ("layer", "plane", "lay"),
    "shape": ("shape", "code", "part", "partial"),
    "thickness": ("thickness", "thick", "class", "sensor", "type", "itype", "typecode"),
    "x": ("x", "x0", "x_mm", "xc"),
    "y": ("y", "y0", "y_mm", "yc"),
    "rotation": ("rotation", "rot", "irot", "orientation", "orient"),
    "u": ("u", "wafer_u", "waferu", "iu"),
    "v": ("v", "wafer_v", "waferv", "iv"),
    "cassette": ("cassette", "icassette"),
}
NEEDED = ("layer", "thickness", "x", "y", "u", "v")
THICKNESS = re.compile(r"(?P<density>[lh])?d?_?(?P<um>\d{3})(um)?", re.IGNORECASE)
TYPECODE = re.compile(r"M(?P<density>[LH])-?(?P<cut>[FTBLR5G3])(?P<thick>[123])?.*", re.IGNORECASE)
WHOLE = 1_000_000  # no number of a wafer is larger
MOST_ALONG = 2 * max(CELLS_ALONG.values())  # cells along an axis of a wafer
CUT_LETTERS = {"F": 0, "T": 1, "B": 2, "L": 3, "R": 4, "5": 5, "3": 6}


@dataclass(frozen=True)
class WaferMap:
    """The wafers of a map, one row each, and what it says of its layers.

    Attributes
    ----------
    layer, code, rotation, u, v : int64 (n,)
    density : str (n,)
        ``l`` or ``h``: 192 or 432 cells on a whole wafer.
    thickness : float64 (n,)
        Of the active silicon, mm.
    x, y : float64 (n,)
        As written.
    cassette : int64 (n,)
        0 where there is no such column.
    kind : dict of int to int
        Layer to its kind (0 faces one way, 1 the other, 4 is turned), where a preamble tells.
    letters : bool
        Shapes are letters: the numbering before.
    """

    layer: Ints
    code: Ints
    density: NDArray[np.str_]
    thickness: Floats
    x: Floats
    y: Floats
    rotation: Ints
    u: Ints
    v: Ints
    cassette: Ints
    kind: dict[int, int]
    letters: bool


def read_text(file: Path) -> WaferMap:
    """Read a wafer map; `BadInput` names the first line that is wrong."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise BadInput(file, "", "no such file") from None
    except (UnicodeDecodeError, OSError) as error:
        raise BadInput(file, "", f"not a text file: {error}") from None
    names = list(NAMES)
    rows: list[dict[str, str]] = []
    numbers: list[int] = []
    kind: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        words = re.split(r"[\s,;]+", line.strip())
        if words == [""] or line.lstrip().startswith("#"):
            continue
        if not rows and (found := _named(words)):
            names = found
        elif not rows and _preamble(words, names, kind):
            continue
        else:
            rows.append(_row(file, number, words, names))
            numbers.append(number)
    if not rows:
        raise BadInput(file, "", f"no wafer in it; a line has at least {', '.join(NEEDED)}")
    return _columns(file, rows, numbers, kind)


def _named(words: list[str]) -> list[str]:
    """The columns of a line of names; empty if it is none."""
    words = [word for word in words if word != "?"]
    known = {alias: name for name, aliases in NAMES.items() for alias in aliases}
    names = [known.get(word.strip('"').lower(), "") for word in words]
    return names if {"layer", "x", "y", "u", "v"} <= set(names) else []


def _preamble(words: list[str], names: list[str], kind: dict[int, int]) -> bool:
    """Whether a line before the first wafer is none; kinds of layers are taken from it."""
    try:
        values = [float(word) for word in words]
    except ValueError:
        # Free text; a line that begins as a wafer does is one.
        return not re.fullmatch(r"\d+", words[names.index("layer")] if len(words) >= len(NEEDED) else "")
    if not all(abs(value) <= WHOLE and value == int(value) for value in values[:2]):
        return False
    if len(values) >= 14 and len(values) % 2 == 0:
        kind[int(values[0])] = int(values[1])
    elif len(values) > 1 and all(value in range(5) for value in values):
        kind.update({layer: int(value) for layer, value in enumerate(values, start=1)})
    elif len(values) > 1 or "shape" not in names:
        return False
    return True


def _row(file: Path, number: int, words: list[str], names: list[str]) -> dict[str, str]:
    needed = max(names.index(name) for name in NEEDED if name in names) + 1
    if len(words) < needed:
        why = f"{len(words)} columns; a wafer has at least {needed}: {', '.join(n or '?' for n in names[:needed])}"
        raise BadInput(file, f"line {number}", why)
    return {name: word.strip('"') for name, word in zip(names, words, strict=False) if name}


def _columns(file: Path, rows: list[dict[str, str]], lines: list[int], kind: dict[int, int]) -> WaferMap:
    for name in NEEDED:
        if name not in rows[0]:
            raise BadInput(file, f"column {name}", f"missing; a map has {', '.join(NEEDED)}")

    def fail(row: int, name: str, why: str) -> NoReturn:
        raise BadInput(file, f"line {lines[row]}, column {name}", f"{rows[row].get(name, '')!r}: {why}")

    def column(name: str, number: type, otherwise: str) -> NDArray:
        values = []
        for row, entry in enumerate(rows):
            try:
                values.append(number(entry.get(name, otherwise)))
            except ValueError:
                fail(row, name, "expected a whole number" if number is int else "expected a number")
            if not abs(values[-1]) <= (WHOLE if number is int else limits.NUMBER):
                fail(row, name, "not finite, or larger than any in a map")
        return np.array(values)

    sensors = [_sensor(entry) or fail(row, "thickness", _SENSORS) for row, entry in enumerate(rows)]
    letters = any(entry.get("shape", "0").lower() in LETTERS for entry in rows)
    codes = []
    for row, (entry, (density, cut, _)) in enumerate(zip(rows, sensors, strict=True)):
        word = entry.get("shape", str(cut)).lower()
        code = LETTERS.get(word, int(word) if word.isdigit() else -1)
        if code != 0 and (density, code) not in CUTS and code not in OLD_CUTS:
            fail(row, "shape", f"unknown shape; known: 0 to 9, or {', '.join(LETTERS)}")
        codes.append(code)
    wafers = WaferMap(
        layer=column("layer", int, ""),
        code=np.array(codes),
        density=np.array([sensor[0] for sensor in sensors]),
        thickness=np.array([sensor[2] for sensor in sensors]),
        x=column("x", float, ""),
        y=column("y", float, ""),
        rotation=column("rotation", int, "0"),
        u=column("u", int, ""),
        v=column("v", int, ""),
        cassette=column("cassette", int, "0"),
        kind=kind,
        letters=letters,
    )
    for row in np.flatnonzero((wafers.rotation < 0) | (wafers.rotation > 5))[:1]:
        fail(row, "rotation", "a rotation is 0 to 5, sixths of a turn")
    for row in np.flatnonzero((wafers.layer < 1) | (wafers.layer > limits.LAYERS))[:1]:
        fail(row, "layer", f"layers are numbered from 1, to {limits.LAYERS:,} at most")
    names = np.stack([wafers.layer, wafers.u, wafers.v], axis=1)
    _, first, group = np.unique(names, axis=0, return_index=True, return_inverse=True)
    for row in np.flatnonzero(first[group.ravel()] != np.arange(len(names)))[:1]:
        earlier = lines[first[group.ravel()[row]]]
        fail(row, "u", f"layer, u, v = {names[row].tolist()} stands in line {earlier} already; keep one")
    return wafers


_SENSORS = "unknown class; known are l300, l200, h120, h200, ... or 120, 200, 300 (um), or ML-F3, MH-T1, ..."


def _sensor(entry: dict[str, str]) -> tuple[str, int, float] | None:
    """Density, cut and thickness (mm) that a class of sensor stands for."""
    if match := THICKNESS.fullmatch(entry["thickness"]):
        thickness = int(match["um"]) / 1000
        density = (match["density"] or ("h" if thickness < 0.15 else "l")).lower()
        return (density, 0, thickness) if thickness > 0 else None
    if match := TYPECODE.fullmatch(entry["thickness"]):
        density = match["density"].lower()
        usual = "1" if density == "h" else "3"
        thickness = {"1": 0.12, "2": 0.2, "3": 0.3}[match["thick"] or usual]
        return density, CUT_LETTERS.get(match["cut"].upper(), 0), thickness
    return None


def read_cells(file: Path) -> ToldCells:
    """Cells (iu, iv) by density and code, from a text table with a line of names."""
    try:
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(file, "", f"not a readable text file: {getattr(error, 'strerror', error)}") from None
    names = lines[0] if lines else []
    if not {"Typecode", "iu", "iv"} <= set(names):
        raise BadInput(file, "line 1", "expected names of columns, Typecode, iu and iv among them")
    kind, u, v = (names.index(name) for name in ("Typecode", "iu", "iv"))
    found: dict[tuple[str, int], set[tuple[int, int]]] = {}
    for number, words in enumerate(lines[1:], start=2):
        match = TYPECODE.fullmatch(words[kind]) if len(words) > max(kind, u, v) else None
        try:
            pair = (int(words[u]), int(words[v])) if match else (-1, -1)
        except ValueError:
            match = None
        if match is None or max(pair) > MOST_ALONG:
            raise BadInput(file, f"line {number}", "expected a type such as ML-F and whole numbers iu, iv")
        if min(pair) >= 0:  # -1: a channel without a cell
            key = (match["density"].lower(), CUT_LETTERS[match["cut"].upper()])
            found.setdefault(key, set()).add(pair)
    arrays = {key: np.array(sorted(pairs), np.int64) for key, pairs in found.items()}
    return {key: (pairs[:, 0], pairs[:, 1]) for key, pairs in arrays.items()}
