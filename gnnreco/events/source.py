"""Events behind one face, whatever their format: nothing is read before an event is asked for."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, Protocol, Self, TypeVar, overload

from gnnreco.columns import Event, JetBlock
from gnnreco.errors import BadInput
from gnnreco.summary import counted, facts_table, listed, shortened

from .cells import sum_cells

if TYPE_CHECKING:
    from gnnreco.geometry import Detector

One = TypeVar("One", bound=Event | JetBlock)
One_co = TypeVar("One_co", bound=Event | JetBlock, covariant=True)

#: Kinds of table that hold hits; where there are measurements, ``hits`` are what a simulation knows.
HITS = ("measurements", "hits")


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one event lies.

    Attributes
    ----------
    number : int
    source : str
        What an event carries as its source.
    files : tuple of (kind, path)
    row : int
        Row of the event in a file of several.
    """

    number: int
    source: str
    files: tuple[tuple[str, Path], ...]
    row: int = 0


@lru_cache(maxsize=8)
def place_of(source: str) -> tuple[str, tuple[str | int, ...]]:
    """Where an event comes from, as text, and what makes the order: asked for each event of a file in turn."""
    # A name that is not UTF-8 could not be written into an output: its bytes are shown instead.
    source = os.fsencode(source).decode("utf-8", "backslashreplace")
    # Numbers inside names count as numbers: event9 before event10.
    return source, tuple(int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", source))


def no_events(files: Sequence[str | Path]) -> str:
    """What is told of files in a folder or a glob that hold no events."""
    more = f" and {len(files) - 1} more files" if len(files) > 1 else ""
    return f"{files[0]}{more}: no events that gnnreco reads, so left aside; name a glob of event files only"


class Reader(Protocol[One_co]):
    """Reads events, or blocks of jets, of one format, each when it is asked for."""

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> One_co:
        """Read one event.

        Parameters
        ----------
        entry : Entry
        truth, deposits : bool
            Whether to read them where there are any.

        Raises
        ------
        BadInput
            The event is damaged, or the file changed since it was opened.
        """


class DamagedReader:
    """Stands for a file that could not be opened: the one event that it counts as fails with the reason.

    Parameters
    ----------
    error : BadInput
    """

    def __init__(self, error: BadInput) -> None:
        self.error = error

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> NoReturn:
        raise BadInput(self.error.file, self.error.where, self.error.why)


class FileReader(Reader[One_co], Protocol[One_co]):
    """Reads the events of one file that may hold several."""

    def entries(self) -> list[Entry]:
        """One entry an event, in the order of the file.

        Raises
        ------
        BadInput
            The file is damaged, or not of this format.
        """


class Source(Sequence[One]):
    """What lies in files, read one at a time: see `EventSource` and `JetSource`."""

    def __init__(
        self,
        entries: Sequence[tuple[Entry, Reader[One]]],
        truth: bool = True,
        deposits: bool = True,
        foreign: Sequence[Path] = (),
    ) -> None:
        self._entries = list(entries)
        self.truth, self.deposits, self.foreign = truth, deposits, list(foreign)
        self._left_aside: dict[int, Mapping[str, int]] = {}

    @property
    def numbers(self) -> list[int]:
        """Event numbers, in order."""
        return [entry.number for entry, _ in self._entries]

    @property
    def files(self) -> list[Path]:
        """Every file the events are read from, each once, in order."""
        return list(dict.fromkeys(path for entry, _ in self._entries for _, path in entry.files))

    @property
    def sources(self) -> list[str]:
        """Where each event comes from, in order."""
        return [entry.source for entry, _ in self._entries]

    @property
    def places(self) -> list[tuple[str, int]]:
        """Where each event lies, in order: its source, and its row where that is a file of several."""
        return [(entry.source, entry.row) for entry, _ in self._entries]

    @property
    def damaged(self) -> list[BadInput]:
        """What is wrong with each file that could not be opened, and counts as one event (`open_events`)."""
        return [reader.error for _, reader in self._entries if isinstance(reader, DamagedReader)]

    @property
    def brings(self) -> tuple[type, ...]:
        """What every event has in ``found`` when it is read, by the type of its columns."""
        readers = {id(reader): reader for _, reader in self._entries}.values()
        each = [getattr(reader, "brings", ()) for reader in readers if not isinstance(reader, DamagedReader)]
        return tuple(kind for kind in (each or [()])[0] if all(kind in one for one in each))

    @property
    def left_aside(self) -> dict[str, int]:
        """What the readers of the events read so far do not know, counted by name, the most frequent first."""
        total = Counter[str]()
        for counts in self._left_aside.values():
            total.update(counts)
        return dict(total.most_common())

    def select(self, indices: Iterable[int]) -> Self:
        """The events at these positions, in the order given."""
        part = copy(self)
        part._entries, part._left_aside = [self._entries[int(i)] for i in indices], {}
        return part

    def by_number(self, number: int) -> One:
        """The event of this number; where numbers repeat, the first.

        Raises
        ------
        BadInput
            There is none; the nearest numbers are named.
        """
        numbers = self.numbers
        if number in numbers:
            return self[numbers.index(number)]
        raise BadInput(self._place(), f"event {number}", f"there is none; {_nearest(number, numbers)}")

    def _place(self) -> str:
        """The file, or what the paths of all files have in common."""
        files = list(map(str, self.files))
        return os.path.commonpath(files) if files else "no events"

    def __repr__(self) -> str:
        place = shortened(self._place())
        return f"{type(self).__name__}({counted(len(self), 'event')}{_span(self.numbers)}, from {place!r})"

    def _repr_html_(self) -> str:
        facts = {"events": len(self), "numbers": listed(self.numbers), "files": len(self.files)}
        return facts_table(
            "Events", {**facts, "place": self._place(), "truth is read": "yes" if self.truth else "no"}
        )

    def __len__(self) -> int:
        return len(self._entries)

    @overload
    def __getitem__(self, index: int) -> One: ...
    @overload
    def __getitem__(self, index: slice) -> Self: ...
    def __getitem__(self, index: int | slice) -> One | Self:
        if isinstance(index, slice):
            return self.select(range(len(self))[index])
        entry, reader = self._entries[index]
        one = reader(entry, self.truth, self.deposits)
        if one.left_aside:
            self._left_aside[index] = one.left_aside
        return self._ready(one)

    def _ready(self, one: One) -> One:
        """What is given of what was read."""
        return one

    def __iter__(self) -> Iterator[One]:
        for index in range(len(self)):
            yield self[index]


class EventSource(Source[Event]):
    """A sequence of events read one at a time.

    Iteration streams; ``source[i]`` reads one event, so a damaged one can be reported and the rest read.

    Parameters
    ----------
    entries : sequence of (Entry, Reader)
    truth, deposits : bool
        Whether to read them where there are any.
    foreign : sequence of Path
        Files and folders that a glob matched, and files of folders, although they hold no events.
    detector : Detector, optional
        Its cells are each one hit: see `sum_cells`. Without it every deposit is.

    Examples
    --------
    >>> import gnnreco
    >>> source = gnnreco.open_events("events", gnnreco.load_detector("telescope"))
    >>> len(source), source[3].number
    (4, 3)
    >>> [event.number for event in source]
    [0, 1, 2, 3]
    """

    def __init__(
        self,
        entries: Sequence[tuple[Entry, Reader[Event]]],
        truth: bool = True,
        deposits: bool = True,
        foreign: Sequence[Path] = (),
        detector: Detector | None = None,
    ) -> None:
        super().__init__(entries, truth, deposits, foreign)
        self._detector = detector

    def hit_files(self, index: int) -> list[Path]:
        """The files that hold the hits of one event: not those of its truth, nor those of the cells of its hits."""
        files = dict(self._entries[index][0].files)
        return [files[kind] for kind in HITS if kind in files][:1] or list(files.values())

    def _ready(self, one: Event) -> Event:
        return one if self._detector is None else sum_cells(one, self._detector)


class JetSource(Source[JetBlock]):
    """A sequence of blocks of jets read one at a time; a block has the number of an event."""


def _span(numbers: list[int]) -> str:
    """The least and the greatest number."""
    return f", {min(numbers)} to {max(numbers)}" if len(numbers) > 1 else ""


def _nearest(number: int, numbers: list[int]) -> str:
    """Which numbers there are: the nearest on both sides, and the range."""
    below, above = [n for n in numbers if n < number], [n for n in numbers if n > number]
    near = [str(n) for n in (*([max(below)] if below else []), *([min(above)] if above else []))]
    if not near:
        return "there is no event at all"
    return f"the nearest {'are' if len(near) > 1 else 'is'} {' and '.join(near)} (of {counted(len(numbers), 'event')})"
