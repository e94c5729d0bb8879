"""Reads the tracks that ACTS wrote as CSV (CsvTrackWriter, CsvTrackParameterWriter) into our columns."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from gnnreco.columns import Event, Tracks

NAMES = ("d0", "z0", "phi", "theta", "qop")


def read_acts_tracks(folder: str | Path, event: Event, stage: str = "ambi") -> Tracks:
    """Tracks of one event.

    Parameters
    ----------
    folder : path
        Folder with ``event*-tracks_<stage>.csv`` and ``event*-track_parameters_<stage>.csv``, of a full
        ACTS chain or of ``acts_sequence.py find``.
    event : Event
        The event of the same number; its ``hit_id`` are the measurement ids.
    stage : {"ckf", "ambi"}
        After the Kalman filter, or after the ambiguity resolution.

    Returns
    -------
    Tracks
        Chi2 and ndf as ACTS gives them; score 1.
    """
    stem = f"event{event.number:09d}"
    with (Path(folder) / f"{stem}-tracks_{stage}.csv").open(newline="") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: int(row["track_id"]))
    hit_ids = [np.fromstring(row["Measurements_ID"].strip("[],"), np.int64, sep=",") for row in rows]
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in hit_ids])]).astype(np.int64)
    order = np.argsort(event.hits.hit_id)
    flat = np.concatenate([np.zeros(0, np.int64), *hit_ids])
    reordered = Path(folder) / f"{stem}-measurement_order.csv"
    if reordered.exists():  # the finder read the events from files: its numbers are not those of the file
        flat = np.loadtxt(reordered, np.int64, skiprows=1)[flat]
    index = order[np.searchsorted(event.hits.hit_id, flat, sorter=order)].astype(np.int64)

    with (Path(folder) / f"{stem}-track_parameters_{stage}.csv").open(newline="") as file:
        by_id = {int(row["trackId"]): row for row in csv.DictReader(file)}
    fits = [by_id[int(row["track_id"])] for row in rows]
    values = np.array([[float(fit[name]) for name in NAMES] for fit in fits]).reshape(-1, 5)
    pairs = [(a, b) for i, a in enumerate(NAMES) for b in NAMES[: i + 1]]
    keys = [f"var_{a}" if a == b else f"cov_{a}{b}" for a, b in pairs]
    covariance = np.array([[float(fit[key]) for key in keys] for fit in fits]).reshape(-1, 15)
    quality = np.array([[float(row["chi2"]), float(row["ndf"])] for row in rows]).reshape(-1, 2)
    return Tracks(offsets, index, *values.T, covariance, *quality.T, np.ones(len(rows)))
