"""Events of an EDM4hep file with the links from what was found to what was simulated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gnnreco.events.readers.lcio.content import Content
from gnnreco.events.readers.lcio.dst import DstEvent, dst_events
from gnnreco.events.readers.lcio.found import Chosen
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.remote import located

from .reader import Edm4hepReader

#: Which detector it is, by its field in tesla: these files do not say.
FIELDS = {2.0: "CLD", 3.5: "ILD"}


def read_dst(path: str | Path, particles: str = "") -> Iterator[DstEvent]:
    """Read a file with tracks, clusters and particles, event by event; see `gnnreco.events.readers.lcio.read_dst`."""
    reader = Edm4hepReader(located(path), SensorFinder(None), particles)

    def detector(_: Entry, content: Content, chosen: Chosen) -> str:
        tesla = reader.field(content, chosen) or 0.0
        return FIELDS.get(round(abs(tesla), 1), "")

    return dst_events(reader, particles, detector)
