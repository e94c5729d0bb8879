"""Parquet with one row a hit, as pandas and polars write a table: the columns of TrackML CSV, of one event or of many.

``hit_id, x, y, z`` are needed. ``event`` (or ``event_id``) tells the events of a file apart; without it a file is one
event, with the last number in its name. ``volume_id, layer_id, module_id`` or ``sensor`` name the sensor; ``var_u, var_v,
time, energy`` are as in `gnnreco.columns.Hits`. ``particle_id`` (0 for noise), ``weight`` and the true
``tx, ty, tz, tpx, tpy, tpz`` are the truth. mm, ns, GeV.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.columns import Event, Hits, Truth
from gnnreco.errors import BadInput
from gnnreco.events.parquet.row_groups import PANDAS, Footer, event_numbers, opened, read_group
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.limits import EVENTS

from .table import FLOAT, INT, Columns
from .trackml import EVENT, HITS, LABELS, STATE, no_particles, sensors_of
from .truth import link

OF_HITS = ("var_u", "var_v", "time", "energy")
TRUTH = {"particle_id": INT, **dict.fromkeys(("weight", *STATE.values()), FLOAT)}
WANTED = {**HITS, **dict.fromkeys((*LABELS, "sensor"), INT), **dict.fromkeys(OF_HITS, FLOAT), **TRUTH}


def is_hits_table(footer: Footer | None) -> bool:
    """Whether a Parquet file holds one row a hit; False also for one that cannot be read."""
    if footer is None:
        return False
    schema = footer.schema
    return set(HITS) <= set(schema.names) and not any(pa.types.is_nested(schema.field(n).type) for n in HITS)


class HitsTableReader:
    """Reads the events of one file; the row groups that an event needs are kept for the next.

    Parameters
    ----------
    file : path
    finder : SensorFinder
    """

    # One for all readers, as of `ParquetReader`.
    _latest: ClassVar[tuple[HitsTableReader | None, range, pa.Table]] = (None, range(0), None)

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file, self.finder = file, finder
        self._event: str | None = None
        self._groups: dict[int, range] = {}
        self._aside: dict[str, int] = {}

    def entries(self) -> list[Entry]:
        """One entry an event, in the order of the file; reads only the event numbers. Raises `BadInput`."""
        with opened(self.file) as file:
            names = file.schema_arrow.names
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise BadInput(self.file, f"column {twice[0]}", "is there twice; keep one of them")
            self._event = next((name for name in EVENT if name in names), None)
            others = [n for n in names if n not in WANTED and n != self._event and not n.startswith(PANDAS)]
            self._aside = {f"column {name}": 1 for name in others}
            if self._event is None:
                digits = re.findall(r"\d+", self.file.name.split(".")[0])
                self._groups = {int(digits[-1][-18:]) if digits else 0: range(file.num_row_groups)}
            else:
                self._find_events(file, self._event)
        return [
            Entry(number, str(self.file), (("events", self.file),), row)
            for row, number in enumerate(self._groups)
        ]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        where = f"event {entry.number}"
        table = self._rows_of(entry.number)
        columns = {
            name: self._column(where, table, name, kind)
            for name, kind in WANTED.items()
            if name in table.column_names and (truth or name not in TRUTH)
        }
        if len(np.unique(columns["hit_id"])) < len(columns["hit_id"]):
            why = "the same hit id twice; ids must be unique in an event"
            raise BadInput(
                self.file, f"{where}, column hit_id", f"{why} (several events need a column 'event')"
            )
        made = _truth(columns) if "particle_id" in columns else None
        return Event(entry.number, entry.source, self._hits(columns), made, left_aside=self._aside)

    def _find_events(self, file: pq.ParquetFile, name: str) -> None:
        """From which to which row group each event reaches."""
        for group in range(file.num_row_groups):
            numbers = event_numbers(self.file, file, group, name)
            _, first = np.unique(numbers, return_index=True)
            for number in numbers[np.sort(first)].tolist():
                known = self._groups.get(number)
                self._groups[number] = range(group if known is None else known.start, group + 1)
            if len(self._groups) > EVENTS:
                raise BadInput(self.file, f"column {name}", f"more than {EVENTS:,} events; split the file")

    def _rows_of(self, number: int) -> pa.Table:
        groups = self._groups[number]
        reader, latest, table = HitsTableReader._latest
        if reader is not self or latest != groups:
            names = [*WANTED, *([] if self._event is None else [self._event])]
            with opened(self.file) as file:
                if groups.stop > file.num_row_groups:
                    raise BadInput(
                        self.file, f"event {number}", "the file changed while it was read; open it again"
                    )
                parts = [read_group(self.file, file, group, names) for group in groups]
            table = (
                pa.concat_tables(parts)
                if parts
                else pa.table({name: pa.array([], kind) for name, kind in HITS.items()})
            )
            HitsTableReader._latest = (self, groups, table)
        if self._event is None:
            return table
        import pyarrow.compute as pc  # here: it takes a tenth of a second, and other files need none of it

        return table.filter(pc.equal(table.column(self._event).cast(pa.int64()), number))

    def _column(self, where: str, table: pa.Table, name: str, kind: pa.DataType) -> NDArray:
        """One column of an event, without gaps; ids of 64 bits without a sign keep their bits."""
        place, column = f"{where}, column {name}", table.column(name)
        try:
            if pa.types.is_uint64(column.type) and name == "particle_id":
                values = column.to_numpy().view(np.int64)
            else:
                values = column.cast(kind).to_numpy()
        except pa.ArrowException:
            raise BadInput(
                self.file, place, f"holds {column.type} that are not all {kind}; correct it"
            ) from None
        if column.null_count or (values.dtype.kind == "f" and not bool(np.isfinite(values).all())):
            raise BadInput(self.file, place, "gaps, NaN or infinity; remove or mend these rows")
        return values

    def _hits(self, columns: Columns) -> Hits:
        xyz = np.stack([columns[axis] for axis in "xyz"], axis=1)
        if "sensor" in columns:
            sensor = self.finder.by_sensor_id(columns["sensor"], xyz)
        else:
            sensor = sensors_of(columns, self.finder)
        x, y, z = np.ascontiguousarray(xyz.T)
        var_u, var_v, time, energy = (columns.get(name) for name in OF_HITS)
        return Hits(columns["hit_id"], x, y, z, sensor, var_u, var_v, time, energy)


def _truth(columns: Columns) -> Truth:
    """What the columns of the hits tell of the particles: their ids, and their true states."""
    states = {name: columns[column] for name, column in STATE.items() if column in columns}
    rows = np.arange(len(columns["hit_id"]))
    return link(no_particles(), rows, columns["particle_id"], states, columns.get("weight"))
