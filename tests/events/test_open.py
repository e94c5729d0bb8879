"""`open_events`: what may be named, the order of the events, and that events are opened one at a time."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import uproot

from gnnreco.cli import main
from gnnreco.columns import Event
from gnnreco.errors import BadGeometry, BadInput
from gnnreco.events import open_events
from gnnreco.events.parquet.writer import write_parquet
from gnnreco.geometry import load_detector
from tests.events.conftest import ROOT

EXAMPLES, DISPLAYS = ROOT / "examples" / "events", ROOT / "examples" / "displays"
EDM4HEP, LCIO = (
    ROOT / "tests" / "corpus" / "events" / "edm4hep",
    ROOT / "tests" / "corpus" / "events" / "lcio",
)


def copies(folder: Path, numbers: list[int]) -> None:
    """Copy event 7 of the folder under other numbers."""
    for file in list(folder.iterdir()):
        for number in numbers:
            shutil.copy(file, folder / file.name.replace("000000007", f"{number:09d}"))


@pytest.mark.parametrize(
    "name",
    [
        "acts",
        "acts/event000000007",
        "acts/event000000007-measurements.csv",
        "acts/event000000007-cells.csv",
        "acts/*.csv",
        "acts/event00000000[5-9]*",
        "*",
    ],
)
def test_ways_to_name_an_event(name: str, acts: Path) -> None:
    source = open_events(acts.parent / name, None)
    assert source.numbers == [7]
    assert [len(event.hits) for event in source] == [203]
    assert len(source.files) == 5
    assert source.sources == [str(acts / "event000000007")]


def test_a_detector_may_be_named() -> None:
    file = EXAMPLES / "acts-ttbar-pu20.parquet"
    named, loaded = (open_events(file, one)[0] for one in ("trackml", load_detector("trackml")))
    assert (named.hits.sensor == loaded.hits.sensor).all()
    with pytest.raises(BadGeometry, match="nor a known detector"):
        open_events(file, "no-such-detector")


def test_a_folder_that_holds_a_folder_csv(acts: Path) -> None:
    acts.rename(acts.parent / "csv")
    assert open_events(acts.parent, None).numbers == [7]


def test_text_and_several_inputs_and_no_event_twice(acts: Path) -> None:
    copies(acts, [8, 10, 9])
    names = [str(acts / "event000000009"), acts / "event000000008-hits.csv", str(acts)]
    source = open_events(names, None)
    assert source.numbers == [7, 8, 9, 10]
    assert source.select([3, 1]).numbers == [10, 8]
    assert source[-1].number == 10
    assert source[1:3].numbers == [8, 9]
    with pytest.raises(IndexError):
        source[4]


def test_files_that_hold_no_events_are_passed_over_in_a_folder(acts: Path) -> None:
    for name in (
        "detectors.csv",
        "event000000007-tracks_ckf.csv",
        "event000000007-spacepoint.csv",
        "notes.txt",
    ):
        (acts / name).write_text("anything\n")
    assert open_events(acts, None).numbers == [7]
    assert open_events(acts / "*", None).numbers == [7]


def test_the_examples_of_both_formats_together() -> None:
    source = open_events(EXAMPLES, None, truth=False, deposits=False)
    assert source.numbers == [20, 50, 200, 1]
    assert [len(event.hits) for event in source] == [11484, 20353, 63932, 5527]


def test_a_table_under_another_name_is_known_by_its_header(acts: Path, tmp_path: Path) -> None:
    file = tmp_path / "run42.txt"
    shutil.copy(acts / "event000000007-measurements.csv", file)
    event = open_events(file, None)[0]
    assert (event.number, len(event.hits)) == (42, 203)


def test_parquet_under_another_name_is_known_by_its_first_bytes(tiny: Event, tmp_path: Path) -> None:
    write_parquet(tmp_path / "events.bin", [tiny], None)
    assert open_events(tmp_path / "events.bin", None).numbers == [12]


def test_names_without_an_event_number(acts: Path, tmp_path: Path) -> None:
    for file in acts.iterdir():
        file.rename(file.with_name(file.name.removeprefix("event000000007-")))
    event = open_events(acts / "measurements.csv", None)[0]
    assert event.number == 0
    assert event.truth is not None


def test_events_of_one_number_in_two_folders(acts: Path) -> None:
    shutil.copytree(acts, acts.parent / "other")
    source = open_events([acts.parent / "other", acts], None)
    assert source.numbers == [7, 7]
    assert source.sources == [str(acts / "event000000007"), str(acts.parent / "other" / "event000000007")]


def test_nothing_is_opened_before_its_event_is_read(acts: Path) -> None:
    copies(acts, [8, 9])
    (acts / "event000000008-measurements.csv").write_text("")
    source = open_events(acts / "*-measurements.csv", None)
    assert len(source[0].hits) == 203
    with pytest.raises(BadInput, match=r"event000000008-measurements\.csv: the file is empty"):
        source[1]
    assert len(source[2].hits) == 203, "a damaged event does not spoil the others"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere", "nowhere: does not exist and matches nothing; check the path"),
        ("*.nothing", "does not exist and matches nothing"),
        ("empty", "no events here; name files, a folder or a glob"),
        ("letter.txt", "nor a table of hits"),
        ("picture.png", "not text, so not a CSV file"),
        ("zero", "the file is empty"),
        ("event000000001-truth.csv", "only truth: neither hits nor measurements; add them"),
    ],
)
def test_what_is_no_event(name: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.txt").write_text("Dear reader,\nno hits here\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (tmp_path / "zero").write_bytes(b"")
    (tmp_path / "event000000001-truth.csv").write_text("hit_id,particle_id\n")
    with pytest.raises(BadInput, match=message):
        list(open_events(tmp_path / name, None))


def test_the_same_table_twice(acts: Path) -> None:
    (acts / "event000000007-hits.csv.gz").write_bytes(b"")
    with pytest.raises(BadInput, match=r"the same table as event000000007-hits\.csv beside it"):
        open_events(acts, None)


def test_thousands_of_files_need_few_handles(acts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening reads the folder, not the files."""
    copies(acts, list(range(10, 100)))
    touched: list[str] = []
    read: Callable[..., bytes] = Path.read_bytes

    def counting(self: Path) -> bytes:
        touched.append(self.name)
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", counting)
    source = open_events(acts / "*.csv", None)
    assert len(source) == 91
    assert touched == []
    assert len(source[90].hits) == 203
    assert len(touched) <= 5


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "event000000001-hits.csv").write_text("hit_id,x,y,z\n1,1,2,3\n")
    for name in ("event000000002-hits.csv", "run.parquet", "notes.txt"):
        os.mkfifo(tmp_path / name)
    assert open_events(tmp_path, None).numbers == [1]
    source = open_events(f"{tmp_path}/*", None)
    assert (source.numbers, len(source.foreign)) == ([1], 3)
    with pytest.raises(BadInput, match="is a pipe or a device"):
        open_events(tmp_path / "run.parquet", None)


