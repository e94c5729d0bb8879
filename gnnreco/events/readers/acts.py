"""ACTS CSV: what the writers of the ACTS examples leave for each event.

``measurements`` is needed; ``cells`` gives deposits; ``hits`` (true hits), ``measurement-simhit-map`` and
a file of particles give truth. In the map, ``hit_id`` is the row number in ``hits``, not that file's
``index`` column.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Deposits, Event, Floats, Hits, Truth
from gnnreco.errors import BadInput
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry

from .rows import find_rows, make_deposits, require_unique, rows_of
from .table import FLOAT, FLOAT32, INT, INT32, TEXT, UINT, Columns, header_of, read_table
from .trackml import STATE
from .truth import BARCODE, KINEMATICS, PDG, link, make_particles, pack_barcode
from .whole import ID64

#: Particle files, the best first: momenta at production, secondaries included.
PARTICLE_FILES = (
    "particles_simulated",
    "particles_initial",
    "particles",
    "particles_selected",
    "particles_final",
)
GLOBAL = ("global_x", "global_y", "global_z")
KINDS = ("measurements", "measurement-simhit-map", "hits", "cells", *PARTICLE_FILES)

#: Columns of these files that hold nothing that is needed here.
KNOWN = {
    "measurements": ("phi", "theta", "var_phi", "var_theta", "var_time", "local0", "local1", *GLOBAL),
    "cells": ("geometry_id", "timestamp", "cluster"),
    "hits": ("geometry_id", "tt", "te", "deltapx", "deltapy", "deltapz", "deltae", "index"),
    "particles": (
        *("process", "vt", "m", "particle_hypothesis", "e_loss", "total_x0", "total_l0"),
        *("number_of_hits", "outcome", "pathInX0", "pathInL0", "numberOfHits"),
    ),
}

#: Bits of ``local_key``: which local parameters were measured.
LOCAL0, LOCAL1, TIME = 1 << 1, 1 << 2, 1 << 6

#: Of sensors, by which a detector that was imported from ACTS knows its own.
LABEL = "acts_geometry_id"

#: The files hold times as lengths: mm that light travels in a nanosecond.
MM_PER_NS = 299.792458


def read(entry: Entry, finder: SensorFinder, truth: bool, deposits: bool) -> Event:
    """Read one event, as every `Reader` does; its files are of the kinds in `KINDS`.

    Variances are infinite along a coordinate that the sensor did not measure.
    """
    files = dict(entry.files)
    file, aside = files["measurements"], Counter[str]()
    position = ("local0", "local1") if set(GLOBAL).isdisjoint(header_of(file)) else GLOBAL
    table = read_table(
        file,
        {"geometry_id": UINT, **dict.fromkeys(position, FLOAT)},
        {
            "measurement_id": INT,
            "local_key": TEXT,
            "time": FLOAT,
            "var_local0": FLOAT,
            "var_local1": FLOAT,
        },
        KNOWN["measurements"],
        aside,
    )
    geometry_id = table["geometry_id"].view(np.int64)
    if position == GLOBAL:
        xyz = np.stack([table[name] for name in GLOBAL], axis=1)
        sensor = finder.by_label((LABEL,), (geometry_id,), xyz)
    else:
        xyz, sensor = _placed(file, table, finder)
    hit_id = table.get("measurement_id", np.arange(len(xyz)))
    require_unique(file, "measurement_id", hit_id)
    var_u, var_v, time = _measured(table)
    cells = _deposits(files["cells"], hit_id, aside) if deposits and "cells" in files else None
    x, y, z = np.ascontiguousarray(xyz.T)
    hits = Hits(hit_id, x, y, z, sensor, var_u, var_v, time, None, cells)
    made = _truth(files, hit_id, aside) if truth else None
    return Event(entry.number, entry.source, hits, made, left_aside=dict(aside))


def _placed(file: Path, table: Columns, finder: SensorFinder) -> tuple[Floats, NDArray[np.int32]]:
    """Positions and sensors of measurements that say only where they lie in their sensors' own frames."""
    detector, remedy = finder.detector, f"write {', '.join(GLOBAL)} too"
    if detector is None or LABEL not in detector.labels:
        whose = "no detector is given" if detector is None else f"the sensors of {detector.name} have none"
        why = f"positions in the frames of sensors (local0, local1), which '{LABEL}' would name, but {whose}"
        raise BadInput(file, "line 1", f"{why}; {remedy}, or give a detector that was imported from ACTS")
    geometry_id = table["geometry_id"].view(np.int64)
    rows = find_rows(np.asarray(detector.labels[LABEL], np.int64), geometry_id)
    lost = np.flatnonzero(rows < 0)
    if len(lost):
        why = f"{table['geometry_id'][lost[0]]} is no sensor of {detector.name} ({len(lost)} such rows)"
        raise BadInput(file, f"line {lost[0] + 2}, column geometry_id", f"{why}; {remedy}")
    local = np.stack([table["local0"], table["local1"]], axis=1)
    return detector.to_global(rows, local), rows.astype(np.int32)


