"""The pages in a real browser: something is drawn, nothing complains, every switch and the cursor work."""

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Clusters, Hits, Particles, ReconstructedParticles, Tracks, Truth
from gnnreco.display import show_detector, show_event
from tests.display.test_sensors import calorimeter, shower

INK = """
    const ink = () => { // pixels that differ from the background
        const canvas = page.picture(1), data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let n = 0;
        for (let i = 0; i < data.length; i += 4) n += Math.abs(data[i] - data[0]) + Math.abs(data[i + 1] - data[1]) + Math.abs(data[i + 2] - data[2]) > 24;
        return n;
    };
    const only = (...keys) => { for (const key in page.state.show) page.set(key, keys.includes(key)); };
"""


def two_clusters(n):
    """Half of n hits each."""
    return Clusters(
        np.array([0, n // 2, n]),
        np.arange(n),
        np.ones(n),
        *np.ones((5, 2)),
        np.ones((2, 3)) / np.sqrt(3),
        np.full((2, 4), 1 / 4),
        np.ones(2),
    )


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
        const [x, y] = page.project([...page.data.s_center.subarray(0, 3)]), sensor = page.tell(x, y), sensorText = tip.innerText;
        const nothing = page.tell(3, 3);
        return { hit, hitText, track, trackText, sensor, sensorText, nothing, hidden: tip.hidden };"""
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
        return out;"""
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


def test_cells_appear_when_they_are_large_enough(made, drive, tmp_path):
    page = show_detector(calorimeter(made), tmp_path / "page.html", sheets=False)
    script = (
        INK
        + """
        for (const key of ["faces", "outlines", "cut"]) page.set(key, false);
        page.look("3d", 0);
        const out = {};
        for (const zoom of [0.02, 1]) {
            page.camera.h /= zoom; out[zoom] = [ink(), page.lod.sensors]; page.camera.h *= zoom;
        }
        page.camera.h /= 2; page.set("cells", false); out.off = ink();
        return out;"""
    )
    seen = drive(page, script)
    assert seen["0.02"][1] == 0
    assert seen["1"][1] == 10
    assert seen["1"][0] > seen["off"] + 500


def test_the_cursor_finds_the_cell(made, drive, tmp_path):
    detector = calorimeter(made)
    page = show_detector(detector, tmp_path / "page.html", sheets=False)
    cell = int(np.flatnonzero(detector.templates[1].exists(np.arange(detector.templates[1].n_cells)))[30])
    x, y, z = detector.cell_position(np.array([9]), np.array([cell]))[0]
    grid = int(detector.templates[0].cell_at(np.array([20.0]), np.array([-31.0]))[0])
    gx, gy, gz = detector.to_global(np.array([0]), np.array([[20.0, -31.0]]))[0]
    script = f"""
        page.look("3d", 0); page.set("cut", false);
        const at = (layer, p) => {{ page.only(layer); return page.tell(...page.project(p)); }};
        return [at(4, [{x}, {y}, {z}]), at(0, [{gx}, {gy}, {gz}])].map(f => [page.data.s_row[f.index], f.cell.cell]);"""
    assert drive(page, script) == [[9, cell], [0, grid]]


def test_calorimeter_hits_are_cells(made, drive, tmp_path):
    detector = calorimeter(made)
    event, _ = shower(detector)
    page = show_event(event, detector, None, tmp_path / "page.html", two_clusters(40))
    script = (
        INK
        + """
        page.look("3d", 0); only(); const none = ink(); only("fired"); const all = ink() - none;
        page.set("least", 0.2); const few = ink() - none; page.set("least", 0); page.set("cut", false);
        const card = document.getElementById("card");
        page.select({ kind: "hit", index: 3 });
        const text = card.innerText, chosen = page.state.cluster; page.select(null);
        const seen = new Set();
        for (let i = 0; i < 40; i++) {
            const f = page.tell(...page.project([...page.data.h_xyz.subarray(3 * i, 3 * i + 3)]));
            if (f?.kind === "hit") seen.add(f.index);
        }
        return { all, few, text, chosen, seen: seen.size };"""
    )
    seen = drive(page, script)
    assert seen["all"] > seen["few"] > 10
    assert seen["chosen"] == 0
    assert "Cluster 0" in seen["text"]
    assert seen["seen"] > 25  # others may be hidden behind them


def particles_of_the_bench():
    """A muon of track 0, and a photon of cluster 1 with a hit alone."""
    three = {"px": np.array([9.0, 0.0]), "py": np.array([-1.5, 20.0]), "pz": np.array([1.0, 4.0])}
    return ReconstructedParticles(
        np.array([4, 2], np.int32),
        np.array([[0.1, 0, 0, 0, 0.9], [0, 0.2, 0.8, 0, 0]]),
        charge=np.array([1.0, 0.0]),
        **three,
        energy=np.sqrt(sum(p**2 for p in three.values())),
        energy_sigma=np.array([0.1, 1.0]),
        score=np.ones(2),
        track_offsets=np.array([0, 1, 1]),
        track_index=np.array([0]),
        cluster_offsets=np.array([0, 0, 1]),
        cluster_index=np.array([1]),
        offsets=np.array([0, 0, 1]),
        hit_index=np.array([12]),
    )


def test_a_click_on_a_particle_lights_up_what_it_is_made_of(made, drive, tmp_path):
    n = 2
    clusters = Clusters(
        np.array([0, 3, 5]),
        np.array([10, 11, 13, 15, 16]),
        np.ones(5),
        *np.ones((5, n)),
        np.ones((n, 3)),
        np.full((n, 4), 0.25),
        np.ones(n),
    )
    page = show_event(
        made.event(),
        made.detector(),
        made.tracks(),
        tmp_path / "page.html",
        clusters,
        particles=particles_of_the_bench(),
    )
    script = (
        INK
        + """
        page.look("3d", 0); page.camera.h *= 2;
        const out = {}, card = document.getElementById("card"), text = document.getElementById("panel").innerText;
        only(); const none = ink();
        for (const key of ["muon", "photon", "missing"]) { only(key); out[key] = ink() - none; }
        only("muon", "photon");
        const along = i => {
            for (let far = 50; far < 400; far += 10) {
                const d = page.data.q_direction.subarray(3 * i, 3 * i + 3), p = page.project([...d].map(v => v * far));
                const found = page.tell(...p);
                if (found?.kind === "particle" && found.index === i) return found;
            }
            return null;
        };
        const muon = along(0), photon = along(1);
        page.select(muon); const tracks = [...page.parts().tracks], muonText = card.innerText;
        page.select(photon); const clusters = [...page.parts().clusters], hits = [...page.parts().hits], photonText = card.innerText;
        page.select({ kind: "track", index: 0 }); const trackText = card.innerText, cleared = page.state.particle;
        return { out, text, muon, photon, tracks, clusters, hits, muonText, photonText, trackText, cleared };"""
    )
    seen = drive(page, script)
    assert min(seen["out"].values()) > 20, seen["out"]
    assert "missing pt" in seen["text"].lower()
    assert seen["muon"] == {"kind": "particle", "index": 0}
    assert seen["photon"] == {"kind": "particle", "index": 1}
    assert (seen["tracks"], seen["clusters"], seen["hits"]) == ([0], [1], [12])
    assert "Found particle 0: muon" in seen["muonText"]
    assert "90.0 %" in seen["muonText"]
    assert "Made of clusters" in seen["photonText"]
    assert "In found particle" in seen["trackText"]
    assert seen["cleared"] == -1


def test_occupancy_and_sheets(made, drive, tmp_path):
    detector = calorimeter(made)
    event, _ = shower(detector)
    page = show_detector(detector, tmp_path / "page.html", [event])
    script = (
        INK
        + """
        const text = document.getElementById("panel").innerText, sheets = [...document.querySelectorAll(".sheet")];
        only(); const none = ink(); only("fired"); const fired = ink() - none, shade = page.state.shade, out = [];
        for (const sheet of sheets) {
            page.turn(sheet);
            out.push([sheet.dataset.title, sheet.offsetHeight > 100, sheet.textContent.length > 20]);
        }
        page.turn(null);
        return { text, fired, shade, out, hidden: sheets.every(s => s.hidden) };"""
    )
    seen = drive(page, script)
    assert "40 hits an event" in seen["text"]
    assert seen["fired"] > 50
    assert seen["shade"] == "density"
    assert seen["out"] == [[name, True, True] for name in ("Drawing", "Material", "Check")]
    assert seen["hidden"]


def test_the_address_of_a_view_leads_back_to_it(made, drive, tmp_path):
    page = show_event(made.event(), made.detector(), made.tracks(), tmp_path / "page.html")
    there = """
        page.set("theme", "light"); page.set("pt", 0.7); page.set("missed", false); page.look("xy", 0);
        page.select({ kind: "track", index: 1 });
        Object.assign(page.camera, { h: 222, target: [11, 22, 33] });
        return page.address();"""
    link = drive(page, there)
    assert {"theme=light", "pt=0.7", "missed=0", "view=xy", "track=1"} <= set(link.split("&"))
    back = drive(
        page,
        """return { theme: page.state.theme, pt: page.state.pt, missed: page.state.show.missed, fake: page.state.show.fake,
            chosen: page.state.selected, h: page.camera.h, target: page.camera.target, again: page.address() };""",
        f"#{link}",
    )
    assert back == {
        "theme": "light",
        "pt": 0.7,
        "missed": False,
        "fake": True,
        "chosen": 1,
        "h": 222,
        "target": [11, 22, 33],
        "again": link,
    }


def test_the_card_of_a_track_has_errors_and_the_truth(made, drive, tmp_path):
    covariance = np.zeros((4, 15))
    covariance[:, [0, 2, 5, 9, 14]] = np.array([0.1, 0.2, 0.01, 0.02, 0.05]) ** 2
    tracks = replace(made.tracks(), covariance=covariance, d0=np.array([0.3, 0.0, 0.0, 0.0]))
    page = show_event(made.event(), made.detector(), tracks, tmp_path / "page.html")
    card = """page.select({ kind: "track", index: %d }); return document.getElementById("card").innerText;"""
    text = drive(page, card % 0)
    assert "0.30 ± 0.10 mm" in text
    assert "true 0.00, pull +3.0" in text.replace("−0.00", "0.00").replace("-0.00", "0.00")
    assert "q/p" in text
    assert "true" not in drive(page, card % 3)  # a fake has no particle to stand beside


def test_clusters_are_listed_beside_their_particles(made, drive, tmp_path):
    detector = calorimeter(made)
    event, _ = shower(detector)
    n = len(event.hits)
    zero, one = np.zeros(1), np.ones(1)
    particles = Particles(
        np.array([77]), np.array([22], np.int32), zero, zero, zero, zero, 5 * one, zero, zero
    )
    event = replace(event, truth=Truth(particles, np.arange(n), np.zeros(n, np.int64)))
    clusters = replace(two_clusters(n), energy=np.array([4.0, 1.0]), energy_sigma=np.array([0.5, 0.2]))
    page = show_event(event, detector, None, tmp_path / "page.html", clusters)
    text = drive(page, "return document.querySelector('.sheet').textContent;")
    assert "4 ± 0.5" in text
    assert "77" in text
    assert "target particles are found" in text
    chosen = drive(
        page, "document.querySelector('tr[data-cluster=\"1\"]').click(); return page.state.cluster;"
    )
    assert chosen == 1
