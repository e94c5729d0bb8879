"""Find the events in files, folders and globs, and pick the reader by what the files hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gnnreco.errors import BadInput
from gnnreco.events.readers.mapped import parse_map
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry, EventSource, JetSource, One, Reader

from .search import Key, Search

if TYPE_CHECKING:
    from gnnreco.geometry import Detector


def open_events(
    inputs: str | Path | Sequence[str | Path],
    detector: Detector | str | Path | None,
    truth: bool = True,
    deposits: bool = True,
    columns: str = "",
    keep_damaged: bool = False,
) -> EventSource:
    """Open events of any format gnnreco reads: native Parquet, CSV of TrackML and ACTS, EDM4hep, LCIO, displays, and more.

    Parameters
    ----------
    inputs : path, glob, or a sequence of them
        A file, a folder (or one that holds a folder ``csv``), an event prefix (``folder/event000000001``)
        or a glob. The other CSV files of an event are found beside the one that is named.
    detector : Detector, name or path, optional
        Deposits of one of its cells become one hit (`gnnreco.events.cells`). Without it ``hits.sensor`` is what the
        file says, or -1.
    truth, deposits : bool
        Whether to read them where there are any.
    columns : str
        Of tables of any other layout: which of their columns are which of ours, with their units (``x=hit_x[cm],...``); see
        `gnnreco.events.readers.mapped`.
    keep_damaged : bool
        Let a file that cannot be opened count as one event that fails when it is read, so that a job can do the others.

    Returns
    -------
    EventSource
        Sorted by name, numbers in names as numbers. A CSV file is opened when its event is read.

    Raises
    ------
    BadConfig
        Columns that make no sense.
    BadGeometry
        No such detector.
    BadInput
        Nothing there, nothing that can be read, jets (see `open_jets`), or (while reading) a damaged event.

    Examples
    --------
    >>> import gnnreco
    >>> source = gnnreco.open_events("events", gnnreco.load_detector("telescope"))
    >>> source
    EventSource(4 events, 0 to 3, from 'events/events-00000.parquet')
    >>> source.by_number(2) == source[2]
    True
    """
    if isinstance(detector, str | Path):
        from gnnreco.geometry import load_detector

        detector = load_detector(detector)
    search = _searched(inputs, detector, columns, keep_damaged)
    for entry, _ in _sorted(search.jets):
        why = "holds jets, not hits: no detector can show, convert or reconstruct them; name a file of hits"
        raise BadInput(entry.source, "", why)
    return EventSource(_sorted(search.found), truth, deposits, search.aside(), detector)


def open_jets(inputs: str | Path | Sequence[str | Path], truth: bool = True) -> JetSource:
    """Open files of jets: see `gnnreco.events.parquet.jets`.

    Parameters
    ----------
    inputs : path, glob, or a sequence of them
    truth : bool
        Whether to tell the true classes where they are known.

    Returns
    -------
    JetSource
        Sorted by name, as `open_events` does.

    Raises
    ------
    BadInput
        Nothing there, or hits in place of jets.
    """
    search = _searched(inputs, None)
    for entry, _ in _sorted(search.found):
        raise BadInput(entry.source, "", "holds no jets; make some with scripts/make_jets.py")
    return JetSource(_sorted(search.jets), truth, foreign=search.aside())


def _searched(
    inputs: str | Path | Sequence[str | Path],
    detector: Detector | None,
    columns: str = "",
    keep_damaged: bool = False,
) -> Search:
    """What there is, which is something."""
    named = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    search = Search(SensorFinder(detector), parse_map(columns) if columns else {}, keep_damaged)
    for name in named:
        search.add(name)
    if not search.found and not search.jets:
        where = ", ".join(map(str, named)) or "input"
        raise BadInput(
            where,
            "",
            "no events here; name files, a folder or a glob (event000000001-hits.csv, *.parquet, *.ig, *.slcio, *.root)",
        )
    return search


def _sorted(found: Mapping[Key, tuple[Entry, Reader[One]]]) -> list[tuple[Entry, Reader[One]]]:
    return [found[key] for key in sorted(found)]
