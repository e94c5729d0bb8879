"""Memory is given back between the stages of large events only."""

from __future__ import annotations

import ctypes
import sys
from types import SimpleNamespace

import pytest

from gnnreco.kernels.memory import LARGE, give_back


@pytest.mark.parametrize(("rows", "times"), [(0, 0), (LARGE, 0), (LARGE + 1, 1)])
def test_only_large_events_give_back(rows: int, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace(malloc_trim=asked.append))
    give_back(rows)
    assert asked == [0] * times


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: SimpleNamespace())
    give_back(LARGE + 1)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have no malloc_trim")
def test_the_system_takes_it() -> None:
    give_back(LARGE + 1)
