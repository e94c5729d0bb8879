"""The page of a fast simulation: the same particles by a full simulation, the bundle and the parametrisation, side by side."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gnnreco
from gnnreco.bundle import save_bundle
from gnnreco.cli import main
from gnnreco.columns import Event
from gnnreco.errors import BadBundle, BadConfig, BadInput
from gnnreco.events import write_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.report.fastsim.scene import Row, scene
from gnnreco.schema import plain
from gnnreco.simulate import same_particles
from gnnreco.tasks.fastsim import FastSimConfig, FastSimTask

GUN: dict[str, Any] = {"particle": "photon", "energy": (1, 3), "eta": (-0.2, 0.2), "count": 2}


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("clic_ecal")


@pytest.fixture(scope="module")
def events(detector: Detector) -> list[Event]:
    return list(gnnreco.simulate(detector, events=2, seed=4, **GUN))


@pytest.fixture(scope="module")
def made(
    events: list[Event], detector: Detector, tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], Path]:
    page = tmp_path_factory.mktemp("fastsim") / "report.html"
    return gnnreco.report("fastsim-any", events, page, detector=detector, command="a command"), page


def test_it_compares_both_makers_and_tells_what_was_trained_on(made: tuple[dict[str, Any], Path]) -> None:
    told, page = made
    assert told["generated"]["showers"]["generated"] == told["generated"]["showers"]["truth"] == 4
    assert told["generated"]["floor"] is not None
    assert told["parametrisation"]["response"]["all"]["generated"]["showers"] == 4
    energy = told["trained_on"][0]
    assert energy["trained"][0] < 1 < energy["here"][0] < 3 < energy["trained"][1]
    assert not energy["outside"]
    assert told["stacks"] == 51
    assert len(told["failures"]) == 4
    assert any("told apart best" in line for line in told["left_out"])
    json.dumps(told, allow_nan=False)
    text = page.read_text()
    for title in ("Showers to look at", "How close the showers are", "What it was trained on", "Profiles"):
        assert title in text


def test_the_browser_draws_it_and_rows_lead_to_showers(made: tuple[dict[str, Any], Path], drive) -> None:
    seen = drive(
        made[1],
        """
        const rows = [...document.querySelectorAll("tr[data-near]")], before = page.camera.h;
        rows[0].click();
        let last = -1;  // it flies there, slowly where the machine is busy
        for (let i = 0; i < 60 && (page.camera.h >= before || page.camera.h !== last); i++) {
            last = page.camera.h;
            await new Promise(r => setTimeout(r, 150));
        }
        const [x, y] = [...page.data.h_particle].indexOf(0) >= 0 ? page.project([...page.data.h_xyz.subarray(0, 3)]) : [-1, -1];
        const { w, h } = page.size();
        return { rows: rows.length, hits: page.counts.hits, nearer: page.camera.h < before, inside: x > 0 && x < w && y > 0 && y < h,
            text: document.getElementById("panel").innerText, title: document.title };""",
    )
    assert seen["rows"] == 4
    assert seen["hits"] > 50
    assert seen["nearer"]
    assert seen["inside"]
    for maker in ("full simulation", "fastsim-any", "parametrisation"):
        assert maker in seen["text"]
    assert seen["title"] == "fastsim-any beside a full simulation in clic_ecal"


def test_the_same_particles_are_made_anew(events: list[Event], detector: Detector) -> None:
    for old, new in zip(events, same_particles(events, detector, seed=3), strict=True):
        assert new.number == old.number
        one, other = old.truth.particles, new.truth.particles
        n = len(set(one.particle_id.tolist()) & set(other.particle_id.tolist()))
        assert n == len(other)
        both = np.searchsorted(one.particle_id, other.particle_id)
        assert np.array_equal(one.px[both], other.px)
    again, first = (list(same_particles(events, detector, seed=3)) for _ in range(2))
    assert all(np.array_equal(a.hits.energy, b.hits.energy) for a, b in zip(again, first, strict=True))
    alone = next(same_particles(events[1:], detector, seed=3))
    assert np.array_equal(alone.hits.energy, first[1].hits.energy)


def test_a_scene_has_all_cells_of_each_shower(events: list[Event], detector: Detector) -> None:
    event = events[0]
    particle = int(event.truth.particles.particle_id[0])
    rows = [Row("why", 0, particle, 22, 2.0, None), Row("nobody", 0, -5, 22, 2.0, None)]
    made = scene(rows, {"one": {0: event}, "none": {}}, detector, "here")
    assert made.particles == ((0, None), (None, None))
    mine = event.truth.energy[event.truth.particle == 0].sum()
    assert made.event.hits.energy.sum() == pytest.approx(
        mine, rel=0.05
    )  # but what lies beside the axis' layers
    assert len(made.detector.center) == len(made.event.hits)


def test_the_command_line_writes_page_and_json(
    events: list[Event], detector: Detector, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_events(events[:1], tmp_path / "events", detector=detector)
    words = ["report", "fastsim-any", "--data", str(tmp_path / "events"), "--detector", "clic_ecal"]
    page, file = tmp_path / "r.html", tmp_path / "r.json"
    assert main([*words, "-o", str(page), "--json", str(file)]) == 0
    assert "chi2 per bin" in capsys.readouterr().out
    assert json.loads(file.read_text())["events"] == 1
    assert main([*words[:4], "-o", str(page)]) == 2
    assert "--detector" in capsys.readouterr().err


def test_bad_questions_are_one_line(events: list[Event], detector: Detector, tmp_path: Path) -> None:
    page = tmp_path / "r.html"
    with pytest.raises(BadInput, match="no events to report on"):
        gnnreco.report("fastsim-any", [], page, detector=detector)
    with pytest.raises(BadConfig, match="say nothing of a fast simulation"):
        gnnreco.report("fastsim-any", events, page, detector=detector, seeds=["fastsim-any"])
    with pytest.raises(BadInput, match="has no truth"):
        gnnreco.report("fastsim-any", [replace(events[0], truth=None)], page, detector=detector)
    with pytest.raises(BadInput, match="two events have this number"):
        gnnreco.report("fastsim-any", [events[0], events[0]], page, detector=detector)
    assert not page.exists()


def test_a_bundle_for_pions_is_refused(events: list[Event], detector: Detector, tmp_path: Path) -> None:
    task = FastSimTask(FastSimConfig(particles="pions", hidden=8, deposit=8), None)
    save_bundle(tmp_path / "pions", "fastsim", plain(task.config), task.state(), None, {}, {})
    with pytest.raises(BadBundle, match="no showers of photons and electrons"):
        gnnreco.report(tmp_path / "pions", events, tmp_path / "r.html", detector=detector)
