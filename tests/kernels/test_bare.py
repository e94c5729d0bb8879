"""Inner kernels get no machine code of their own: what calls them gives the same bits, the same errors, from the folder too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco.columns import Floats
from gnnreco.kernels import njit
from gnnreco.kernels.bare import BareLibrary, KeptLibrary
from gnnreco.kernels.cache import kernel_folder


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "mine"))
    kernel_folder.cache_clear()
    yield tmp_path / "mine" / "kernels"
    kernel_folder.cache_clear()


def libraries(kernel: Any) -> list[type]:
    return [type(result.library) for result in kernel.overloads.values()]


def roots() -> tuple[Any, Any]:
    """Two new dispatchers, the first of which the second calls; the first refuses what is negative."""

    @njit(cache=True)
    def root(x: float, row: int) -> float:
        if x < 0:
            raise ValueError("below zero", row)
        return np.sqrt(x)

    @njit(cache=True)
    def total(xs: Floats) -> float:
        found = 0.0
        for i in range(len(xs)):
            found += root(xs[i], i)
        return found

    return root, total


def test_only_what_python_calls_is_machine_code_and_what_was_kept_works_as_what_was_compiled() -> None:
    for hits in (0, 1):
        root, total = roots()
        assert total(np.array([4.0, 9.0])) == 5.0
        assert sum(total.stats.cache_hits.values()) == hits
        with pytest.raises(ValueError, match="below zero") as raised:
            total(np.array([4.0, -9.0]))
        assert raised.value.args == ("below zero", 1)
        assert BareLibrary not in libraries(total)
        assert libraries(root) == [BareLibrary] * (1 - hits)


def test_an_inner_kernel_from_the_folder_serves_another_kernel() -> None:
    root, total = roots()
    assert total(np.array([4.0])) == 2.0
    root, _ = roots()

    @njit(cache=True)
    def product(xs: Floats) -> float:
        found = 1.0
        for i in range(len(xs)):
            found *= root(xs[i], i)
        return found

    assert product(np.array([4.0, 9.0])) == 6.0
    assert libraries(root) == [BareLibrary]
    assert sum(root.stats.cache_hits.values()) == 1
    assert root(16.0, 0) == 4.0  # Python may call it all the same


def test_kept_machine_code_is_read_in_llvms_form_once_another_kernel_calls_it() -> None:
    _, total = roots()
    assert total(np.array([4.0, 9.0])) == 5.0
    _, total = roots()
    assert total(np.array([4.0, 9.0])) == 5.0
    (result,) = total.overloads.values()
    assert type(result.library) is KeptLibrary
    assert result.library._shared_module is None
    assert result.library.get_pointer_to_function("no_such_function") == 0

    @njit(cache=True)
    def twice(xs: Floats) -> float:
        return 2 * total(xs)

    assert twice(np.array([4.0, 9.0])) == 10.0
    assert result.library._shared_module is not None
    assert total(np.array([16.0])) == 4.0


def test_a_kernel_may_call_itself() -> None:
    @njit(cache=True)
    def factorial(n: int) -> int:
        return 1 if n < 2 else n * factorial(n - 1)

    @njit(cache=True)
    def over(n: int, k: int) -> int:
        return factorial(n) // (factorial(k) * factorial(n - k))

    assert over(10, 3) == 120


@pytest.mark.parametrize("python_first", [False, True])
def test_sums_that_may_be_reordered_are_so_in_one_way(python_first: bool) -> None:
    xs = np.random.default_rng(1).normal(size=(37, 1013)) * 1e6

    @njit(cache=True, fastmath=True, forceinline=True)
    def sum_of(x: Floats) -> float:
        total = 0.0
        for value in x:
            total += value * value
        return total

    @njit(cache=True, fastmath=True)
    def between(xs: Floats, i: int) -> float:
        return sum_of(xs[i]) + 1.0

    @njit(cache=True)
    def sums(xs: Floats) -> Floats:
        found = np.empty(len(xs))
        for i in range(len(xs)):
            found[i] = between(xs, i)
        return found

    if python_first:
        sum_of(xs[0]), between(xs, 0)
    SUMS.append(sums(xs).tobytes())
    assert len(set(SUMS)) == 1


SUMS: list[bytes] = []
