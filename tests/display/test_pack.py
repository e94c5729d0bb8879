"""Arrays as text: what a page would read back is what went in."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.display.pack import KINDS, Pack


def unpacked(pack: Pack) -> dict[str, np.ndarray]:
    """As the script of the page does it: byte planes, then running sums modulo 2^32."""
    data = zlib.decompress(base64.b64decode(pack.text()))
    found = {}
    for entry in pack.index:
        n, size = entry["n"], KINDS[entry["dtype"]]
        raw = np.frombuffer(data, np.uint8, n * size, entry["at"])
        if entry["dtype"] == "int32":
            raw = np.cumsum(raw.reshape(4, n).T.copy().view("<u4").ravel(), dtype=np.uint32).view(np.uint8)
        found[entry["name"]] = raw.copy().view(np.dtype(entry["dtype"]).newbyteorder("<"))
    return found


@given(
    st.lists(st.integers(-(2**31), 2**31 - 1), max_size=20),
    st.lists(st.integers(-(2**62), 2**62), max_size=9),
    st.lists(st.integers(0, 255), max_size=9),
    st.lists(st.floats(width=32), max_size=9),
)
def test_arrays_come_back(ints: list[int], longs: list[int], small: list[int], real: list[float]) -> None:
    pack = Pack()
    given_ = {
        "int32": ints,
        "int64": longs,
        "uint8": small,
        "float32": real,
        "int16": [x - 128 for x in small],
    }
    for kind, values in given_.items():
        pack.add(kind, np.array(values, kind), kind)
    found = unpacked(pack)
    for kind, values in given_.items():
        np.testing.assert_array_equal(found[kind], np.array(values, kind))
    assert all(entry["at"] % 8 == 0 for entry in pack.index)


@given(st.lists(st.tuples(*[st.floats(-1e5, 1e5)] * 3), max_size=20))
def test_points_come_back_to_a_quarter_of_a_hundredth_part(points: list[tuple[float, ...]]) -> None:
    pack, xyz = Pack(), np.array(points).reshape(-1, 3)
    pack.add_points("xyz", xyz)
    unit = pack.index[0]["unit"]
    largest = np.abs(xyz).max(initial=0.0)
    assert unit <= max(1 / 256, largest / 2**29)
    np.testing.assert_allclose(unpacked(pack)["xyz"].reshape(3, -1).T * unit, xyz, atol=unit)


def test_what_is_not_finite_lies_at_the_origin() -> None:
    pack = Pack()
    pack.add_points("xyz", np.array([[np.nan, np.inf, 3.0]]))
    np.testing.assert_allclose(unpacked(pack)["xyz"] * pack.index[0]["unit"], [0, 0, 3])


def test_sorted_numbers_cost_next_to_nothing() -> None:
    pack = Pack()
    pack.add("ids", np.arange(100_000) * 17, "int32")
    assert len(pack.text()) < 3000


@pytest.mark.parametrize("shape", [(3, 2), (6,), (1, 6)])
def test_two_dimensions_are_stored_row_by_row(shape: tuple[int, ...]) -> None:
    pack = Pack()
    pack.add("a", np.arange(6).reshape(shape), "int32")
    assert unpacked(pack)["a"].tolist() == [0, 1, 2, 3, 4, 5]
