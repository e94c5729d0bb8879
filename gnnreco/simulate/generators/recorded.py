"""Collisions that another generator wrote into a HepMC file (text of version 2 or 3), where ``pyhepmc`` is installed."""

from __future__ import annotations

import gzip
import importlib.util
import re
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events.readers.bounded import GZIP_MAGIC
from gnnreco.simulate.options import SimulationOptions

from . import hepmc_columns
from .generated import Generated, accepted
from .hepmc_columns import COLUMNS, ENDED, HEAD, LARGEST
from .processes import LEPTONS, acceptance

#: What the names of such files end in.
ENDINGS = (".hepmc", ".hepmc2", ".hepmc3", ".hepmc.gz", ".hepmc2.gz", ".hepmc3.gz")
PACKED = (".zst", ".xz", ".bz2")
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
        self._reader: subprocess.Popen[bytes] | None = None
        self._next = 0
        self._units_known = False
        if not path.is_file():
            raise BadConfig(f"process {path}: no such file")
        if importlib.util.find_spec("pyhepmc") is None:
            raise BadConfig(f"process {path} needs pyhepmc: pip install 'gnnreco[hepmc]'")

    def collision(self, event: int) -> Generated:
        """One collision, by its place in the file.

        Raises
        ------
        BadInput
            Damaged, or there are fewer.
        """
        if self._reader is None or event < self._next:
            self._start(event)
        while True:
            rows = self._read(event)
            self._next += 1
            if self._next > event:
                return self._generated(rows)

    def _start(self, first: int) -> None:
        """Have a process of its own read the file from an event on: of damage that it does not survive it alone dies."""
        self._close()
        self._check_units()
        command = [sys.executable, "-P", hepmc_columns.__file__, str(self.path), str(first)]
        nothing = subprocess.DEVNULL
        self._reader = subprocess.Popen(command, stdin=nothing, stdout=subprocess.PIPE, stderr=nothing)
        self._next = first

    def _read(self, event: int) -> Floats:
        """The next rows of the process. Raises `BadInput` if there are none."""
        assert self._reader is not None
        assert self._reader.stdout is not None
        stream = self._reader.stdout
        head = stream.read(HEAD.size)
        if len(head) == HEAD.size:
            count, held, length = HEAD.unpack(head)
            if 0 <= count <= LARGEST:
                content = stream.read(count * len(COLUMNS) * 8)
                if len(content) == count * len(COLUMNS) * 8:
                    return np.frombuffer(content).reshape(count, len(COLUMNS))
            reason = stream.read(length).decode(errors="replace")
            self._close()
            if count == ENDED:
                why = f"the file holds {held} collisions, or is damaged after them: ask for at most as many events"
                raise BadInput(self.path, f"event {event}", why)
            raise BadInput(self.path, f"event {held}", f"damaged ({reason}); write the file again")
        self._close()
        why = "damaged: pyhepmc did not survive it; write the file again"
        raise BadInput(self.path, f"event {self._next}", why)

    def _check_units(self) -> None:
        """Raise `BadInput` for units that pyhepmc does not know: it would take them for GeV and cm, and only mutter."""
        if self._units_known:
            return
        try:
            with self.path.open("rb") as head:
                packed = head.read(2) == GZIP_MAGIC
            with gzip.open(self.path) if packed else self.path.open("rb") as stream:
                for number, line in enumerate(iter(lambda: stream.readline(LINE), b""), 1):
                    if line.startswith(b"U ") and not UNITS.fullmatch(line.rstrip()):
                        told = line.rstrip()[:40].decode("latin-1")
                        why = f"unknown units '{told}'; they are MEV or GEV, then MM or CM: write the file again"
                        raise BadInput(self.path, f"line {number}", why)
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(self.path, "", f"damaged ({error}); fetch the file again") from None
        self._units_known = True

    def _close(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.kill()
            with reader:  # waits for it, and closes the pipe
                pass

    def __del__(self) -> None:
        if getattr(self, "_reader", None) is not None:
            self._close()

    def _generated(self, rows: Floats) -> Generated:
        pdg, px, py, pz, x, y, z, ct = np.ascontiguousarray(rows.T)
        codes, vertex = pdg.astype(np.int32), np.zeros(len(pdg), np.int32)
        generated = Generated(codes, px, py, pz, x, y, z, ct / MM_PER_NS, vertex)
        limits = acceptance(LEPTONS, self.options)  # of which the default is to keep all
        return generated.select(accepted(generated, *limits, neutrals=self.options.neutrals))
