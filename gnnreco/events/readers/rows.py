"""From the ids by which tables point to each other to row numbers; deposits in the order of their hits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Deposits
from gnnreco.errors import BadInput


def require_unique(file: Path, name: str, values: NDArray) -> None:
    """Raise `BadInput` with the line where a value that must be unique occurs again."""
    if len(values) < 2 or bool(np.all(np.diff(values) > 0)):
        return
    order = np.argsort(values, kind="stable")
    again = np.flatnonzero(np.diff(values[order]) == 0)
    if len(again):
        row = int(order[again + 1].min())
        why = f"{values[row]} occurs a second time; ids must be unique in an event"
        raise BadInput(file, f"line {row + 2}, column {name}", why)


def rows_of(
    file: Path, name: str, ids: NDArray, keys: NDArray, what: str, order: NDArray | None = None
) -> NDArray:
    """Row of each key among the unique `ids`; a key that is not there is `BadInput` with its line.

    Parameters
    ----------
    file, name
        Where the keys stand, for the message.
    ids : int64 (n,)
        Unique ids of the table pointed to.
    keys : int64 (m,)
    what : str
        What the ids number, for the message ("hit").
    order : int64 (n,), optional
        ``argsort(ids)`` where it is known.

    Returns
    -------
    int64 (m,)
    """
    rows = find_rows(ids, keys, order)
    lost = np.flatnonzero(rows < 0)
    if len(lost):
        first = int(lost[0])
        raise BadInput(
            file,
            f"line {first + 2}, column {name}",
            f"{keys[first]} is no {what} of this event ({len(lost)} such rows); "
            "the files of the event do not belong together or one was cut off",
        )
    return rows


def find_rows(ids: NDArray, keys: NDArray, order: NDArray | None = None) -> NDArray[np.int64]:
    """Row of each key among the unique `ids`, -1 where there is none."""
    if not len(ids):
        return np.full(len(keys), -1, np.int64)
    start = int(ids[0])
    if order is None and int(ids[-1]) - start == len(ids) - 1 and bool(np.all(np.diff(ids) == 1)):
        rows = keys.astype(np.int64) - start  # ids count up: the common case needs no search
        return np.where((rows >= 0) & (rows < len(ids)), rows, -1)
    if order is None:
        order = np.argsort(ids, kind="stable")
    place = np.minimum(np.searchsorted(ids, keys, sorter=order), len(ids) - 1)
    rows = order[place].astype(np.int64)
    return np.where(ids[rows] == keys, rows, -1)


def make_deposits(rows: NDArray, n_hits: int, u: NDArray, v: NDArray, value: NDArray) -> Deposits:
    """Deposits sorted by hit; those of one hit keep the order of the file."""
    if len(rows) and bool(np.any(np.diff(rows) < 0)):
        order = np.argsort(rows, kind="stable")
        rows, u, v, value = rows[order], u[order], v[order], value[order]
    offsets = np.zeros(n_hits + 1, np.int64)
    np.cumsum(np.bincount(rows, minlength=n_hits), out=offsets[1:])
    return Deposits(offsets, u.astype(np.int32), v.astype(np.int32), value.astype(np.float32))
