"""Tables of numbers and words: what both formats give, and the row and column of what is wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gnnreco.errors import BadGeometry, BadInput
from gnnreco.files import limits
from gnnreco.geometry.description.tables import (
    choices,
    floats,
    ints,
    number_column,
    open_table,
    place_of,
    read_arrow,
    refuse,
)

ROWS = st.lists(
    st.tuples(st.integers(-(2**40), 2**40), st.floats(-1e6, 1e6), st.sampled_from(["left", "right"])),
    min_size=1,
    max_size=12,
)


def written(folder: Path, table: pa.Table, kind: str) -> Path:
    file = folder / f"cells.{kind}"
    if kind == "parquet":
        pq.write_table(table, file)
    elif kind == "csv":
        pa.csv.write_csv(table, file)
    else:
        pa.csv.write_csv(table, folder / "plain.csv")
        file.write_bytes(gzip.compress((folder / "plain.csv").read_bytes()))
    return file


def text(folder: Path, *lines: str) -> Path:
    (folder / "cells.csv").write_text("\n".join(lines) + "\n")
    return folder / "cells.csv"


@given(ROWS)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_forms_of_a_table_hold_the_same(tmp_path: Path, rows: list[tuple[int, float, str]]) -> None:
    whole, real, side = zip(*rows, strict=True)
    table = pa.table({"n": whole, "x": real, "side": side})
    for kind in ("parquet", "csv", "csv.gz"):
        file = written(tmp_path, table, kind)
        read = open_table(file, ("n", "x"))
        assert ints(read, file, "n").tolist() == list(whole)
        np.testing.assert_allclose(floats(read, file, "x"), real, rtol=1e-12)
        assert choices(read, file, "side", ("right", "left")).tolist() == [int(s == "left") for s in side]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (("a,b", "1,2"), "column c: missing; the table needs a, c"),
        (("a,c,a", "1,2,3"), "column a: appears 2 times; keep one"),
        (("a,c",), "the table has no rows"),
        (("a,c", "1,2", "3"), "not a readable table"),
        (("a,c", "1,", "3,"), "column c: 2 empty values; fill them"),
    ],
)
def test_a_bad_table_of_our_own(tmp_path: Path, lines: tuple[str, ...], why: str) -> None:
    with pytest.raises(BadGeometry, match=why):
        open_table(text(tmp_path, *lines), ("a", "c"))


def test_a_foreign_table_is_asked_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"column z: missing; is this the list of modules\?"):
        read_arrow(text(tmp_path, "x,y", "1,2"), ("x", "z"), of="the list of modules")


@pytest.mark.parametrize(
    ("error", "why"), [(BadGeometry, r"relative to detector\.yaml"), (BadInput, "no such file")]
)
def test_a_file_that_is_not_there(tmp_path: Path, error: type, why: str) -> None:
    with pytest.raises(error, match=why):
        read_arrow(tmp_path / "none.csv", error=error)


@pytest.mark.parametrize(
    ("value", "kind", "where"),
    [
        ("x", pa.float64(), "line 4, column a: expected numbers, found 'x'"),
        ("2.5", pa.int64(), "line 4, column a: expected whole"),
        ("", pa.int64(), "line 4, column a: empty; expected whole numbers"),
        ("9e30", pa.int64(), "line 4, column a"),
    ],
)
def test_the_first_value_that_is_no_number_is_named_by_its_line(
    tmp_path: Path, value: str, kind: pa.DataType, where: str
) -> None:
    file = text(tmp_path, "a,b", "1,1", "2,1", f"{value},1", "y,1" if value == "x" else "4,1")
    with pytest.raises(BadInput, match=where):
        number_column(read_arrow(file), file, "a", kind)


@given(st.integers(0, 40), st.integers(1, 41))
@settings(max_examples=25)
def test_the_search_by_halves_finds_the_first_wrong_row(wrong: int, rest: int) -> None:
    column = pa.chunked_array(
        [pa.array([str(i) for i in range(wrong)] + ["x"] * min(rest, 3) + ["1"] * rest)]
    )
    file = Path("cells.parquet")
    with pytest.raises(BadInput, match=f"row {wrong}, column a: expected numbers, found 'x'"):
        number_column(pa.table({"a": column}), file, "a", pa.float64())


def test_limits_of_numbers(tmp_path: Path) -> None:
    file = text(tmp_path, "a,n", "1,5", f"{2 * limits.NUMBER},6", "nan,7")
    table = read_arrow(file)
    with pytest.raises(BadGeometry, match=r"line 3, column a: larger than 1e\+15; check the unit"):
        floats(table, file, "a")
    with pytest.raises(BadGeometry, match="line 4, column n: larger than 6"):
        ints(table, file, "n", 6)
    assert ints(table, file, "n", 7).tolist() == [5, 6, 7]
    finite = text(tmp_path, "a", "nan", "inf")
    assert np.isnan(floats(read_arrow(finite), finite, "a")[0])  # for `check` to report with its row


def test_an_unknown_word_is_named_with_the_known_ones(tmp_path: Path) -> None:
    file = text(tmp_path, "a", "left", "up")
    with pytest.raises(BadGeometry, match=r"row 1, column a: 'up' is not in detector\.yaml: left, right"):
        choices(read_arrow(file), file, "a", ("left", "right"))


@pytest.mark.parametrize("kind", ["int8", "uint32", "int64", "float32", "float64"])
def test_numbers_of_every_size_and_words_in_dictionaries_are_read(kind: str) -> None:
    numbers = pa.array(np.array([3, 0, 5]).astype(kind))
    table = pa.table({"n": numbers, "a": pa.array(["up", "left", "up"]).dictionary_encode()})
    for read in (ints, floats):
        values = read(table, Path("t.parquet"), "n")
        assert values.dtype == (np.int64 if read is ints else np.float64)
        assert values.tolist() == [3, 0, 5]
    assert choices(table, Path("t.parquet"), "a", ("left", "up")).tolist() == [1, 0, 1]


def test_what_is_no_whole_number_or_no_word_is_refused() -> None:
    table = pa.table({"x": np.array([1.0, 1.5], np.float32), "a": pa.array([[1], [2]])})
    with pytest.raises(BadGeometry, match=r"row 1, column x: expected whole numbers, found '1\.5'"):
        ints(table, Path("t.parquet"), "x")
    with pytest.raises(BadGeometry, match="column a: expected words"):
        choices(table, Path("t.parquet"), "a", ("left", "up"))


def test_places_are_lines_in_text_and_rows_in_parquet() -> None:
    assert place_of(Path("a.csv"), 0, "x") == "line 2, column x"
    assert place_of(Path("a.parquet"), 0, "x") == "row 0, column x"
    refuse(Path("a.csv"), "x", np.zeros(3, bool), "never")
    with pytest.raises(BadInput, match="line 4, column x: no"):
        refuse(Path("a.csv"), "x", np.array([False, False, True, True]), "no")


def test_gzip_that_is_cut_damaged_or_a_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = gzip.compress(b"a\n" + b"1\n" * 5000)
    file = tmp_path / "cells.csv"
    file.write_bytes(whole + gzip.compress(b"2\n"))  # several members, one after the other
    assert read_arrow(file).num_rows == 5001
    file.write_bytes(whole[:-9])
    with pytest.raises(BadInput, match="gzip data cut off; fetch the file again"):
        read_arrow(file)
    file.write_bytes(whole[:12] + b"\xff\xff" + whole[14:])
    with pytest.raises(BadInput, match="gzip data"):
        read_arrow(file)
    file.write_bytes(whole)
    monkeypatch.setattr(limits, "TEXT_BYTES", 1000)
    monkeypatch.setattr(limits, "UNPACKED_RATIO", 2)
    with pytest.raises(BadInput, match="unpack it, or split the table"):
        read_arrow(file)


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    file = tmp_path / "cells.csv"
    file.write_bytes(b"a,b\nfine,1\n\xe9t\xe9,2\n")
    with pytest.raises(BadInput, match="line 3, column a: not UTF-8; save the file as UTF-8"):
        read_arrow(file)
    file.write_bytes(b"a,\xe9\nfine,1\n")
    with pytest.raises(BadInput, match="the names of the columns are not UTF-8"):
        read_arrow(file)
