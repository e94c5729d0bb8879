"""Events of an EDM4hep file with the links from what was found to what was simulated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from gnnreco.errors import BadInput
from gnnreco.events.readers.lcio.dst import DstEvent, dst_of
from gnnreco.events.readers.lcio.found import choose
from gnnreco.events.readers.lcio.reader import hits_of
from gnnreco.events.readers.lcio.truth import MC, simulated
from gnnreco.events.sensors import SensorFinder

from .reader import Edm4hepReader

#: Which detector it is, by its field in tesla: these files do not say.
FIELDS = {2.0: "CLD", 3.5: "ILD"}


def read_dst(path: str | Path, particles: str = "") -> Iterator[DstEvent]:
    """Read a file with tracks, clusters and particles, event by event; see `gnnreco.events.readers.lcio.read_dst`."""
    reader = Edm4hepReader(Path(path), SensorFinder(None), particles)
    for entry in reader.entries():
        event = reader(entry, truth=True, deposits=True)
        content = reader.content(entry.row, entry.number)
        chosen = choose(content, particles)
        told = simulated(content, hits_of(content))
        if told is None:
            raise BadInput(
                path, content.where, f"no {MC} in it, so no truth to link to; read it with open_events"
            )
        tesla = reader.field(content, chosen) or 0.0
        yield dst_of(content, chosen, event, told, FIELDS.get(round(abs(tesla), 1), ""))
