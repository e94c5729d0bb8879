"""The table of generated particles: selecting and joining lose nothing."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.simulate.generators.generated import Generated


def made(n: int, start: int = 0) -> Generated:
    """Particles that can be told apart in every column."""
    number = np.arange(start, start + n)
    columns = [number * 10.0 + i for i in range(7)]
    return Generated(number.astype(np.int32), *columns, (number % 3).astype(np.int32))


def rows(table: Generated) -> list[tuple[float, ...]]:
    return list(zip(*(getattr(table, f.name).tolist() for f in fields(Generated)), strict=True))


@given(st.lists(st.booleans(), max_size=12))
def test_what_is_kept_and_what_is_not_are_the_whole(mask: list[bool]) -> None:
    table, keep = made(len(mask)), np.array(mask, bool)
    kept, left = table.select(keep), table.select(~keep)
    assert len(kept) == keep.sum()
    assert sorted(rows(kept) + rows(left)) == rows(table)
    assert {f.name: getattr(kept, f.name).dtype for f in fields(kept)} == {
        f.name: getattr(table, f.name).dtype for f in fields(table)
    }


@given(st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_joined_parts_come_apart_again(counts: list[int]) -> None:
    starts = np.concatenate([[0], np.cumsum(counts)])
    whole = Generated.join([made(n, start) for n, start in zip(counts, starts[:-1], strict=True)])
    assert rows(whole) == rows(made(int(starts[-1])))
    for n, begin in zip(counts, starts[:-1], strict=True):
        assert rows(whole.select(slice(begin, begin + n))) == rows(made(n, begin))
