"""Tables of a user's own by an explicit map: CSV, Parquet and trees of ROOT give the same events."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import awkward as ak
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uproot

from gnnreco.cli import main
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events import open_events
from tests.test_tutorials import ROOT, blocks, follow

MAP = "event=evt,x=hx[cm],y=hy[cm],z=hz[cm],energy=e[MeV],var_u=su[um],particle_id=by"
TABLE = {
    "evt": np.array([4, 2, 4], np.int32),
    "hx": np.array([1.0, 2.0, 3.0], np.float32),
    "hy": np.array([4.0, 5.0, 6.0]),
    "hz": np.array([7.0, 8.0, 9.0]),
    "e": np.array([1.0, 2.0, 3.0]),
    "su": np.array([1e6, 1e6, 4e6]),
    "by": np.array([11, 0, 12]),
    "other": np.zeros(3),
}


def csv(file: Path, table: dict[str, np.ndarray]) -> Path:
    rows = zip(*(column.tolist() for column in table.values()), strict=True)
    file.write_text("\n".join([",".join(table), *(",".join(map(str, row)) for row in rows)]) + "\n")
    return file


def parquet(file: Path, table: dict[str, np.ndarray]) -> Path:
    pq.write_table(pa.table(table), file, row_group_size=2)
    return file


def tree(file: Path, table: dict[str, np.ndarray]) -> Path:
    with uproot.recreate(file) as out:
        out.mktree("notes", {"a": np.int32})
        out.mktree("in/hits", {name: column.dtype for name, column in table.items()}).extend(table)
    return file


def ntuple(file: Path, table: dict[str, np.ndarray]) -> Path:
    with uproot.recreate(file) as out:
        out.mkrntuple("hits", ak.Array(table))
    return file


WRITERS = {"a.csv": csv, "a.parquet": parquet, "a.root": tree, "b.root": ntuple}


@pytest.mark.parametrize("name", WRITERS)
def test_a_table_of_hits(tmp_path: Path, name: str) -> None:
    source = open_events(WRITERS[name](tmp_path / name, TABLE), None, columns=MAP)
    assert source.numbers == [2, 4]
    event = source[1]
    np.testing.assert_allclose(event.hits.xyz, [[10, 40, 70], [30, 60, 90]])
    np.testing.assert_allclose(event.hits.energy, [0.001, 0.003])
    np.testing.assert_allclose(event.hits.var_u, [1, 4])
    assert event.truth is not None
    assert event.truth.particles.particle_id.tolist() == [11, 12]
    assert source[0].truth is not None
    assert len(source[0].truth.hit) == 0, "0 is noise"
    assert len(open_events(tmp_path, None, columns=MAP)) == 2, "a folder is searched for tables"


@pytest.mark.parametrize("name", WRITERS)
def test_a_column_that_is_not_there_lists_those_that_are(tmp_path: Path, name: str) -> None:
    file = WRITERS[name](tmp_path / name, TABLE)
    with pytest.raises(BadInput, match=r"no column posx; it has .*hx.*correct the map"):
        open_events(file, None, columns="x=posx,y=hy,z=hz")


def test_a_tree_of_lists_is_an_event_an_entry(tmp_path: Path) -> None:
    hits = ak.Array([[1.0, 2.0], [], [3.0]])
    for name, write in (("tree", "mktree"), ("ntuple", "mkrntuple")):
        with uproot.recreate(tmp_path / f"{name}.root") as out:
            columns = {"p": hits, "run": np.array([7, 8, 9])}
            if write == "mkrntuple":
                out.mkrntuple("t", ak.Array(columns))
            else:
                out.mktree("t", {"p": "var * float64", "run": np.int64}).extend(columns)
        source = open_events(tmp_path / f"{name}.root", None, columns="x=p,y=p,z=p")
        assert [(n, e.hits.x.tolist()) for n, e in zip(source.numbers, source, strict=True)] == [
            (0, [1, 2]), (2, [3])
        ]  # fmt: skip
        told = open_events(tmp_path / f"{name}.root", None, columns="x=p,y=p,z=p,event=run")
        assert told.numbers == [7, 9]


def test_lists_of_other_lengths_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [[1.0, 2.0]], "b": [[1.0]]}), tmp_path / "a.parquet")
    with pytest.raises(BadInput, match="other lengths"):
        open_events(tmp_path / "a.parquet", None, columns="x=a,y=a,z=b")


@pytest.mark.parametrize(
    ("column", "values", "why"),
    [
        ("hx", np.array([1.0, np.nan, 2.0]), "NaN"),
        ("evt", np.array([1.0, 1.5, 2.0]), "no whole number"),
        ("by", np.array(["a", "b", "c"]), "not numbers"),
    ],
)
def test_values_that_are_none_are_named(tmp_path: Path, column: str, values: np.ndarray, why: str) -> None:
    file = parquet(tmp_path / "a.parquet", TABLE | {column: values})
    with pytest.raises(BadInput, match=why) as error:
        open_events(file, None, columns=MAP)
    assert column in error.value.where


def test_whole_numbers_that_parquet_holds_as_words_are_numbers(tmp_path: Path) -> None:
    file = parquet(tmp_path / "a.parquet", TABLE | {"evt": np.array(["40", "-2", "40"])})
    assert open_events(file, None, columns=MAP).numbers == [-2, 40]


def test_the_same_hit_twice_is_named(tmp_path: Path) -> None:
    file = csv(tmp_path / "a.csv", TABLE)
    with pytest.raises(BadInput, match="same hit id twice"):
        open_events(file, None, columns="hit_id=evt,x=hx,y=hy,z=hz")[0]


@pytest.mark.parametrize(
    "text", ["x=a", "x", "x=a,x=b,y=c,z=d", "x=a[ly],y=b,z=c", "event=n[cm],x=a,y=b,z=c", "", "x=,y=b,z=c"]
)
def test_maps_that_make_no_sense(text: str) -> None:
    from gnnreco.events.readers.mapped import parse_map

    with pytest.raises(BadConfig):
        parse_map(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x=a[GeV],y=b,z=c", "x has no unit 'GeV'; it may be in um, mm, cm, m"),
        ("x=a,y=b,z=c,time=t[mm]", "time has no unit 'mm'; it may be in ps, ns, us"),
        ("x=a,y=b,z=c,hit_id=i[mm]", "hit_id has no unit 'mm'; it has none"),
    ],
)
def test_a_unit_belongs_to_what_the_column_measures(text: str, why: str) -> None:
    from gnnreco.events.readers.mapped import parse_map

    with pytest.raises(BadConfig, match=why):
        parse_map(text)


def test_cut_off_files_are_bad_input(tmp_path: Path) -> None:
    for name, write in WRITERS.items():
        data = write(tmp_path / name, TABLE).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) // 2])
        with pytest.raises(BadInput):
            open_events(tmp_path / name, None, columns=MAP)


def test_convert_takes_a_map(tmp_path: Path) -> None:
    file = csv(tmp_path / "a.csv", TABLE)
    more = ["--detector", "telescope", "--map", "x=hx,y=hy,z=hz,event=evt", "-o", str(tmp_path / "out")]
    assert main(["convert", str(file), *more]) == 0
    assert [len(event.hits) for event in open_events(tmp_path / "out", None)] == [1, 2]


def test_the_commands_of_the_page_on_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with a map; that on NanoAOD is tried with its reader."""
    names = {"hx": "hit_x", "hy": "hit_y", "hz": "hit_z", "evt": "run", "e": "e"}
    tree(tmp_path / "my_hits.root", {name: TABLE[ours] for ours, name in names.items()})
    shutil.copy(ROOT / "tests" / "golden" / "belle2_event.parquet", tmp_path / "bbbar_exp1003.parquet")
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "reference" / "formats.md"
    hits = []
    for commands in [text for language, text in blocks(page) if not language and "--map" in text]:
        follow(commands)
        hits += [len(event.hits) for event in open_events("events", None)]
        shutil.rmtree("events")
    assert hits == [1, 2, 50]


