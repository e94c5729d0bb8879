"""Tables of events: a column that a resonance would peak in, columns to judge by, and labels where there are any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.events.readers.table import FLOAT, header_of
from gnnreco.events.readers.table import read_table as read_csv
from gnnreco.files.limits import EVENTS, GROUP_VALUES
from gnnreco.schema import nearest

#: Columns of an .npy file that names none and has six: the signal-region files of the LHC Olympics R&D data.
LHCO = ("mjj", "mj1", "delta_mj", "tau21_1", "tau21_2", "label")
#: Columns with a meaning: the truth, and the number of the event.
LABEL, EVENT = "label", "event"
MANIFEST = "manifest.json"  # of a folder that `gnnreco reconstruct` wrote
#: What names of columns of a text file may be: more than any table of events has.
MOST_COLUMNS = 1000


@dataclass(frozen=True, slots=True, eq=False)
class EventTable:
    """Events as rows.

    Attributes
    ----------
    source : str
        The file.
    names : tuple of str
        Of the features.
    mass : array (n,)
        The column in which a resonance is sought, in the unit of the file.
    features : array (n, k)
        What a classifier may read; the mass is not among them.
    label : int array (n,)
        0 background, 1 signal, -1 where nobody knows.
    event : int array (n,), optional
        Numbers of the events; by default their rows.
    left_out : mapping of str to int
        Events of the file that are not in the table, by reason.
    row : int array (n,), optional
        Their rows in the file, where some are left out by their mass; else they are all there in order.
    """

    source: str
    names: tuple[str, ...]
    mass: Floats
    features: Floats
    label: Ints
    event: Ints | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    row: Ints | None = None

    def __len__(self) -> int:
        return len(self.mass)

    @property
    def labelled(self) -> bool:
        """Whether the truth of every event is known."""
        return bool(len(self) and (self.label >= 0).all())

    def __getitem__(self, rows: object) -> EventTable:
        return EventTable(
            self.source,
            self.names,
            self.mass[rows],  # type: ignore[call-overload]
            self.features[rows],  # type: ignore[call-overload]
            self.label[rows],  # type: ignore[call-overload]
            None if self.event is None else self.event[rows],  # type: ignore[call-overload]
            self.left_out,
            None if self.row is None else self.row[rows],  # type: ignore[call-overload]
        )

    def of_masses(self, limits: tuple[float, float]) -> EventTable:
        """The events whose mass is at least the lower limit and below the upper one."""
        rows = np.flatnonzero((self.mass >= limits[0]) & (self.mass < limits[1]))
        left_out = {**self.left_out, f"masses outside {limits[0]:g} to {limits[1]:g}": len(self) - len(rows)}
        return replace(self[rows], left_out=left_out, row=rows if self.row is None else self.row[rows])


def read_events(
    path: str | Path, resonance: str, columns: Sequence[str] = (), label: str = LABEL
) -> EventTable:
    """Read a table of events.

    Parameters
    ----------
    path : path
        ``.npy`` (a matrix, or an array with named fields), ``.parquet``, ``.csv`` or ``.csv.gz``, a folder of Parquet, or
        one of particle flow that ``gnnreco reconstruct`` wrote, of which `gnnreco.search.dijets` makes rows.
    resonance : str
        The column in which a resonance is sought.
    columns : sequence of str
        For an ``.npy`` matrix the names of its columns, in order; else the columns to use (default: all). A matrix of six
        columns without names is taken for one of the LHC Olympics: `LHCO`.
    label : str
        The column of the truth, 0 or 1; a file need not have one that is called ``label``.

    Raises
    ------
    BadInput
        For a file that cannot be read, an unknown extension or column, a NaN, a label that is neither 0 nor 1.
    """
    path = Path(path)
    wanted = (*columns, resonance, label, EVENT) if columns else ()
    left_out: Mapping[str, int] = {}
    if (path / MANIFEST).is_file():
        from .dijets import read_dijets

        values, left_out = read_dijets(path)
    else:
        values = _npy(path, columns) if path.suffix == ".npy" and path.is_file() else _read(path, wanted)
    for name in (resonance, *columns, *(() if label == LABEL else (label,))):
        if name not in values:
            raise BadInput(path, "", f"no column '{name}'{nearest(name, values)}")
    used = [name for name in (columns or values) if name not in (resonance, label, EVENT)]
    if not used:
        raise BadInput(path, "", f"no column beside {resonance} to judge events by; name some with columns=")
    for name in {resonance, *used}:
        _finite(path, name, values[name])
    mass = values[resonance]
    truth = _labels(path, label, values[label]) if label in values else np.full(len(mass), -1)
    features = np.column_stack([values[name] for name in used]) if len(mass) else np.empty((0, len(used)))
    event = values[EVENT].astype(np.int64) if EVENT in values else None
    return EventTable(str(path), tuple(used), mass, features, truth, event, left_out)


def _read(path: Path, columns: Sequence[str]) -> dict[str, Floats]:
    """Columns of a file by name, as float64; of many only those that are named."""
    if not path.exists():
        raise BadInput(path, "", "does not exist")
    if path.is_dir() or path.suffix == ".parquet":
        return _parquet(path, columns)
    if path.name.endswith((".csv", ".csv.gz")):
        names = header_of(path)
        if len(names) > MOST_COLUMNS:
            raise BadInput(path, "line 1", f"{len(names):,} columns, more than {MOST_COLUMNS:,}")
        read = read_csv(path, dict.fromkeys([n for n in names if not columns or n in columns], FLOAT))
        return {name: np.asarray(column, np.float64) for name, column in read.items()}
    raise BadInput(
        path, "", f"extension '{path.suffix}' is not known; there are .npy, .parquet, .csv, .csv.gz"
    )


def _npy(path: Path, columns: Sequence[str]) -> dict[str, Floats]:
    """A matrix or an array with named fields; mapped, so that a header that lies costs no memory."""
    try:
        array = np.load(path, mmap_mode="r")
    except (ValueError, OSError, EOFError, SyntaxError) as error:
        raise BadInput(path, "", f"is not an .npy file of numbers: {error}") from error
    if not isinstance(array, np.ndarray):
        raise BadInput(path, "", "is not one array; save it with numpy.save")
    if array.size > GROUP_VALUES or len(array.dtype.names or ()) > MOST_COLUMNS:
        raise BadInput(path, "", f"has {array.size:,} numbers, more than {GROUP_VALUES:,}; split it")
    if array.dtype.names and array.ndim == 1:
        return {name: _number(path, name, np.asarray(array[name])) for name in array.dtype.names}
    if array.ndim != 2:
        raise BadInput(path, "", f"has {array.ndim} dimensions; a table has two")
    names = tuple(columns) or (LHCO if array.shape[1] == len(LHCO) else ())
    if not names:
        raise BadInput(path, "", f"its {array.shape[1]} columns have no names; give them with columns=")
    if len(names) != array.shape[1] or len(set(names)) < len(names):
        raise BadInput(path, "", f"has {array.shape[1]} columns, but {len(set(names))} names are given")
    return {name: _number(path, name, np.asarray(array[:, i])) for i, name in enumerate(names)}


def _parquet(path: Path, columns: Sequence[str]) -> dict[str, Floats]:
    """Columns of numbers of one file, or of all files of a folder in the order of their names."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files:
        raise BadInput(path, "", "holds no .parquet file")
    parts: list[dict[str, Floats]] = []
    rows = 0
    for file in files:
        try:
            with pq.ParquetFile(file, page_checksum_verification=True) as opened:
                rows += opened.metadata.num_rows
                if rows > EVENTS or len(opened.schema_arrow) > MOST_COLUMNS:
                    raise BadInput(
                        file, "", f"more than {EVENTS:,} events or {MOST_COLUMNS:,} columns; split it"
                    )
                kinds = {f.name: f.type for f in opened.schema_arrow}
                plain = [n for n, t in kinds.items() if pa.types.is_floating(t) or pa.types.is_integer(t)]
                plain += [n for n, t in kinds.items() if pa.types.is_boolean(t)]
                if lists := [n for n in columns if n in kinds and n not in plain]:
                    raise BadInput(
                        file, f"column {lists[0]}", f"holds {kinds[lists[0]]}, not one number an event"
                    )
                read = opened.read([n for n in plain if n in columns] if columns else plain)
        except (pa.ArrowException, OSError) as error:
            raise BadInput(file, "", f"is not Parquet that can be read: {error}") from error
        parts.append({n: _number(file, n, read[n].to_numpy()) for n in read.column_names})
    for file, part in zip(files, parts, strict=True):
        if part.keys() != parts[0].keys():
            raise BadInput(file, "", f"has other columns than {files[0].name}")
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _number(path: Path, name: str, column: np.ndarray) -> Floats:
    if column.dtype.kind not in "fiub" or column.ndim != 1:
        raise BadInput(path, f"column {name}", f"holds {column.dtype}, not one number an event")
    return np.asarray(column, np.float64)


def _finite(path: Path, name: str, column: Floats) -> None:
    bad = np.flatnonzero(~np.isfinite(column))
    if len(bad):
        raise BadInput(
            path,
            f"column {name}, row {bad[0]}",
            f"is {column[bad[0]]} ({len(bad):,} such rows); cut these events, or leave the column out",
        )


def _labels(path: Path, name: str, column: Floats) -> Ints:
    odd = np.flatnonzero((column != 0) & (column != 1))
    if len(odd):
        raise BadInput(
            path, f"column {name}, row {odd[0]}", f"is {column[odd[0]]}; a label is 0 (background) or 1"
        )
    return column.astype(np.int64)
