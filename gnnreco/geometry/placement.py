"""The ``sensors`` section of a detector: tables of sensors, and rules that place them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..errors import BadGeometry
from .description import Section
from .templates import CellTemplate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AXES = ("xu", "xv", "xw", "yu", "yv", "yw", "zu", "zv", "zw")
OPTIONAL = ("radiation_lengths", "interaction_lengths", "resolution_u", "resolution_v")
NEEDED = ("sensor_id", "template", "subsystem", "layer", "x", "y", "z", *AXES)


@dataclass(frozen=True)
class Placed:
    """Sensors of one entry, one row each, as in `Detector`; NaN where the subsystem or the cells shall tell."""

    sensor_id: Ints
    template: NDArray[np.int32]
    subsystem: NDArray[np.int32]
    layer: NDArray[np.int32]
    center: Floats
    rotation: Floats
    radiation_lengths: Floats
    interaction_lengths: Floats
    resolution_u: Floats
    resolution_v: Floats
    labels: dict[str, Ints] = field(default_factory=dict)


def place(entry: Section, templates: Sequence[CellTemplate], subsystems: Sequence[str]) -> Placed:
    """The sensors of one entry of the ``sensors`` list."""
    names = tuple(t.name for t in templates)
    placed = _table(entry, names, tuple(subsystems))
    entry.done()
    return placed


def _table(entry: Section, templates: tuple[str, ...], subsystems: tuple[str, ...]) -> Placed:
    file = entry.file.parent / entry.text("table")
    table = _read(file)
    for column in NEEDED:
        if column not in table.column_names:
            raise BadGeometry(file, f"column {column}", "missing; every sensor table needs it")
    if table.num_rows == 0:
        raise BadGeometry(file, "", "the table has no sensors")
    for column in table.column_names:
        if table[column].null_count:
            raise BadGeometry(file, f"column {column}", f"{table[column].null_count} empty values; fill them")
    length = entry.units["length"]
    position = np.stack([_floats(table, file, axis) for axis in "xyz"], axis=1) * length
    axes = np.stack([_floats(table, file, axis) for axis in AXES], axis=1).reshape(-1, 3, 3)
    told = []
    for column in OPTIONAL:
        values = (
            _floats(table, file, column) if column in table.column_names else np.full(len(position), np.nan)
        )
        told.append(values * (length if column.startswith("resolution") else 1.0))
    others = [c for c in table.column_names if c not in NEEDED + OPTIONAL]
    return Placed(
        _ints(table, file, "sensor_id"),
        _choice(table, file, "template", templates),
        _choice(table, file, "subsystem", subsystems),
        _ints(table, file, "layer").astype(np.int32),
        *(position, axes, *told),
        labels={column: _ints(table, file, column) for column in others},
    )


def _read(file: Path) -> pa.Table:
    try:
        if file.suffix == ".parquet":
            return pq.read_table(file, page_checksum_verification=True)
        return pa.csv.read_csv(file)
    except FileNotFoundError:
        raise BadGeometry(file, "", "no such table; the path is relative to detector.yaml") from None
    except (pa.ArrowException, OSError) as error:
        raise BadGeometry(file, "", f"not readable: {str(error).splitlines()[0]}") from None


def _floats(table: pa.Table, file: Path, column: str) -> Floats:
    try:
        return np.asarray(table[column].cast(pa.float64()).to_numpy(), np.float64)
    except pa.ArrowException:
        raise BadGeometry(file, f"column {column}", "expected numbers") from None


def _ints(table: pa.Table, file: Path, column: str) -> Ints:
    try:
        return np.asarray(table[column].cast(pa.int64()).to_numpy(), np.int64)
    except pa.ArrowException:
        raise BadGeometry(file, f"column {column}", "expected whole numbers") from None


def _choice(table: pa.Table, file: Path, column: str, known: tuple[str, ...]) -> NDArray[np.int32]:
    try:
        index = pc.index_in(table[column].cast(pa.string()), value_set=pa.array(known))
    except pa.ArrowException:
        raise BadGeometry(file, f"column {column}", "expected words") from None
    if index.null_count:
        row = int(np.flatnonzero(index.is_null().to_numpy(zero_copy_only=False))[0])
        name = table[column][row].as_py()
        raise BadGeometry(
            file, f"row {row}, column {column}", f"{name!r} is not in detector.yaml: {', '.join(known)}"
        )
    return np.asarray(index.to_numpy(), np.int32)
