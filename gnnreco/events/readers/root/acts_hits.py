"""ROOT files of simulated hits as the examples of ACTS write them: a tree ``hits`` with one row a hit, sorted by event.

Particles come from the tree ``particles`` (one entry an event, lists of columns) of the same file or of the first of
``particles_simulated.root``, ``particles_simulation.root`` and ``particles.root`` beside it. Positions are the true ones;
mm, GeV, and times as lengths.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Hits, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events.readers.acts import LABEL, MM_PER_NS
from gnnreco.events.readers.trackml import STATE, no_particles
from gnnreco.events.readers.truth import BARCODE, link, pack_barcode
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.limits import NUMBER

from .file import Ragged, checked_length, guarded, read_columns

TREE, PARTICLES = "hits", "particles"
BESIDE = ("particles_simulated.root", "particles_simulation.root", "particles.root")
NEEDED = ("event_id", "geometry_id", "tx", "ty", "tz")
MOMENTUM = ("tpx", "tpy", "tpz")
#: Parts of a barcode: of hits, and of particles.
PARTS = ("vertex_primary", "vertex_secondary", "particle", "generation", "sub_particle")
OF_PARTICLE = ("particle_type", "q", "vx", "vy", "vz", "px", "py", "pz", "p")


def is_acts_hits(path: Path) -> bool:
    """Whether a ROOT file holds such a tree; False also where it cannot be read."""
    try:
        return guarded(path, lambda file: TREE in file and set(NEEDED) <= set(_keys(file[TREE])))
    except BadInput:
        return False


def _keys(tree: Any) -> list[str]:
    return list(tree.keys(recursive=False)) if hasattr(tree, "num_entries") else []


class ActsHitsReader:
    """Reads the events of one file, the rows of one event at a time."""

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file, self.finder = file, finder
        self._rows: list[tuple[int, int]] = []
        #: Entry of each event in the tree of particles.
        self._entries: dict[int, int] = {}
        self._beside: Path | None = None

    def entries(self) -> list[Entry]:
        """One entry an event. Raises `BadInput`."""
        numbers = guarded(self.file, self._numbers)
        first = np.flatnonzero(np.diff(numbers, prepend=numbers[:1] - 1) != 0)
        known = numbers[first]
        if len(np.unique(known)) < len(known):
            raise BadInput(self.file, TREE, "rows of one event are not together; sort them by event_id")
        self._rows = list(zip(first.tolist(), [*first[1:].tolist(), len(numbers)], strict=True))
        self._find_particles()
        files = {TREE: self.file, **({} if self._beside is None else {PARTICLES: self._beside})}
        return [Entry(int(n), str(self.file), tuple(files.items()), row) for row, n in enumerate(known)]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        where, (start, stop) = f"event {entry.number}", self._rows[entry.row]
        parts = [f"barcode_{part}" for part in PARTS]
        wanted = (*NEEDED, "tt", *((*MOMENTUM, *parts, "particle_id") if truth else ()))
        columns = guarded(self.file, lambda file: _columns(file[TREE], wanted, start, stop))
        xyz = self._numbers_of(where, columns, ("tx", "ty", "tz"))
        if any(len(column) != stop - start for column in columns.values()):
            raise BadInput(self.file, where, "columns of different lengths; write the file again")
        geometry = columns["geometry_id"].astype(np.uint64).view(np.int64)
        sensor = self.finder.by_label((LABEL,), (geometry,), xyz)
        time = self._numbers_of(where, columns, ("tt",))[:, 0] / MM_PER_NS if "tt" in columns else None
        x, y, z = np.ascontiguousarray(xyz.T)
        hits = Hits(np.arange(len(xyz)), x, y, z, sensor, time=time)
        return Event(
            entry.number, entry.source, hits, self._truth(where, entry, columns, xyz) if truth else None
        )

    def _numbers(self, file: Any) -> NDArray[np.int64]:
        count = checked_length(self.file, file[TREE], TREE)
        if not count:
            raise BadInput(self.file, TREE, "no hit in it; leave it out")
        return np.asarray(_columns(file[TREE], ("event_id",), 0, count)["event_id"]).astype(np.int64)

    def _numbers_of(self, where: str, columns: dict[str, NDArray], names: tuple[str, ...]) -> Floats:
        if any(len(columns.get(name, ())) != len(columns[names[0]]) for name in names):
            why = f"{', '.join(names)} are not of one length, or not all there; write the file again"
            raise BadInput(self.file, where, why)
        values = np.stack([np.asarray(columns[name], np.float64) for name in names], axis=1)
        lost = np.flatnonzero(~(np.abs(values) <= NUMBER).all(axis=1))
        if len(lost):
            why = f"a number that is none in {', '.join(names)} ({len(lost)} such); write the file again"
            raise BadInput(self.file, f"{where}, row {lost[0]}", why)
        return values

    def _find_particles(self) -> None:
        """Where the particles of each event are."""
        for path in (self.file, *(self.file.parent / name for name in BESIDE)):
            if path.is_file():
                numbers = guarded(path, _events_of_particles)
                if len(numbers):
                    self._beside = path
                    self._entries = {int(n): row for row, n in enumerate(numbers)}
                    return

    def _truth(self, where: str, entry: Entry, columns: dict[str, NDArray], xyz: Floats) -> Truth | None:
        if f"barcode_{PARTS[0]}" in columns:
            ids = _packed(self.file, {part: columns.get(f"barcode_{part}") for part in PARTS})
        elif "particle_id" in columns:
            ids = columns["particle_id"].astype(np.uint64).view(np.int64)
        else:
            return None
        momentum = (
            self._numbers_of(where, columns, MOMENTUM) if MOMENTUM[0] in columns else np.zeros_like(xyz)
        )
        states = dict(zip(STATE, np.column_stack([xyz, momentum]).T, strict=True))
        return link(self._particles(where, entry.number), np.arange(len(ids)), ids, states)

    def _particles(self, where: str, number: int) -> Particles:
        row = self._entries.get(number)
        if row is None or self._beside is None:
            return no_particles()
        path, wanted = self._beside, (*OF_PARTICLE, *PARTS, "particle_id")
        columns = guarded(path, lambda file: _columns(file[PARTICLES], wanted, row, row + 1))
        if any(name not in columns for name in OF_PARTICLE):
            raise BadInput(
                path, f"{where}, {PARTICLES}", f"needs {', '.join(OF_PARTICLE)}; write the file again"
            )
        if len({len(column) for column in columns.values()}) > 1:
            raise BadInput(
                path, f"{where}, {PARTICLES}", "columns of different lengths; write the file again"
            )
        real = np.stack([columns[name].astype(np.float64) for name in OF_PARTICLE[1:]], axis=1)
        if not (np.abs(real) <= NUMBER).all():
            raise BadInput(path, f"{where}, {PARTICLES}", "NaN, or beyond all bounds; write the file again")
        if PARTS[0] in columns:
            ids = _packed(path, {part: columns.get(part) for part in PARTS})
        elif "particle_id" in columns:
            ids = columns["particle_id"].astype(np.uint64).view(np.int64)
        else:
            raise BadInput(path, f"{where}, {PARTICLES}", "no barcodes; write the file again")
        if len(np.unique(ids)) < len(ids):
            raise BadInput(path, f"{where}, {PARTICLES}", "the same barcode twice; write the file again")
        charge, vx, vy, vz, px, py, pz, p = np.ascontiguousarray(real.T)
        # Some writers leave the direction in px, py, pz.
        scale = p / np.maximum(np.sqrt(px**2 + py**2 + pz**2), 1e-150)
        pdg = columns["particle_type"].astype(np.int32)
        return Particles(ids, pdg, charge, vx, vy, vz, px * scale, py * scale, pz * scale)


def _packed(file: Path, parts: dict[str, NDArray | None]) -> NDArray[np.int64]:
    if any(column is None for column in parts.values()):
        raise BadInput(file, "", f"not all parts of a barcode ({', '.join(PARTS)}); write the file again")
    columns = {name: np.asarray(parts[part], np.int64) for name, part in zip(BARCODE, PARTS, strict=True)}
    return pack_barcode(file, columns)


def _events_of_particles(file: Any) -> NDArray:
    if PARTICLES not in file or not {"event_id", *OF_PARTICLE} <= set(_keys(file[PARTICLES])):
        return np.zeros(0, np.int64)
    tree = file[PARTICLES]
    return _columns(tree, ("event_id",), 0, int(tree.num_entries))["event_id"]


def _columns(tree: Any, wanted: tuple[str, ...], start: int, stop: int) -> dict[str, NDArray]:
    """Those of the columns that there are, of some rows; lists are put one after the other."""
    there = set(_keys(tree))
    read: dict[str, Ragged] = read_columns(tree, [name for name in wanted if name in there], start, stop)
    return {name: column.values for name, column in read.items()}