FORMATS = {
    "root": EDM4HEP / "all_types.edm4hep.root",
    "ntuple": EDM4HEP / "all_types_rntuple.edm4hep.root",
    "slcio": LCIO / "sid_sim.slcio",
    "ig": DISPLAYS / "cms_met_2012.ig",
    "parquet": EXAMPLES / "acts-ttbar-pu20.parquet",
}


@pytest.mark.parametrize("format", FORMATS)
def test_no_ending_is_needed_in_a_folder_either(format: str, tmp_path: Path) -> None:
    there = len(open_events(FORMATS[format], None))
    shutil.copy(FORMATS[format], tmp_path / "run 7%")
    (tmp_path / "notes").write_text("nothing\n")
    assert len(open_events(tmp_path, None)) == there
    assert len(open_events(tmp_path / "run 7%", None)) == there


@pytest.mark.parametrize("format", FORMATS)
def test_what_is_packed_says_how_to_unpack_it(format: str, tmp_path: Path) -> None:
    file = tmp_path / "the run.gz"
    file.write_bytes(gzip.compress(FORMATS[format].read_bytes()))
    with pytest.raises(BadInput, match=r"packed with gzip; unpack it first: gunzip -k '.*/the run\.gz'"):
        open_events(file, None)


def test_files_of_a_folder_without_events_are_named(tmp_path: Path) -> None:
    """Copies are not read, or their events would be there twice; loops and links to nothing end nowhere."""
    shutil.copy(FORMATS["slcio"], tmp_path / "a.slcio")
    shutil.copy(FORMATS["slcio"], tmp_path / "a.slcio.bak")
    (tmp_path / "b.slcio.gz").write_bytes(gzip.compress(FORMATS["slcio"].read_bytes()))
    with uproot.recreate(tmp_path / "histograms.root") as out:
        out.mktree("t", {"x": "float64"}).extend({"x": [1.0]})
    (tmp_path / "lost.parquet").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "knot.root").symlink_to(tmp_path / "knot.root")
    for name in ("manifest.json", "notes.txt", "._a.root", "._event000000001-hits.csv"):
        (tmp_path / name).write_text("{}\n")
    source = open_events(tmp_path, None)
    assert len(source) == len(open_events(FORMATS["slcio"], None))
    aside = ["a.slcio.bak", "b.slcio.gz", "histograms.root", "knot.root", "lost.parquet"]
    assert sorted(file.name for file in source.foreign) == aside


