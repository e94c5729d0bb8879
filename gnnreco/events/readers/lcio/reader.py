"""Events of one LCIO file: hits of trackers as measured, of calorimeters as simulated, or as there are; and what was found.

Units are ours: mm, GeV, ns. The sensor of a hit is the one that the fields of its cell's number name, if the detector has
labels for them and the hit lies there; else the one at its place.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnnreco.columns import Event, Floats, Hits
from gnnreco.errors import BadInput
from gnnreco.events.readers.drawn import Drawn, event_of, untold
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry

from .content import Collection, Content, Heading
from .found import Chosen, choose, field_of, found_in
from .records import Record, records
from .truth import MC, simulated

#: Kinds of hits, those that are preferred first; and what hits of a calorimeter consist of, where it is kept apart.
TRACKER_HITS = (("TrackerHit", "TrackerHitPlane"), ("SimTrackerHit",))
CALORIMETER_HITS = (("SimCalorimeterHit",), ("CalorimeterHit",))
SHARE = "CaloHitContribution"
HEADER, EVENT = "LCEventHeader", "LCEvent"


class CollectionsReader:
    """Makes events of the collections of a file: of LCIO, and of what is shown as such.

    Parameters
    ----------
    file : Path
    finder : SensorFinder
        The field of its detector turns curvatures into momenta; without a detector the particles of the file tell it.
    particles : str
        Name of the collection of found particles; empty: the one with the most that are made of tracks or clusters.
    """

    def __init__(self, file: Path, finder: SensorFinder, particles: str = "") -> None:
        self.file, self.finder, self.particles = file, finder, particles
        #: Of the events of the file, in its order.
        self.numbers: list[int] = []
        self._bz: float | None = None
        self._sought = False

    def entries(self) -> list[Entry]:
        """One entry an event, in the order of the file. Raises `BadInput`."""
        raise NotImplementedError

    def content(self, row: int, number: int, truth: bool = True) -> Content:
        """The collections of one event. Raises `BadInput`."""
        raise NotImplementedError

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        where, content = f"event {entry.number}", self.content(entry.row, entry.number, truth)
        chosen = choose(content, self.particles)
        hits = hits_of(content)
        bz = self.field(content, chosen) if chosen.tracks else None
        found = found_in(content, chosen, bz)
        told = simulated(content, hits) if truth else None
        read = {c.name for c in hits} | chosen.names | {c.name for c in content.of(MC, SHARE)}
        aside = Counter({c.name: len(c) for c in content.collections if c.name not in read})
        if chosen.tracks and bz is None:
            aside["tracks without a field (name a detector)"] = sum(map(len, chosen.tracks))
        if told is not None:
            aside[f"{MC} that the generator made to decay"] = int((told.place < 0).sum())
        if any(map(len, hits)):
            parts = [_drawn(c) for c in hits]
            event = event_of(entry.number, entry.source, self.file, where, parts, self.finder, aside)
        elif found or told is not None or content.of(MC):
            none = np.zeros(0)
            empty = Hits(np.zeros(0, np.int64), none, none, none, np.zeros(0, np.int32))
            event = Event(entry.number, entry.source, empty, left_aside={k: n for k, n in aside.items() if n})
        else:
            names = ", ".join(c.name for c in content.collections) or "no collection"
            raise BadInput(
                self.file, where, f"neither hits, nor tracks, clusters or particles ({names}); leave it out"
            )
        return replace(event, truth=None if told is None else told.truth, found=found)

    def field(self, content: Content, chosen: Chosen) -> float | None:
        """The field along z, tesla: of the detector at its source, or what the first event that tells it says."""
        detector = self.finder.detector
        if detector is not None:
            bz = float(detector.field.at(detector.source.position[None])[0, 2])
            return bz or None
        if not self._sought:
            for row, number in enumerate(self.numbers):
                with contextlib.suppress(BadInput):  # a damaged event is reported when it is read itself
                    first = self.content(row, number)
                    self._bz = field_of(first, choose(first, self.particles))
                if self._bz is not None:
                    break
            self._sought = True
        return self._bz


class LcioReader(CollectionsReader):
    """Reads the events of one file; see `CollectionsReader`."""

    def __init__(self, file: Path, finder: SensorFinder, particles: str = "") -> None:
        super().__init__(file, finder, particles)
        self._events: list[tuple[Heading, Record]] = []
        self._last: tuple[int, Content] | None = None

    def entries(self) -> list[Entry]:
        """One entry an event, in the order of the file. Raises `BadInput`."""
        self._events = events(self.file)
        if not self._events:
            raise BadInput(self.file, "", "a file of LCIO without events; check that this is the right file")
        numbers = [heading.number for heading, _ in self._events]
        if len(set(numbers)) < len(numbers):  # several runs in one file: rows tell their events apart
            numbers = list(range(len(numbers)))
        self.numbers = numbers
        return [Entry(n, str(self.file), (("events", self.file),), row) for row, n in enumerate(numbers)]

    def detector(self, row: int) -> str:
        """The name of the detector of an event, as the file says."""
        self._events = self._events or events(self.file)
        return self._events[row][0].detector

    def content(self, row: int, number: int, truth: bool = True) -> Content:
        """The collections of one event; the last one is kept. Raises `BadInput`."""
        if self._last is not None and self._last[0] == row:
            return self._last[1]
        self._events = self._events or events(self.file)
        if row >= len(self._events):
            raise BadInput(self.file, f"event {number}", "the file changed while it was read; open it again")
        heading, record = self._events[row]
        self._last = row, Content(self.file, f"event {number}", record, heading.kinds)
        return self._last[1]


def events(file: Path) -> list[tuple[Heading, Record]]:
    """The header and the record of each event of a file. Raises `BadInput`."""
    found: list[tuple[Heading, Record]] = []
    heading = None
    for record in records(file):
        if record.name == HEADER:
            heading = Heading(file, record)
        elif record.name == EVENT:
            if heading is None:
                raise BadInput(
                    file, record.where, "an event without its header; damaged: fetch the file again"
                )
            found.append((heading, record))
            heading = None
    if heading is not None:
        raise BadInput(file, f"event {heading.number}", "cut off after its header; fetch the file again")
    return found


def hits_of(content: Content) -> list[Collection]:
    """The collections that the hits come from.

    Hits of trackers as they were measured where any was, since those of a simulation know the true place; of calorimeters as
    they were simulated where any was, since those that were measured are calibrated: more than the sensor saw.
    """
    found: list[Collection] = []
    for choices in (TRACKER_HITS, CALORIMETER_HITS):
        for kinds in choices:
            placed = [c for c in content.of(*kinds) if len(c) and "position" in c.table]
            if placed:
                found += placed
                break
    return found


def _drawn(collection: Collection) -> Drawn:
    table = collection.table
    return Drawn(
        collection.name,
        table.floats("position"),
        untold(len(table)),
        table.floats("energy"),
        _time(collection),
        collection.cell_fields(),
    )


def _time(collection: Collection) -> Floats | None:
    """When each hit was made, ns: of a simulated cell the first deposit; None where the file does not tell."""
    table = collection.table
    if "time" in table:
        return table.floats("time")
    if "shares" not in table.lists:
        return None
    offsets, shares = table.lists["shares"]
    first = np.full(len(table), np.inf)
    np.fmin.at(first, np.repeat(np.arange(len(table)), np.diff(offsets)), shares.floats("time"))
    return np.where(np.isfinite(first), first, np.nan)
