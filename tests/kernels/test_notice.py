"""Who waits for the compiler is told once; who does not wait hears nothing."""

from __future__ import annotations

from typing import Any

import numba
import pytest

from gnnreco.kernels import notice
from gnnreco.kernels.notice import Notice


def compiled() -> None:
    @numba.njit
    def inner(x: Any) -> Any:
        return x + 1

    @numba.njit
    def kernel(x: Any) -> Any:
        return inner(x) * 2

    assert kernel(1.0) == 4.0


def test_a_long_compilation_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "PATIENCE", 0.001)
    said: list[str] = []
    with Notice(said.append) as told:
        compiled()
        compiled()
    assert len(said) == 2
    assert said[0].startswith("compiling kernels")
    assert said[1].startswith(f"kernels compiled in {told.seconds:.0f} s, kept in ")
    assert told.seconds > 0.01


def test_it_says_where_nothing_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "PATIENCE", 0.001)
    monkeypatch.setattr(notice, "kernel_folder", lambda: None)
    said: list[str] = []
    with Notice(said.append):
        compiled()
    assert said[-1].endswith("not kept: set NUMBA_CACHE_DIR to a folder")


def test_a_short_one_is_not_worth_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice, "PATIENCE", 1000.0)
    said: list[str] = []
    with Notice(said.append):
        compiled()
    compiled()
    assert not said
