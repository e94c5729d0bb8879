"""JSON of the event display of the Open Data Detector (ColliderML): one simulated event; mm, GeV.

``all_tracker_hits`` and ``calo_hits`` tell of each hit its place and the particle that made it, or most of it. Of a particle
the file tells the species and the transverse momentum only: its direction here is that from the vertex to its innermost hit,
which is bent by the field at low momentum.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events.readers.bounded import parse_json, read_text
from gnnreco.events.readers.drawn import Drawn, event_of, numbers, untold
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.json_types import JsonDict
from gnnreco.files.limits import NUMBER
from gnnreco.particles import species_of

TRACKER, CALORIMETER = "all_tracker_hits", "calo_hits"
#: What tells this format from any other JSON.
MARK = re.compile(rb'"(all_tracker_hits|has_calo)"\s*:')
AXES = ("x", "y", "z")


class OddDisplayReader:
    """Reads the one event of a file."""

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file, self.finder = file, finder

    def entries(self) -> list[Entry]:
        """The event. Raises `BadInput`."""
        metadata = self._content().get("metadata")
        number = metadata.get("event_id", 0) if isinstance(metadata, dict) else 0
        number = number if isinstance(number, int) and abs(number) < 2**62 else 0
        return [Entry(number, str(self.file), (("events", self.file),), 0)]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        content = self._content()
        read = {name: self._hits(content, name) for name in (TRACKER, CALORIMETER)}
        parts = [
            Drawn(name, rows[:, :3], untold(len(rows)), rows[:, 6] if name == CALORIMETER else None)
            for name, rows in read.items()
        ]
        aside = {k: len(v) for k, v in content.items() if isinstance(v, list) and k not in (*read, "vertex")}
        event = event_of(entry.number, entry.source, self.file, "", parts, self.finder, aside)
        if not truth:
            return event
        vertex = self._numbers("vertex", [content.get("vertex") or [0.0, 0.0, 0.0]], 3)[0]
        if not (np.abs(vertex) <= NUMBER).all():
            raise BadInput(self.file, "vertex", "NaN, or a number beyond all bounds; correct the file")
        made = _truth(np.concatenate(list(read.values())), vertex)
        return Event(
            event.number, event.source, event.hits, made, event.collections, left_aside=event.left_aside
        )

    def _content(self) -> JsonDict:
        content = parse_json(self.file, "", read_text(self.file))
        if not isinstance(content.get(TRACKER), list) and not isinstance(content.get(CALORIMETER), list):
            raise BadInput(
                self.file, "", f"JSON, but neither {TRACKER} nor {CALORIMETER} in it; check the file"
            )
        return content

    def _hits(self, content: JsonDict, name: str) -> Floats:
        """Of each hit: place, particle, species, transverse momentum, energy (n, 7)."""
        rows = content.get(name) or []
        if not isinstance(rows, list):
            raise BadInput(self.file, name, "no list of hits; damaged: fetch the file again")
        wanted = (*AXES, "particle_id", "pdg_id", "pT", *(("energy",) if name == CALORIMETER else ()))
        listed: list[list[Any]] = []
        for at, row in enumerate(rows):
            if not isinstance(row, dict):
                raise BadInput(self.file, f"{name}[{at}]", "no hit; damaged: fetch the file again")
            listed.append([row.get(key) for key in wanted])
        values = self._numbers(name, listed, len(wanted))
        whole = values[:, 3:5]
        if not ((np.abs(values) <= NUMBER).all() and (whole == whole.round()).all()):
            why = "NaN, a number beyond all bounds, or an id that is no whole number; correct the file"
            raise BadInput(self.file, name, why)
        return np.column_stack([values, np.zeros((len(values), 7 - values.shape[1]))])

    def _numbers(self, name: str, rows: list[Any], width: int) -> Floats:
        return numbers(self.file, name, rows, width)


def _truth(rows: Floats, vertex: Floats) -> Truth:
    """Particles, each as its innermost hit tells it, and one link for each hit."""
    ids = rows[:, 3].astype(np.int64)
    away = rows[:, :3] - vertex
    order = np.lexsort((np.linalg.norm(away, axis=1), ids))
    known, first = np.unique(ids[order], return_index=True)
    inner = order[first]
    pdg = rows[inner, 4].astype(np.int64).clip(-(2**31) + 1, 2**31 - 1).astype(np.int32)
    flat = np.maximum(np.hypot(away[inner, 0], away[inner, 1]), 1e-9)
    momentum = away[inner] * (rows[inner, 5] / flat)[:, None]
    x, y, z = np.repeat(vertex[:, None], len(known), axis=1)
    px, py, pz = np.ascontiguousarray(momentum.T)
    particles = Particles(known, pdg, _charges(pdg), x, y, z, px, py, pz)
    hits = np.arange(len(rows))
    particle: Ints = np.searchsorted(known, ids)
    return Truth(particles, hits, particle, energy=rows[:, 6])


def _charges(pdg: NDArray[np.int32]) -> Floats:
    table = species_of(np.unique(pdg).tolist())
    return np.asarray(table.charge[table.rows(pdg)], np.float64)
