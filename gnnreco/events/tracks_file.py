"""Found tracks on disk: Parquet with one row per event and a checksum on every page, or ROOT.

The columns are ``event, source, track_id, n_hits, hit_index, d0_mm, z0_mm, phi, theta, q_over_p, covariance,
chi2, ndf, score``. Each but the first two is a list with one entry a track; ``hit_index`` is a list of lists,
the rows of the hits in the event as its file orders them; ``covariance`` has 15 numbers a track.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.columns import Tracks
from gnnreco.errors import BadInput

Row = tuple[int, str, Tracks]
COLUMNS = {  # column in the file: attribute of Tracks
    "d0_mm": "d0",
    "z0_mm": "z0",
    "phi": "phi",
    "theta": "theta",
    "q_over_p": "q_over_p",
    "chi2": "chi2",
    "ndf": "ndf",
    "score": "score",
}
SCHEMA = pa.schema(
    [
        pa.field("event", pa.int64(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("track_id", pa.list_(pa.int64())),
        pa.field("n_hits", pa.list_(pa.int64())),
        pa.field("hit_index", pa.list_(pa.list_(pa.int64()))),
        *(pa.field(name, pa.list_(pa.float64())) for name in COLUMNS),
        pa.field("covariance", pa.list_(pa.list_(pa.float64(), 15))),
    ]
)
ROWS_IN_GROUP = 32
NOTE = "gnnreco"


def write_tracks(path: str | Path, rows: Iterable[Row], note: Mapping[str, Any] | None = None) -> None:
    """Write the tracks of events to one file, whole or not at all.

    Parameters
    ----------
    path : path
        Ends in ``.parquet`` or ``.root``. The same rows give the same bytes in Parquet.
    rows : iterable of (event number, source, Tracks)
        In the order in which they are to be read.
    note : dict, optional
        Plain values kept in the file for `read_note`; taken when the last row has been written.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        if path.suffix == ".root":
            _write_root(part, list(rows), {} if note is None else note)
        else:
            _write_parquet(part, rows, {} if note is None else note)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def read_tracks(path: str | Path) -> Iterator[Row]:
    """Read what `write_tracks` wrote: one Parquet file, or every ``shard-*.parquet`` of a folder in order.

    Yields
    ------
    (event number, source, Tracks)

    Raises
    ------
    BadInput
        If there is no such file, a page fails its checksum, or a column is missing.
    """
    for file in track_files(path):
        try:
            with pq.ParquetFile(file, page_checksum_verification=True) as table:
                missing = [name for name in SCHEMA.names if name not in table.schema_arrow.names]
                if missing:
                    raise BadInput(
                        file, f"column {missing[0]}", "is missing: not written by `gnnreco reconstruct`"
                    )
                for batch in table.iter_batches(ROWS_IN_GROUP, columns=SCHEMA.names):
                    yield from _rows(batch)
        except (pa.ArrowException, OSError) as error:
            raise BadInput(
                file, "", f"damaged or cut short ({error}); reconstruct it again with --resume"
            ) from error


