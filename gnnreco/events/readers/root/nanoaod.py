"""ROOT files in the manner of CMS NanoAOD that keep the candidates of particle flow: particles, and no hits.

Known by a table of candidates (see `candidates`). Some files keep only the candidates of jets. Each particle is also one
hit, so that it can be drawn and named: its energy, in the direction in which it flies, where Phoenix draws clusters. Such
a hit lies in no sensor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Clusters, Collections, Event, Floats, Hits, Tracks
from gnnreco.columns.particles import PARTICLE_CLASSES, ReconstructedParticles
from gnnreco.errors import BadInput
from gnnreco.events.readers.drawn import on_cylinder, untold
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.limits import NUMBER

from .candidates import Table, candidates_in, charges, masses
from .file import Ragged, batch_around, checked_length, guarded, not_read, read_columns, trees_of
from .lorentz import read_pairs

#: Class of a candidate by its code without sign (2 is what the forward calorimeter takes for a photon); others are hadrons.
CLASSES = {22: "photon", 2: "photon", 11: "electron", 13: "muon"}
#: Radius and half length, mm, of the cylinder on which the hits lie.
DRAWN_AT = (1800.0, 3600.0)
CHANGED = "the file changed while it was read; open it again"


def is_nanoaod(path: Path) -> bool:
    """Whether a ROOT file holds candidates; False also where it cannot be read."""
    try:
        return guarded(path, candidates_in) is not None
    except BadInput:
        return False


class NanoAodReader:
    """Reads the events of one file; several are read at once."""

    #: What every event has found in it. There are no tracks or clusters: of these each event has none.
    brings = (Tracks, Clusters, ReconstructedParticles)

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file = file
        self._table = Table("", "", {})
        self._aside: dict[str, int] = {}
        self._batch: tuple[int, int, dict[str, Ragged]] = (0, 0, {})

    def entries(self) -> list[Entry]:
        """One entry an event. Raises `BadInput`."""
        numbers = guarded(self.file, self._opened)
        return [Entry(n, str(self.file), (("events", self.file),), row) for row, n in enumerate(numbers)]

    def _opened(self, file: Any) -> list[int]:
        table = candidates_in(file)
        if table is None:
            raise BadInput(self.file, "", CHANGED)
        self._table, tree = table, file[table.tree]
        count = checked_length(self.file, tree, table.tree)
        if not count:
            raise BadInput(self.file, table.tree, "no event in it; leave it out")
        there, read = set(tree.keys(recursive=False)), {*table.branches.values()}
        counters = {f"n{name}" for name in (table.name, *read)}
        self._aside = not_read(there, {*read, *counters, "event"})
        if "event" not in there:
            return list(range(count))
        told = read_columns(tree, ["event"], 0, count)["event"].values
        if told.shape != (count,) or len(np.unique(told)) < count or told.max() >= 2**63:
            return list(range(count))  # several runs in one file: rows tell their events apart
        return [int(number) for number in told]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        start, stop, columns = self._batch
        if not start <= entry.row < stop:
            start, stop, columns = self._batch = guarded(self.file, lambda file: self._read(file, entry))
        where, row = f"event {entry.number}", entry.row - start
        given = {name: self._numbers(where, name, column, row) for name, column in columns.items()}
        if len({len(values) for values in given.values()}) > 1:
            raise BadInput(self.file, where, "columns of different lengths; write the file again")
        particles = self._particles(where, given)
        momentum = np.stack([particles.px, particles.py, particles.pz], axis=1)
        n = len(particles)
        size = np.linalg.norm(momentum, axis=1)
        xyz = on_cylinder(momentum / np.maximum(size, 1e-300)[:, None], *DRAWN_AT)
        xyz[size == 0] = 0.0
        x, y, z = np.ascontiguousarray(xyz.T)
        hits = Hits(np.arange(n), x, y, z, np.full(n, -1, np.int32), energy=particles.energy)
        told = Collections((self._table.name,), np.zeros(n, np.int32), untold(n))
        found = {Tracks: Tracks(), Clusters: Clusters(), ReconstructedParticles: particles}
        return Event(entry.number, entry.source, hits, None, told, left_aside=self._aside, found=found)

    def _read(self, file: Any, entry: Entry) -> tuple[int, int, dict[str, Ragged]]:
        at, branches = self._table.tree, self._table.branches
        there = trees_of(file).get(at, set())
        if not set(branches.values()) <= there or entry.row >= file[at].num_entries:
            raise BadInput(self.file, f"event {entry.number}", CHANGED)
        tree = file[at]
        start, stop = batch_around(tree, branches.values(), entry.row)
        if "pairs" in branches:
            return start, stop, read_pairs(tree[branches["pairs"]], start, stop)
        columns = read_columns(tree, branches.values(), start, stop)
        for branch in branches.values():
            if branch not in columns or columns[branch].values.ndim != 1:
                raise BadInput(self.file, branch, "is no list of numbers; write the file again")
        return start, stop, {name: columns[branch] for name, branch in branches.items()}

    def _numbers(self, where: str, name: str, column: Ragged, row: int) -> Floats:
        branch = self._table.branches.get(name, self._table.name)
        values = column[row].astype(np.float64)
        lost = np.flatnonzero(~(np.abs(values) <= NUMBER))
        if len(lost):
            raise BadInput(
                self.file,
                f"{where}, {branch}[{lost[0]}]",
                f"a number that is none ({len(lost)} such); correct the file",
            )
        return values

    def _particles(self, where: str, given: dict[str, Floats]) -> ReconstructedParticles:
        code = given["pdgId"].astype(np.int64)
        charge = given.get("charge", charges(code))
        charged, neutral = (PARTICLE_CLASSES.index(f"{name}_hadron") for name in ("charged", "neutral"))
        kind = np.where(charge != 0, charged, neutral).astype(np.int32)
        for positive, name in CLASSES.items():
            kind[np.abs(code) == positive] = PARTICLE_CLASSES.index(name)
        px, py, pz, energy = self._momenta(where, given, given.get("mass", masses(code, charge)))
        n = len(code)
        return ReconstructedParticles(
            class_index=kind,
            class_probability=np.eye(len(PARTICLE_CLASSES))[kind],
            charge=charge,
            px=px,
            py=py,
            pz=pz,
            energy=energy,
            energy_sigma=np.full(n, np.nan),
            score=np.ones(n),
            track_offsets=np.zeros(n + 1, np.int64),
            cluster_offsets=np.zeros(n + 1, np.int64),
            offsets=np.arange(n + 1),
            hit_index=np.arange(n),
        )

    def _momenta(self, where: str, given: dict[str, Floats], mass: Floats) -> tuple[Floats, ...]:
        """Momentum and energy, GeV. Raises `BadInput`."""
        if "px" in given:
            px, py, pz, energy = (given[name] for name in ("px", "py", "pz", "energy"))
            pt = np.hypot(px, py)
        else:
            pt, eta, phi = given["pt"], given["eta"], given["phi"]
            with np.errstate(over="ignore", invalid="ignore"):
                px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
                energy = np.sqrt(px**2 + py**2 + pz**2 + np.maximum(mass, 0.0) ** 2)
        lost = np.flatnonzero((pt < 0) | ~((energy >= 0) & (energy <= NUMBER)))
        if len(lost):
            branch = self._table.branches.get("pt", self._table.name)
            why = f"a transverse momentum or an energy below 0, or beyond all bounds ({len(lost)} such); correct the file"
            raise BadInput(self.file, f"{where}, {branch}[{lost[0]}]", why)
        return px, py, pz, energy
