"""TrackML CSV: ``hits``, ``cells``, ``particles``, ``truth`` of each event; only ``hits`` is needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Hits, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry

from .rows import make_deposits, require_unique, rows_of
from .table import FLOAT, FLOAT32, INT, INT32, Columns, read_table
from .truth import KINEMATICS, PDG, link, make_particles
from .whole import ID64

KINDS = ("hits", "cells", "particles", "truth")
LABELS = ("volume_id", "layer_id", "module_id")
#: Columns that tell the events of one table apart, in tables that hold several.
EVENT = ("event", "event_id", "event_number")
HITS = {"hit_id": INT, "x": FLOAT, "y": FLOAT, "z": FLOAT}
CELLS = {"hit_id": INT, "ch0": INT32, "ch1": INT32, "value": FLOAT32}
#: True position (mm) and momentum (GeV) of the particle in the hit, and the columns that hold them.
STATE = {"x": "tx", "y": "ty", "z": "tz", "px": "tpx", "py": "tpy", "pz": "tpz"}


def read(entry: Entry, finder: SensorFinder, truth: bool, deposits: bool) -> Event:
    """Read one event, as every `Reader` does; its files are of the kinds in `KINDS`.

    Truth needs the truth file; particles alone do not say who made a hit.
    """
    files = dict(entry.files)
    file, aside = files["hits"], Counter[str]()
    table = read_table(file, HITS, dict.fromkeys((*LABELS, *EVENT), INT), (), aside)
    for name in EVENT:
        if name in table and len(found := np.unique(table[name])) > 1:
            why = f"{len(found)} events in one table; write one file an event, or the same columns as Parquet"
            raise BadInput(file, f"column {name}", why)
    hit_id, x, y, z = table["hit_id"], table["x"], table["y"], table["z"]
    require_unique(file, "hit_id", hit_id)
    sensor = sensors_of(table, finder)
    cells = None
    if deposits and "cells" in files:
        cell = read_table(files["cells"], CELLS, None, (), aside)
        rows = rows_of(files["cells"], "hit_id", hit_id, cell["hit_id"], "hit")
        cells = make_deposits(rows, len(hit_id), cell["ch0"], cell["ch1"], cell["value"])
    hits = Hits(hit_id, x, y, z, sensor, deposits=cells)
    made = _truth(files, hit_id, aside) if truth and "truth" in files else None
    return Event(entry.number, entry.source, hits, made, left_aside=dict(aside))


def sensors_of(table: Columns, finder: SensorFinder) -> NDArray[np.int32]:
    """Sensors of the hits of a table with ``x, y, z`` and those of `LABELS` that it has."""
    xyz = np.stack([table["x"], table["y"], table["z"]], axis=1)
    if "module_id" in table and not finder.has_labels(LABELS):
        return finder.by_sensor_id(table["module_id"], xyz)  # as `write_trackml` leaves it
    names = tuple(name for name in LABELS if name in table)
    return finder.by_label(names, tuple(table[name] for name in names), xyz)


def no_particles() -> Particles:
    """What is listed where nothing is."""
    nothing, ids = np.zeros(0), np.zeros(0, np.int64)
    return Particles(ids, ids.astype(np.int32), *([nothing] * 7))


def _truth(files: Mapping[str, Path], hit_id: NDArray[np.int64], aside: Counter[str]) -> Truth:
    file = files["truth"]
    table = read_table(
        file,
        {"hit_id": INT, "particle_id": ID64},
        dict.fromkeys([*STATE.values(), "weight"], FLOAT),
        (),
        aside,
    )
    rows = rows_of(file, "hit_id", hit_id, table["hit_id"], "hit")
    silent = np.flatnonzero(np.bincount(rows, minlength=len(hit_id)) == 0)
    if len(silent):
        raise BadInput(
            file,
            "",
            f"no row for hit {hit_id[silent[0]]} ({len(silent)} such hits; noise has one too); cut off?",
        )
    weight = None
    if "weight" in table:
        weight = np.zeros(len(hit_id))
        np.add.at(weight, rows, table["weight"])
    states = {name: table[column] for name, column in STATE.items() if column in table}
    return link(_particles(files, aside), rows, table["particle_id"], states, weight)


def _particles(files: Mapping[str, Path], aside: Counter[str]) -> Particles:
    """The listed particles; without the file they are those of the truth rows."""
    if "particles" not in files:
        return no_particles()
    file = files["particles"]
    table = read_table(file, {"particle_id": ID64, **KINEMATICS}, PDG, ("nhits",), aside)
    return make_particles(file, table["particle_id"], table)
