"""The writer of native Parquet; what the columns mean stands in `gnnreco.events.parquet.reader`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnnreco.columns import Deposits, Event
from gnnreco.files.json_types import JsonDict

from .numbers import told
from .reader import COLUMNS, FATE, FORMAT, HITS, HITS_WANTED, PARTICLES, SCHEMA
from .row_groups import created

if TYPE_CHECKING:
    from gnnreco.geometry import Detector

#: A row group is closed at this many hits or events: small enough to read one, large enough to compress.
GROUP_HITS, GROUP_EVENTS = 50_000, 16


DICTIONARY = (
    "var_u",
    "var_v",
    "particle_pdg",
    "particle_charge",
    "fate",
    "deposit_du",
    "deposit_dv",
    "deposit_count",
)


def write_parquet(file: Path, events: Iterable[Event], detector: Detector | None) -> None:
    """Write events to one file; the same events give the same bytes.

    Parameters
    ----------
    file : path
        Replaced where it exists.
    events : iterable of Event
        Held in memory one row group at a time.
    detector : Detector, optional
        Whose rows ``hits.sensor`` are; without it they are stored as they are.
    """
    encodings = {
        f"{name}.list.element": "BYTE_STREAM_SPLIT" if pa.types.is_floating(kind) else "DELTA_BINARY_PACKED"
        for name, kind in COLUMNS.items()
        if name not in DICTIONARY
    }
    about = {b"gnnreco.format": FORMAT, b"gnnreco.units": b"mm, ns, GeV"}
    if detector is not None:
        about |= {
            b"gnnreco.detector": detector.name.encode(),
            b"gnnreco.detector_hash": detector.hash.encode(),
        }
    with created(file, SCHEMA, [f"{name}.list.element" for name in DICTIONARY], encodings) as writer:
        writer.add_key_value_metadata(about)
        group: list[JsonDict] = []
        hits, numbers = 0, []
        for event in events:
            group.append(_row(event, detector))
            numbers.append(event.number)
            hits += len(event.hits)
            if hits >= GROUP_HITS or len(group) == GROUP_EVENTS:
                writer.write_table(_table(group))
                group, hits = [], 0
        if group:
            writer.write_table(_table(group))
        writer.add_key_value_metadata(told(numbers))


def _row(event: Event, detector: Detector | None) -> JsonDict:
    hits, truth = event.hits, event.truth
    sensor = hits.sensor.astype(np.int64)
    if detector is not None:
        sensor = np.where(sensor >= 0, detector.sensor_id[sensor], -1) if detector.n_sensors else sensor
    row: JsonDict = {name: getattr(hits, name) for name in (*HITS, *HITS_WANTED)}
    row |= {"event": event.number, "sensor": sensor}
    if hits.deposits is not None:
        row |= _deposits_row(hits.deposits)
    if truth is not None:
        row |= {
            name: getattr(truth.particles, name.removeprefix("particle_"))
            for name in PARTICLES
            if name != "particle_id"
        }
        row |= {
            "particle_id": truth.particles.particle_id,
            "link_hit": truth.hit,
            "link_particle": truth.particle,
            "link_energy": truth.energy,
        }
        row["weight"] = truth.weight
        if truth.fates is not None:
            row |= {name: getattr(truth.fates, name.removeprefix("fate_")) for name in FATE}
    return row


def _deposits_row(deposits: Deposits) -> dict[str, NDArray]:
    count = np.diff(deposits.offsets)
    first = deposits.offsets[:-1][count > 0]
    row = {"deposit_count": count, "deposit_value": deposits.value}
    for axis, channel in (("u", deposits.u), ("v", deposits.v)):
        start = channel[first]
        row |= {f"deposit_{axis}0": start, f"deposit_d{axis}": channel - np.repeat(start, count[count > 0])}
    return row


def _table(rows: Sequence[JsonDict]) -> pa.Table:
    columns = [pa.array([row["event"] for row in rows], pa.int64())]
    for name, kind in COLUMNS.items():
        lists = [row.get(name) for row in rows]
        sizes = [0 if values is None else len(values) for values in lists]
        flat = np.concatenate([np.zeros(0, kind.to_pandas_dtype()), *(v for v in lists if v is not None)])
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
        absent = pa.array([values is None for values in lists])
        values = pa.array(flat.astype(kind.to_pandas_dtype()), kind)
        columns.append(pa.ListArray.from_arrays(pa.array(offsets), values, mask=absent))
    return pa.Table.from_arrays(columns, schema=SCHEMA)
