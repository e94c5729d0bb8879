"""What was found in events, on disk: Parquet with one row an event and a checksum on every page, or ROOT.

Columns are ``event, source``, then one list with an entry for each object (track, cluster) in each further column; an
entry may itself be a list: the rows of its hits in the event as its file orders them and the numbers the file gives
these hits, or a vector of fixed length.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.columns import Columns
from gnnreco.errors import BadInput
from gnnreco.files.atomic import whole_file
from gnnreco.files.json_types import JsonDict, JsonMapping

from .output_root import NOTE, WHOLE, read_root, write_root

Row = tuple[int, str, Any]
ROWS_IN_GROUP = 32
MANIFEST = "manifest.json"
WHOSE = "give the folder that `gnnreco reconstruct -o` wrote"
AGAIN = "reconstruct it again with resume=True"
#: Lists that older files lack, and whose attribute may be None.
OPTIONAL = ("hit_id",)


@dataclass(frozen=True)
class Layout:
    """How the objects of one kind lie in a file: for each column in the file the attribute it holds.

    Attributes
    ----------
    name : str
        Of the objects, and of the tree in ROOT.
    kind : type
        Their columns; ``offsets`` are those of the lists of hits.
    identifier : str
        Column of the number of the object in its event.
    counted : bool
        Whether Parquet also has the number of hits, ``n_hits``, which ROOT always has.
    hits : tuple of str
        Columns and attributes that are lists over hits.
    numbers : dict
        One number an object.
    vectors : dict of (attribute, length)
    order : tuple of str
        Columns of `numbers` and `vectors` as they follow one another in the file, where they are mixed.
    lists : dict
        Lists of whole numbers with offsets of their own (`Columns.OFFSETS`): rows of what else was found in the event.
    """

    name: str
    kind: type[Columns]
    identifier: str
    counted: bool
    hits: tuple[str, ...]
    numbers: Mapping[str, str]
    vectors: Mapping[str, tuple[str, int]]
    order: tuple[str, ...] = ()
    lists: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """Of the Parquet file."""
        whole, real = pa.int64(), pa.float64()

        def kind(name: str) -> pa.DataType:
            return pa.from_numpy_dtype(WHOLE.get(name, np.float64))

        columns = {self.identifier: whole} | ({"n_hits": whole} if self.counted else {})
        columns |= {name: pa.list_(kind(name)) for name in self.hits}
        rest = {name: kind(name) for name in self.numbers} | {
            name: pa.list_(real, size) for name, (_, size) in self.vectors.items()
        }
        columns |= {name: rest[name] for name in self.order} if self.order else rest
        columns |= {name: pa.list_(whole) for name in self.lists}
        about = [
            pa.field("event", pa.int64(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
        ]
        return pa.schema([*about, *(pa.field(name, pa.list_(kind)) for name, kind in columns.items())])


def write_output(
    layout: Layout, path: str | Path, rows: Iterable[Row], note: JsonMapping | None = None
) -> None:
    """Write the objects of events to one file, whole or not at all.

    Parameters
    ----------
    layout : Layout
    path : path
        Ends in ``.parquet`` or ``.root``. The same rows give the same bytes in Parquet.
    rows : iterable of (event number, source, objects)
        In the order in which they are to be read.
    note : dict, optional
        Plain values kept in the file for `read_note`; taken when the last row has been written.
    """
    with output_writer(layout, path, {} if note is None else note) as add:
        for row in rows:
            add(row)


@contextmanager
def output_writer(layout: Layout, path: str | Path, note: JsonMapping) -> Iterator[Callable[[Row], None]]:
    """Give what adds the objects of one event to a file that is whole or not at all; see `write_output`."""
    path = Path(path)
    with whole_file(path) as draft:
        if path.suffix == ".root":
            rows: list[Row] = []
            yield rows.append
            write_root(layout, draft, rows, note)
        else:
            with _parquet_writer(layout, draft, note) as add:
                yield add


def read_output(layout: Layout, path: str | Path) -> Iterator[Row]:
    """Read what `write_output` wrote: one file, or those that the manifest of a folder lists, in order.

    Yields
    ------
    (event number, source, objects)

    Raises
    ------
    BadInput
        If there is no such file, one is not what the manifest says, a page fails its checksum, or a column is missing.
    """
    for file in output_files(path):
        yield from read_root(layout, file) if file.suffix == ".root" else _read_parquet(layout, file)


def _read_parquet(layout: Layout, file: Path) -> Iterator[Row]:
    names = layout.schema.names
    try:
        with file.open("rb") as stream, pq.ParquetFile(stream, page_checksum_verification=True) as table:
            there = [name for name in names if name in table.schema_arrow.names]
            missing = [name for name in names if name not in (*there, *OPTIONAL)]
            if missing:
                why = f"is missing: no {layout.name} that `gnnreco reconstruct` wrote"
                raise BadInput(file, f"column {missing[0]}", why)
            _check_vectors(layout, file, table.schema_arrow)
            for batch in table.iter_batches(ROWS_IN_GROUP, columns=there):
                yield from _rows(layout, batch)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(file, "", f"damaged or cut short ({error}); {AGAIN}") from error


def _check_vectors(layout: Layout, file: Path, schema: pa.Schema) -> None:
    """Refuse a file whose vectors have another length: another version wrote it."""
    for name, (_, size) in layout.vectors.items():
        kind = schema.field(name).type.value_type
        if pa.types.is_fixed_size_list(kind) and kind.list_size != size:
            why = f"has {kind.list_size} numbers for each of the {layout.name}, not {size}: another version wrote it"
            raise BadInput(file, f"column {name}", f"{why}; reconstruct again")


def output_files(path: str | Path) -> list[Path]:
    """Return the files `read_output` reads: one that is named, or those that the manifest of a folder lists.

    Raises
    ------
    BadInput
        If a file is missing or differs from the sum that the manifest holds of it, or the folder is that of several tasks.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.is_file():
            raise BadInput(path, "", "does not exist; give what `gnnreco reconstruct -o` wrote")
        return [path]
    return [_listed(path, shard) for shard in _shards(path)]


