"""How strange events are, on disk: how `Anomalies` lie in the files of `gnnreco.events.output_file`.

The columns are ``event, source, anomaly_id, hit_index, hit_id, attribution, score, p_value, part``; ``part`` has a
number for each of `ANOMALY_PARTS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from gnnreco.columns import ANOMALY_PARTS, Anomalies
from gnnreco.files.json_types import JsonMapping

from .output_file import Layout, read_output, write_output

Row = tuple[int, str, Anomalies]
ANOMALIES = Layout(
    "anomalies",
    Anomalies,
    "anomaly_id",
    False,
    ("hit_index", "hit_id", "attribution"),
    {"score": "score", "p_value": "p_value"},
    {"part": ("part", len(ANOMALY_PARTS))},
)


def write_anomalies(path: str | Path, rows: Iterable[Row], note: JsonMapping | None = None) -> None:
    """Write the scores of events to one file; see `write_output`."""
    write_output(ANOMALIES, path, rows, note)


def read_anomalies(path: str | Path) -> Iterator[Row]:
    """Read the anomalies that `gnnreco reconstruct` wrote, one event after the other.

    Parameters
    ----------
    path : path
        The folder of the output, or one of its files (Parquet or ROOT).

    Yields
    ------
    (int, str, Anomalies)
        Number and source of an event, and its anomalies: `gnnreco.columns.Anomalies`, one row each, in scores and p-values.

    Raises
    ------
    BadInput
        If there is no such file, one is not what the manifest says or is damaged, or a column is missing.

    Examples
    --------
    >>> for number, source, anomalies in read_anomalies("anomalies"):  # doctest: +SKIP
    ...     print(number, source, len(anomalies))
    """
    return read_output(ANOMALIES, path)
