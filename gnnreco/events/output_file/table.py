"""Objects of events written and read: what every kind of them shares, and every format."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gnnreco.files.atomic import whole_file
from gnnreco.files.json_types import JsonDict, JsonMapping

from .folder import output_files
from .layout import NOTE, Layout, Row
from .parquet import parquet_writer, read_parquet
from .root import read_root, write_root


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
    with whole_file(path) as draft, draft_writer(layout, draft, Path(path).suffix, note) as add:
        yield add


@contextmanager
def draft_writer(
    layout: Layout, draft: Path, suffix: str, note: JsonMapping
) -> Iterator[Callable[[Row], None]]:
    """The same for the draft of a file whose name ends in `suffix`."""
    if suffix == ".root":
        rows: list[Row] = []
        yield rows.append
        write_root(layout, draft, rows, note)
    else:
        with parquet_writer(layout, draft, note) as add:
            yield add


def read_output(layout: Layout, path: str | Path) -> Iterator[Row]:
    """Read what `write_output` wrote: one file, or those that the manifest of a folder lists, in order.

    Yields
    ------
    (int, str, table)
        Number and source of an event, and what was found in it.

    Raises
    ------
    BadInput
        If there is no such file, one is not what the manifest says, a page fails its checksum, or a column is missing.
    """
    for file in output_files(path):
        yield from read_root(layout, file) if file.suffix == ".root" else read_parquet(layout, file)


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
