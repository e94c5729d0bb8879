"""What kernels need once is no cost of events."""

from __future__ import annotations

import time
from typing import Any

import numba
import pytest

from gnnreco.kernels.timer import Timer
from gnnreco.reconstruct.job import Cost
from gnnreco.reconstruct.manifest import _seconds


def test_compiling_is_told_apart() -> None:
    @numba.njit
    def inner(x: Any) -> Any:
        return x + 1

    @numba.njit
    def kernel(x: Any) -> Any:
        return inner(x) * 2

    cost = Cost()
    for _ in range(3):
        with Timer() as timer:
            assert kernel(1.0) == 4.0
            time.sleep(0.02)
        cost.add(timer)
    assert (cost.events, cost.cold_events) == (2, 1)
    assert cost.seconds >= 0.04
    assert cost.cold_seconds >= 0.02
    assert cost.warm_up_seconds > 10 * cost.cpu_seconds  # nested compilations count once, yet take all of it
    assert cost.warm_up_cpu_seconds <= 1.1 * cost.warm_up_seconds + 0.05


def test_events_count_when_all_is_warm() -> None:
    cold = Cost(cold_events=1, cold_seconds=3.0, cold_cpu_seconds=3.0, warm_up_seconds=40.0)
    warm = Cost(events=4, seconds=2.0, cpu_seconds=1.0, peak_rss_gib=0.5)
    both, only = _seconds([cold, warm]), _seconds([cold])
    assert (both["events_timed"], both["seconds_per_event"], both["cpu_seconds_per_event"]) == (4, 0.5, 0.25)
    assert both["warm_up_seconds"] == pytest.approx(43.0)
    assert (only["events_timed"], only["seconds_per_event"], only["warm_up_seconds"]) == (1, 3.0, 40.0)