@pytest.mark.parametrize("whole", ["folder", "glob"])
@pytest.mark.parametrize("length", [0, 60_000, 100_000])
def test_a_root_file_that_was_cut_off_is_not_left_aside(whole: str, length: int, tmp_path: Path) -> None:
    """It was taken for one of histograms, and its events were lost without a word."""
    shutil.copy(FORMATS["root"], tmp_path / "a.root")
    (tmp_path / "b.root").write_bytes(FORMATS["root"].read_bytes()[:length])
    with pytest.raises(BadInput, match=r"b\.root: (damaged|cut) "):
        open_events(tmp_path if whole == "folder" else f"{tmp_path}/*", None)


def test_files_left_aside_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(FORMATS["slcio"], tmp_path / "a.slcio")
    shutil.copy(FORMATS["slcio"], tmp_path / "a.slcio.bak")
    for words in (["convert", "--detector", "telescope"], ["explore"]):
        assert main([*words, str(tmp_path), "-o", str(tmp_path / words[0])]) == 0
        assert "a.slcio.bak: no events that gnnreco reads, so left aside" in capsys.readouterr().err


@pytest.mark.parametrize("other", ["run10", "run1_old", "run1.old", "run1-hits"])
def test_a_name_that_is_not_there_is_no_other_one(other: str, tmp_path: Path) -> None:
    """A folder that was moved away was read where it is now, and ``run10`` in place of ``run1``."""
    (tmp_path / other).mkdir()
    for file in (tmp_path / other / "a.slcio", tmp_path / "run10.slcio", tmp_path / "run1_b.slcio"):
        shutil.copy(FORMATS["slcio"], file)
    with pytest.raises(BadInput, match="run1: does not exist and matches nothing"):
        open_events(tmp_path / "run1", None)
    shutil.copy(FORMATS["slcio"], tmp_path / "run1.slcio")
    assert open_events(tmp_path / "run1", None).files == [tmp_path / "run1.slcio"]


def test_generated_particles_say_what_reads_them(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text("\nHepMC::Version 3.02.06\nHepMC::Asciiv3-START_EVENT_LISTING\n")
    (tmp_path / "b.gz").write_bytes(gzip.compress((tmp_path / "a.dat").read_bytes()))
    (tmp_path / "c.lhe").write_text('<LesHouchesEvents version="3.0">\n')
    for name, what in {
        "a.dat": "simulate --process",
        "b.gz": "simulate --process",
        "c.lhe": "as HepMC",
    }.items():
        with pytest.raises(BadInput, match=what):
            open_events(tmp_path / name, None)


def test_the_address_of_a_file_here(tmp_path: Path) -> None:
    file = tmp_path / "run 7%.slcio"
    shutil.copy(FORMATS["slcio"], file)
    assert open_events(file.as_uri(), None).files == [file]
