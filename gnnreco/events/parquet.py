"""Native Parquet: several events a file, one row an event, a checksum on every page, verified on reading.

Positions, variances, momenta and energies are stored as float32 (0.06 micrometres at 1 m); ids and links are exact.
``sensor`` holds the detector's own sensor ids, so a file stays right when sensors are dropped or moved.
Deposits are stored per hit as a count, the first channel, and the differences from it, which compress
well.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.columns import Deposits, Event, Hits, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry

FORMAT = b"gnnreco events 2"
HITS = {"hit_id": pa.int64(), "x": pa.float32(), "y": pa.float32(), "z": pa.float32(), "sensor": pa.int64()}
HITS_WANTED = dict.fromkeys(("var_u", "var_v", "time", "energy"), pa.float32())
DEPOSITS = {
    "deposit_count": pa.int32(),
    "deposit_u0": pa.int32(),
    "deposit_v0": pa.int32(),
    "deposit_du": pa.int32(),
    "deposit_dv": pa.int32(),
    "deposit_value": pa.float32(),
}
PARTICLES = {
    "particle_id": pa.int64(),
    "particle_pdg": pa.int32(),
    **dict.fromkeys(
        (f"particle_{name}" for name in ("charge", "vx", "vy", "vz", "px", "py", "pz")), pa.float32()
    ),
}
LINKS = {"link_hit": pa.int32(), "link_particle": pa.int32()}
WEIGHT = {"weight": pa.float32()}
ENERGY = {"link_energy": pa.float32()}
COLUMNS = {**HITS, **HITS_WANTED, **DEPOSITS, **PARTICLES, **LINKS, **WEIGHT, **ENERGY}
SCHEMA = pa.schema(
    [pa.field("event", pa.int64(), nullable=False), *(pa.field(n, pa.list_(t)) for n, t in COLUMNS.items())]
)
#: What the formats that can be read hold: the first one did not say what a particle left in a hit.
SCHEMAS = {
    FORMAT: SCHEMA,
    b"gnnreco events 1": pa.schema([SCHEMA.field(n) for n in SCHEMA.names if n not in ENERGY]),
}


class ParquetReader:
    """Reads the events of one file; the row group read last is kept, so reading in order reads each once.

    Parameters
    ----------
    file : path
    finder : SensorFinder
    """

    # One for all readers: a thousand files read in turn must not leave a thousand row groups in memory.
    _latest: ClassVar[tuple[ParquetReader | None, tuple[int, bool, bool], pa.Table]] = (
        None,
        (0, False, False),
        None,
    )

    def __init__(self, file: Path, finder: SensorFinder) -> None:
        self.file, self.finder = file, finder
        self._starts = np.zeros(1, np.int64)

    def entries(self) -> list[Entry]:
        """One entry an event; reads only the event numbers.

        Raises
        ------
        BadInput
            Not Parquet, not of this format, damaged or cut off.
        """
        groups = self._guarded(
            lambda file: [
                file.read_row_group(i, ["event"], use_threads=False) for i in range(file.num_row_groups)
            ]
        )
        self._starts = np.cumsum([0, *(group.num_rows for group in groups)])
        numbers = [int(n) for group in groups for n in group.column("event").to_pylist()]
        return [Entry(n, str(self.file), (("events", self.file),), row) for row, n in enumerate(numbers)]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        where = f"event {entry.number}"
        group = int(np.searchsorted(self._starts, entry.row, side="right")) - 1
        table = self._group((group, truth, deposits))
        columns = _Row(self.file, where, table.slice(entry.row - int(self._starts[group]), 1))
        if columns.number != entry.number:
            raise BadInput(self.file, where, "the file changed while it was read; open it again")
        return Event(entry.number, entry.source, self._hits(columns), _truth(columns) if truth else None)

    def _group(self, key: tuple[int, bool, bool]) -> pa.Table:
        reader, latest, table = ParquetReader._latest
        if reader is not self or latest != key:
            group, truth, deposits = key
            names = ["event", *HITS, *HITS_WANTED, *(DEPOSITS if deposits else ())]
            names += [*PARTICLES, *LINKS, *WEIGHT, *ENERGY] if truth else []
            table = self._guarded(
                lambda file: file.read_row_group(
                    group, [name for name in names if name in file.schema_arrow.names], use_threads=False
                )
            )
            ParquetReader._latest = (self, key, table)
        return table

    def _hits(self, columns: _Row) -> Hits:
        n = len(columns.needed("hit_id"))
        given = {name: columns.sized(name, n) for name in HITS}
        if n and len(np.unique(given["hit_id"])) < n:
            raise columns.bad("hit_id", "the same hit id twice")
        for name in ("x", "y", "z"):
            given[name] = columns.finite(name, given[name]).astype(np.float64)
        xyz = np.stack([given["x"], given["y"], given["z"]], axis=1)
        given["sensor"] = self.finder.by_sensor_id(given["sensor"], xyz)
        for name in HITS_WANTED:
            if columns.has(name):
                given[name] = columns.sized(name, n).astype(np.float64)
        return Hits(**given, deposits=_deposits(columns, n) if columns.has("deposit_count") else None)

    def _guarded(self, read: Callable[[pq.ParquetFile], Any]) -> Any:
        """Open the file, read from it, close it; any fault of the file becomes `BadInput`."""
        try:
            with pq.ParquetFile(self.file, page_checksum_verification=True) as file:
                schema = SCHEMAS.get((file.metadata.metadata or {}).get(b"gnnreco.format", b""))
                if schema is None:
                    why = "Parquet, but no gnnreco events (or of a later version); see `gnnreco convert`"
                    raise BadInput(self.file, "", why)
                if not file.schema_arrow.equals(schema):
                    raise ValueError("the columns are not those of this format")
                return read(file)
        except FileNotFoundError:
            raise BadInput(self.file, "", "does not exist; check the path") from None
        except (
            pa.ArrowException,
            OSError,
            ValueError,
            KeyError,
            IndexError,
            OverflowError,
            MemoryError,
        ) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
            raise BadInput(
                self.file, "", f"damaged or cut off ({reason}); write or fetch the file again"
            ) from None


class _Row:
    """The columns of one event, checked as they are taken."""

    def __init__(self, file: Path, where: str, row: pa.Table) -> None:
        self.file, self.where, self.row = file, where, row
        self.number = row.column("event")[0].as_py()

    def bad(self, name: str, why: str) -> BadInput:
        return BadInput(self.file, f"{self.where}, column {name}", f"{why}; write the file again")

    def has(self, name: str) -> bool:
        return name in self.row.column_names and self.row.column(name).null_count == 0

    def needed(self, name: str) -> NDArray:
        if not self.has(name):
            raise self.bad(name, "is missing")
        column = self.row.column(name).combine_chunks()
        values = column.flatten()
        if values.null_count or values.type != COLUMNS[name]:
            raise self.bad(name, f"holds {values.type} with {values.null_count} gaps, not {COLUMNS[name]}")
        return values.to_numpy()

    def sized(self, name: str, size: int) -> NDArray:
        values = self.needed(name)
        if len(values) != size:
            raise self.bad(name, f"{len(values)} values where {size} are due")
        return values

    def finite(self, name: str, values: NDArray) -> NDArray:
        if not bool(np.isfinite(values).all()):
            raise self.bad(name, "NaN or infinity")
        return values


def _deposits(columns: _Row, n_hits: int) -> Deposits:
    count = columns.sized("deposit_count", n_hits).astype(np.int64)
    if len(count) and int(count.min()) < 0:
        raise columns.bad("deposit_count", "a negative count")
    offsets = np.concatenate([[0], np.cumsum(count)])
    filled = count[count > 0]
    channels = []
    for axis in ("u", "v"):
        start = columns.sized(f"deposit_{axis}0", len(filled))
        step = columns.sized(f"deposit_d{axis}", int(offsets[-1]))
        channels.append(np.repeat(start, filled) + step)
    value = columns.finite("deposit_value", columns.sized("deposit_value", int(offsets[-1])))
    return Deposits(offsets, channels[0], channels[1], value)


def _truth(columns: _Row) -> Truth | None:
    if not columns.has("particle_id"):
        return None
    n, n_hits = len(columns.needed("particle_id")), len(columns.needed("hit_id"))
    values = {name.removeprefix("particle_"): columns.sized(name, n) for name in PARTICLES}
    ids, pdg = values.pop("id"), values.pop("pdg")
    if len(np.unique(ids)) < n:
        raise columns.bad("particle_id", "the same particle id twice")
    numbers = {k: columns.finite(f"particle_{k}", v).astype(np.float64) for k, v in values.items()}
    hit = columns.needed("link_hit").astype(np.int64)
    particle = columns.sized("link_particle", len(hit)).astype(np.int64)
    for name, rows, size in (("link_hit", hit, n_hits), ("link_particle", particle, n)):
        if len(rows) and (int(rows.min()) < 0 or int(rows.max()) >= size):
            raise columns.bad(name, f"points outside the {size} rows there are")
    weight = columns.sized("weight", n_hits).astype(np.float64) if columns.has("weight") else None
    energy = None
    if columns.has("link_energy"):
        energy = columns.finite("link_energy", columns.sized("link_energy", len(hit))).astype(np.float64)
    return Truth(Particles(ids, pdg, **numbers), hit, particle, weight, energy)