def test_arrays_of_numpy(tmp_path: Path) -> None:
    """A matrix has numbers for names; an array of fields has names."""
    names = list(TABLE)
    places = {name: str(i) for i, name in enumerate(names)}
    fields = np.rec.fromarrays(list(TABLE.values()), names=names)
    np.save(tmp_path / "fields.npy", np.asarray(fields))
    np.save(tmp_path / "matrix", np.column_stack(list(TABLE.values())))
    by_number = MAP
    for name in ("evt", "hx", "hy", "hz", "su", "by"):
        by_number = by_number.replace(f"={name}", f"={places[name]}")
    by_number = by_number.replace("energy=e[", f"energy={places['e']}[")
    for file, columns in {"fields.npy": MAP, "matrix.npy": by_number}.items():
        source = open_events(tmp_path / file, None, columns=columns)
        assert source.numbers == [2, 4]
        np.testing.assert_allclose(source[1].hits.xyz, [[10, 40, 70], [30, 60, 90]])
        np.testing.assert_allclose(source[1].hits.energy, [0.001, 0.003])
    with pytest.raises(BadInput, match=r"no column evt, .*it has 0, 1, 2"):
        open_events(tmp_path / "matrix.npy", None, columns=MAP)
    with pytest.raises(BadInput, match="name them by their numbers: --map"):
        open_events(tmp_path / "matrix.npy", None)


def test_arrays_that_are_none_are_refused(tmp_path: Path) -> None:
    objects = tmp_path / "objects.npy"
    np.save(objects, np.array([[{}, {}, {}]]), allow_pickle=True)
    whole = tmp_path / "whole.npy"
    np.save(whole, np.zeros((3, 3)))
    claimed = whole.read_bytes().replace(b"(3, 3)", b"(9, 3)")
    wrongs = {
        "objects": (objects.read_bytes(), "no array of numbers"),
        "claimed": (claimed, "cut off: its end is missing"),
        "huge": (whole.read_bytes().replace(b"(3, 3), } ", b"(1<<60,3)}"), "no array of numbers"),
        "many": (whole.read_bytes().replace(b"(3, 3), }    ", b"(99999999, 3)}")[:500], "more than"),
        "head": (whole.read_bytes()[:20], "no array of numbers"),
        "flat": (_saved(np.zeros(3)), "1 dimensions"),
        "words": (_saved(np.array([["a", "b", "c"]])), "not one number a hit"),
    }
    for name, (content, why) in wrongs.items():
        (tmp_path / f"{name}.npy").write_bytes(content)
        with pytest.raises(BadInput, match=why):
            open_events(tmp_path / f"{name}.npy", None, columns="x=0,y=1,z=2")


def _saved(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()