def _shards(folder: Path) -> list[JsonDict]:
    """What the manifest of an output says of its files."""
    try:
        content = json.loads((folder / MANIFEST).read_text())
        if "tasks" in content:
            places = ", ".join(str(folder / task) for task in content["tasks"])
            raise BadInput(folder, "", f"holds several tasks; give the folder of one ({places})")
        return [dict(shard, file=str(shard["file"])) for shard in content["shards"]]
    except FileNotFoundError as error:
        unfinished = any(folder.glob("journal*.jsonl")) or any(folder.glob("manifest-*.json"))
        why = "is not finished; go on with resume=True" if unfinished else WHOSE
        raise BadInput(folder, MANIFEST, f"missing: {why}") from error
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BadInput(folder, MANIFEST, f"cannot be read ({error}); {WHOSE}") from error


def _listed(folder: Path, shard: JsonMapping) -> Path:
    """A file of the manifest, checked."""
    file = folder / shard["file"]
    if file.parent != folder or not file.is_file():
        raise BadInput(file, "", f"{MANIFEST} lists it, but it is missing; {AGAIN}")
    with file.open("rb") as stream:
        if shard.get("sha256") not in (None, hashlib.file_digest(stream, "sha256").hexdigest()):
            raise BadInput(file, "", f"damaged: it is not what {MANIFEST} says (its sha256 differs); {AGAIN}")
    return file


def read_note(path: str | Path) -> JsonDict:
    """Return the note of a file that `write_output` wrote; empty if there is none or the file is damaged."""
    try:
        if Path(path).suffix == ".root":
            import uproot

            with uproot.open(path) as file:
                return dict(json.loads(str(file[NOTE])))
        with Path(path).open("rb") as stream:
            return dict(json.loads(pq.read_metadata(stream).metadata[NOTE.encode()]))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return {}


