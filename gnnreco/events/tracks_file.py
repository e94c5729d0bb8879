"""Found tracks on disk: how `Tracks` lie in the files of `gnnreco.events.output_file`.

The columns are ``event, source, track_id, n_hits, hit_index, hit_id, d0_mm, z0_mm, phi, theta, q_over_p, chi2, ndf,
score, covariance``; ``covariance`` has 15 numbers a track.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gnnreco.columns import Tracks
from gnnreco.files.json_types import JsonMapping

from .output_file import Layout, read_note, read_output, write_output

__all__ = ["COLUMNS", "TRACKS", "Row", "read_note", "read_tracks", "write_tracks"]

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
TRACKS = Layout(
    "tracks", Tracks, "track_id", True, ("hit_index", "hit_id"), COLUMNS, {"covariance": ("covariance", 15)}
)


def write_tracks(path: str | Path, rows: Iterable[Row], note: JsonMapping | None = None) -> None:
    """Write the tracks of events to one file; see `write_output`."""
    write_output(TRACKS, path, rows, note)


def read_tracks(path: str | Path) -> Iterator[Row]:
    """Read the tracks that `gnnreco reconstruct` wrote, one event after the other.

    Parameters
    ----------
    path : path
        The folder of the output, or one of its files (Parquet or ROOT).

    Yields
    ------
    (int, str, Tracks)
        Number and source of an event, and its tracks: `gnnreco.Tracks`, one row each, in mm, rad and e/GeV.

    Raises
    ------
    BadInput
        If there is no such file, one is not what the manifest says or is damaged, or a column is missing.

    Examples
    --------
    >>> tables = {number: tracks for number, source, tracks in read_tracks("found")}
    >>> sorted(tables)
    [0, 1, 2, 3]
    """
    return read_output(TRACKS, path)
