"""Output of an anomaly task whose scores and p-values are drawn, so that what is right is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gnnreco.columns import Anomalies, Floats
from gnnreco.events.anomalies_file import Row, write_anomalies
from gnnreco.statistics import calibrate

CALIBRATION = 999
MANIFEST = {
    "task": "anomaly",
    "events_failed": 0,
    "seconds_per_event": 0.5,
    "cpu_seconds_per_event": 0.4,
    "peak_rss_gib": 0.3,
    "threads": 1,
    "calibration": {"events": CALIBRATION},
}
P_VALUE = calibrate(np.random.default_rng(0).normal(size=CALIBRATION)).p_value


def rows_of(source: str, score: Floats, first: int = 0) -> list[Row]:
    """Events of a source with these scores, whose ionisation is what is strange; NaN: an event without hits."""
    part = np.zeros((1, 6))
    part[0, 1] = 2.0
    return [
        (first + i, source, Anomalies())
        if np.isnan(value)
        else (
            first + i,
            source,
            Anomalies(
                *(np.array([0, 1]), np.array([0]), np.array([1.5]), np.array([value])),
                *(P_VALUE([value]), part, np.array([7])),
            ),
        )
        for i, value in enumerate(score)
    ]


def drawn(source: str, events: int, mean: float = 0.0, seed: int = 1) -> list[Row]:
    """Events whose scores follow a normal distribution; that of the calibration has mean 0."""
    return rows_of(source, np.random.default_rng(seed).normal(mean, 1, events))


def output(folder: Path, rows: list[Row]) -> Path:
    """What `reconstruct` leaves of them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_anomalies(folder / "shard-00000000.parquet", rows)
    told = MANIFEST | {"events_in": len(rows), "shards": [{"file": "shard-00000000.parquet"}]}
    (folder / "manifest.json").write_text(json.dumps(told))
    return folder
