"""Programs that find tracks, run beside gnnreco: what they get, what is refused, what it costs, how they are scored."""

from __future__ import annotations

import importlib
import json
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import Event, Hits, Particles, Tracks, Truth
from gnnreco.errors import BadConfig, BadInput, GnnrecoError, MissingTool
from gnnreco.evaluate import Target
from gnnreco.geometry import load_detector

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "scripts" / "peers"
EXAMPLE = ROOT / "examples" / "events"

#: Hits of one azimuth are a track.
AZIMUTH = """
import csv, math, sys
hits, tracks = sys.argv[1:]
with open(hits) as file, open(tracks, "w") as out:
    out.write("hit_id,track_id\\n")
    for row in csv.DictReader(file):
        phi = math.atan2(float(row["y"]), float(row["x"]))
        out.write(f"{row['hit_id']},{round(100 * (phi + math.pi))}\\n")
"""


def peer(name: str) -> ModuleType:
    """A module of scripts/peers, which is no package."""
    sys.path.insert(0, str(PEERS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(PEERS))


finder, scores = peer("finder_program"), peer("finder_scores")
TELESCOPE = load_detector("telescope")


def straight(tracks: int = 5, hits: int = 8, first: int = 100) -> Event:
    """Charged particles straight out from the axis, 2 GeV each, one hit every 30 mm; hits numbered from `first`."""
    n = tracks * hits
    row = np.repeat(np.arange(tracks), hits)
    phi, r = row * 2 * np.pi / tracks + 0.1, 30.0 * (1 + np.tile(np.arange(hits), tracks))
    at = 2 * np.pi * np.arange(tracks) / tracks + 0.1
    none = np.zeros(tracks)
    particles = Particles(
        np.arange(1, tracks + 1),
        np.full(tracks, 211, np.int32),
        none + 1,
        *[none] * 3,
        2 * np.cos(at),
        2 * np.sin(at),
        none,
    )
    found = Hits(
        np.arange(n) + first, r * np.cos(phi), r * np.sin(phi), np.zeros(n), np.full(n, -1, np.int32)
    )
    return Event(7, "made here", found, Truth(particles, np.arange(n), row))


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., Any]:
    """Called as ``program(text)``: a Python program of that text as a finder."""

    def make(text: str, **options: Any) -> Any:
        file = tmp_path / "finder.py"
        file.write_text(text)
        words = [sys.executable, "-S", str(file)]
        return finder.Program.parse(f"{shlex.join(words)} {{hits}} {{tracks}}", **options)

    return make


def test_a_program_finds_tracks_and_is_scored(program: Callable[..., Any], tmp_path: Path) -> None:
    event = straight()
    tracks, cost = program(AZIMUTH).find(event, TELESCOPE, tmp_path)
    assert [hits.tolist() for hits in np.split(np.sort(tracks.hit_index), 5)] == np.arange(40).reshape(
        5, 8
    ).tolist()
    assert cost.status == 0
    header, first, *_ = (tmp_path / "event000000007-hits.csv").read_text().splitlines()
    assert header == "hit_id,x,y,z,volume_id,layer_id,module_id"
    assert first.startswith("1,")  # as in TrackML, whatever the event calls its hits

    lists = scores.HitLists()
    lists.add(event, tracks)
    result = lists.result(Target(min_hits=6))
    assert result["trackml_score"] == pytest.approx(1)
    assert (result["usual"]["efficiency"], result["usual"]["fake_rate"]) == (1, 0)
    assert (result["soft"]["particles"], result["displaced"]["particles"]) == (0, 0)
    assert (result["tracks"], result["long_tracks"]) == (5, 5)


def test_hits_without_a_track_are_left_out(program: Callable[..., Any], tmp_path: Path) -> None:
    rows = "open(__import__('sys').argv[2], 'w').write('hit_id,track_id\\n1,0\\n2,-1\\n3,4\\n4,4\\n')"
    tracks, _ = program(rows, unassigned=0).find(straight(), TELESCOPE, tmp_path)
    assert tracks.hit_index.tolist() == [2, 3]
    tracks, _ = program(rows).find(straight(), TELESCOPE, tmp_path)
    assert tracks.offsets.tolist() == [0, 1, 3]


WRITE = "import sys; open(sys.argv[2], 'w').write({!r})"


