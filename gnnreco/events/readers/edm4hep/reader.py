"""Events of one EDM4hep file; several are read at once, since each piece of a file holds columns of many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.errors import BadInput
from gnnreco.events.readers.lcio.reader import CollectionsReader
from gnnreco.events.readers.root.file import batch_around, checked_length, guarded, read_columns
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry

from .batch import Batch, branches_of, read_batch
from .catalogue import EVENTS, Catalogue, catalogue_of
from .content import Podio
from .kinds import KINDS

HEADER = "EventHeader"


class Edm4hepReader(CollectionsReader):
    """Reads the events of one file.

    Parameters
    ----------
    file : Path
    finder : SensorFinder
        Cells are mapped to its detector by their labels, else by their places; its field turns curvatures into momenta.
    particles : str
        Name of the collection of found particles; empty: the one with the most that are made of tracks or clusters.
    """

    def __init__(self, file: Path, finder: SensorFinder, particles: str = "") -> None:
        super().__init__(file, finder, particles)
        self._catalogue: Catalogue | None = None
        self._batch: tuple[bool, Batch] | None = None

    def entries(self) -> list[Entry]:
        """One entry an event, in the order of the file. Raises `BadInput`."""
        numbers = guarded(self.file, self._opened)
        if not numbers:
            raise BadInput(self.file, EVENTS, "EDM4hep without events; check that this is the right file")
        if len(set(numbers)) < len(numbers):  # several runs in one file: rows tell their events apart
            numbers = list(range(len(numbers)))
        self.numbers = numbers
        return [Entry(n, str(self.file), (("events", self.file),), row) for row, n in enumerate(numbers)]

    @property
    def catalogue(self) -> Catalogue:
        """What the file says of itself. Raises `BadInput`."""
        if self._catalogue is None:
            self._catalogue = guarded(self.file, lambda file: catalogue_of(self.file, file))
        return self._catalogue

    def content(self, row: int, number: int, truth: bool = True) -> Podio:
        """The collections of one event; those read with it are kept. Raises `BadInput`."""
        known, batch = self._batch or (False, None)
        if batch is None or not batch.start <= row < batch.stop or (truth and not known):
            batch = guarded(self.file, lambda file: self._read(file, row, number, truth))
            self._batch = truth, batch
        return Podio(self.file, batch, row - batch.start, f"event {number}")

    def _opened(self, file: Any) -> list[int]:
        self._catalogue = catalogue = catalogue_of(self.file, file)
        count = checked_length(self.file, file[EVENTS], EVENTS)
        if not any(kind in KINDS for kind in catalogue.types.values()):
            names = (
                ", ".join(f"{n} ({t})" for n, t in list(catalogue.types.items())[:8]) or "none that is known"
            )
            raise BadInput(self.file, EVENTS, f"EDM4hep without hits or particles; its collections: {names}")
        if {kind for kind in catalogue.types.values() if kind in KINDS} == {"MCParticle"}:
            why = (
                "holds particles of a generator only, no hits: `gnnreco simulate` makes hits of HepMC3 files"
            )
            raise BadInput(self.file, EVENTS, why)
        header = next((name for name, kind in catalogue.types.items() if kind == HEADER), None)
        if header is None or not count:
            return list(range(count))
        told = read_columns(file[EVENTS], [header], 0, count).get(f"{header}.eventNumber")
        if told is None or not np.array_equal(told.offsets, np.arange(count + 1)):
            return list(range(count))
        return [int(number) for number in told.values]

    def _read(self, file: Any, row: int, number: int, truth: bool) -> Batch:
        tree, catalogue = file[EVENTS], self.catalogue
        if row >= tree.num_entries or not catalogue.branches <= set(tree.keys(recursive=False)):
            raise BadInput(self.file, f"event {number}", "the file changed while it was read; open it again")
        names = branches_of(catalogue, truth)
        return read_batch(tree, catalogue, names, *batch_around(tree, names, row))
