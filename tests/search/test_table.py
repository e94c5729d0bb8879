"""Tables of events in their formats, and what is refused of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from gnnreco.errors import BadInput
from gnnreco.search import EventTable, read_events

from .toys import NAMES, matrix, toy

COLUMNS = ("m", *NAMES, "label")


@pytest.fixture(scope="module")
def table() -> EventTable:
    return toy(50, 5)


def same(read: EventTable, table: EventTable) -> None:
    assert read.names == table.names
    np.testing.assert_allclose(read.mass, table.mass)
    np.testing.assert_allclose(read.features, table.features)
    np.testing.assert_array_equal(read.label, table.label)


def test_every_format_says_the_same(table: EventTable, tmp_path: Path) -> None:
    np.save(tmp_path / "plain.npy", matrix(table))
    same(read_events(tmp_path / "plain.npy", "m", COLUMNS), table)
    named = np.zeros(len(table), [(name, float) for name in COLUMNS])
    for name, column in zip(COLUMNS, matrix(table).T, strict=True):
        named[name] = column
    np.save(tmp_path / "named.npy", named)
    same(read_events(tmp_path / "named.npy", "m"), table)
    arrow = pa.table(dict(zip(COLUMNS, matrix(table).T, strict=True)))
    pq.write_table(arrow, tmp_path / "plain.parquet")
    same(read_events(tmp_path / "plain.parquet", "m"), table)
    pacsv.write_csv(arrow, tmp_path / "plain.csv")
    same(read_events(tmp_path / "plain.csv", "m"), table)
    (tmp_path / "shards").mkdir()
    for i, part in enumerate((arrow[:20], arrow[20:])):
        pq.write_table(part, tmp_path / "shards" / f"shard-{i}.parquet")
    same(read_events(tmp_path / "shards", "m"), table)


def test_columns_choose_and_six_without_names_are_those_of_the_challenge(
    table: EventTable, tmp_path: Path
) -> None:
    arrow = pa.table(dict(zip(COLUMNS, matrix(table).T, strict=True)) | {"ids": [[1]] * len(table)})
    pq.write_table(arrow, tmp_path / "t.parquet")
    few = read_events(tmp_path / "t.parquet", "m", ("m", "b"))
    assert few.names == ("b",)
    assert few.labelled
    assert few.event is None
    numbered = arrow.append_column("event", pa.array(range(100, 155)))
    pq.write_table(numbered, tmp_path / "numbered.parquet")
    read = read_events(tmp_path / "numbered.parquet", "m", ("a", "b", "c"))
    same(read, table)
    assert read.event is not None
    assert read[5:].event[0] == 105  # type: ignore[index]
    with pytest.raises(BadInput, match="no column 'truth'"):
        read_events(tmp_path / "t.parquet", "m", label="truth")
    with pytest.raises(BadInput, match="column ids: holds list"):
        read_events(tmp_path / "t.parquet", "m", ("m", "ids"))
    np.save(tmp_path / "six.npy", np.column_stack([matrix(table)[:, :1], matrix(table)]))
    assert read_events(tmp_path / "six.npy", "mjj").names == ("mj1", "delta_mj", "tau21_1", "tau21_2")


def test_what_is_refused_is_said_in_one_line(table: EventTable, tmp_path: Path) -> None:
    values = matrix(table)
    good = tmp_path / "good.npy"
    np.save(good, values)

    def refused(message: str, path: Path, resonance: str = "m", columns: tuple[str, ...] = COLUMNS) -> None:
        with pytest.raises(BadInput, match=message) as stop:
            read_events(path, resonance, columns)
        assert "\n" not in str(stop.value)

    refused("does not exist", tmp_path / "none.npy")
    refused("no column 'mass'; there is m, a, b, c, label", good, "mass")
    refused("no column 'labell'; did you mean 'label'", good, "labell")
    refused("has 5 columns, but 2 names", good, "m", ("m", "a"))
    refused("columns have no names; give them with columns=", good, "m", ())
    (tmp_path / "events.root").write_bytes(b"root")
    refused("extension '.root' is not known", tmp_path / "events.root")
    (tmp_path / "broken.npy").write_bytes(good.read_bytes()[:40])
    refused("is not an .npy file", tmp_path / "broken.npy")
    np.save(tmp_path / "objects.npy", np.array([{}, []], object), allow_pickle=True)
    refused("is not an .npy file of numbers", tmp_path / "objects.npy")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    refused("is not Parquet", tmp_path / "broken.parquet")
    (tmp_path / "empty").mkdir()
    refused("holds no .parquet file", tmp_path / "empty")
    np.save(tmp_path / "deep.npy", values[None])
    refused("has 3 dimensions", tmp_path / "deep.npy")
    values[7, 2] = np.nan
    np.save(tmp_path / "nan.npy", values)
    refused("column b, row 7: is nan", tmp_path / "nan.npy")
    values[7, 2], values[3, 4] = 0, 0.5
    np.save(tmp_path / "label.npy", values)
    refused("column label, row 3: is 0.5; a label is 0", tmp_path / "label.npy")
    np.save(tmp_path / "one.npy", values[:, :1])
    refused("no column beside m to judge events by", tmp_path / "one.npy", "m", ("m",))