@contextmanager
def _parquet_writer(layout: Layout, path: Path, note: JsonMapping) -> Iterator[Callable[[Row], None]]:
    schema = layout.schema
    with (
        path.open("wb") as stream,
        pq.ParquetWriter(stream, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        group: list[Row] = []

        def add(row: Row) -> None:
            group.append(row)
            if len(group) == ROWS_IN_GROUP:
                writer.write_batch(_batch(layout, schema, group))
                group.clear()

        yield add
        if group:
            writer.write_batch(_batch(layout, schema, group))
        writer.add_key_value_metadata({NOTE: json.dumps(note)})


def _batch(layout: Layout, schema: pa.Schema, rows: Sequence[Row]) -> pa.RecordBatch:
    """Put events side by side: all lists share one flat array per column."""
    found = [row[2] for row in rows]
    event = pa.array(_offsets([len(f) for f in found]), pa.int32())
    hits = pa.array(_offsets(np.concatenate([np.diff(f.offsets) for f in found])), pa.int32())

    def per_event(values: pa.Array, absent: pa.Array | None = None) -> pa.Array:
        return pa.ListArray.from_arrays(event, values, mask=absent)

    def flat(name: str) -> pa.Array:
        return pa.array(np.concatenate([getattr(f, name).ravel() for f in found]))

    def of_hits(name: str) -> pa.Array:
        absent = [getattr(f, name) is None for f in found]
        given = [
            np.zeros_like(f.hit_index) if no else getattr(f, name)
            for f, no in zip(found, absent, strict=True)
        ]
        lists = pa.ListArray.from_arrays(hits, pa.array(np.concatenate(given)))
        return per_event(lists, pa.array(absent) if any(absent) else None)

    columns = {
        "event": pa.array([row[0] for row in rows], pa.int64()),
        "source": pa.array([row[1] for row in rows], pa.string()),
        layout.identifier: per_event(
            pa.array(np.concatenate([np.arange(len(f)) for f in found]), pa.int64())
        ),
        "n_hits": per_event(pa.array(np.concatenate([np.diff(f.offsets) for f in found]), pa.int64())),
    }
    columns |= {name: of_hits(name) for name in layout.hits}
    columns |= {name: per_event(flat(attribute)) for name, attribute in layout.numbers.items()}
    for name, (attribute, size) in layout.vectors.items():
        columns[name] = per_event(pa.FixedSizeListArray.from_arrays(flat(attribute), size))
    for name, attribute in layout.lists.items():
        sizes = np.concatenate([np.diff(getattr(f, f.OFFSETS[attribute])) for f in found])
        columns[name] = per_event(
            pa.ListArray.from_arrays(pa.array(_offsets(sizes), pa.int32()), flat(attribute))
        )
    return pa.record_batch(
        [columns[name].cast(schema.field(name).type) for name in schema.names], schema=schema
    )


def _rows(layout: Layout, batch: pa.RecordBatch) -> Iterator[Row]:
    def numbers(values: pa.Array) -> NDArray:
        return values.to_numpy(zero_copy_only=False)

    names = [name for name in layout.schema.names[2:] if name in batch.schema.names]
    for i in range(batch.num_rows):
        row = {name: batch.column(name)[i].values for name in names}
        values = {a: numbers(row[name]) for name, a in layout.numbers.items()}
        for name in [name for name in layout.hits if row.get(name) is not None]:
            values[name] = numbers(row[name].flatten()).astype(WHOLE.get(name, np.float64), copy=False)
        for name, (attribute, size) in layout.vectors.items():
            values[attribute] = numbers(row[name].flatten()).reshape(-1, size)
        for name, attribute in layout.lists.items():
            values[attribute] = numbers(row[name].flatten()).astype(np.int64, copy=False)
            values[layout.kind.OFFSETS[attribute]] = _offsets(numbers(row[name].value_lengths()))
        offsets = _offsets(numbers(row["n_hits"] if layout.counted else row["hit_index"].value_lengths()))
        yield (
            batch.column("event")[i].as_py(),
            batch.column("source")[i].as_py(),
            layout.kind(**{"offsets": offsets, **values}),
        )


def _offsets(counts: NDArray | Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)
