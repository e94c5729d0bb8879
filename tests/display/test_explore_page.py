"""The page of `gnnreco explore`: from the command line, and in a browser."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gnnreco.cli import main
from gnnreco.columns import Hits
from gnnreco.display.explore_page import explore_page
from gnnreco.display.stand_in import MOST_SIZES, stand_in
from gnnreco.events import open_events
from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.tasks.explore import explore

DISPLAYS = Path(__file__).parents[2] / "examples" / "displays"
CMS, LHCB = DISPLAYS / "cms_met_2012.ig", DISPLAYS / "lhcb_2017.json.gz"


@pytest.mark.parametrize("file", [CMS, LHCB], ids=["cms", "lhcb"])
def test_cells_stand_where_the_file_has_them(file):
    view = explore(open_events(file, None)[0])
    detector, sensor = stand_in(view)
    assert (sensor >= 0).sum() == detector.n_sensors
    assert len(detector.templates) <= MOST_SIZES
    np.testing.assert_allclose(
        detector.rotation @ detector.rotation.transpose(0, 2, 1),
        np.tile(np.eye(3), (detector.n_sensors, 1, 1)),
        atol=1e-9,
    )
    inside = np.flatnonzero(sensor >= 0)
    rows = sensor[inside]
    np.testing.assert_array_equal(detector.center[rows], view.event.hits.xyz[inside])
    assert [detector.subsystems[s].name for s in detector.subsystem[rows]] == [
        view.parts[p] for p in view.part[inside]
    ]
    # Sizes are rounded, the axes are those of the cells.
    size = np.stack([2 * detector.half_u, 2 * detector.half_v, detector.thickness], axis=1)[rows]
    length = np.linalg.norm(view.edges[inside], axis=2)
    told = length > 0
    assert (np.abs(np.log(size[told] / length[told])) < 0.25).all()
    along = np.einsum("nka,nak->nk", view.edges[inside], detector.rotation[rows]) / np.where(
        told, length, 1.0
    )
    askew = told & [False, True, False]  # boxes are drawn for cells that may lean: the second edge gives way
    assert (np.abs(along[told & ~askew]) > 0.9999).all()
    assert np.median(np.abs(along[askew])) > 0.999


def test_from_the_command_line(tmp_path, capsys):
    words = ["explore", str(CMS), "--event", "20831924", "-o", str(tmp_path / "page.html")]
    assert main([*words, "--json", str(tmp_path / "page.json")]) == 0
    told = json.loads((tmp_path / "page.json").read_text())
    assert told["event"] == 20831924
    assert [part["part"] for part in told["parts"]][:2] == ["EBRecHits", "EERecHits"]
    energies = [cluster["energy_gev"] for cluster in told["clusters"]]
    assert energies == sorted(energies, reverse=True)
    assert {row["what"] for row in told["odd"]} >= {"energies below zero", "energies that are no number"}
    out = capsys.readouterr().out
    assert "EERecHits" in out
    assert "energies below zero" in out
    assert (tmp_path / "page.html").stat().st_size < 1_000_000


def test_what_cannot_be_explored(tmp_path, capsys):
    (tmp_path / "bad.ig").write_bytes(CMS.read_bytes()[:5000])
    assert main(["explore", str(tmp_path / "bad.ig"), "-o", str(tmp_path / "page.html")]) == 2
    assert "zip archive damaged" in capsys.readouterr().err
    assert main(["explore", str(CMS), "--event", "7", "-o", str(tmp_path / "page.html")]) == 2
    assert "there is none; the nearest is 20657260 (of 2 events)" in capsys.readouterr().err


@pytest.mark.parametrize("file", [CMS, pytest.param(LHCB, marks=pytest.mark.slow)], ids=["cms", "lhcb"])
def test_the_page_in_a_browser(drive, tmp_path, file):
    view = explore(open_events(file, None)[0])
    page = explore_page(view, None, tmp_path / "page.html")
    script = """
        const ink = () => {
            page.render();
            const canvas = page.picture(1), data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
            let n = 0;
            for (let i = 0; i < data.length; i += 4) n += Math.abs(data[i] - data[0]) + Math.abs(data[i + 1] - data[1]) + Math.abs(data[i + 2] - data[2]) > 24;
            return n;
        };
        const all = ink(), sheets = {};
        page.set("fired", false); const without = ink(); page.set("fired", true);
        for (const sheet of document.querySelectorAll(".sheet")) {
            page.turn(sheet); sheets[sheet.dataset.title] = [sheet.offsetHeight > 100, sheet.innerText ?? sheet.textContent];
        }
        page.turn(document.querySelector(".sheet"));
        document.querySelector("tr[data-cluster='1']").click();
        return { all, without, sheets, paint: page.state.paint, chosen: page.state.cluster, card: document.getElementById("card").innerText,
            hidden: [...document.querySelectorAll(".sheet")].every(s => s.hidden), panel: document.getElementById("panel").innerText };"""
    seen = drive(page, script)
    assert seen["all"] > seen["without"] + 300
    assert list(seen["sheets"]) == ["Clusters", "Spectra", "Data"]
    assert all(shown for shown, _ in seen["sheets"].values())
    assert "energy [GeV]" in seen["sheets"]["Clusters"][1]
    assert "energies below zero" in seen["sheets"]["Data"][1]
    assert seen["paint"] == "cluster"
    assert seen["hidden"]
    assert seen["chosen"] == 1
    assert "Cluster 1" in seen["card"]
    assert "±" not in seen["card"]  # nobody knows the error
    assert all(view.parts[row] in seen["panel"] for row in np.unique(view.part))


def test_names_from_files_are_never_markup(drive, tmp_path):
    event = open_events(CMS, None)[0]
    evil = "<img src=x onerror='window.hacked=1'>"
    told = replace(event.collections, names=(evil, *event.collections.names[1:]))
    page = explore_page(explore(replace(event, collections=told)), None, tmp_path / "page.html")
    assert drive(page, "return [document.images.length, window.hacked ?? null];") == [0, None]


def test_with_a_detector_and_without_energies(drive, tmp_path):
    detector = load_detector("clic_ecal")
    options = SimulationOptions(particle="photon", energy=(20.0, 30.0), count=2)
    event = next(iter(simulate(detector, "gun", 1, seed=2, options=options)))
    bare = Hits(
        *(getattr(event.hits, k) for k in ("hit_id", "x", "y", "z")), np.full(len(event.hits), -1, np.int32)
    )
    for seen, given in ((event, detector), (replace(event, hits=bare), None)):
        page = explore_page(explore(seen, given), given, tmp_path / "page.html")
        script = "return [page.counts.cells, document.querySelectorAll('.sheet').length];"
        assert drive(page, script) == [len(event.hits) if given else 0, 3]
