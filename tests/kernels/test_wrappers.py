"""Kernels that only kernels call have no wrappers for Python; Python may call them all the same."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from numba.core import entrypoints

from gnnreco.columns import Floats
from gnnreco.kernels import njit
from gnnreco.kernels.cache import kernel_folder
from gnnreco.kernels.wrappers import has_wrapper


class Table(NamedTuple):
    rows: Floats
    factor: float


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
    kernel_folder.cache_clear()
    yield tmp_path / "mine" / "kernels"
    kernel_folder.cache_clear()


def pair() -> tuple[Any, Any]:
    """Two new dispatchers, the first of which the second calls."""

    @njit(cache=True)
    def inner(table: Table, i: int) -> float:
        return table.rows[i] * table.factor

    @njit(cache=True)
    def outer(table: Table) -> float:
        total = 0.0
        for i in range(len(table.rows)):
            total += inner(table, i)
        return total

    return inner, outer


def test_an_inner_kernel_gets_wrappers_when_python_calls_it(empty_folder: Path) -> None:
    table = Table(np.arange(4.0), 2.0)
    inner, outer = pair()
    assert outer(table) == 12.0
    (bare,) = inner.overloads.values()
    assert not has_wrapper(bare)
    assert len(list(empty_folder.rglob("*.nbc"))) == 2
    assert inner(table, 3) == 6.0
    (full,) = inner.overloads.values()
    assert has_wrapper(full)
    assert len(list(empty_folder.rglob("*.nbc"))) == 3
    assert (outer(table), inner(table, 1)) == (12.0, 2.0)


def test_what_was_kept_serves_python_and_kernels(empty_folder: Path) -> None:
    table = Table(np.arange(4.0), 2.0)
    inner, outer = pair()
    assert (inner(table, 3), outer(table)) == (6.0, 12.0)
    assert len(list(empty_folder.rglob("*.nbc"))) == 2  # the one with wrappers serves the outer kernel too
    inner, outer = pair()
    assert (outer(table), inner(table, 3)) == (12.0, 6.0)
    assert sum(outer.stats.cache_hits.values()) == sum(inner.stats.cache_hits.values()) == 1


def test_constants_do_not_make_codes_of_their_own() -> None:
    inner, _ = pair()

    @njit(cache=True)
    def ends(table: Table) -> float:
        return inner(table, 0) + inner(table, i=3)

    assert ends(Table(np.arange(4.0), 2.0)) == 6.0
    assert len(inner.overloads) == 1


def test_short_and_long_whole_numbers_share_a_code() -> None:
    inner, _ = pair()

    @njit(cache=True)
    def picked(table: Table, rows: Any) -> float:
        total = 0.0
        for k in range(len(rows)):
            total += inner(table, rows[k]) + inner(table, k)
        return total

    assert picked(Table(np.arange(4.0), 2.0), np.array([-1, 3], np.int32)) == 14.0
    assert len(inner.overloads) == 1


def test_a_constant_that_chooses_a_type_is_one() -> None:
    @njit(cache=True)
    def item(pair: tuple[int, Table], i: int) -> Any:
        return pair[i]

    @njit(cache=True)
    def factor(table: Table) -> float:
        return item((1, table), 1).factor + item((1, table), 0)

    assert factor(Table(np.arange(4.0), 2.0)) == 3.0


def test_types_of_other_packages_are_gathered_for_others_only(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(entrypoints, "init_all", lambda: asked.append("asked"))
    _, outer = pair()
    assert outer(Table(np.arange(4.0), 2.0)) == 12.0
    assert not asked

    @numba.njit
    def theirs(x: float) -> float:
        return x + 1

    assert theirs(1.0) == 2.0
    assert asked
