"""A small made-up detector and event for the pictures, in which everything is known, and a browser."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gnnreco.columns import Event, Hits, Particles, Tracks, Truth
from gnnreco.display.event.curves import Helices
from gnnreco.fit.helix import BEND
from gnnreco.geometry import ConstantField, Detector, GridTemplate, Subsystem

FIELD = 2.0  # tesla
PLANES = np.array([100.0, 200.0, 300.0, 400.0, 500.0])  # mm along x


def detector(name: str = "bench") -> Detector:
    """Five planes of two coarse sensors each, across x, in two subsystems."""
    n = 2 * len(PLANES)
    layer = np.repeat(np.arange(len(PLANES)), 2).astype(np.int32)
    center = np.stack([np.repeat(PLANES, 2), np.tile([-55.0, 55.0], len(PLANES)), np.zeros(n)], axis=1)
    rotation = np.tile(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]), (n, 1, 1))
    template = GridTemplate("pad", thickness=0.3, pitch_u=11.0, pitch_v=11.0, n_u=10, n_v=20)
    return Detector(
        name=name,
        folder=Path(),
        field=ConstantField(FIELD),
        templates=(template,),
        subsystems=(Subsystem("inner"), Subsystem("outer", ("position", "time"))),
        n_layers=len(PLANES),
        template=np.zeros(n, np.int32),
        layer=layer,
        subsystem=(layer >= 3).astype(np.int32),
        center=center,
        rotation=rotation,
        radiation_lengths=np.full(n, 0.01),
        interaction_lengths=np.full(n, 0.003),
        resolution_u=np.full(n, 3.2),
        resolution_v=np.full(n, 3.2),
        sensor_id=np.arange(n),
        labels={"module_id": np.arange(n) * 7},
    )


def event(source: str = "made-up", truth: bool = True) -> Event:
    """Three charged particles of five hits and a neutral one; two share a hit, and three hits are noise."""
    p = np.array([1.0, 2.0, 1.3, 8.0])
    phi = np.array([-0.15, -0.05, 0.1, 0.0])
    theta = np.array([1.5, 1.6, 1.45, 1.62])
    charge = np.array([1.0, -1.0, 1.0, 0.0])
    helices = Helices(np.zeros((4, 3)), phi, theta, -BEND * FIELD * charge / p)
    xyz = np.concatenate([_crossings(helices, row) for row in range(4)])
    noise = np.array([[100.0, 40.0, 40.0], [300.0, -70.0, -20.0], [500.0, 90.0, 10.0]])
    xyz = np.concatenate([xyz, noise])
    sensor = 2 * (np.rint(xyz[:, 0] / 100) - 1) + (xyz[:, 1] > 0)
    n = len(xyz)
    hits = Hits(np.arange(n) + 100, *xyz.T, sensor=sensor.astype(np.int32), time=np.arange(n) * 0.1)
    if not truth:
        return Event(3, source, hits)
    direction = helices.direction * p[:, None]
    particles = Particles(
        np.array([11, 2**60 + 1, 33, 44]),
        np.array([211, -211, 13, 22], np.int32),
        charge,
        *np.zeros((3, 4)),
        *direction.T,
    )
    hit, particle = np.append(np.arange(20), 4), np.append(np.repeat(np.arange(4), 5), 1)
    order = np.lexsort((particle, hit))
    return Event(3, source, hits, Truth(particles, hit[order], particle[order]))


def _crossings(helices: Helices, row: int) -> np.ndarray:
    way = np.linspace(0, 800, 80_001)
    line = helices.at(np.full(len(way), row), way)
    return line[np.searchsorted(line[:, 0], PLANES)]


def tracks() -> Tracks:
    """One good track, two of the same particle, and one of hits that do not belong together."""
    lists = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [5, 6, 7], [10, 16, 2, 8]]
    n = len(lists)
    zeros = np.zeros(n)
    return Tracks(
        np.append(0, np.cumsum([len(rows) for rows in lists])),
        np.concatenate(lists),
        d0=zeros,
        z0=zeros,
        phi=np.array([-0.15, -0.05, -0.05, np.nan]),
        theta=np.array([1.5, 1.6, 1.6, 1.5]),
        q_over_p=np.array([1.0, -0.5, -0.5, 0.1]),
        covariance=np.zeros((n, 15)),
        chi2=np.arange(n) + 0.5,
        ndf=np.full(n, 5.0),
        score=np.linspace(0.6, 0.9, n),
    )


def first_hits(full: Event, keep: int = 0) -> Event:
    """The first hits of an event, and of its truth what belongs to them."""
    h, truth = full.hits, full.truth
    hits = Hits(h.hit_id[:keep], h.x[:keep], h.y[:keep], h.z[:keep], h.sensor[:keep])
    if truth is not None:
        mine = truth.hit < keep
        truth = replace(truth, hit=truth.hit[mine], particle=truth.particle[mine])
    return Event(full.number, full.source, hits, truth)


@pytest.fixture
def made() -> SimpleNamespace:
    """The made-up detector, event and tracks."""
    return SimpleNamespace(detector=detector, event=event, tracks=tracks, first_hits=first_hits, field=FIELD)


CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless=new --no-sandbox --hide-scrollbars --window-size=1200,800 --no-first-run --disable-quic",
    "--use-angle=swiftshader --enable-unsafe-swiftshader --ignore-gpu-blocklist --disable-sync",
    "--disable-background-networking --disable-component-update --enable-logging=stderr --dump-dom",
]


@pytest.fixture
def browser(tmp_path: Path) -> Callable[..., tuple[str, list[str]]]:
    """Open a page in headless Chromium; gives the document afterwards and the console's lines."""
    if CHROMIUM is None:
        pytest.skip("needs chromium: apt-get install chromium")

    def open_page(page: Path, link: str = "", budget_ms: int = 6000) -> tuple[str, list[str]]:
        command = [str(CHROMIUM), *" ".join(FLAGS).split(), f"--user-data-dir={tmp_path / 'profile'}"]
        command += [f"--virtual-time-budget={budget_ms}", page.resolve().as_uri() + link]
        for _ in range(3):  # a busy machine may not get the page drawn within the browser's own clock
            done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
            if 'data-state="loading"' not in done.stdout:
                break
        # A driver without a GPU remarks on its own speed, and the more so on a busy machine.
        said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        return done.stdout, [line for line in said if "GL Driver Message (OpenGL, Performance" not in line]

    return open_page


