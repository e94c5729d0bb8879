"""Native Parquet: several events a file, one row an event, a checksum on every page, verified on reading.

Positions, variances, momenta and energies are stored as float32 (0.06 micrometres at 1 m); ids and links are exact.
``sensor`` holds the detector's own sensor ids, so a file stays right when sensors are dropped or moved.
Deposits are stored per hit as a count, the first channel, and the differences from it, which compress
well. ``fate`` is the number of an entry of `gnnreco.columns.FATES`; its columns are there where a simulation told.

pandas, polars and others may have written the file again: columns in another order, with wider types or as other kinds
of lists are read all the same, ``sensor``, the deposits and the truth may be gone, and further columns are left aside.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.columns import FATES, Deposits, Event, Fates, Hits, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events.output_file.layout import NOTE
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.arrow import numbers_of
from gnnreco.files.limits import EVENTS
from gnnreco.kernels.memory import LARGE, give_back

from .numbers import numbers_by_footer
from .row_groups import PANDAS, Footer, event_numbers, opened, read_group

FORMAT = b"gnnreco events 3"
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
FATE = {
    "fate": pa.int8(),
    "fate_parent": pa.int32(),
    **dict.fromkeys((f"fate_{name}" for name in ("x", "y", "z", "time")), pa.float32()),
}
TRUTH = {**PARTICLES, **LINKS, **WEIGHT, **ENERGY, **FATE}
COLUMNS = {**HITS, **HITS_WANTED, **DEPOSITS, **TRUTH}
SCHEMA = pa.schema(
    [pa.field("event", pa.int64(), nullable=False), *(pa.field(n, pa.list_(t)) for n, t in COLUMNS.items())]
)
KNOWN = frozenset(SCHEMA.names)
#: Those of the second format did not say what became of particles, nor those of the first what one left in a hit.
SCHEMAS = tuple(
    pa.schema([SCHEMA.field(n) for n in SCHEMA.names if n not in later])
    for later in ({}, FATE, {**FATE, **ENERGY})
)
#: What can be read; pandas and polars drop the name.
FORMATS = (FORMAT, b"gnnreco events 2", b"gnnreco events 1", b"")


class ParquetReader:
    """Reads the events of one file; the row group read last is kept, so reading in order reads each once.

    Parameters
    ----------
    file : path
    finder : SensorFinder
    footer : Footer, optional
        That of the file, if it has been read already.
    """

    # One for all readers: a thousand files read in turn must not leave a thousand row groups in memory.
    _latest: ClassVar[tuple[ParquetReader | None, tuple[int, bool, bool], pa.Table]] = (
        None,
        (0, False, False),
        None,
    )

    def __init__(self, file: Path, finder: SensorFinder, footer: Footer | None = None) -> None:
        self.file, self.finder, self._footer = file, finder, footer
        self._starts = np.zeros(1, np.int64)
        self._aside: dict[str, int] = {}

    def entries(self) -> list[Entry]:
        """One entry an event; reads only the footer, or the event numbers where that does not tell them.

        Raises
        ------
        BadInput
            Not Parquet, not of this format, damaged or cut off.
        """
        groups = self._told() or self._guarded(self._numbers)
        self._footer = None
        self._starts = np.cumsum([0, *map(len, groups)])
        source, files = str(self.file), (("events", self.file),)
        numbers = np.concatenate([np.zeros(0, np.int64), *groups]).tolist()
        return [Entry(n, source, files, row) for row, n in enumerate(numbers)]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        where = f"event {entry.number}"
        group = int(np.searchsorted(self._starts, entry.row, side="right")) - 1
        table = self._group((group, truth, deposits))
        columns = _Row(self.file, where, table.slice(entry.row - int(self._starts[group]), 1))
        if columns.number != entry.number:
            raise BadInput(self.file, where, "the file changed while it was read; open it again")
        made = _truth(columns) if truth else None
        hits = self._hits(columns)
        if len(hits) > LARGE and ParquetReader._latest[0] is None:
            del table, columns  # Arrow keeps what it has read apart from what NumPy may use
            pa.default_memory_pool().release_unused()
            give_back(len(hits))
        return Event(entry.number, entry.source, hits, made, left_aside=self._aside)

    def _told(self) -> list[NDArray[np.int64]]:
        """The numbers by row groups as the footer tells them, which was read already; none where it does not."""
        if self._footer is None:
            return []
        about, schema = self._footer
        notes = about.metadata or {}
        sizes = [about.row_group(i).num_rows for i in range(about.num_row_groups)]
        sound = 0 < about.num_rows == sum(sizes) <= EVENTS and min(sizes) >= 0
        if not (
            sound and _as_written(about) and schema in SCHEMAS and notes.get(b"gnnreco.format") in FORMATS
        ):
            return []
        known = numbers_by_footer(notes, about.num_rows)
        return [] if known is None else np.split(np.array(known, np.int64), np.cumsum(sizes)[:-1])

    def _group(self, key: tuple[int, bool, bool]) -> pa.Table:
        reader, latest, table = ParquetReader._latest
        if reader is not self or latest != key:
            group, truth, deposits = key
            names = ["event", *HITS, *HITS_WANTED, *(DEPOSITS if deposits else ())]
            names += TRUTH if truth else []
            table = self._guarded(lambda file: read_group(self.file, file, group, names))
            single = self._starts[group + 1] - self._starts[group] == 1  # nobody will ask for it again
            ParquetReader._latest = (None, key, None) if single else (self, key, table)
        return table

    def _numbers(self, file: pq.ParquetFile) -> list[NDArray[np.int64]]:
        if file.metadata.num_rows > EVENTS:
            why = f"says it holds {file.metadata.num_rows:,} events, more than {EVENTS:,}; split it"
            raise BadInput(self.file, "", why)
        return [event_numbers(self.file, file, i, "event") for i in range(file.num_row_groups)]

    def _hits(self, columns: _Row) -> Hits:
        n = len(columns.needed("hit_id"))
        given = {name: columns.sized(name, n) for name in HITS if name != "sensor" or columns.has(name)}
        if n and len(np.unique(given["hit_id"])) < n:
            raise columns.bad("hit_id", "the same hit id twice")
        for name in ("x", "y", "z"):
            given[name] = columns.finite(name, given[name]).astype(np.float64)
        xyz = np.stack([given["x"], given["y"], given["z"]], axis=1)
        if "sensor" in given:
            given["sensor"] = self.finder.by_sensor_id(given["sensor"], xyz)
        else:
            given["sensor"] = self.finder.by_label((), (), xyz)
        for name in HITS_WANTED:
            if columns.has(name):
                given[name] = columns.sized(name, n).astype(np.float64)
        return Hits(**given, deposits=_deposits(columns, n) if columns.has("deposit_count") else None)

    def _guarded(self, read: Callable[[pq.ParquetFile], Any]) -> Any:
        """Open the file, check its columns, read from it, close it; any fault of the file becomes `BadInput`."""
        with opened(self.file) as file:
            schema = file.schema_arrow
            if _as_written(file.metadata) and schema not in SCHEMAS:
                raise ValueError("the columns are not those of this format")
            names = schema.names  # made anew each time that it is asked for
            lists = {n for n in names if pa.types.is_nested(schema.field(n).type)}
            if (file.metadata.metadata or {}).get(b"gnnreco.format", b"") not in FORMATS or not lists:
                why = "Parquet, but no gnnreco events (or of a later version), nor one row a hit (hit_id, x, y, z)"
                raise BadInput(self.file, "", f"{why}; name its columns with --map")
            if NOTE.encode() in (file.metadata.metadata or {}):
                why = "holds what `gnnreco reconstruct` found, and no hits; name the events that it was found in"
                raise BadInput(self.file, "", why)
            for name in ("event", "hit_id", "x", "y", "z"):
                if name not in names:
                    raise BadInput(self.file, f"column {name}", "is missing; write the file with it")
            for name in COLUMNS:
                if name in names and name not in lists:
                    why = f"holds {schema.field(name).type}, not a list of {COLUMNS[name]} for each event"
                    raise BadInput(self.file, f"column {name}", f"{why}; write the file again")
            others = [n for n in names if n not in KNOWN and not n.startswith(PANDAS)]
            self._aside = {f"column {name}": 1 for name in others}
            return read(file)


def made_for(file: Path) -> str:
    """Hash of the detector that a file of events says it was made for; empty where it does not say."""
    if file.suffix != ".parquet":
        return ""
    with opened(file) as parquet:
        return (parquet.metadata.metadata or {}).get(b"gnnreco.detector_hash", b"").decode("ascii", "replace")


def _as_written(about: pq.FileMetaData) -> bool:
    """Whether no other tool wrote the file again: a column that is not ours then comes from damage."""
    return b"ARROW:schema" not in (about.metadata or {}) and about.created_by.startswith("parquet-cpp-arrow")


class _Row:
    """The columns of one event, checked as they are taken."""

    def __init__(self, file: Path, where: str, row: pa.Table) -> None:
        self.file, self.where, self.row = file, where, row
        self.number = int(row.column("event")[0].as_py())

    def bad(self, name: str, why: str) -> BadInput:
        return BadInput(self.file, f"{self.where}, column {name}", f"{why}; write the file again")

    def has(self, name: str) -> bool:
        return name in self.row.column_names and self.row.column(name).null_count == 0

    def needed(self, name: str) -> NDArray:
        if not self.has(name):
            raise self.bad(name, "is missing")
        column = self.row.column(name).combine_chunks()
        values, kind = column.flatten(), COLUMNS[name]
        if pa.types.is_dictionary(values.type):
            values = values.dictionary_decode()
        try:
            if values.type != kind:
                values = values.cast(pa.float64() if pa.types.is_floating(kind) else kind)
        except pa.ArrowException:
            raise self.bad(name, f"holds {values.type} that are not all {kind}") from None
        if values.null_count:
            raise self.bad(name, f"holds {values.null_count} gaps")
        return numbers_of(values)

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
    return Deposits(offsets, channels[0], channels[1], value.astype(np.float32))


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
    fates = _fates(columns, n) if columns.has("fate") else None
    return Truth(Particles(ids, pdg, **numbers), hit, particle, weight, energy, fates)


def _fates(columns: _Row, n: int) -> Fates:
    fate, parent = columns.sized("fate", n), columns.sized("fate_parent", n).astype(np.int64)
    if n and (int(fate.min()) < 0 or int(fate.max()) >= len(FATES)):
        raise columns.bad("fate", f"is none of the {len(FATES)} that there are")
    if n and (int(parent.min()) < -1 or int(parent.max()) >= n):
        raise columns.bad("fate_parent", f"points outside the {n} rows there are")
    ancestor = np.append(parent, -1)
    for _ in range(
        n.bit_length()
    ):  # parents, grandparents, the parents of those, ...: soon beyond n generations
        ancestor = ancestor[ancestor]
    if (ancestor >= 0).any():
        raise columns.bad("fate_parent", "a particle is its own ancestor")
    names = ("x", "y", "z", "time")
    where = {k: columns.finite(f"fate_{k}", columns.sized(f"fate_{k}", n)).astype(np.float64) for k in names}
    return Fates(parent, fate.astype(np.int8), **where)