@pytest.mark.parametrize(
    ("text", "error", "parts"),
    [
        (WRITE.format("hit_id,track_id\n1,1\n41,1\n"), BadInput, ["first: hit 41; it has 1 to 40", "{hits}"]),
        (WRITE.format("hit_id,track_id\n1,1\n2,1\n1,3\n"), BadInput, ["hit 1, on tracks 1 and 3", "once"]),
        (WRITE.format("hit_id,track_id\n1,1\n2,1"), BadInput, ["line 3", "cut off"]),
        (WRITE.format("hit_id,track_id\n1,1\n2\n"), BadInput, ["line 3"]),
        (WRITE.format("hit,track\n1,1\n"), BadInput, ["no column hit_id, track_id"]),
        (WRITE.format(""), BadInput, ["its tracks", "empty"]),
        ("", BadInput, ["no tracks written", "{tracks}"]),
        ("import sys; sys.exit('no layers\\nno cuts')", MissingTool, ["status 1 (no cuts)", "--work"]),
        ("import os; os.kill(os.getpid(), 9)", MissingTool, ["ended by signal 9", "--work"]),
        ("import time; time.sleep(60)", MissingTool, ["not done after 1 s", "--timeout"]),
    ],
    ids=["foreign", "twice", "cut", "row", "columns", "empty", "none", "status", "signal", "late"],
)
def test_what_a_program_does_wrong_is_told_in_a_line(
    text: str, error: type[GnnrecoError], parts: list[str], program: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(error) as raised:
        program(text, timeout=1 if "sleep" in text else 60).find(straight(), TELESCOPE, tmp_path)
    message = str(raised.value)
    assert "event 7" in message
    assert "\n" not in message
    assert [part for part in parts if part not in message] == []


def test_tracks_of_an_earlier_run_are_not_read(program: Callable[..., Any], tmp_path: Path) -> None:
    program(AZIMUTH).find(straight(), TELESCOPE, tmp_path)
    with pytest.raises(BadInput, match="no tracks written"):
        program("").find(straight(), TELESCOPE, tmp_path)


def test_a_command_line_that_cannot_work_is_refused_before_it_runs(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match=r"no \{tracks\}"):
        finder.Program.parse("finder {hits}")
    with pytest.raises(BadConfig, match="close the quotes"):
        finder.Program.parse("finder '{hits} {tracks}")
    absent = finder.Program.parse(f"{tmp_path}/absent {{hits}} {{tracks}}")
    with pytest.raises(MissingTool, match=r"event 7: cannot be started \(No such file.*give the path"):
        absent.find(straight(), TELESCOPE, tmp_path)


def test_time_and_memory_are_those_of_the_program(program: Callable[..., Any], tmp_path: Path) -> None:
    small = program(AZIMUTH).find(straight(), TELESCOPE, tmp_path)[1]
    text = AZIMUTH + "\nblock = bytearray(b'x') * 2**27\nimport time\nwhile time.process_time() < 0.5: pass\n"
    large = program(text).find(straight(), TELESCOPE, tmp_path)[1]
    assert small.peak_mib < 40  # this process, which started it, has more
    assert 128 < large.peak_mib < 190
    assert 0.5 < large.cpu_seconds < 1
    assert small.cpu_seconds < large.cpu_seconds


def tracks_of(labels: list[int]) -> Tracks:
    """Hit i is on track ``labels[i]``."""
    row = np.array(labels)
    offsets = np.concatenate([[0], np.cumsum(np.unique(row, return_counts=True)[1])]).astype(np.int64)
    return Tracks(offsets=offsets, hit_index=np.argsort(row, kind="stable"))


@given(st.lists(st.integers(0, 4), min_size=40, max_size=40), st.permutations(range(5)))
def test_a_finder_agrees_with_itself_whatever_it_calls_its_tracks(
    labels: list[int], names: list[int]
) -> None:
    same, renamed = tracks_of(labels), tracks_of([names[label] for label in labels])
    long = int((same.n_hits >= scores.LONG).sum())
    assert scores.agreement(straight(), same, renamed) == (long, long)
    assert scores.agreement(straight(), same, Tracks()) == (long, 0)


def test_half_of_both_tracks_is_agreement_and_less_is_not() -> None:
    whole = Tracks(offsets=np.array([0, 12]), hit_index=np.arange(12))
    half = Tracks(offsets=np.array([0, 6]), hit_index=np.arange(6))
    less = Tracks(offsets=np.array([0, 5]), hit_index=np.arange(5))
    assert scores.agreement(straight(), whole, half) == (1, 1)
    assert scores.agreement(straight(), whole, less) == (1, 0)
    assert scores.agreement(straight(), less, whole) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("truth", [True, False])
def test_both_run_on_the_same_events(
    truth: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for kind in ("hits", "truth", "particles") if truth else ("hits",):
        shutil.copy(EXAMPLE / f"event000000001-{kind}.csv.gz", tmp_path)
    (tmp_path / "finder.py").write_text(AZIMUTH)
    line = f"{shlex.join([sys.executable, '-S', str(tmp_path / 'finder.py')])} {{hits}} {{tracks}}"
    figures = tmp_path / "figures.json"
    words = [str(tmp_path / "event000000001"), "--program", line, "--name", "azimuth", "--json", str(figures)]
    monkeypatch.setattr(sys, "argv", ["track_finder.py", *words])
    peer("track_finder").main()
    printed, result = capsys.readouterr().out, json.loads(figures.read_text())
    ours, theirs = result["rows"]
    assert (ours["name"], theirs["name"]) == ("gnnreco tracking-trackml", "azimuth")
    assert ours["long_tracks"] > 200
    assert 0 < theirs["cpu_seconds_per_event"] < ours["process_cpu_seconds_per_event"]
    assert theirs["peak_mib"] < ours["peak_mib"]
    assert result["agreement"]["gnnreco_long_tracks"] == ours["long_tracks"]
    assert result["agreement"]["gnnreco_matched"] < ours["long_tracks"] / 2
    assert "azimuth" in printed
    if truth:
        assert ours["trackml_score"] > 0.7 > theirs["trackml_score"]
        assert ours["usual"]["efficiency"] > 0.9 > theirs["usual"]["efficiency"]
    else:
        assert ours["trackml_score"] is ours["usual"] is theirs["usual"] is None


@pytest.mark.slow
def test_an_error_ends_the_driver_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["track_finder.py", str(EXAMPLE), "--program", "finder {hits}"])
    with pytest.raises(SystemExit) as ended:
        peer("track_finder").main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.count("\n") == 1
