"""ROOT ntuples of the CMS HGCAL reconstruction (HGCalAnalysis): hits, and the simulated clusters they belong to.

Known by a tree with the branches of the hits, wherever it lies in the file. Lengths are in cm; the sensor of a hit is
the one at its place, whatever version of the geometry numbered its wafers. Energies of the hits are
calibrated: what is in the file is what a shower left in the layer, absorber included. Ours are what is seen in the
sensor, so with a detector they are multiplied by its sampling fraction, which whoever reconstructs divides by again;
without a sensor they stay as they are.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Hits, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.limits import EVENTS

from .file import TREES, UNPACKED, guarded, not_read, trees_of, unpacked

MM = 10.0  # in the unit of the file
NEEDED = ("event", "rechit_x", "rechit_y", "rechit_z", "rechit_energy")
TRUTH = (
    "simcluster_hits_indices",
    "simcluster_fractions",
    *(f"simcluster_{n}" for n in ("pt", "eta", "phi", "energy")),
)
GENERATED = tuple(f"genpart_{name}" for name in ("pid", "eta", "phi", "energy"))
VERTEX = ("vtx_x", "vtx_y", "vtx_z")
SAME = 0.05  # in eta, phi and relative energy: a generated particle that close is the simulated cluster's


def is_hgcal_ntuple(path: Path) -> bool:
    """Whether a ROOT file holds such a tree; False also where it cannot be read."""
    try:
        return guarded(path, lambda file: any(set(NEEDED) <= there for there in trees_of(file).values()))
    except BadInput:
        return False


class HgcalNtupleReader:
    """Reads the events of one file, one entry of its tree at a time."""

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file, self.finder = file, finder
        self._tree = ""
        self._aside: dict[str, int] = {}

    def entries(self) -> list[Entry]:
        """One entry an event. Raises `BadInput`: damaged, or no such tree in it."""
        numbers = guarded(self.file, self._numbers)
        if len(np.unique(numbers)) < len(
            numbers
        ):  # runs of the same simulation, put together: rows tell them apart
            numbers = np.arange(len(numbers))
        return [Entry(int(n), str(self.file), (("events", self.file),), row) for row, n in enumerate(numbers)]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        wanted = (*NEEDED, "rechit_time", *((*TRUTH, *GENERATED, *VERTEX) if truth else ()))
        columns = guarded(self.file, lambda file: _row(file[self._tree], entry.row, wanted))
        where = f"event {entry.number}"
        hits, fraction = self._hits(where, columns)
        told = truth and all(name in columns for name in TRUTH)
        made = (
            _truth(self.file, where, columns, np.asarray(hits.energy) / fraction, fraction) if told else None
        )
        return Event(entry.number, entry.source, hits, made, left_aside=self._aside)

    def _numbers(self, file: Any) -> NDArray[np.int64]:
        trees = {name: set(file[name].keys()) for name, kind in file.classnames().items() if kind in TREES}
        for name, branches in trees.items():
            if set(NEEDED) <= branches:
                self._tree = name
                read = {*NEEDED, "rechit_time", *TRUTH, *GENERATED, *VERTEX}
                self._aside = not_read(branches, read, [f"tree {other}" for other in trees if other != name])
                if file[name].num_entries > EVENTS:
                    why = f"says it holds {file[name].num_entries:,} events, more than {EVENTS:,}; split it"
                    raise BadInput(self.file, name, why)
                return np.asarray(file[name]["event"].array(library="np"), np.int64)
        there = ", ".join(trees) or "none"
        why = "ROOT, but neither EDM4hep, hits of ACTS, candidates of particle flow (PFCands_pt, _eta, _phi, _pdgId), "
        why += f"nor a tree with {', '.join(NEEDED)} (its trees: {there})"
        raise BadInput(self.file, "", f"{why}; columns of any other tree of hits are named with --map")

    def _hits(self, where: str, columns: dict[str, Any]) -> tuple[Hits, Floats]:
        """The hits, and the sampling fraction by which each energy was multiplied."""
        n = len(columns["rechit_x"])
        given = {name: np.asarray(columns[name]) for name in columns if name.startswith("rechit_")}
        for name, values in given.items():
            if values.shape != (n,):
                raise BadInput(
                    self.file,
                    f"{where}, {name}",
                    f"{' x '.join(map(str, values.shape))} values where {n} are due; write it again",
                )
        xyz = MM * np.stack([given[f"rechit_{axis}"] for axis in "xyz"], axis=1).astype(np.float64)
        lost = np.flatnonzero(~np.isfinite(xyz).all(axis=1))
        if len(lost):
            raise BadInput(
                self.file, f"{where}, hit {lost[0]}", "a position that is no number; correct the file"
            )
        sensor = self.finder.by_label((), (), xyz)
        fraction = np.ones(n)
        if self.finder.detector is not None:
            told = np.append(self.finder.detector.sampling_fraction, np.nan)[sensor]
            fraction = np.where(told > 0, told, 1.0)
        energy = fraction * given["rechit_energy"].astype(np.float64)
        time = given["rechit_time"].astype(np.float64) if "rechit_time" in given else None
        x, y, z = np.ascontiguousarray(xyz.T)
        return Hits(np.arange(n), x, y, z, sensor, time=time, energy=energy), fraction


def _row(tree: Any, row: int, wanted: tuple[str, ...]) -> dict[str, Any]:
    """Those of the wanted branches that there are, for one event; none that would fill the memory."""
    there = [name for name in wanted if name in tree]
    for name in there:
        size = unpacked(tree[name], row, row + 1)
        if size > UNPACKED:
            raise ValueError(f"{name} unpacks to {size:,} bytes for one event, more than {UNPACKED:,}")
    table = tree.arrays(there, entry_start=row, entry_stop=row + 1)
    return {name: table[name][0] for name in there}


def _truth(file: Path, where: str, columns: dict[str, Any], energy: Floats, fraction: Floats) -> Truth:
    """Particles from the simulated clusters, links from the fractions of hits that they hold."""
    pt, eta, phi, total = _side_by_side(file, where, columns, TRUTH[2:])
    lists = [[np.asarray(part) for part in columns[name]] for name in TRUTH[:2]]
    lengths = [[len(part) for part in parts] for parts in lists]
    if lengths[0] != lengths[1] or len(lengths[0]) != len(pt):
        raise BadInput(
            file, f"{where}, simclusters", "as many fractions as hits are due; write the file again"
        )
    hit, share = (np.concatenate([np.zeros(0), *parts]) for parts in lists)
    particle = np.repeat(np.arange(len(pt)), lengths[0])
    if len(hit) and int(hit.max()) >= len(energy):
        raise BadInput(
            file, f"{where}, simclusters", f"points at hit {int(hit.max())} of {len(energy)}; write it again"
        )
    kept = (hit >= 0) & (share > 0)  # -1: a hit that was simulated, but not reconstructed
    hit, share, particle = hit[kept].astype(np.int64), share[kept], particle[kept]
    order = np.lexsort((particle, hit))
    hit, share, particle = hit[order], share[order], particle[order]
    there = all(name in columns for name in GENERATED)
    generated = _side_by_side(file, where, columns, GENERATED) if there else []
    pdg = _species(generated, eta, phi, total)
    charge = np.where(np.isin(np.abs(pdg), (11, 13, 15)), -np.sign(pdg), 0.0)
    charge = np.where(np.isin(np.abs(pdg), (211, 321, 2212)), np.sign(pdg), charge)
    x, y, z = (np.full(len(pt), MM * float(columns[name]) if name in columns else 0.0) for name in VERTEX)
    particles = Particles(
        np.arange(1, len(pt) + 1), pdg, charge, x, y, z, pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    )
    return Truth(particles, hit, particle, energy=share * energy[hit] * fraction[hit])


def _side_by_side(file: Path, where: str, columns: dict[str, Any], names: tuple[str, ...]) -> list[Floats]:
    """Branches that say something of the same objects, so each has as many values."""
    found = [np.asarray(columns[name], np.float64) for name in names]
    for name, values in zip(names, found, strict=True):
        if values.shape != found[0].shape:
            why = f"{len(values)} values where {names[0]} has {len(found[0])}; write the file again"
            raise BadInput(file, f"{where}, {name}", why)
    return found


def _species(generated: list[Floats], eta: Floats, phi: Floats, energy: Floats) -> NDArray[np.int32]:
    """PDG code of the generated particle that each simulated cluster is; 0 where none is like it."""
    found = np.zeros(len(eta), np.int32)
    if generated and len(generated[0]):
        pid, *place = generated
        turn = (phi[:, None] - place[1] + np.pi) % (2 * np.pi) - np.pi
        apart = np.stack([eta[:, None] - place[0], turn, energy[:, None] / place[2] - 1])
        worst = np.abs(apart).max(axis=0)
        found = np.where(worst.min(axis=1) < SAME, pid[worst.argmin(axis=1)], 0).astype(np.int32)
    return found
