"""Collisions that another generator wrote into a HepMC file (text of version 2 or 3), where ``pyhepmc`` is installed."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.errors import BadConfig, BadInput
from gnnreco.events.readers.bounded import GZIP_MAGIC
from gnnreco.simulate.options import SimulationOptions

from .generated import Generated, accepted
from .processes import LEPTONS, acceptance

#: What the names of such files end in.
ENDINGS = (".hepmc", ".hepmc2", ".hepmc3", ".hepmc.gz", ".hepmc2.gz", ".hepmc3.gz")
PACKED = (".zst", ".xz", ".bz2")
#: Particles of one event: no generator writes more.
LARGEST = 1_000_000
FINAL = 1
UNITS = re.compile(rb"U\s+(MEV|GEV)\s+(MM|CM)")
#: Bytes of a line that are looked at at once.
LINE = 1 << 16
MM_PER_NS = 299.792458


def is_recorded(process: str) -> bool:
    """Whether a process is the name of a HepMC file.

    Raises
    ------
    BadConfig
        It is packed in a way that is not read.
    """
    whole = process.removesuffix(next((end for end in PACKED if process.endswith(end)), ""))
    if whole != process and whole.endswith(ENDINGS):
        raise BadConfig(
            f"process {process}: packed in a way that is not read; unpack it, or pack it with gzip"
        )
    return process.endswith(ENDINGS)


class Recorded:
    """Event i of the simulation is collision i of the file, with its vertices where the file puts them.

    Parameters
    ----------
    path : Path
    options : SimulationOptions
        All final particles are kept, unless `min_pt` or `max_eta` say otherwise.
    """

    def __init__(self, path: Path, options: SimulationOptions) -> None:
        self.path, self.options = path, options
        self._file: Any = None
        self._reader: Iterator[Any] = iter(())
        self._next = 0
        self._units_known = False
        if not path.is_file():
            raise BadConfig(f"process {path}: no such file")
        try:
            import pyhepmc
        except ModuleNotFoundError:
            raise BadConfig(f"process {path} needs pyhepmc: pip install 'gnnreco[hepmc]'") from None
        self._open = pyhepmc.open
        self._units = pyhepmc.Units

    def collision(self, event: int) -> Generated:
        """One collision, by its place in the file.

        Raises
        ------
        BadInput
            Damaged, or there are fewer.
        """
        where = f"event {event}"
        try:
            if self._file is None or event < self._next:
                self._close()
                self._check_units()
                self._file = self._open(str(self.path))
                self._reader = iter(self._file)
            while True:
                read = next(self._reader, None)
                if read is None:
                    break
                self._next += 1
                if self._next > event:
                    return self._generated(read, where)
        except BadInput:
            self._close()
            raise
        except Exception as error:  # pyhepmc has no name for all that a damaged file can do
            self._close()
            raise BadInput(self.path, where, f"damaged ({error}); write the file again") from None
        held = self._next
        self._close()
        why = f"the file holds {held} collisions, or is damaged after them: ask for at most as many events"
        raise BadInput(self.path, where, why)

    def _check_units(self) -> None:
        """Raise `BadInput` for units that pyhepmc does not know: it would take them for GeV and cm, and only mutter."""
        if self._units_known:
            return
        with self.path.open("rb") as head:
            packed = head.read(2) == GZIP_MAGIC
        with gzip.open(self.path) if packed else self.path.open("rb") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(LINE), b""), 1):
                if line.startswith(b"U ") and not UNITS.fullmatch(line.rstrip()):
                    told = line.rstrip()[:40].decode("latin-1")
                    why = f"unknown units '{told}'; they are MEV or GEV, then MM or CM: write the file again"
                    raise BadInput(self.path, f"line {number}", why)
        self._units_known = True

    def _close(self) -> None:
        file, self._file, self._reader, self._next = self._file, None, iter(()), 0
        if file is not None:
            file.close()

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self._close()

    def _generated(self, event: Any, where: str) -> Generated:
        if len(event.particles) > LARGEST:
            raise BadInput(self.path, where, f"more than {LARGEST:,} particles; check the file")
        event.set_units(self._units.GEV, self._units.MM)
        columns = event.numpy.particles
        rows = np.flatnonzero(np.asarray(columns.status) == FINAL)
        px, py, pz = (np.asarray(getattr(columns, name), np.float64)[rows] for name in ("px", "py", "pz"))
        pdg = np.asarray(columns.pid)[rows].astype(np.int32)
        made = np.zeros((len(rows), 4))
        for at, row in enumerate(rows):
            vertex = event.particles[int(row)].production_vertex
            if vertex is not None:
                place = vertex.position
                made[at] = place.x, place.y, place.z, place.t
        if not (np.isfinite(made).all() and np.isfinite(px + py + pz).all()):
            raise BadInput(self.path, where, "a momentum or vertex that is no number; write the file again")
        x, y, z, t = np.ascontiguousarray(made.T)
        generated = Generated(pdg, px, py, pz, x, y, z, t / MM_PER_NS, np.zeros(len(rows), np.int32))
        limits = acceptance(LEPTONS, self.options)  # of which the default is to keep all
        return generated.select(accepted(generated, *limits, neutrals=self.options.neutrals))
