"""Sorting by a small integer: what numpy's stable sort gives, and where each key begins."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.graphs.order import by_key, by_value


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


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=60))
def test_values_come_in_the_stable_order(values: list[float]) -> None:
    value = np.array(values, np.float32)
    assert by_value(value).tolist() == np.argsort(value, kind="stable").tolist()
