"""Which particles are asked for: what the detector can do by default, and why there are none."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco import __version__, cli
from gnnreco.columns import Clusters, Event, Hits, Particles, Tracks, Truth
from gnnreco.evaluate import (
    RULES,
    ShowerTarget,
    Target,
    explain,
    score_clusters,
    score_tracks,
    shower_target_of,
    table,
    target_of,
)
from gnnreco.evaluate.target import Kinematics, kinematics
from gnnreco.events import open_events
from gnnreco.geometry import load_detector
from gnnreco.geometry.source import Source

CORPUS = Path(__file__).parents[1] / "corpus"
TELESCOPE = CORPUS / "evaluate-root-output" / "tel"
BLOCK = CORPUS / "duplicate-cells"


@pytest.mark.parametrize("name", ["trackml", "odd", "hex_tracker"])
def test_colliders_keep_the_usual_target(name: str) -> None:
    assert target_of(load_detector(name)) == Target()


def test_a_telescope_asks_for_all_planes_but_one_wherever_it_stands() -> None:
    telescope = load_detector("telescope")
    first = float(telescope.bounds[0][:, 2].min())
    wanted = Target(min_pt=0.0, max_eta=np.inf, min_hits=5, plane=first)
    assert target_of(telescope) == wanted
    assert wanted.describe() == "at least 5 hits"
    assert wanted.counted().min_hits == 3
    assert replace(wanted, min_hits=3).counted().describe() == "at least 1 hit"
    turn = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
    shift = np.array([30.0, 20.0, 500.0])
    moved = telescope.moved(turn, shift)
    moved = replace(moved, source=Source.of(shift, turn[:, 2], turn[:, 0]))
    assert replace(target_of(moved), plane=first) == wanted
    assert target_of(moved).plane == pytest.approx(first)


def made_at(x: float, z: float) -> Kinematics:
    """A charged particle of 2 GeV, made at a place."""
    one, zero = np.ones(1), np.zeros(1)
    at = (np.full(1, x), zero, np.full(1, z))
    return kinematics(Particles(np.arange(1), np.full(1, 13, np.int32), one, *at, 2 * one, zero, zero))


@pytest.mark.parametrize(
    ("target", "x", "z", "displaced"),
    [
        (Target(), 1.9, 500.0, False),  # along the line of a collider, collisions lie anywhere
        (Target(), 2.1, 0.0, True),
        (Target(spot=5.0), 6.9, 0.0, False),
        (Target(spot=5.0), 7.1, 0.0, True),
        (Target(plane=50.0), 9.0, 49.9, False),  # a wide beam that starts in front of a telescope
        (Target(plane=50.0), 0.0, 51.0, True),
    ],
)
def test_displaced_is_what_the_source_did_not_make(target, x, z, displaced) -> None:
    late = replace(target.displaced(2.0), min_hits=0, max_eta=np.inf)
    assert made_at(x, z).wanted(late, np.full(1, 9)).tolist() == [displaced]
    assert "line of the source" in late.describe()


def test_the_spot_of_a_source_is_five_of_its_spreads() -> None:
    detector = load_detector("trackml")
    wide = replace(detector, source=replace(detector.source, spread=np.array([0.4, 1.0, 50.0])))
    assert target_of(wide) == Target(spot=5.0)


def test_showers_are_asked_for_no_more_hits_than_layers() -> None:
    assert shower_target_of(load_detector("hgcal")) == ShowerTarget()
    block = load_detector(BLOCK / "det")
    assert shower_target_of(block.select(block.layer == block.layer[0])).min_hits == 1


def test_evaluate_of_a_telescope_needs_no_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, report = tmp_path / "out", tmp_path / "report.json"
    words = ["--detector", "telescope", "--bundle", "tracking-telescope", "-o", str(out)]
    assert cli.main(["reconstruct", str(TELESCOPE), *words]) == 0
    capsys.readouterr()
    assert cli.main(["evaluate", str(out), "--truth", str(TELESCOPE), "--json", str(report)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    assert " -  " not in printed.out.partition("parameter")[0]
    result = json.loads(report.read_text())
    assert result["command"].startswith(f"gnnreco evaluate {out} --truth")
    assert result["versions"]["gnnreco"] == __version__
    assert result["acts"]["efficiency"] == 1.0
    assert result["definitions"]["target"] == "charged particles, at least 5 hits, pile-up included"
    assert cli.main(["evaluate", str(out), "--truth", str(TELESCOPE), "--min-hits", "9"]) == 0
    line = capsys.readouterr().err
    assert (
        "of 12 charged particles that left hits there are 0 with at least 9 hits; change that with --min-hits"
        in line
    )
    assert "no track is counted: of 12 tracks there are 0 with at least 7 hits" in line


def low_and_high() -> tuple[Event, Tracks]:
    """One particle of 0.5 GeV and one of 2 GeV, ten hits each, both found; a fake of five hits fitted at 0.6 GeV."""
    pt = np.array([0.5, 2.0])
    zero = np.zeros(2)
    particles = Particles(
        np.arange(2), np.full(2, 13, np.int32), np.ones(2), zero, zero, zero, pt, zero, zero
    )
    hits = Hits(np.arange(25), *np.zeros((3, 25)), np.zeros(25, np.int32))
    event = Event(1, "a", hits, Truth(particles, np.arange(20), np.repeat([0, 1], 10)))
    flat = np.zeros(3)
    tracks = Tracks(
        np.array([0, 10, 20, 25]),
        np.arange(25),
        flat,
        flat,
        flat,
        flat + np.pi / 2,
        1 / np.array([1.05, 2.0, 0.6]),
        np.zeros((3, 15)),
        flat,
        flat,
        flat,
    )
    return event, tracks


def test_an_efficiency_stands_with_the_fakes_of_its_own_tracks() -> None:
    result = score_tracks([low_and_high()])
    counted, every, low = (result[name] for name in ("acts", "all_tracks", "low_pt"))
    assert (counted["particles"], counted["found"], counted["tracks"], counted["fakes"]) == (1, 1, 2, 0)
    row = every["acts"]
    assert (row["particles"], row["found"], row["tracks"], row["fakes"]) == (1, 1, 3, 1)
    row = low["acts"]  # the track fitted at 1.05 GeV is of a particle of 0.5 GeV, so it counts
    assert (row["particles"], row["found"], row["tracks"], row["fakes"]) == (1, 1, 2, 1)
    text = table(result | {"cpu_seconds_per_event": None})
    assert "acts, pt 0.15-1 GeV" in text
    assert "acts, displaced" not in text
    assert set(RULES) <= {line.split()[0] for line in text.splitlines() if line}


def test_every_row_is_explained() -> None:
    result = score_tracks([low_and_high()], target=Target(min_pt=0.6)) | {"cpu_seconds_per_event": None}
    printed, told = table(result), explain(result)
    rows = [line[:21].strip() for line in printed.splitlines() if " % +" in line]
    assert "acts, pt 0.15-0.6 GeV" in rows
    paragraphs = [line[:24].strip() for line in told.splitlines() if line[0] != " "]
    assert {row.replace("_", " ") for row in rows} <= set(paragraphs)
    assert max(map(len, told.splitlines())) <= 110
    assert explain({"tasks": {"tracking": result}}).startswith("tracking\ntarget")


def test_the_cut_that_leaves_nothing_is_named() -> None:
    event, tracks = low_and_high()
    assert score_tracks([(event, tracks)])["warnings"] == []
    (line, *_) = score_tracks([(event, tracks)], target=Target(min_pt=3.0))["warnings"]
    assert "of 2 charged particles that left hits there are 0 with pt > 3 GeV, 2 with |eta| < 3" in line
    assert line.endswith("change that with min_pt=")


def test_the_cut_that_leaves_no_shower_is_named() -> None:
    block = load_detector(BLOCK / "det")
    pairs = [(event, Clusters()) for event in open_events(BLOCK / "base", block)]
    assert score_clusters(pairs, block)["warnings"] == []
    (line,) = score_clusters(pairs, block, ShowerTarget(min_energy=50.0))["warnings"]
    assert "of 2 particles that left energy there are 0 with energy > 50 GeV, 2 with at least 3 hits" in line
