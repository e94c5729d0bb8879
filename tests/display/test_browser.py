"""The pages in a real browser: something is drawn, nothing complains, every switch and the cursor work."""

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Hits, Tracks
from gnnreco.display import show_detector, show_event

INK = """
    const ink = () => { // pixels that differ from the background
        const canvas = page.picture(1), data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let n = 0;
        for (let i = 0; i < data.length; i += 4) n += Math.abs(data[i] - data[0]) + Math.abs(data[i + 1] - data[1]) + Math.abs(data[i + 2] - data[2]) > 24;
        return n;
    };
    const only = (...keys) => { for (const key in page.state.show) page.set(key, keys.includes(key)); };
"""  # noqa: E501


def test_the_page_runs_under_its_own_rules(made, browser, tmp_path):
    page = show_event(made.event(), made.detector(), made.tracks(), tmp_path / "page.html")
    document, console = browser(page)
    assert console == []
    assert 'data-state="drawn"' in document
    assert "Found, matched" in document


def test_every_switch_changes_the_picture(made, drive, tmp_path):
    page = show_event(made.event(), made.detector(), made.tracks(), tmp_path / "page.html")
    keys = ["outlines", "faces", "cells", "onTrack", "unassigned", "noise"]
    keys += ["matched", "duplicate", "fake", "true", "missed"]
    script = (
        INK
        + f"""
        page.set("pt", 0); page.set("hits", 3); page.set("glass", 3); page.look("3d", 0);
        only(); const none = ink(), out = {{ none }};
        for (const key of {keys}) {{ only(key); out[key] = ink() - none; }}
        only("matched"); page.set("pt", 1.5); out.cut = ink() - none;
        page.set("pt", 0); page.set("theme", "light"); out.light = ink() - none;
        return out;"""
    )
    ink = drive(page, script)
    assert {key: ink[key] for key in keys if ink[key] < 5} == {}
    assert ink["cut"] < ink["matched"]
    assert ink["light"] > 5


@pytest.mark.parametrize("view", ["3d", "xy", "rz"])
def test_every_view_shows_the_whole_event(made, drive, tmp_path, view):
    page = show_event(made.event(), made.detector(), made.tracks(), tmp_path / "page.html")
    script = (
        INK
        + """
        const at = [], n = page.counts.hits, { w, h } = page.size();
        for (let i = 0; i < n; i++) at.push(page.project([...page.data.h_xyz.subarray(3 * i, 3 * i + 3)]));
        const inside = p => p && p[0] > 0 && p[0] < w && p[1] > 0 && p[1] < h;
        return { ink: ink(), inside: at.filter(inside).length, n };"""
    )
    seen = drive(page, script, f"#view={view}")
    assert seen["inside"] == seen["n"] == 23
    assert seen["ink"] > 300


def test_the_cursor_finds_hits_tracks_and_sensors(made, drive, tmp_path):
    page = show_event(made.event(), made.detector(), made.tracks(), tmp_path / "page.html")
    script = """
        page.set("pt", 0); page.look("xy", 0);
        const tip = document.getElementById("tip"), point = i => page.project([...page.data.h_xyz.subarray(3 * i, 3 * i + 3)]);
        const hit = page.tell(...point(4)), hitText = tip.innerText;
        for (const key of ["onTrack", "unassigned", "noise", "duplicate", "missed"]) page.set(key, false);
        const [a, b] = [point(0), point(1)], track = page.tell((a[0] + b[0]) / 2, (a[1] + b[1]) / 2), trackText = tip.innerText;
        page.look("3d", 0); for (const key of ["matched", "fake", "cut"]) page.set(key, false);
        const [x, y] = page.project([...page.data.s_centre.subarray(0, 3)]), sensor = page.tell(x, y), sensorText = tip.innerText;
        const nothing = page.tell(3, 3);
        return { hit, hitText, track, trackText, sensor, sensorText, nothing, hidden: tip.hidden };"""  # noqa: E501
    seen = drive(page, script)
    assert seen["hit"] == {"kind": "hit", "index": 4}
    assert "Hit 104" in seen["hitText"]
    assert "11 and 1 more" in seen["hitText"]
    assert seen["track"] == {"kind": "track", "index": 0}
    assert "Track 0: found, matched" in seen["trackText"]
    assert seen["sensor"]["kind"] == "sensor"
    assert "module id" in seen["sensorText"]
    assert seen["nothing"] is None
    assert seen["hidden"]


