"""Objects of any size in words, as columns: where each part of each object begins is found once, then whole columns are cut.

A `Shape` is built from the parts of one object in the order of the file. Every count of the file is held against the
words that are left, so time and memory follow from the size of the block, never from what it claims.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints

from .records import Words


class Cut(Exception):
    """More is claimed than there are words; whoever reads the block says in which file."""


class Part(NamedTuple):
    """Numbers of each object: `n` of a kind that takes `size` words each."""

    name: str
    n: int = 1
    size: int = 1


class Many(NamedTuple):
    """Parts that repeat: as often as the word before them says, or `times` times where there is no such word."""

    name: str
    parts: Sequence[Part | Many | Where]
    times: int | None = None


class Where(NamedTuple):
    """Parts that are there only in objects whose number `name` has this bit set."""

    name: str
    bit: int
    parts: Sequence[Part]


class Table:
    """Objects of one kind, as columns.

    Parameters
    ----------
    words : uint32
        The block.
    places : mapping of str to int64 (n,)
        First word of each part; -1 in objects that have none.
    parts : mapping of str to Part
    lists : mapping of str to (int64 (n + 1,), Table)
        Offsets and items of the parts that repeat.
    """

    def __init__(
        self,
        words: Words,
        length: int,
        places: dict[str, Ints],
        parts: dict[str, Part],
        lists: dict[str, tuple[Ints, Table]],
    ) -> None:
        self.words, self.length, self.places, self.parts, self.lists = words, length, places, parts, lists

    def __len__(self) -> int:
        return self.length

    def __contains__(self, name: str) -> bool:
        return name in self.parts

    def unsigned(self, name: str) -> NDArray[np.uint32]:
        """A column as it is in the file: pointers, tags, bits (n,) or (n, k)."""
        part, place = self.parts[name], self.places[name]
        there = np.flatnonzero(place >= 0)
        values = np.zeros((len(place), part.n * part.size), np.uint32)
        values[there] = self.words[place[there, None] + np.arange(values.shape[1])]
        return values[:, 0] if values.shape[1] == 1 else values

    def signed(self, name: str) -> NDArray[np.int32]:
        """A column of whole numbers (n,) or (n, k)."""
        return self.unsigned(name).view(np.int32)

    def floats(self, name: str) -> Floats:
        """A column of real numbers (n,) or (n, k); NaN in objects that have none."""
        part, words = self.parts[name], self.unsigned(name)
        if part.size == 2:
            pairs = words.reshape(len(words), part.n, 2).astype(np.uint64)
            values = (pairs[..., 0] << np.uint64(32) | pairs[..., 1]).view(np.float64)
            values = values[:, 0] if part.n == 1 else values
        else:
            with np.errstate(invalid="ignore"):  # a signalling NaN of a damaged file
                values = words.view(np.float32).astype(np.float64)
        values[self.places[name] < 0] = np.nan
        return values


class Shape:
    """The parts of one object in the order of the file.

    Parameters
    ----------
    parts : sequence of Part, Many and Where
        One of them is a `Part`, so that an object has one word at least.
    """

    def __init__(self, parts: Sequence[Part | Many | Where]) -> None:
        self.parts: dict[str, Part] = {}
        #: Run of words that follow one another in which a part lies, and its first word there.
        self.within: dict[str, tuple[int, int]] = {}
        self.inner: dict[str, Shape] = {}
        #: A run of so many words; parts that repeat; a run that is there where a bit of an earlier one is set.
        self.steps: list[int | Many | tuple[int, int, int, int]] = []
        self.runs: list[int] = []  # how many words each takes
        for part in parts:
            if isinstance(part, Part):
                if not (self.steps and isinstance(self.steps[-1], int)):
                    self.steps.append(len(self.runs))
                    self.runs.append(0)
                self._add(part)
            elif isinstance(part, Many):
                self.steps.append(part)
                self.inner[part.name] = Shape(part.parts)
            else:
                self.steps.append((len(self.runs), *self.within[part.name], part.bit))
                self.runs.append(0)
                for inner in part.parts:
                    self._add(inner)
        #: Words of an object, if all have as many.
        self.size = self.runs[0] if len(self.steps) == 1 and isinstance(self.steps[0], int) else None

    def _add(self, part: Part) -> None:
        self.parts[part.name] = part
        self.within[part.name] = (len(self.runs) - 1, self.runs[-1])
        self.runs[-1] += part.n * part.size

    def read(self, words: Words, start: int, count: int) -> Table:
        """Objects that follow one another from the word `start` on.

        Raises
        ------
        Cut
            The words end before the objects do.
        """
        walk = _Walk(self, words)
        walk.objects(start, count)
        return walk.table(words)


class _Walk:
    """Goes through objects and keeps where each run of words began."""

    def __init__(self, shape: Shape, words: Words) -> None:
        self.shape, self.view, self.end = shape, words.data, len(words)
        self.inner = {name: _Walk(inner, words) for name, inner in shape.inner.items()}
        self.counts: dict[str, list[int]] = {name: [] for name in shape.inner}
        self.firsts: list[list[int]] = [[] for _ in shape.runs]
        self.rows: list[
            tuple[int, int]
        ] = []  # of objects of one size: where they begin, and how many they are
        self.length = 0

    def objects(self, place: int, count: int) -> int:
        """Go through `count` objects; the place after them."""
        size, end = self.shape.size, self.end
        self.length += count
        if count * (size or 1) > end - place:
            raise Cut
        if size is not None:
            self.rows.append((place, count))
            return place + count * size
        for _ in range(count):
            place = self._object(place)
            if place > end:
                raise Cut
        return place

    def _object(self, place: int) -> int:
        view, runs = self.view, self.shape.runs
        for step in self.shape.steps:
            if isinstance(step, int):
                self.firsts[step].append(place)
                place += runs[step]
            elif isinstance(step, Many):
                count = step.times
                if count is None:
                    if place >= self.end:
                        raise Cut
                    count = view[place]
                    place += 1
                self.counts[step.name].append(count)
                place = self.inner[step.name].objects(place, count)
            else:
                run, other, offset, bit = step
                if place > self.end:
                    raise Cut
                there = view[self.firsts[other][-1] + offset] >> bit & 1
                self.firsts[run].append(place if there else -1)
                place += runs[run] if there else 0
        return place

    def table(self, words: Words) -> Table:
        """What was gone through, as columns."""
        size = self.shape.size
        if size is not None:
            first, count = np.array(self.rows, np.int64).reshape(-1, 2).T
            inside = np.arange(self.length) - np.repeat(np.cumsum(count) - count, count)
            begins = [np.repeat(first, count) + size * inside]
        else:
            begins = [np.array(first, np.int64) for first in self.firsts]
        places = {
            name: np.where(begins[run] < 0, -1, begins[run] + offset)
            for name, (run, offset) in self.shape.within.items()
        }
        lists = {}
        for name, inner in self.inner.items():
            offsets = np.concatenate([[0], np.cumsum(np.array(self.counts[name], np.int64))]).astype(np.int64)
            lists[name] = (offsets, inner.table(words))
        return Table(words, self.length, places, self.shape.parts, lists)
