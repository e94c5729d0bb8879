"""Sorting by a small integer: what numpy's stable sort gives, and where each key begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.graphs.order import by_key, by_key_and_value, falling


@given(st.lists(st.integers(0, 6), max_size=40), st.integers(0, 3), st.sampled_from([np.int32, np.int64]))
def test_it_is_the_stable_order(keys: list[int], more: int, kind: type) -> None:
    key = np.array(keys, kind)
    n = max(keys, default=-1) + 1 + more
    order, start = by_key(key, n)
    assert order.tolist() == np.argsort(key, kind="stable").tolist()
    assert start.tolist() == [int((key < k).sum()) for k in range(n + 1)]
    for k in range(n):
        assert (key[order[start[k] : start[k + 1]]] == k).all()


@pytest.mark.parametrize("n", [0, 3])
def test_without_rows_every_key_is_empty(n: int) -> None:
    order, start = by_key(np.zeros(0, np.int64), n)
    assert (len(order), start.tolist()) == (0, [0] * (n + 1))


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(width=32, allow_nan=False)), max_size=60))
def test_the_rows_of_a_key_come_by_value_then_by_row(rows: list[tuple[int, float]]) -> None:
    key, value = np.array([k for k, _ in rows], np.int64), np.array([v for _, v in rows], np.float32)
    order, start = by_key_and_value(key, value, 5)
    assert order.tolist() == np.lexsort((np.arange(len(key)), value, key)).tolist()
    assert start.tolist() == np.searchsorted(key[order], np.arange(6)).tolist()


@given(st.lists(st.sampled_from([-2.5, 0.0, 1.0, 1e-300]) | st.floats(allow_nan=False), max_size=60))
def test_falling_values_keep_the_order_of_equal_ones(values: list[float]) -> None:
    value = np.array(values, float)
    assert falling(value).tolist() == sorted(range(len(values)), key=lambda row: (-value[row], row))
