"""Own Parquet that another tool has written again, and Parquet that only says how much it holds."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gnnreco.columns import Event
from gnnreco.errors import BadInput
from gnnreco.events import open_events
from gnnreco.events.parquet import reader as parquet
from gnnreco.events.parquet import row_groups
from gnnreco.events.parquet.footer import declared_values
from gnnreco.events.parquet.writer import write_parquet

Change = Callable[[pa.Table], pa.Table]


@pytest.fixture
def table(tiny: Event, tmp_path: Path) -> pa.Table:
    write_parquet(tmp_path / "own.parquet", [tiny], None)
    return pq.read_table(tmp_path / "own.parquet")


def again(folder: Path, table: pa.Table, **how) -> Path:
    pq.write_table(table, folder / "again.parquet", **how)
    return folder / "again.parquet"


def cast(kind: Callable[[pa.DataType], pa.DataType]) -> Change:
    """All lists as another kind."""

    def change(table: pa.Table) -> pa.Table:
        schema = [
            f.with_type(kind(f.type.value_type)) if pa.types.is_list(f.type) else f for f in table.schema
        ]
        return table.cast(pa.schema(schema))

    return change


def wider(kind: pa.DataType) -> pa.DataType:
    return pa.large_list(pa.float64() if pa.types.is_floating(kind) else pa.int64())


WAYS: dict[str, Change] = {
    "as it is": lambda table: table,
    "no metadata, as pandas and polars leave it": lambda table: table.replace_schema_metadata(None),
    "other order": lambda table: table.select(sorted(table.column_names)),
    "large lists": cast(pa.large_list),
    "wider numbers": cast(wider),
    "event as int32": lambda table: table.set_column(0, "event", table.column("event").cast(pa.int32())),
    "event as a dictionary": lambda table: table.set_column(
        0, "event", table.column("event").dictionary_encode()
    ),
    "one more column": lambda table: table.append_column("run", pa.array([5])),
    "pandas' index": lambda table: table.append_column("__index_level_0__", pa.array([5])),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_event(way: str, table: pa.Table, tiny: Event, tmp_path: Path, assert_same) -> None:
    read = open_events(again(tmp_path, WAYS[way](table)), None)[0]
    assert_same(read, tiny)
    assert read.left_aside == ({"column run": 1} if "more" in way else {})


def test_dictionaries_inside_lists(table: pa.Table, tiny: Event, tmp_path: Path, assert_same) -> None:
    column = table.column("particle_pdg").combine_chunks()
    lists = pa.ListArray.from_arrays(column.offsets, column.values.dictionary_encode())
    changed = table.set_column(table.column_names.index("particle_pdg"), "particle_pdg", lists)
    assert_same(open_events(again(tmp_path, changed), None)[0], tiny)


def test_columns_dropped(table: pa.Table, tiny: Event, tmp_path: Path) -> None:
    file = again(tmp_path, table.select(["event", "hit_id", "x", "y", "z", "energy"]))
    read = open_events(file, None)[0]
    np.testing.assert_array_equal(read.hits.xyz, tiny.hits.xyz)
    assert read.hits.sensor.tolist() == [-1] * 4
    assert (read.truth, read.hits.deposits, read.hits.var_u) == (None, None, None)


@pytest.mark.parametrize(
    ("change", "where", "why"),
    [
        (lambda t: t.drop_columns(["hit_id"]), "column hit_id", "is missing"),
        (lambda t: t.drop_columns(["link_hit"]), "event 12, column link_hit", "is missing"),
        (lambda t: t.set_column(2, "x", pa.array([[1.0, None, 2.0, 3.0]])), "event 12, column x", "1 gaps"),
        (
            lambda t: t.set_column(2, "x", pa.array([["a", "b", "c", "d"]])),
            "event 12, column x",
            "not all float",
        ),
        (
            lambda t: t.set_column(1, "hit_id", pa.array([[1.5, 2, 3, 4]])),
            "event 12, column hit_id",
            "not all int64",
        ),
        (
            lambda t: t.set_column(9, "energy", pa.array(["none"])),
            "column energy",
            "holds string, not a list of float",
        ),
        (lambda t: t.set_column(0, "event", pa.array([1.5])), "column event", "not whole numbers"),
    ],
)
def test_what_is_wrong_is_named(
    change: Change, where: str, why: str, table: pa.Table, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=why) as error:
        open_events(again(tmp_path, change(table)), None)[0]
    assert error.value.where == where


def test_the_footer_says_how_much_there_is(table: pa.Table, tmp_path: Path) -> None:
    file = again(tmp_path, pa.concat_tables([table, table]), row_group_size=1, compression="zstd")
    for group in range(2):
        about = pq.read_metadata(file).row_group(group)
        counts = declared_values(file, group)
        for i in range(about.num_columns):
            column = about.column(i)
            name = column.path_in_schema.split(".")[0]
            assert counts[name] == max(column.num_values, column.total_uncompressed_size // 8)


def test_a_dictionary_that_fills_a_memory(
    table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few kB that say "the same number, a million times": refused before it is written out."""
    monkeypatch.setattr(row_groups, "GROUP_VALUES", 100_000)
    many = pa.array([np.zeros(1_000_000)])
    file = again(tmp_path, table.set_column(2, "x", many), compression="zstd")
    assert file.stat().st_size < 30_000
    source = open_events(file, None)
    before = pa.total_allocated_bytes()
    with pytest.raises(
        BadInput, match=r"row group 0: says it holds 1,000,\d\d\d values, more than 100,000; write smaller"
    ):
        source[0]
    assert pa.total_allocated_bytes() - before < 1_000_000
    hits = {"hit_id": np.arange(200_000), **dict.fromkeys("xyz", np.zeros(200_000))}
    with pytest.raises(BadInput, match="row group 0: says it holds"):
        open_events(again(tmp_path, pa.table(hits)), None)[0]


def test_more_events_than_a_file_may_have(
    table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "EVENTS", 1)
    with pytest.raises(BadInput, match="says it holds 2 events, more than 1; split it"):
        open_events(again(tmp_path, pa.concat_tables([table, table])), None)


def test_damaged_footers_of_other_tools_end_no_process(table: pa.Table, tmp_path: Path) -> None:
    whole, chance = again(tmp_path, table).read_bytes(), random.Random(4)
    length = int.from_bytes(whole[-8:-4], "little")
    told = 0
    for _ in range(150):
        data = bytearray(whole)
        data[-8 - chance.randrange(1, length)] ^= 1 << chance.randrange(8)
        (tmp_path / "again.parquet").write_bytes(data)
        try:
            list(open_events(tmp_path / "again.parquet", None))
        except BadInput:
            told += 1
    assert told > 30
