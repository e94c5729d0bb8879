"""What the page holds: arrays that come back as they went in, and no text that could become a program."""

import base64
import hashlib
import html
import json
import re
import zlib
from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Event, Hits, Particles, Tracks, Truth
from gnnreco.display import show_detector, show_event
from gnnreco.display.pack import Pack
from gnnreco.errors import BadInput

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>&quot;%%SCRIPT%%"


def unpack(page):
    """The arrays and the text of a page, read as its script reads them."""
    text = page.read_text("utf-8")
    about = json.loads(re.search(r'id="about">(.*?)</script>', text, re.DOTALL)[1])
    block = zlib.decompress(base64.b64decode(re.search(r'id="block">(.*?)</script>', text, re.DOTALL)[1]))
    arrays = {}
    for entry in about["index"]:
        at, n, dtype = entry["at"], entry["n"], np.dtype(entry["dtype"])
        raw = np.frombuffer(block, np.uint8, n * dtype.itemsize, at)
        if dtype == np.int32:
            step = np.ascontiguousarray(raw.reshape(4, n).T).view("<u4").reshape(-1)
            values = np.cumsum(step, dtype=np.uint32).view(np.int32)
        else:
            values = raw.view(dtype)
        arrays[entry["name"]] = values.reshape(3, n // 3).T * entry["unit"] if "unit" in entry else values
    return about, arrays


def test_arrays_come_back(made, tmp_path):
    event = made.event()
    about, arrays = unpack(show_event(event, made.detector(), made.tracks(), tmp_path / "deep" / "page.html"))
    assert arrays["h_xyz"] == pytest.approx(event.hits.xyz, abs=1 / 512)
    assert arrays["h_id"].tolist() == event.hits.hit_id.tolist()
    assert arrays["p_id"].tolist() == [11, 2**60 + 1, 33, 44]
    assert arrays["h_kind"].tolist().count(2) == 3  # noise
    assert arrays["p_status"].tolist() == [4, 4, 5, 6]
    assert arrays["h_particles"][4] == 2
    assert set(arrays["line"].tolist()) == set(range(8))
    assert about["event"]["number"] == 3
    assert about["detector"]["templates"][0]["sensors"] == 10


def test_extreme_integers_come_back():
    pack = Pack()
    values = np.array([0, 2**31 - 1, -(2**31), 5, -1])
    pack.add("a", values, "int32")
    pack.add_points("far", np.array([[1e9, -2.0, np.nan]]))
    assert pack.index[1]["unit"] >= 1
    block = zlib.decompress(base64.b64decode(pack.text()))
    step = np.ascontiguousarray(np.frombuffer(block, np.uint8, 20).reshape(4, 5).T).view("<u4").reshape(-1)
    assert np.cumsum(step, dtype=np.uint32).view(np.int32).tolist() == values.tolist()


def test_text_from_files_stays_text(made, tmp_path):
    detector = replace(made.detector(EVIL), labels={EVIL: np.arange(10)})
    page = show_event(made.event(EVIL), detector, made.tracks(), tmp_path / "page.html")
    text = page.read_text("utf-8")
    assert "<img" not in text
    assert "alert(1)</script>" not in text
    assert html.escape(EVIL) in text
    assert text.count("<script") == text.count("</script>") == 3
    about, _ = unpack(page)
    assert about["event"]["source"] == EVIL
    assert about["detector"]["name"] == EVIL


def test_only_its_own_script_may_run(made, tmp_path):
    text = show_detector(made.detector(), tmp_path / "page.html").read_text("utf-8")
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    checksum = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{checksum}';" in text
    assert "default-src 'none'" in text
    assert not re.search(r"https?://", text), "the page must need no network"


def test_same_input_same_page(made, tmp_path):
    pages = [
        show_event(made.event(), made.detector(), made.tracks(), tmp_path / f"{i}.html") for i in range(2)
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["0.html", "1.html"]


@pytest.mark.parametrize("row", [-1, 23])
def test_tracks_of_another_event_are_refused(made, tmp_path, row):
    tracks = Tracks(np.array([0, 3]), np.array([0, 1, row]))
    with pytest.raises(
        BadInput, match=f"made-up: event 3: a track points at hit {row}, the event has 23 hits"
    ):
        show_event(made.event(), made.detector(), tracks, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def crowd(n_particles=10_000, n_hits=10):
    """An event of 100,000 hits on helices."""
    rng = np.random.default_rng(3)
    phi, pt = rng.uniform(-np.pi, np.pi, n_particles), rng.exponential(0.8, n_particles) + 0.2
    cot, charge = rng.normal(0, 2, n_particles), rng.choice([-1.0, 1.0], n_particles)
    way = np.linspace(30, 900, n_hits)
    turn = phi[:, None] - charge[:, None] * 0.3e-3 * way / pt[:, None]
    x, y, z = way * np.cos(turn), way * np.sin(turn), way * cot[:, None].clip(-3, 3)
    n = n_particles * n_hits
    vertex, p = np.zeros((3, n_particles)), (pt * np.cos(phi), pt * np.sin(phi), pt * cot)
    pdg = np.full(n_particles, 211, np.int32)
    particles = Particles(rng.integers(1, 2**62, n_particles), pdg, charge, *vertex, *p)
    hits = Hits(np.arange(n), x.ravel(), y.ravel(), z.ravel(), np.full(n, -1, np.int32))
    event = Event(0, "crowd", hits, Truth(particles, np.arange(n), np.repeat(np.arange(n_particles), n_hits)))
    theta = np.arctan2(1.0, cot)
    zeros = np.zeros(n_particles)
    fit = (
        zeros,
        zeros,
        phi,
        theta,
        charge * np.sin(theta) / pt,
        np.zeros((n_particles, 15)),
        zeros,
        zeros,
        zeros,
    )
    return event, Tracks(np.arange(0, n + 1, n_hits), np.arange(n), *fit)


def test_a_page_of_100000_hits_stays_small(made, tmp_path):
    page = show_event(crowd()[0], made.detector(), crowd()[1], tmp_path / "page.html")
    assert page.stat().st_size < 15e6
