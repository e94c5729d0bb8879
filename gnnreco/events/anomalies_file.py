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
    """Read what `write_anomalies` wrote, from a file or a folder; see `read_output`."""
    return read_output(ANOMALIES, path)
