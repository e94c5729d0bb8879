"""A user's own table of hits: CSV, Parquet, NumPy, or a tree of a ROOT file, its columns told by an explicit map.

``x, y, z`` are needed. ``event`` tells the events of a table apart; without it each entry of a tree of lists is one event,
and any other table is one. ``hit_id``, ``sensor`` or labels of the detector, ``var_u, var_v, time, energy`` are as in
`gnnreco.columns.Hits`, ``particle_id`` (0 for noise), ``weight`` and the true ``tx, ty, tz, tpx, tpy, tpz`` are the truth.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Hits, Ints, Truth
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events.parquet.row_groups import opened, read_group
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.limits import EVENTS, GROUP_VALUES

from .bounded import first_bytes
from .root.file import MAGIC as ROOT_MAGIC
from .root.file import Ragged, checked_length, guarded, read_columns, trees_of
from .table import FLOAT, INT, header_of, read_table
from .trackml import STATE, no_particles
from .truth import link

PARQUET, NUMPY = b"PAR1", b"\x93NUMPY"
NEEDED = ("x", "y", "z")
WHOLE = ("event", "hit_id", "sensor", "particle_id")
REAL = (*NEEDED, "var_u", "var_v", "time", "energy", "weight", *STATE.values())
OF_TRUTH = ("particle_id", "weight", *STATE.values())
#: Units that a map may name in brackets, in ours: mm, ns, GeV.
LENGTHS = {"um": 1e-3, "mm": 1.0, "cm": 10.0, "m": 1e3}
TIMES = {"ps": 1e-3, "ns": 1.0, "us": 1e3}
ENERGIES = {"keV": 1e-6, "MeV": 1e-3, "GeV": 1.0}
#: Those of each column that has one.
UNITS = {
    **dict.fromkeys((*NEEDED, "var_u", "var_v", "tx", "ty", "tz"), LENGTHS),
    **dict.fromkeys(("energy", "tpx", "tpy", "tpz"), ENERGIES),
    "time": TIMES,
}
#: What is squared: variances of lengths.
SQUARED = ("var_u", "var_v")
_PAIR = re.compile(r"\s*(\w+)\s*=\s*(.+?)\s*(?:\[(\w+)\])?\s*")

#: Types of the columns of ROOT that hold a list for each entry.
_LIST = re.compile(r"\[|vector<|RVec<")

#: Of each of our columns: theirs, and what it is multiplied by.
Map = Mapping[str, tuple[str, float]]


def parse_map(text: str) -> dict[str, tuple[str, float]]:
    """The map that ``x=hit_x[cm],y=hit_y[cm],...`` means.

    Raises
    ------
    BadConfig
        No such pairs, a name twice, a unit that is not known, or no x, y, z.

    Examples
    --------
    >>> parse_map("x=hit_x[cm],y=hit_y[cm],z=hit_z[cm],energy=e")["x"]
    ('hit_x', 10.0)
    """
    found: dict[str, tuple[str, float]] = {}
    for part in text.split(","):
        match = _PAIR.fullmatch(part)
        if not match or match[1] in found:
            raise BadConfig(f"map {part!r}: expected pairs like x=hit_x or x=hit_x[cm], each name once")
        units = UNITS.get(match[1], {})
        if match[3] and match[3] not in units:
            known = f"it may be in {', '.join(units)}" if units else "it has none"
            raise BadConfig(f"map {part!r}: {match[1]} has no unit {match[3]!r}; {known}")
        scale = units[match[3]] if match[3] else 1.0
        found[match[1]] = match[2], scale ** (2 if match[1] in SQUARED else 1)
    lacking = [name for name in NEEDED if name not in found]
    if lacking:
        raise BadConfig(f"map {text!r}: names no column for {', '.join(lacking)}")
    return found


class MappedReader:
    """Reads the events of one file, which is kept whole for the next event.

    Parameters
    ----------
    file : Path
    columns : mapping
        See `parse_map`; names that are none of ours are labels of the detector.
    finder : SensorFinder
    """

    # One for all readers: a job of a thousand files keeps one of them.
    _latest: ClassVar[tuple[MappedReader | None, dict[str, NDArray], Ints]] = (
        None,
        {},
        np.zeros(0, np.int64),
    )

    def __init__(self, file: Path, columns: Map, finder: SensorFinder) -> None:
        self.file, self.columns, self.finder = file, dict(columns), finder
        self.labels = tuple(name for name in columns if name not in (*WHOLE, *REAL))
        if not finder.has_labels(self.labels):
            raise BadConfig(
                f"map: {', '.join(self.labels)}: neither columns of hits nor labels of the detector"
            )

    def entries(self) -> list[Entry]:
        """One entry an event, in the order of their numbers. Raises `BadInput`."""
        numbers = np.unique(self._table()[0]["event"])
        if len(numbers) > EVENTS:
            raise BadInput(self.file, "event", f"more than {EVENTS:,} events; split the file")
        return [Entry(int(n), str(self.file), (("events", self.file),), row) for row, n in enumerate(numbers)]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> Event:
        table, order = self._table()
        first, last = (
            np.searchsorted(table["event"], entry.number, side=side, sorter=order)
            for side in ("left", "right")
        )
        rows = order[first:last]
        columns = {name: values[rows] for name, values in table.items()}
        n = len(rows)
        hit_id = columns.get("hit_id", np.arange(n))
        if len(np.unique(hit_id)) < n:
            why = "the same hit id twice; ids must be unique in an event (several events need event=... in the map)"
            raise BadInput(self.file, f"event {entry.number}, column {self.columns['hit_id'][0]}", why)
        xyz = np.stack([columns[axis] for axis in NEEDED], axis=1)
        if "sensor" in columns:
            sensor = self.finder.by_sensor_id(columns["sensor"], xyz)
        else:
            sensor = self.finder.by_label(self.labels, tuple(columns[name] for name in self.labels), xyz)
        x, y, z = np.ascontiguousarray(xyz.T)
        var_u, var_v, time, energy = (columns.get(name) for name in ("var_u", "var_v", "time", "energy"))
        hits = Hits(hit_id, x, y, z, sensor, var_u, var_v, time, energy)
        made = _truth(columns, n) if truth and "particle_id" in columns else None
        return Event(entry.number, entry.source, hits, made)

    def _table(self) -> tuple[dict[str, NDArray], Ints]:
        """All columns by our names with the number of each row's event, and the rows in the order of these."""
        reader, table, order = MappedReader._latest
        if reader is self:
            return table, order
        head = first_bytes(self.file, in_place=(PARQUET, NUMPY, ROOT_MAGIC))
        names = {
            theirs: INT if ours in (*WHOLE, *self.labels) else FLOAT
            for ours, (theirs, _) in self.columns.items()
        }
        if head.startswith(PARQUET):
            read = self._parquet(list(names))
        elif head.startswith(ROOT_MAGIC):
            read = guarded(self.file, lambda file: self._root(file, list(names)))
        elif head.startswith(NUMPY):
            read = self._numpy(list(names))
        else:
            self._known(header_of(self.file), list(names))
            read = read_table(self.file, names)
        table = {
            ours: self._column(ours, read[theirs], scale) for ours, (theirs, scale) in self.columns.items()
        }
        n = len(table["x"])
        table["event"] = table.get("event", read.get("", np.zeros(n, np.int64)))
        order = np.argsort(table["event"], kind="stable")
        MappedReader._latest = self, table, order
        return table, order

    def _known(self, there: Sequence[str], names: list[str], where: str = "") -> None:
        lacking = [name for name in names if name not in there]
        if lacking:
            more = f" and {len(there) - 40} more" if len(there) > 40 else ""
            why = (
                f"no column {', '.join(lacking)}; it has {', '.join(list(there)[:40])}{more}: correct the map"
            )
            raise BadInput(self.file, where, why)

    def _parquet(self, names: list[str]) -> dict[str, NDArray]:
        with opened(self.file) as file:
            self._known(file.schema_arrow.names, names)
            if file.metadata.num_rows * len(names) > GROUP_VALUES:
                raise BadInput(self.file, "", f"more than {GROUP_VALUES:,} values; split the file")
            groups = [read_group(self.file, file, group, names) for group in range(file.num_row_groups)]
            if not groups:
                raise BadInput(self.file, "", "no row in it; leave it out")
            table = pa.concat_tables(groups)
            columns: dict[str, Ragged] = {}
            lists: set[str] = set()
            for name in names:
                column = table.column(name).combine_chunks()
                if pa.types.is_list(column.type) or pa.types.is_large_list(column.type):
                    lists.add(name)
                    offsets = np.asarray(column.offsets, np.int64)
                    columns[name] = Ragged(offsets - offsets[0], self._plain(name, column.flatten()))
                else:
                    columns[name] = Ragged(np.arange(len(column) + 1), self._plain(name, column))
        return self._even(columns, lists)

    def _plain(self, name: str, column: Any) -> NDArray:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            with contextlib.suppress(pa.ArrowInvalid):  # numbers of events are often kept as words
                column = column.cast(pa.int64())
        numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
        if column.null_count or not numeric:
            raise BadInput(
                self.file, f"column {name}", f"holds {column.type} or gaps, not numbers; correct it"
            )
        return column.to_numpy(zero_copy_only=False)

    def _numpy(self, names: list[str]) -> dict[str, NDArray]:
        """Columns of a matrix by their numbers, or of an array with named fields."""
        try:
            with self.file.open("rb") as stream:
                old = np.lib.format.read_magic(stream) == (1, 0)
                header = np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0
                shape, _, kind = header(stream)
                values = math.prod(shape) * len(kind.names or (0,))
                if values > GROUP_VALUES:
                    raise BadInput(self.file, "", f"more than {GROUP_VALUES:,} values; split the file")
                if math.prod(shape) * kind.itemsize > self.file.stat().st_size:
                    raise BadInput(self.file, "", "cut off: its end is missing; fetch the file again")
                stream.seek(0)
                array = np.load(stream)  # refuses objects of Python
        except (ValueError, OSError, EOFError, SyntaxError, MemoryError) as error:
            reason = " ".join(str(error).split())[:160]
            raise BadInput(
                self.file, "", f"no array of numbers ({reason}); save it with numpy.save"
            ) from None
        if array.ndim != (1 if kind.names else 2):
            raise BadInput(self.file, "", f"an array of {array.ndim} dimensions; a row a hit is due")
        self._known(list(kind.names or map(str, range(shape[-1]))), names)
        return {name: array[name] if kind.names else array[:, int(name)] for name in names}

    def _root(self, file: Any, names: list[str]) -> dict[str, NDArray]:
        trees = trees_of(file)
        fitting = [tree for tree, inside in trees.items() if set(names) <= inside]
        if not fitting:
            most = max(trees, key=lambda tree: len(trees[tree] & set(names)), default="")
            self._known(sorted(trees.get(most, set())), names, f"tree {most}" if most else "no tree in it")
        tree = file[fitting[0]]
        count = checked_length(self.file, tree, fitting[0])
        if count == 0:
            raise BadInput(self.file, fitting[0], "no row in it; leave it out")
        columns = read_columns(tree, names, 0, count)
        for name in names:
            if name not in columns:
                raise BadInput(self.file, f"{fitting[0]}, {name}", "neither numbers nor lists of numbers")
        return self._even(columns, {name for name in names if _LIST.search(tree[name].typename)})

    def _even(self, columns: Mapping[str, Ragged], listed: set[str]) -> dict[str, NDArray]:
        """One row a hit: of lists each entry is an event, and single numbers are repeated for it."""
        lists = {name: columns[name] for name in columns if name in listed}
        if not lists:
            return {name: column.values for name, column in columns.items()}
        size = np.diff(next(iter(lists.values())).offsets)
        for name, column in lists.items():
            if len(column.offsets) != len(size) + 1 or (np.diff(column.offsets) != size).any():
                raise BadInput(
                    self.file, f"column {name}", f"lists of other lengths than {next(iter(lists))}"
                )
        even = {k: v.values if k in lists else np.repeat(v.values, size) for k, v in columns.items()}
        return {**even, "": np.repeat(np.arange(len(size)), size)}

    def _column(self, ours: str, values: NDArray, scale: float) -> NDArray:
        """As float64 or int64, without numbers that are none. Raises `BadInput`."""
        theirs = self.columns[ours][0]
        if values.ndim != 1 or values.dtype.kind not in "iufb":
            raise BadInput(self.file, f"column {theirs}", "not one number a hit; correct the map")
        with np.errstate(over="ignore"):
            real = values.astype(np.float64) * scale
        whole = ours in (*WHOLE, *self.labels)
        lost = np.flatnonzero(~np.isfinite(real) | (whole & (real != np.round(real))))
        if len(lost):
            what = "no whole number" if whole else "NaN or infinity"
            why = (
                f"{what} ({values[lost[0]]}) in row {lost[0]}, and {len(lost) - 1} more; mend or remove them"
            )
            raise BadInput(self.file, f"column {theirs}", why)
        if not whole:
            return real
        return values.view(np.int64) if values.dtype == np.uint64 else values.astype(np.int64)


def _truth(columns: Mapping[str, NDArray], n: int) -> Truth:
    """What the columns of the hits tell of the particles: their ids, and their true states."""
    states: dict[str, Floats] = {name: columns[column] for name, column in STATE.items() if column in columns}
    return link(no_particles(), np.arange(n), columns["particle_id"], states, columns.get("weight"))