@pytest.fixture
def drive(browser: Callable[..., tuple[str, list[str]]]) -> Callable[..., Any]:
    """Run a script inside a page once it has drawn, with `page` as its hook; gives what the script returns.

    The page allows no script but its own, so this works on a copy without that rule.
    """

    def run(page: Path, script: str, link: str = "") -> Any:
        text = re.sub(r"<meta http-equiv[^>]*>", "", page.read_text("utf-8"))
        driver = """<script>(async () => {
            const root = document.documentElement;
            while (root.dataset.state === "loading") await new Promise(r => setTimeout(r, 50));
            let result;
            try { const page = window.gnnreco; result = await (async () => { SCRIPT })(); }
            catch (error) { result = { error: String(error.stack) }; }
            const out = document.createElement("pre");
            out.id = "result"; out.textContent = JSON.stringify(result); document.body.append(out);
        })();</script>"""
        copy = page.with_suffix(".driven.html")
        copy.write_text(text.replace("</body>", driver.replace("SCRIPT", script) + "</body>"), "utf-8")
        document, console = browser(copy, link)
        assert console == []
        found = re.search(r'<pre id="result">(.*?)</pre>', document, re.DOTALL)
        assert found, document[:500]
        result = json.loads(found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"))
        assert not (isinstance(result, dict) and "error" in result), result
        return result

    return run
