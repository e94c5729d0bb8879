"""Objects of events as Parquet: one row an event, a checksum on every page."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files.arrow import array_of, as_type, words_of
from gnnreco.files.json_types import JsonMapping

from .folder import AGAIN
from .layout import NOTE, WHOLE, Layout, Row

ROWS_IN_GROUP = 32
#: Lists that older files lack, and whose attribute may be None.
OPTIONAL = ("hit_id",)


def read_parquet(layout: Layout, file: Path) -> Iterator[Row]:
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


@contextmanager
def parquet_writer(layout: Layout, path: Path, note: JsonMapping) -> Iterator[Callable[[Row], None]]:
    schema = layout.schema
    with (
        path.open("wb") as stream,
        pq.ParquetWriter(stream, schema, compression="zstd", write_page_checksum=True) as writer,
    ):
        group: list[Row] = []

        def add(row: Row) -> None:
            group.append(row)
            if len(group) == ROWS_IN_GROUP:
                writer.write_batch(batch_of(layout, schema, group))
                group.clear()

        yield add
        if group:
            writer.write_batch(batch_of(layout, schema, group))
        writer.add_key_value_metadata({NOTE: json.dumps(note)})


def batch_of(layout: Layout, schema: pa.Schema, rows: Sequence[Row]) -> pa.RecordBatch:
    """Put events side by side: all lists share one flat array per column."""
    found = [row[2] for row in rows]
    event = array_of(_offsets([len(f) for f in found]).astype(np.int32))
    hits = array_of(_offsets(np.concatenate([np.diff(f.offsets) for f in found])).astype(np.int32))

    def per_event(values: pa.Array, absent: pa.Array | None = None) -> pa.Array:
        return pa.ListArray.from_arrays(event, values, mask=absent)

    def flat(name: str) -> pa.Array:
        return array_of(np.concatenate([getattr(f, name).ravel() for f in found]))

    def of_hits(name: str) -> pa.Array:
        absent = [getattr(f, name) is None for f in found]
        given = [
            np.zeros_like(f.hit_index) if no else getattr(f, name)
            for f, no in zip(found, absent, strict=True)
        ]
        lists = pa.ListArray.from_arrays(hits, array_of(np.concatenate(given)))
        return per_event(lists, pa.array(absent) if any(absent) else None)

    columns = {
        "event": array_of(np.array([row[0] for row in rows], np.int64)),
        "source": words_of([row[1] for row in rows]),
        layout.identifier: per_event(array_of(np.concatenate([np.arange(len(f)) for f in found]))),
        "n_hits": per_event(array_of(np.concatenate([np.diff(f.offsets) for f in found]))),
    }
    columns |= {name: of_hits(name) for name in layout.hits}
    columns |= {name: per_event(flat(attribute)) for name, attribute in layout.numbers.items()}
    for name, (attribute, size) in layout.vectors.items():
        columns[name] = per_event(pa.FixedSizeListArray.from_arrays(flat(attribute), size))
    for name, attribute in layout.lists.items():
        sizes = np.concatenate([np.diff(getattr(f, f.OFFSETS[attribute])) for f in found])
        columns[name] = per_event(
            pa.ListArray.from_arrays(array_of(_offsets(sizes).astype(np.int32)), flat(attribute))
        )
    return pa.record_batch(
        [as_type(columns[name], schema.field(name).type) for name in schema.names], schema=schema
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
