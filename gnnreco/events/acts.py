"""ACTS CSV: what the writers of the ACTS examples leave for each event.

``measurements`` is needed; ``cells`` gives deposits; ``hits`` (true hits), ``measurement-simhit-map`` and
a file of particles give truth. In the map, ``hit_id`` is the row number in ``hits``, not that file's
``index`` column.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Deposits, Event, Hits, Truth
from gnnreco.errors import BadInput
from gnnreco.events.rows import make_deposits, require_unique, rows_of
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.table import FLOAT, FLOAT32, INT, INT32, TEXT, UINT, Columns, header_of, read_table
from gnnreco.events.truth import BARCODE, KINEMATICS, PDG, link, make_particles, pack_barcode

#: Particle files, the best first: momenta at production, secondaries included.
PARTICLE_FILES = (
    "particles_simulated",
    "particles_initial",
    "particles",
    "particles_selected",
    "particles_final",
)
KINDS = ("measurements", "measurement-simhit-map", "hits", "cells", *PARTICLE_FILES)

#: Bits of ``local_key``: which local parameters were measured.
LOCAL0, LOCAL1, TIME = 1 << 1, 1 << 2, 1 << 6

#: The files hold times as lengths: mm that light travels in a nanosecond.
MM_PER_NS = 299.792458


def read(
    number: int, source: str, files: Mapping[str, Path], finder: SensorFinder, truth: bool, deposits: bool
) -> Event:
    """Read one event.

    Parameters
    ----------
    number : int
    source : str
        Where the event came from, kept in it.
    files : mapping of kind to path
        Kinds as in `KINDS`.
    finder : SensorFinder
    truth, deposits : bool
        Whether to read the files for them where there are any.

    Returns
    -------
    Event
        Variances are infinite along a coordinate that the sensor did not measure.

    Raises
    ------
    BadInput
    """
    file = files["measurements"]
    table = read_table(
        file,
        {"geometry_id": UINT, "global_x": FLOAT, "global_y": FLOAT, "global_z": FLOAT},
        {
            "measurement_id": INT, "local_key": TEXT, "time": FLOAT, "var_local0": FLOAT, "var_local1": FLOAT,
        },
    )  # fmt: skip
    x, y, z = table["global_x"], table["global_y"], table["global_z"]
    hit_id = table.get("measurement_id", np.arange(len(x)))
    require_unique(file, "measurement_id", hit_id)
    geometry_id = table["geometry_id"].view(np.int64)
    sensor = finder.by_label(("acts_geometry_id",), (geometry_id,), np.stack([x, y, z], axis=1))
    var_u, var_v, time = _measured(table)
    cells = _deposits(files["cells"], hit_id) if deposits and "cells" in files else None
    hits = Hits(hit_id, x, y, z, sensor, var_u, var_v, time, None, cells)
    return Event(number, source, hits, _truth(files, hit_id) if truth else None)


def _measured(table: Columns) -> tuple[NDArray | None, NDArray | None, NDArray | None]:
    """Variances, and the time where it was measured."""
    if "local_key" in table:
        keys, which = np.unique(table["local_key"].astype("S8"), return_inverse=True)
        key = np.array([_key(text) for text in keys], np.int64)[which]
    else:
        key = np.full(len(table["global_x"]), LOCAL0 | LOCAL1)
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


def _deposits(file: Path, hit_id: NDArray[np.int64]) -> Deposits:
    names = header_of(file)
    owner = "measurement_id" if "measurement_id" in names else "hit_id"
    table = read_table(file, {owner: INT, "channel0": INT32, "channel1": INT32, "value": FLOAT32})
    rows = rows_of(file, owner, hit_id, table[owner], "measurement")
    return make_deposits(rows, len(hit_id), table["channel0"], table["channel1"], table["value"])


def _truth(files: Mapping[str, Path], hit_id: NDArray[np.int64]) -> Truth | None:
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
    table = read_table(listed, {**_barcode_columns(listed), **KINEMATICS}, PDG)
    particles = make_particles(listed, pack_barcode(listed, table), table)
    state = {"x": "tx", "y": "ty", "z": "tz", "px": "tpx", "py": "tpy", "pz": "tpz"}
    true_hits = read_table(
        files["hits"], _barcode_columns(files["hits"]), dict.fromkeys(state.values(), FLOAT)
    )
    ids = pack_barcode(files["hits"], true_hits)
    pairs = read_table(files["measurement-simhit-map"], {"measurement_id": INT, "hit_id": INT})
    file = files["measurement-simhit-map"]
    row = rows_of(file, "measurement_id", hit_id, pairs["measurement_id"], "measurement")
    true_row = rows_of(file, "hit_id", np.arange(len(ids)), pairs["hit_id"], "row of the true hits")
    states = {name: true_hits[column][true_row] for name, column in state.items() if column in true_hits}
    return link(particles, row, ids[true_row], states)


def _barcode_columns(file: Path) -> dict[str, object]:
    if "particle_id" in header_of(file):
        return {"particle_id": UINT}
    return dict.fromkeys(BARCODE, INT)