def _measured(table: Columns) -> tuple[NDArray | None, NDArray | None, NDArray | None]:
    """Variances, and the time where it was measured."""
    if "local_key" in table:
        keys, which = np.unique(table["local_key"].astype("S8"), return_inverse=True)
        key = np.array([_key(text) for text in keys], np.int64)[which]
    else:
        key = np.full(len(table["geometry_id"]), LOCAL0 | LOCAL1)
    variances = []
    for name, bit in (("var_local0", LOCAL0), ("var_local1", LOCAL1)):
        if name not in table:
            return None, None, None
        given = (key & bit > 0) & (table[name] > 0)
        variances.append(np.where(given, table[name], np.inf))
    timed = "time" in table and len(key) > 0 and bool(np.all(key & TIME > 0))
    return variances[0], variances[1], table["time"] / MM_PER_NS if timed else None


def _key(text: bytes) -> int:
    """The writer puts the bits out as one raw character; other tools write the number."""
    if text.isdigit():
        return int(text)
    return text[0] if len(text) == 1 else LOCAL0 | LOCAL1


def _deposits(file: Path, hit_id: NDArray[np.int64], aside: Counter[str]) -> Deposits:
    names = header_of(file)
    owner = "measurement_id" if "measurement_id" in names else "hit_id"
    needed = {owner: INT, "channel0": INT32, "channel1": INT32, "value": FLOAT32}
    table = read_table(file, needed, None, KNOWN["cells"], aside)
    rows = rows_of(file, owner, hit_id, table[owner], "measurement")
    return make_deposits(rows, len(hit_id), table["channel0"], table["channel1"], table["value"])


def _truth(files: Mapping[str, Path], hit_id: NDArray[np.int64], aside: Counter[str]) -> Truth | None:
    if "measurement-simhit-map" not in files or "hits" not in files:
        return None
    kind = next((kind for kind in PARTICLE_FILES if kind in files), None)
    if kind is None:
        raise BadInput(
            files["hits"],
            "",
            "true hits without a particle file (particles_simulated.csv, ...); add it or read without truth",
        )
    listed = files[kind]
    table = read_table(
        listed, {**_barcode_columns(listed), **KINEMATICS}, PDG, (*BARCODE, *KNOWN["particles"]), aside
    )
    particles = make_particles(listed, pack_barcode(listed, table), table)
    true_hits = read_table(
        files["hits"],
        _barcode_columns(files["hits"]),
        dict.fromkeys(STATE.values(), FLOAT),
        (*BARCODE, *KNOWN["hits"]),
        aside,
    )
    ids = pack_barcode(files["hits"], true_hits)
    pairs = read_table(files["measurement-simhit-map"], {"measurement_id": INT, "hit_id": INT})
    file = files["measurement-simhit-map"]
    row = rows_of(file, "measurement_id", hit_id, pairs["measurement_id"], "measurement")
    true_row = rows_of(file, "hit_id", np.arange(len(ids)), pairs["hit_id"], "row of the true hits")
    states = {name: true_hits[column][true_row] for name, column in STATE.items() if column in true_hits}
    return link(particles, row, ids[true_row], states)


def _barcode_columns(file: Path) -> dict[str, object]:
    if "particle_id" in header_of(file):
        return {"particle_id": ID64}
    return dict.fromkeys(BARCODE, INT)