def track_files(path: str | Path) -> list[Path]:
    """Return the files `read_tracks` reads; `BadInput` if there are none."""
    path = Path(path)
    files = sorted(path.glob("shard-*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise BadInput(
            path, "", "no shard-*.parquet here; give the folder that `gnnreco reconstruct -o` wrote"
        )
    return files


def read_note(path: str | Path) -> dict[str, Any]:
    """Return the note of a file that `write_tracks` wrote; empty if there is none or the file is damaged."""
    try:
        if Path(path).suffix == ".root":
            import uproot

            with uproot.open(path) as file:
                return dict(json.loads(str(file[NOTE])))
        return dict(json.loads(pq.read_metadata(path).metadata[NOTE.encode()]))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return {}


def _write_parquet(path: Path, rows: Iterable[Row], note: Mapping[str, Any]) -> None:
    with pq.ParquetWriter(path, SCHEMA, compression="zstd", write_page_checksum=True) as writer:
        group: list[Row] = []
        for row in rows:
            group.append(row)
            if len(group) == ROWS_IN_GROUP:
                writer.write_batch(_batch(group))
                group = []
        if group:
            writer.write_batch(_batch(group))
        writer.add_key_value_metadata({NOTE: json.dumps(note)})


def _batch(rows: Sequence[Row]) -> pa.RecordBatch:
    """Put events side by side: all lists share one flat array per column."""
    tracks = [row[2] for row in rows]
    event = pa.array(_offsets([len(t) for t in tracks]), pa.int32())
    hits = pa.array(_offsets(np.concatenate([np.diff(t.offsets) for t in tracks])), pa.int32())

    def per_event(values: pa.Array) -> pa.Array:
        return pa.ListArray.from_arrays(event, values)

    def flat(name: str) -> pa.Array:
        return pa.array(np.concatenate([getattr(t, name) for t in tracks]))

    columns = {
        "event": pa.array([row[0] for row in rows], pa.int64()),
        "source": pa.array([row[1] for row in rows], pa.string()),
        "track_id": per_event(pa.array(np.concatenate([np.arange(len(t)) for t in tracks]), pa.int64())),
        "n_hits": per_event(pa.array(np.concatenate([np.diff(t.offsets) for t in tracks]), pa.int64())),
        "hit_index": per_event(pa.ListArray.from_arrays(hits, flat("hit_index"))),
        "covariance": per_event(
            pa.FixedSizeListArray.from_arrays(
                pa.array(np.concatenate([t.covariance.ravel() for t in tracks])), 15
            )
        ),
    }
    columns |= {name: per_event(flat(attribute)) for name, attribute in COLUMNS.items()}
    return pa.record_batch(
        [columns[name].cast(SCHEMA.field(name).type) for name in SCHEMA.names], schema=SCHEMA
    )


def _rows(batch: pa.RecordBatch) -> Iterator[Row]:
    for i in range(batch.num_rows):
        row = {name: batch.column(name)[i].values for name in SCHEMA.names[2:]}
        hits = row["hit_index"]
        flat = hits.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
        offsets = _offsets(row["n_hits"].to_numpy(zero_copy_only=False))
        covariance = row["covariance"].flatten().to_numpy(zero_copy_only=False).reshape(-1, 15)
        values = {a: row[name].to_numpy(zero_copy_only=False) for name, a in COLUMNS.items()}
        tracks = Tracks(offsets=offsets, hit_index=flat, covariance=covariance, **values)
        yield batch.column("event")[i].as_py(), batch.column("source")[i].as_py(), tracks


def _offsets(counts: NDArray | Sequence[int]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(np.asarray(counts, np.int64))]).astype(np.int64)


def _write_root(path: Path, rows: list[Row], note: Mapping[str, Any]) -> None:
    """Write the tree ``tracks``; of one level of lists: hit_index and covariance are flat in an event."""
    import awkward as ak
    import uproot

    def jagged(arrays: list[NDArray]) -> ak.Array:
        return ak.unflatten(np.concatenate([np.zeros(0), *arrays]), [len(array) for array in arrays])

    tracks = [row[2] for row in rows]
    branches = {"event": np.array([row[0] for row in rows], np.int64)}
    branches["track_id"] = jagged([np.arange(len(t)) for t in tracks])
    branches["n_hits"] = jagged([np.diff(t.offsets) for t in tracks])
    branches["hit_index"] = jagged([t.hit_index for t in tracks])
    branches |= {name: jagged([getattr(t, attribute) for t in tracks]) for name, attribute in COLUMNS.items()}
    branches["covariance"] = jagged([t.covariance.ravel() for t in tracks])
    with uproot.recreate(path) as file:
        file["tracks"] = branches
        file[NOTE] = json.dumps(note)
