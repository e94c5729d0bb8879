"""Parquet with one row a hit, as pandas and polars write it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.readers.trackml import LABELS
from gnnreco.geometry import Detector

TABLE = {
    "event": [7, 7, 3, 3, 3],
    "hit_id": [1, 2, 1, 2, 4],
    "x": [1.0, 2.0, 3.0, 4.0, 5.0],
    "y": [0.5] * 5,
    "z": [10.0, 20.0, 30.0, 40.0, 50.0],
}


def written(folder: Path, name: str = "hits.parquet", row_group_size: int = 100, **columns: Any) -> Path:
    """The table with other or more columns; None drops one."""
    table = {name: column for name, column in {**TABLE, **columns}.items() if column is not None}
    pq.write_table(pa.table(table), folder / name, row_group_size=row_group_size)
    return folder / name


@pytest.mark.parametrize("row_group_size", [1, 3, 100])
def test_events_by_number(row_group_size: int, tmp_path: Path) -> None:
    source = open_events(written(tmp_path, row_group_size=row_group_size, energy=[0.5, 1, 2, 3, 4]), None)
    assert source.numbers == [7, 3]
    first, second = source
    np.testing.assert_array_equal(first.hits.xyz, [[1, 0.5, 10], [2, 0.5, 20]])
    assert second.hits.hit_id.tolist() == [1, 2, 4]
    assert second.hits.energy.tolist() == [2, 3, 4]
    assert second.hits.sensor.tolist() == [-1, -1, -1]
    assert first.truth is None


def test_rows_of_an_event_may_lie_apart(tmp_path: Path) -> None:
    source = open_events(
        written(tmp_path, row_group_size=2, event=[7, 3, 3, 7, 3], hit_id=[1, 2, 3, 4, 5]), None
    )
    assert [event.hits.hit_id.tolist() for event in source] == [[1, 4], [2, 3, 5]]


def test_one_file_an_event(tmp_path: Path) -> None:
    written(tmp_path, "event000000012-hits.parquet", event=None, hit_id=[1, 2, 3, 4, 5])
    written(tmp_path, "event000000011.parquet", event=None, hit_id=[1, 2, 3, 4, 6])
    source = open_events(tmp_path, None)
    assert source.numbers == [11, 12]
    assert [len(event.hits) for event in source] == [5, 5]


def test_truth_in_the_columns(tmp_path: Path) -> None:
    columns: dict[str, Any] = {
        "particle_id": np.array([0, 2**64 - 1, 9, 9, 0], np.uint64),
        "weight": [0, 1, 0.5, 0.5, 0],
    }
    columns |= {name: [1.0, 2.0, 3.0, 4.0, 5.0] for name in ("tx", "ty", "tz", "tpx", "tpy", "tpz")}
    file = written(tmp_path, **columns)
    first, second = open_events(file, None)
    assert first.truth.particles.particle_id.tolist() == [-1]
    assert first.truth.hit.tolist() == [1]
    assert second.truth.hit.tolist() == [0, 1]
    assert second.truth.particles.px.tolist() == [3.0]
    assert second.truth.weight.tolist() == [0.5, 0.5, 0]
    assert open_events(file, None, truth=False)[0].truth is None


def test_the_table_of_a_csv_event_is_the_same_event(
    trackml: Path, detector: Detector, tmp_path: Path, assert_same
) -> None:
    import pyarrow.csv as pacsv

    whole = open_events(trackml, detector, truth=False, deposits=False)[0]
    pq.write_table(
        pacsv.read_csv(trackml / "event000000001-hits.csv"), tmp_path / "event000000001-hits.parquet"
    )
    assert_same(open_events(tmp_path, detector)[0].hits, whole.hits)
    assert (whole.hits.sensor >= 0).all()


def test_types_of_other_tools(tmp_path: Path) -> None:
    columns = {
        "event": pa.array([7, 7, 3, 3, 3], pa.uint16()).dictionary_encode(),
        "hit_id": [1.0, 2.0, 1.0, 2.0, 4.0],
        "x": pa.array([1, 2, 3, 4, 5], pa.int32()),
        "y": pa.array([0.5] * 5, pa.float32()).dictionary_encode(),
        "label": pa.array(["a"] * 5, pa.large_string()),
        "__index_level_0__": range(5),
        **{name: [1, 2, 3, 4, 5] for name in LABELS},
    }
    source = open_events(written(tmp_path, **columns), None)
    assert [event.hits.x.tolist() for event in source] == [[1, 2], [3, 4, 5]]
    assert source.left_aside == {"column label": 2}


@pytest.mark.parametrize(
    ("columns", "where", "why"),
    [
        ({"hit_id": [1, 1, 1, 2, 4]}, "event 7, column hit_id", "the same hit id twice"),
        ({"event": None}, "event 0, column hit_id", r"several events need a column 'event'"),
        ({"hit_id": [1.5, 2, 1, 2, 4]}, "event 7, column hit_id", "holds double that are not all int64"),
        ({"x": [1.0, None, 3.0, 4.0, 5.0]}, "event 7, column x", "gaps, NaN or infinity"),
        ({"z": [1.0, np.nan, 3.0, 4.0, 5.0]}, "event 7, column z", "gaps, NaN or infinity"),
        ({"y": list("abcde")}, "event 7, column y", "holds string that are not all double"),
        ({"event": [7, 7, None, 3, 3]}, "column event", "1 gaps"),
        ({"event": [7.5, 7, 7, 3, 3]}, "column event", "not whole numbers"),
    ],
)
def test_damage(columns: dict[str, Any], where: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=why) as error:
        list(open_events(written(tmp_path, **columns), None))
    assert error.value.where == where
