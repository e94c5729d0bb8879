"""Bad input through the command line: one clear line that names file, event and remedy, and nothing is lost.

Three events go in, one of them spoiled. Status 1 says that some events failed while the others came out, 2 that nothing
could be done, 0 that the events are odd but not wrong. There is never a traceback.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gnnreco import cli
from gnnreco.bundle import find_bundle, load_bundle, save_bundle
from gnnreco.columns import Event, Hits
from gnnreco.events import write_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate

DETECTOR, BUNDLE = "trackml", "tracking-trackml"
SPOILED = "event000000001"


@pytest.fixture(scope="module")
def events() -> list[Event]:
    options = SimulationOptions(count=12, energy=(3.0, 20.0))
    return list(simulate(load_detector(DETECTOR), "gun", events=3, seed=5, options=options))


@pytest.fixture(scope="module")
def written(events: list[Event], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("events")
    write_events(events, folder, "trackml", load_detector(DETECTOR))
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """Three events as plain CSV that a test may spoil."""
    copy = tmp_path / "events"
    copy.mkdir()
    for file in written.iterdir():
        data = file.read_bytes()
        plain = gzip.decompress(data) if file.suffix == ".gz" else data
        (copy / file.name.removesuffix(".gz")).write_bytes(plain)
    return copy


@dataclass
class Run:
    """What a call of `gnnreco reconstruct` left behind."""

    status: int
    lines: list[str]
    manifest: dict[str, Any]
    tracks: dict[int, int]

    def counts(self) -> tuple[int, int, int]:
        m = self.manifest
        return m["events_in"], m["events_out"], m["events_failed"]


@pytest.fixture
def reconstruct(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    def run(
        *inputs: Path, detector: str | Path = DETECTOR, bundle: str | Path = BUNDLE, more: Any = ()
    ) -> Run:
        output = tmp_path / "out"
        words = [
            "reconstruct",
            *inputs,
            "--detector",
            detector,
            "--bundle",
            bundle,
            "-o",
            output,
            "--overwrite",
            "--quiet",  # no report: each line is of a fault
            *more,
        ]
        status = cli.main([str(word) for word in words])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err + printed.out
        manifest = output / "manifest.json"
        found = {row[0]: len(row[2]) for row in read_tracks(output)} if manifest.exists() else {}
        content = json.loads(manifest.read_text()) if manifest.exists() else {}
        return Run(status, printed.err.splitlines(), content, found)

    return run


def one_line(run: Run, *parts: str) -> None:
    assert len(run.lines) == 1, run.lines
    assert run.lines[0].startswith("gnnreco: ")
    for part in parts:
        assert part in run.lines[0], run.lines[0]


def edit(file: Path, line: int, column: int, value: str) -> None:
    lines = file.read_text().splitlines()
    fields = lines[line - 1].split(",")
    fields[column] = value
    lines[line - 1] = ",".join(fields)
    file.write_text("\n".join(lines) + "\n")


def test_good_events_are_reconstructed(folder: Path, reconstruct: Callable[..., Run]) -> None:
    run = reconstruct(folder)
    assert (run.status, run.lines, run.counts()) == (0, [], (3, 3, 0))
    assert list(run.tracks) == [0, 1, 2]
    assert all(n > 5 for n in run.tracks.values())


def cut_off(hits: Path) -> None:
    hits.write_bytes(hits.read_bytes()[: hits.stat().st_size // 2])


def nan(hits: Path) -> None:
    edit(hits, 4, 1, "nan")


def twice_an_id(hits: Path) -> None:
    edit(hits, 5, 0, hits.read_text().splitlines()[1].split(",")[0])


def no_text(hits: Path) -> None:
    hits.write_bytes(bytes(range(256)) * 40)


def empty(hits: Path) -> None:
    hits.write_bytes(b"")


SPOILS = [
    (cut_off, ["the line is damaged or cut off"]),
    (nan, ["line 4, column x", "nan is no number; remove or mend that row"]),
    (twice_an_id, ["line 5, column hit_id", "occurs a second time; ids must be unique"]),
    (no_text, ["not text, so not a CSV file"]),
    (empty, ["the file is empty"]),
]


@pytest.mark.parametrize(("spoil", "parts"), SPOILS)
def test_one_damaged_event_of_three(
    spoil: Callable[[Path], None], parts: list[str], folder: Path, reconstruct: Callable[..., Run]
) -> None:
    spoil(folder / f"{SPOILED}-hits.csv")
    run = reconstruct(folder)
    assert run.status == 1
    one_line(run, str(folder), f"{SPOILED}-hits.csv", "event 1", *(parts if spoil is not cut_off else []))
    assert run.counts() == (3, 2, 1)
    assert list(run.tracks) == [0, 2]
    assert all(n > 5 for n in run.tracks.values())
    (failure,) = run.manifest["failures"]
    assert (failure["event"], failure["kind"]) == (1, "BadInput")
    assert failure["source"].endswith(SPOILED)


@pytest.mark.parametrize(("spoil", "parts"), SPOILS[1:3])
def test_nothing_but_damage_is_status_2(
    spoil: Callable[[Path], None], parts: list[str], folder: Path, reconstruct: Callable[..., Run]
) -> None:
    spoil(folder / f"{SPOILED}-hits.csv")
    run = reconstruct(folder / SPOILED)
    assert run.status == 2
    one_line(run, f"{SPOILED}-hits.csv", *parts)
    assert run.counts() == (1, 0, 1)


def test_a_damaged_parquet_file(events: list[Event], tmp_path: Path, reconstruct: Callable[..., Run]) -> None:
    for event in events:
        write_events([event], tmp_path / f"{event.number}", detector=load_detector(DETECTOR))
    (file,) = (tmp_path / "1").glob("*.parquet")
    good = file.read_bytes()
    spoiled = bytearray(good)
    spoiled[len(good) // 3] ^= 64  # in the data: the event fails, the others go on
    file.write_bytes(spoiled)
    run = reconstruct(*(tmp_path / f"{k}" for k in range(3)))
    assert (run.status, run.counts()) == (1, (3, 2, 1))
    one_line(run, str(file), "event 1")
    # The table of contents is gone: what is left of the file counts as one event.
    file.write_bytes(good[:-30])
    run = reconstruct(*(tmp_path / f"{k}" for k in range(3)))
    assert (run.status, run.counts()) == (1, (3, 2, 1))
    one_line(run, str(file), "damaged or cut off")
    run = reconstruct(tmp_path / "1")
    assert run.status == 2  # there is nothing else to do
    one_line(run, str(file))


def test_positions_that_are_no_numbers_in_parquet(
    events: list[Event], tmp_path: Path, reconstruct: Callable[..., Run]
) -> None:
    x = events[1].hits.x.copy()
    x[3] = np.nan
    bad = replace(events[1], hits=replace(events[1].hits, x=x))
    try:
        write_events([events[0], bad], tmp_path / "events", detector=load_detector(DETECTOR))
    except ValueError as error:
        pytest.fail(f"the writer refuses: {error}")
    run = reconstruct(tmp_path / "events")
    assert (run.status, run.counts()) == (1, (2, 1, 1))
    one_line(run, "events-00000.parquet", "event 1", "column x: NaN or infinity; write the file again")


def test_hits_outside_every_sensor_are_counted(
    events: list[Event], folder: Path, reconstruct: Callable[..., Run]
) -> None:
    before = reconstruct(folder)
    assert before.manifest["hits_outside"] == 0
    file = folder / f"{SPOILED}-hits.csv"
    lines = file.read_text().splitlines()
    far = [lines[1].split(",") for _ in range(7)]
    for k, fields in enumerate(far):
        fields[0], fields[1] = str(900_000 + k), str(20_000 + k)
    file.write_text("\n".join([*lines, *(",".join(fields) for fields in far)]) + "\n")
    run = reconstruct(folder)
    assert (run.status, run.lines, run.counts()) == (0, [], (3, 3, 0))
    assert run.manifest["hits_outside"] == 7
    assert run.manifest["hits"] == sum(len(e.hits) for e in events) + 7
    assert run.tracks == before.tracks


def test_hits_in_sensors_the_detector_lacks(
    events: list[Event], folder: Path, reconstruct: Callable[..., Run]
) -> None:
    """Hits with ids that nobody knows are counted with those outside; the rest of the event is reconstructed."""
    before = reconstruct(folder)
    file = folder / f"{SPOILED}-hits.csv"
    rows = [line.split(",") for line in file.read_text().splitlines()]
    for row in rows[1:6]:
        row[4:] = ["99"] * (len(row) - 4)
    file.write_text("\n".join(",".join(row) for row in rows) + "\n")
    run = reconstruct(folder)
    assert (run.status, run.lines, run.counts()) == (0, [], (3, 3, 0))
    assert run.manifest["hits_outside"] == 5
    assert run.manifest["hits"] == sum(len(e.hits) for e in events)
    assert run.tracks[0] == before.tracks[0]
    assert before.tracks[1] >= run.tracks[1] >= before.tracks[1] - 5


@pytest.mark.parametrize("n_hits", [0, 1, 2])
def test_events_with_hardly_a_hit(n_hits: int, folder: Path, reconstruct: Callable[..., Run]) -> None:
    hits = folder / f"{SPOILED}-hits.csv"
    lines = hits.read_text().splitlines()
    hits.write_text("\n".join(lines[: n_hits + 1]) + "\n")
    kept = {line.split(",")[0] for line in lines[1 : n_hits + 1]}
    cells = folder / f"{SPOILED}-cells.csv"
    header, *rest = cells.read_text().splitlines()
    cells.write_text("\n".join([header, *(row for row in rest if row.split(",")[0] in kept)]) + "\n")
    run = reconstruct(folder)
    assert (run.status, run.lines, run.counts()) == (0, [], (3, 3, 0))
    assert run.tracks[1] == 0
    assert run.tracks[0] > 5
    run = reconstruct(folder / SPOILED)
    assert (run.status, run.counts(), run.tracks) == (0, (1, 1, 0), {1: 0})
    assert run.manifest["hits"] == n_hits


def test_a_bundle_of_another_detector(folder: Path, tmp_path: Path, reconstruct: Callable[..., Run]) -> None:
    run = reconstruct(folder, detector="telescope")
    assert run.status == 2
    one_line(run, BUNDLE, f"trained on detector '{DETECTOR}'", "not on 'telescope'", "--any-detector")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["manifest.json", "config.yaml", "weights.safetensors"])
def test_a_bundle_with_a_flipped_byte(
    name: str,
    folder: Path,
    tmp_path: Path,
    reconstruct: Callable[..., Run],
    capsys: pytest.CaptureFixture[str],
) -> None:
    bundle = tmp_path / "bundle"
    shutil.copytree(find_bundle(BUNDLE), bundle)
    data = bytearray((bundle / name).read_bytes())
    data[len(data) // 2] ^= 1
    (bundle / name).write_bytes(data)
    run = reconstruct(folder, bundle=bundle)
    assert run.status == 2
    one_line(run, str(bundle), name, "copy the folder again")
    assert not (tmp_path / "out").exists()
    assert cli.main(["bundle", "verify", str(bundle)]) == 2
    assert capsys.readouterr().err.strip() == run.lines[0]


def poor_bundle(folder: Path, **budgets: int) -> Path:
    """The shipped model with small budgets."""
    model = load_bundle(BUNDLE)
    config = {**model.config, "graph": {**model.config["graph"], **budgets}}
    save_bundle(folder, model.task, config, model.state, load_detector(DETECTOR), {}, {})
    return folder


def test_an_edge_explosion(events: list[Event], tmp_path: Path, reconstruct: Callable[..., Run]) -> None:
    """An event of nothing but noise needs more pairs than there is room for; the events beside it come out."""
    detector = load_detector(DETECTOR)
    rng = np.random.default_rng(0)
    sensor = rng.integers(0, detector.n_sensors, 60_000).astype(np.int32)
    uvw = rng.uniform(-1, 1, (len(sensor), 3)) * np.stack(
        [detector.half_u[sensor], detector.half_v[sensor], np.zeros(len(sensor))], axis=1
    )
    x, y, z = np.ascontiguousarray(detector.to_global(sensor, uvw).T)
    noise = Event(1, "", Hits(np.arange(len(sensor)), x, y, z, sensor))
    write_events([events[0], noise, events[2]], tmp_path / "events", detector=detector)
    run = reconstruct(tmp_path / "events", bundle=poor_bundle(tmp_path / "poor", max_pairs=20_000))
    assert (run.status, run.counts()) == (1, (3, 2, 1))
    one_line(
        run,
        "events-00000.parquet",
        "event 1",
        "over the budget of 20,000",
        "raise the budget or check for noise",
    )
    assert sorted(run.tracks) == [0, 2]
    assert run.manifest["failures"][0]["kind"] == "OverBudget"


def test_every_event_over_budget_is_a_result_that_fails(
    folder: Path, tmp_path: Path, reconstruct: Callable[..., Run]
) -> None:
    run = reconstruct(folder, bundle=poor_bundle(tmp_path / "poor", max_triplets=3))
    assert (run.status, run.counts(), run.tracks) == (1, (3, 0, 3), {})
    assert len(run.lines) == 3
    for number, line in enumerate(run.lines):
        assert f"event{number:09d}: event {number}: " in line
        assert "triplets, over the budget of 3" in line


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (["nowhere"], ["nowhere", "does not exist"]),
        (
            ["EVENTS", "--bundle", "tracking-trackmll"],
            ["tracking-trackmll", "did you mean 'tracking-trackml'"],
        ),
        (["EVENTS", "--detector", "trakml"], ["trakml", "trackml"]),
    ],
)
def test_names_of_nothing(
    arguments: list[str], parts: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(folder) if word == "EVENTS" else word for word in arguments]
    for name, value in (("--detector", DETECTOR), ("--bundle", BUNDLE), ("-o", str(tmp_path / "out"))):
        words += [name, value] if name not in words else []
    assert cli.main(["reconstruct", *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert all(part in lines[0] for part in parts), lines


def test_a_damaged_file_does_not_steer_the_terminal(
    folder: Path, tmp_path: Path, reconstruct: Callable[..., Run]
) -> None:
    edit(folder / f"{SPOILED}-hits.csv", 4, 1, "\x1b[2J\x07")
    run = reconstruct(folder)
    assert run.status == 1
    one_line(run, f"{SPOILED}-hits.csv: line 4")
    assert run.lines[0].isprintable()
