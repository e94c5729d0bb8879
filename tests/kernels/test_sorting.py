"""Sorting in kernels does what numpy's does."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from gnnreco.kernels.sorting import rising, sort

PACKAGE = Path(__file__).parents[2] / "gnnreco"
KERNEL = re.compile(r"(_?njit|_?kernel|_?compiled|_?inlined|_?vectorised\w*)\b")
SORT = re.compile(r"^np\.unique$|\.(arg|lex)?sort$")
SIZES = (0, 1, 2, 3, 4, 5, 13, 14, 64, 65, 1000)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.float64])
def test_values_rise(kind: type) -> None:
    random = np.random.default_rng(1)
    for size in SIZES:
        for values in (random.integers(-9, 9, size).astype(kind), random.permutation(size).astype(kind)):
            expected = np.sort(values)
            sort(values)
            assert values.tolist() == expected.tolist()


def test_a_part_of_an_array_is_sorted_where_it_is() -> None:
    values = np.array([9.0, 3.0, 1.0, 2.0, 0.0])
    sort(values[1:4])
    assert values.tolist() == [9.0, 1.0, 2.0, 3.0, 0.0]


def test_rows_of_equal_values_keep_their_order() -> None:
    random = np.random.default_rng(2)
    for size in SIZES:
        values = random.integers(0, 5, size).astype(np.float64)
        assert rising(values).tolist() == np.argsort(values, kind="stable").tolist()


def sorts(source: str) -> list[str]:
    """The kernels in a file's text that have numba compile a sort of numpy's."""
    found = []
    for kernel in ast.walk(ast.parse(source)):
        if isinstance(kernel, ast.FunctionDef) and any(
            KERNEL.match(ast.unparse(d)) for d in kernel.decorator_list
        ):
            calls = [ast.unparse(node.func) for node in ast.walk(kernel) if isinstance(node, ast.Call)]
            found += [f"{kernel.name}: {call}" for call in calls if SORT.search(call)]
    return found


def test_no_kernel_compiles_a_sort_of_numpy() -> None:
    assert [line for file in PACKAGE.rglob("*.py") for line in sorts(file.read_text())] == []


@pytest.mark.parametrize("call", ["np.sort(x)", "np.argsort(x)", "x[1:].sort()", "np.unique(x)"])
def test_a_sort_of_numpy_is_seen(call: str) -> None:
    assert len(sorts(f"@njit(cache=True)\ndef f(x):\n    {call}\n")) == 1
    assert not sorts(f"def f(x):\n    {call}\n")