def test_search_selects_and_tells(made, drive, tmp_path):
    page = show_event(made.event(), made.detector(), made.tracks(), tmp_path / "page.html")
    script = """
        const card = document.getElementById("card"), out = {};
        for (const text of ["2", "1152921504606846977", "no such"]) { page.search(text); out[text] = [page.state.selected, card.innerText]; }
        page.search(""); out.cleared = [page.state.selected, card.hidden];
        return out;"""  # noqa: E501
    seen = drive(page, script)
    assert seen["2"][0] == 2
    assert "Hits: 105, 106, 107" in seen["2"][1]
    assert seen["1152921504606846977"][0] == 5
    assert seen["no such"][0] == -1
    assert "No track or particle no such" in seen["no such"][1]
    assert seen["cleared"] == [-1, True]


def test_text_from_files_is_never_a_program(made, drive, tmp_path):
    evil = "<img src=x onerror='window.hacked=1'><script>window.hacked=2</script>"
    detector = replace(made.detector(evil), labels={evil: np.arange(10)})
    page = show_event(made.event(evil), detector, None, tmp_path / "page.html")
    script = """
        page.select({ kind: "sensor", index: 0 });
        await new Promise(r => setTimeout(r, 200));
        return { hacked: window.hacked ?? null, images: document.images.length, title: document.title };"""
    seen = drive(page, script)
    assert seen["hacked"] is None
    assert seen["images"] == 0
    assert evil in seen["title"]


@pytest.mark.parametrize("case", ["empty", "one hit", "no truth", "no tracks", "neither", "no position"])
def test_events_that_lack_something(made, drive, tmp_path, case):
    full, tracks = made.event(), made.tracks()
    h = full.hits
    lost = Hits(h.hit_id, np.where(h.hit_id == 100, np.nan, h.x), h.y, h.z, np.full(len(h), -1, np.int32))
    event, found = {
        "empty": (made.first_hits(full, 0), Tracks()),
        "one hit": (made.first_hits(full, 1), None),
        "no truth": (made.event(truth=False), tracks),
        "no tracks": (full, None),
        "neither": (made.event(truth=False), None),
        "no position": (replace(full, hits=lost), tracks),
    }[case]
    page = show_event(event, made.detector(), found, tmp_path / "page.html")
    script = (
        INK
        + """const text = document.getElementById("panel").innerText, seen = ink();
        for (const view of ["xy", "rz"]) page.look(view, 0); page.tell(100, 100); return { seen, text };"""
    )
    result = drive(page, script)
    assert result["seen"] > 100
    assert ("1 hits without a finite position" in result["text"]) == (case == "no position")
    assert ("True tracks" in result["text"]) == (case in {"no tracks", "one hit", "no position"})


def test_detector_page(made, drive, tmp_path):
    page = show_detector(made.detector(), tmp_path / "page.html")
    script = (
        INK
        + """
        page.set("faces", false); const before = ink(); page.set("cells", false); const plain = ink();
        page.state.layers.fill(0); page.set("cells", true);
        return { before, plain, gone: ink(), text: document.getElementById("panel").innerText };"""
    )
    seen = drive(page, script)
    assert seen["before"] > seen["plain"] > seen["gone"]
    assert "10 sensors · 5 layers" in seen["text"]
    assert "outer" in seen["text"]
