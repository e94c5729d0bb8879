"""Hits of trackers and calorimeters in one table: no row and no link is lost or moved."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import Deposits, Hits
from gnnreco.simulate.readout import Part, joined


def part(n: int, mark: float, timed: bool) -> Part:
    """Hits that can be told apart, hit i with i + 1 deposits, each linked to particle 10 + i."""
    rows = np.arange(n)
    counts = rows + 1
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    wires = np.arange(offsets[-1], dtype=np.int32)
    hits = Hits(
        rows + 1,
        rows + mark,
        rows + mark + 0.1,
        rows + mark + 0.2,
        np.full(n, int(mark), np.int32),
        rows + 1.0,
        rows + 2.0,
        time=rows + mark if timed else None,
        energy=rows + 0.5,
        deposits=Deposits(offsets, wires, wires + 1, (wires + mark).astype(np.float32)),
    )
    return hits, rows, rows + 10, rows + 0.25


PARTS = st.lists(st.tuples(st.integers(0, 4), st.booleans()), min_size=1, max_size=4)


@given(PARTS)
def test_every_hit_keeps_its_row_its_channels_and_its_particles(drawn: list[tuple[int, bool]]) -> None:
    parts = [part(n, 100.0 * i, timed) for i, (n, timed) in enumerate(drawn)]
    hits, hit, particle, energy = joined(parts)
    filled = [p for p in parts if len(p[0])]
    assert len(hits) == sum(len(p[0]) for p in parts)
    np.testing.assert_array_equal(hits.hit_id, np.arange(1, len(hits) + 1))
    np.testing.assert_array_equal(hits.x, np.concatenate([np.zeros(0), *(p[0].x for p in filled)]))
    assert hits.deposits is not None
    begin = 0
    for one, _, _, _ in filled:
        assert one.deposits is not None
        for row in range(len(one)):
            mine, theirs = (
                slice(d.offsets[i], d.offsets[i + 1])
                for d, i in ((hits.deposits, begin + row), (one.deposits, row))
            )
            np.testing.assert_array_equal(hits.deposits.value[mine], one.deposits.value[theirs])
            np.testing.assert_array_equal(hits.deposits.v[mine], one.deposits.v[theirs])
            link = hit == begin + row
            assert (particle[link].tolist(), energy[link].tolist()) == ([10 + row], [row + 0.25])
        begin += len(one)


@given(PARTS)
def test_time_is_there_where_any_filled_part_has_it_and_nan_elsewhere(drawn: list[tuple[int, bool]]) -> None:
    parts = [part(n, 100.0 * i, timed) for i, (n, timed) in enumerate(drawn)]
    hits, *_ = joined(parts)
    filled = [p[0] for p in parts if len(p[0])]
    if not filled:
        assert hits is parts[0][0]
    elif not any(one.time is not None for one in filled):
        assert hits.time is None
    else:
        expected = [np.full(len(one), np.nan) if one.time is None else one.time for one in filled]
        np.testing.assert_array_equal(hits.time, np.concatenate(expected))


def test_a_part_alone_is_itself() -> None:
    alone, nothing = part(3, 0.0, True), part(0, 100.0, False)
    assert joined([nothing, alone]) is alone
    assert joined([alone, nothing]) is alone
