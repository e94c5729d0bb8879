"""Read showers of the CaloChallenge, a block of rows at a time."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Hits, Ints, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.limits import EVENTS, TEXT_BYTES
from gnnreco.particles import species_of

from .voxels import Voxels

Answer = TypeVar("Answer")

MAGIC = b"\x89HDF\r\n\x1a\n"
ENERGIES, SHOWERS = "incident_energies", "showers"
#: What gnnreco writes beside them; the files of the challenge have neither.
NUMBERS, KINDS = "event_number", "pdg"
#: Particles by the names of the challenge's files.
NAMES = ((r"photon|gamma", 22), (r"pion", 211), (r"electron|dataset_[23]", 11))
#: Bytes of the showers that are read at once: the files of the challenge are cut into blocks of thousands of rows.
BLOCK = 64 << 20


def is_showers(file: Path) -> bool:
    """Whether an HDF5 file holds showers as the challenge does; False where it cannot be read, or h5py is missing."""
    try:
        return _guarded(file, lambda content: {ENERGIES, SHOWERS} <= set(content))
    except (BadInput, ModuleNotFoundError):  # who names the file itself learns why
        return False


class CaloChallengeReader:
    """Reads the showers of one file, each as an event of hits and one particle along the axis."""

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file, self.detector = file, finder.detector
        self._first, self._block = 0, np.zeros((0, 0))
        self._energies, self._kinds = np.zeros(0), np.zeros(0, np.int64)
        self._aside: dict[str, int] = {}

    def entries(self) -> list[Entry]:
        """One entry a row. Raises `BadInput`: damaged, no such file, or not of this detector."""
        numbers = _guarded(self.file, self._numbers)
        if len(np.unique(numbers)) < len(numbers) or numbers.min(initial=0) < 0:
            raise BadInput(
                self.file, NUMBERS, "negative, or twice the same; remove it: rows are counted then"
            )
        return [Entry(int(n), str(self.file), (("events", self.file),), row) for row, n in enumerate(numbers)]

    def _numbers(self, content: Any) -> Ints:
        """Numbers of the events; energies and kinds of their particles are kept."""
        voxels, showers = self._voxels, self._data(content, SHOWERS)
        rows = showers.shape[0]
        if showers.ndim != 2 or showers.shape[1] != len(voxels):
            why = f"{_shape(showers)} values, where the detector {voxels.detector.name} has {len(voxels):,} voxels"
            raise BadInput(
                self.file, SHOWERS, f"{why} in a row; name the detector that the file was made for"
            )
        self._aside = dict.fromkeys(sorted(set(content) - {SHOWERS, ENERGIES, NUMBERS, KINDS}), 1)
        self._energies = self._one_a_row(content, ENERGIES, rows).astype(np.float64)
        self._kinds = np.full(rows, _kind(self.file.name))
        if KINDS in content:
            self._kinds = self._one_a_row(content, KINDS, rows, "iu").astype(np.int64)
        if NUMBERS not in content:
            return np.arange(rows)
        return self._one_a_row(content, NUMBERS, rows, "iu").astype(np.int64)

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        row, voxels = entry.row, self._voxels
        where = f"event {entry.number}"
        shower, energy = self._shower(row, where), float(self._energies[row])
        wrong = np.flatnonzero(~(np.isfinite(shower) & (shower >= 0)))
        if len(wrong):
            raise self._no_energy(f"{where}, {SHOWERS}, voxel {wrong[0]}", shower[wrong[0]])
        if not (np.isfinite(energy) and energy > 0):
            raise self._no_energy(f"{where}, {ENERGIES}", energy)
        found = np.flatnonzero(shower)
        x, y, z = np.ascontiguousarray(voxels.xyz[found].T)
        seen = shower[found] * voxels.seen[found]
        hits = Hits(found.astype(np.int64), x, y, z, voxels.sensor[found], energy=seen)
        told = self._truth(where, row, 1e-3 * energy, seen) if truth else None
        return Event(entry.number, entry.source, hits, told, left_aside=self._aside)

    def _no_energy(self, where: str, value: float) -> BadInput:
        why = f"{value} MeV is no energy; correct the file, or leave out this row"
        return BadInput(self.file, where, why)

    @cached_property
    def _voxels(self) -> Voxels:
        if self.detector is None:
            why = (
                "showers of the CaloChallenge: the file does not tell where its voxels are; name the detector"
            )
            raise BadInput(self.file, "", why)
        return Voxels.of(self.detector)

    def _data(self, content: Any, name: str, types: str = "fiu") -> Any:
        """One data set, of numbers of some types that lie in this file."""
        import h5py

        if not isinstance(content.get(name, getlink=True), h5py.HardLink):
            raise BadInput(
                self.file, name, "missing, or in another file; name a file with incident_energies and showers"
            )
        data = content[name]
        plain = isinstance(data, h5py.Dataset) and data.dtype.kind in types and data.ndim in (1, 2)
        if not plain or data.is_virtual or data.external:
            raise BadInput(
                self.file,
                name,
                "no table of numbers (whole ones: event_number, pdg) in this file; write the file again",
            )
        block = np.prod(data.chunks or (1,)) * data.dtype.itemsize
        if data.shape[0] > EVENTS or block > TEXT_BYTES:
            why = f"says it has {data.shape[0]:,} rows in blocks of {block:,} bytes, beyond {EVENTS:,} and {TEXT_BYTES:,}"
            raise BadInput(self.file, name, f"{why}; write it in smaller files")
        return data

    def _one_a_row(self, content: Any, name: str, rows: int, types: str = "fiu") -> NDArray[Any]:
        """The values of a data set that has one for each shower."""
        data = self._data(content, name, types)
        if data.shape not in ((rows,), (rows, 1)):
            why = f"{_shape(data)} values where {rows:,} showers have one each; write the file again"
            raise BadInput(self.file, name, why)
        return np.asarray(data[:]).reshape(-1)

    def _shower(self, row: int, where: str) -> Floats:
        """Energies of the voxels in one row, MeV."""
        if not self._first <= row < self._first + len(self._block):
            rows = max(BLOCK // (8 * len(self._voxels)), 1)
            first = row - row % rows
            try:
                block = self._rows(first, first + rows, where)
            except BadInput:  # one of them is damaged; the others are still to be had
                first, block = row, self._rows(row, row + 1, where)
            self._first, self._block = first, block
        return self._block[row - self._first]

    def _rows(self, first: int, last: int, where: str) -> Floats:
        rows = _guarded(self.file, lambda content: content[SHOWERS][first:last], where)
        if rows.ndim != 2 or rows.shape[1] != len(self._voxels) or not len(rows):
            raise BadInput(self.file, where, "the file has changed since it was opened; open it again")
        return np.asarray(rows, np.float64)

    def _truth(self, where: str, row: int, energy: float, seen: Floats) -> Truth:
        """The particle of one shower, from the detector's source along its axis."""
        assert self.detector is not None
        pdg, source = int(self._kinds[row]), self.detector.source
        if not -(2**31) <= pdg < 2**31:
            raise BadInput(
                self.file, f"{where}, {KINDS}", f"{pdg} is no number of a particle; correct the file"
            )
        known = species_of([pdg])
        kind = int(known.rows(np.array([pdg], np.int32))[0])
        charge, mass = float(known.charge[kind]), float(known.mass[kind])
        momentum = np.sqrt(max(energy**2 - mass**2, 0.0)) * source.direction
        vectors = [np.array([value]) for value in (*source.position, *momentum)]
        one = Particles(np.ones(1, np.int64), np.array([pdg], np.int32), np.array([charge]), *vectors)
        return Truth(one, np.arange(len(seen)), np.zeros(len(seen), np.int64), energy=seen.copy())


def _kind(name: str) -> int:
    """The particle that the name of a file tells; 0 where it does not."""
    return next((pdg for words, pdg in NAMES if re.search(words, name, re.IGNORECASE)), 0)


def _shape(data: Any) -> str:
    return " x ".join(f"{size:,}" for size in data.shape)


def _guarded(file: Path, read: Callable[[Any], Answer], where: str = "") -> Answer:
    """Open the file, read from it, close it; any fault of the file becomes `BadInput`."""
    import h5py

    try:
        with h5py.File(file, "r") as content:
            return read(content)
    except BadInput:
        raise
    except FileNotFoundError:
        raise BadInput(file, "", "does not exist; check the path") from None
    except MemoryError:
        raise BadInput(file, where, "damaged (asks for more memory than there is); fetch it again") from None
    # The library has no one name for all that a damaged file can do.
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise BadInput(file, where, f"damaged or cut off ({reason}); fetch the file again") from None
