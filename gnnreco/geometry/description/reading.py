"""Reading ``detector.yaml``: safe YAML with line numbers, units, and no key that nobody asks for."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from gnnreco.columns import Floats
from gnnreco.files import limits

from .yaml_tree import Fault, plain, read_tree

LENGTH = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1000.0}
ANGLE = {"rad": 1.0, "mrad": 1e-3, "deg": math.pi / 180}
FIELD = {"T": 1.0, "tesla": 1.0, "kG": 0.1}
LONGEST = 80  # characters of a value that a message repeats
USUAL = {"length": "mm", "angle": "rad", "field": "T"}


class Units(dict[str, float]):
    """Factor of each dimension, ``length``, ``angle`` and ``field``; remembers which were asked for but never told."""

    def __init__(self, factors: Mapping[str, float], told: frozenset[str]) -> None:
        super().__init__(factors)
        self._told, self.assumed = told, set[str]()

    def __getitem__(self, dimension: str) -> float:
        if dimension not in self._told:
            self.assumed.add(dimension)
        return super().__getitem__(dimension)


class Section:
    """One mapping of the file: typed questions in; mm, rad and tesla out, or `Fault` with the line.

    Parameters
    ----------
    file : Path
    where : str
        Dotted path of the keys that lead here.
    entries : mapping
        Key to (line, node).
    line : int
    units : Units
    """

    def __init__(
        self, file: Path, where: str, entries: Mapping[str, yaml.Node], line: int, units: Units
    ) -> None:
        self.file, self.where, self.line, self.units = file, where, line, units
        self._entries, self._asked = dict(entries), set[str]()

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def fault(self, key: str, why: str, code: str = "description") -> Fault:
        """The error that names this place."""
        node = self._entries.get(key)
        line = node.start_mark.line + 1 if node is not None else self.line
        return Fault(self.file, f"line {line}, {self._path(key)}", why, code)

    def _path(self, key: str) -> str:
        return ".".join(part for part in (self.where, key) if part) or "top level"

    def value(self, key: str, default: Any = None) -> Any:
        """The plain value of a key; without a default, a missing key is an error."""
        self._asked.add(key)
        if key not in self._entries:
            if default is None:
                raise self.fault(key, f"missing key {key!r}; add it")
            return default
        return plain(self._entries[key])

    def text(self, key: str, default: str | None = None, choices: tuple[str, ...] = ()) -> str:
        """A word, one of `choices` where there are any."""
        value = self.value(key, default)
        if not isinstance(value, str):
            raise self.fault(key, f"expected a word, found {_short(value)}")
        if choices and value not in choices:
            raise self.fault(key, f"unknown {key} {_short(value)}; use one of {', '.join(choices)}")
        return value

    def words(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of words."""
        value = self.value(key, default)
        if not isinstance(value, list | tuple) or not all(isinstance(word, str) for word in value):
            raise self.fault(key, f"expected a list of words, found {_short(value)}")
        return tuple(value)

    def numbers(self, key: str, shape: tuple[int, ...], dimension: str = "", default: Any = None) -> Floats:
        """An array of finite numbers in the house's units; -1 in `shape` stands for any count."""
        told = dimension if key in self._entries else ""
        return self.numbers_of(key, self.value(key, default), shape, told)

    def numbers_of(self, key: str, value: Any, shape: tuple[int, ...], dimension: str = "") -> Floats:
        """`numbers` for a value already at hand; `key` is for the message."""
        try:
            array = np.array(value)
            if array.dtype.kind not in "iuf" and array.size:
                raise ValueError
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise self.fault(key, f"expected numbers, found {_short(value)}") from None
        if array.ndim != len(shape) or any(s not in (-1, n) for s, n in zip(shape, array.shape, strict=True)):
            wanted = " x ".join("any" if s == -1 else str(s) for s in shape) or "one number"
            raise self.fault(key, f"expected {wanted}, found an array of shape {array.shape}")
        if not np.isfinite(array).all():
            raise self.fault(key, f"{_short(value)} is not finite; every number must be", "not-a-number")
        array = array * self.units[dimension] if dimension else array
        if array.size and np.abs(array).max() > limits.NUMBER:
            raise self.fault(key, f"a number larger than {limits.NUMBER:g}; check it and its unit")
        return array

    def number(
        self, key: str, dimension: str = "", default: float | None = None, above: float | None = None
    ) -> float:
        """One finite number, greater than `above` where that is given."""
        value = float(self.numbers(key, (), dimension, default))
        if above is not None and dimension == "length" and above < value < limits.SHORTEST:
            raise self.fault(
                key, f"{value:g} mm is shorter than {limits.SHORTEST:g} mm; check the unit of length"
            )
        if above is not None and not value > above:
            raise self.fault(key, f"must be greater than {above:g}, found {value:g}")
        return value

    def count(
        self, key: str, default: int | None = None, at_least: int = 1, at_most: int = limits.CELLS
    ) -> int:
        """A whole number."""
        return self.count_of(key, self.value(key, default), at_least, at_most)

    def count_of(self, key: str, value: Any, at_least: int = 1, at_most: int = limits.CELLS) -> int:
        """`count` for a value already at hand; `key` is for the message."""
        if not isinstance(value, int) or isinstance(value, bool) or not at_least <= value <= at_most:
            wanted = f"a whole number from {at_least:,} to {at_most:,}"
            raise self.fault(key, f"expected {wanted}, found {_short(value)}")
        return value

    def section(self, key: str, optional: bool = False) -> Section:
        """A mapping inside this one; empty where it is optional and missing."""
        self._asked.add(key)
        if key not in self._entries:
            if optional:
                return Section(self.file, self._path(key), {}, self.line, self.units)
            raise self.fault(key, f"missing section {key!r}; add it")
        return _section(self.file, self._path(key), self._entries[key], self.units)

    def sections(self, key: str) -> Iterator[Section]:
        """A list of mappings."""
        self._asked.add(key)
        node = self._entries.get(key)
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            raise self.fault(key, "expected a list with at least one entry")
        for number, entry in enumerate(node.value):
            yield _section(self.file, f"{self._path(key)}[{number}]", entry, self.units)

    def done(self) -> None:
        """Raise if the file has a key that nothing asked for: a spelling mistake is never silent."""
        for key in self._entries:
            if key not in self._asked:
                known = ", ".join(sorted(self._asked))
                raise self.fault(key, f"unknown key {key!r}; known here: {known}")


