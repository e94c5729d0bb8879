"""The counts that tell whether events are like those of the calibration, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from gnnreco.columns import Deposits, Hits, Tracks
from gnnreco.tasks.tracking.usual import RATIOS, counts_of


def hits(sensor: list[int], deposits: Deposits | None = None) -> Hits:
    zero = np.zeros(len(sensor))
    return Hits(np.arange(len(sensor)), zero, zero, zero, np.array(sensor, np.int32), deposits=deposits)


def tracks(chi2: list[float], ndf: list[float], sizes: list[int]) -> Tracks:
    columns: dict[str, Any] = {
        name: np.zeros(len(chi2)) for name in ("d0", "z0", "phi", "theta", "q_over_p", "score")
    }
    index = np.arange(sum(sizes))
    offsets = np.append(0, np.cumsum(sizes))
    return Tracks(
        offsets,
        index,
        covariance=np.ones((len(chi2), 15)),
        chi2=np.array(chi2),
        ndf=np.array(ndf),
        **columns,
    )


def test_counts_by_hand() -> None:
    u = np.array([3, 4, 5, 7, 7, 1, 1, 9], np.int32)
    v = np.array([0, 0, 0, 2, 3, 0, 0, 9], np.int32)
    value = np.array([1, 2, 1, 1, 1, 5, 6, 1], np.float32)
    # three cells along u, two along v of the same value, one cell, none, and one of a hit outside every sensor
    deposits = Deposits(np.array([0, 3, 5, 6, 6, 8]), u, v, value)
    found = tracks([9.0, 1.0, np.nan], [4.0, 4.0, 0.0], [2, 1, 1])
    assert counts_of(hits([0, 0, 1, 2, -1], deposits), found) == {
        "hits_seen": 4,
        "hits_on_tracks": 4,
        "fits": 2,
        "poor_fits": 1,
        "hits_with_cells": 3,
        "cluster_channels": 4 + 3 + 2,
        "shared_clusters": 2,
        "uneven_clusters": 1,
    }


def test_an_empty_event_and_hits_without_cells() -> None:
    empty = counts_of(hits([]), Tracks())
    assert set(empty.values()) == {0}
    assert {name for ratio in RATIOS for name in (ratio.part, ratio.whole)} == set(empty)
    alone = counts_of(hits([0, 1]), Tracks())
    assert alone == empty | {"hits_seen": 2}