def read_description(file: Path, known_units_only: bool = True) -> Section:
    """The top level of a ``detector.yaml``, its units understood."""
    node = read_tree(file)
    bare = _section(file, "", node, Units({}, frozenset()))
    if "units" not in bare:
        why = (
            "missing section 'units'; add units: {length: mm, angle: deg, field: T}, with the units you used"
        )
        raise bare.fault("units", why, "missing-unit")
    units = bare.section("units")
    factors, told = {}, frozenset(units)
    for dimension, known in (("length", LENGTH), ("angle", ANGLE), ("field", FIELD)):
        unit = units.text(dimension, USUAL[dimension])
        if unit not in known and known_units_only:
            why = f"unknown unit {unit!r} of {dimension}; use one of {', '.join(known)}"
            raise units.fault(dimension, why, "unknown-unit")
        factors[dimension] = known.get(unit, 1.0)
    units.done()
    top = _section(file, "", node, Units(factors, told))
    top.value("units")
    return top


def _short(value: object) -> str:
    """A value as it is written, no longer than a line holds."""
    try:
        text = repr(value)
    except ValueError:  # a whole number with more digits than Python writes
        return "a number of thousands of digits"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


def _section(file: Path, where: str, node: yaml.Node, units: Units) -> Section:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        raise Fault(file, f"line {line}, {where or 'top level'}", "expected keys and values")
    entries: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if key.value in entries:
            raise Fault(file, f"line {key.start_mark.line + 1}", f"key {key.value!r} appears twice; keep one")
        entries[key.value] = value
    return Section(file, where, entries, line, units)
