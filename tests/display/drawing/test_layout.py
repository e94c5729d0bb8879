"""Drawings of detectors: nothing is lost, nothing is large, no text becomes markup."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.display import draw_detector
from gnnreco.display.drawing.solids import distinct, joined, prisms, shadows, to_rz
from gnnreco.geometry import GridTemplate, HexTemplate, load_detector

SVG = "{http://www.w3.org/2000/svg}"


def texts(path):
    return [node.text for node in ElementTree.parse(path).iter(f"{SVG}text")]


@pytest.mark.parametrize("name", ["telescope", "hex_tracker"])
def test_a_drawing_names_what_it_shows(name, tmp_path):
    detector = load_detector(name)
    path = draw_detector(detector, tmp_path / "deep" / "layout.svg")
    said = texts(path)
    assert said[0] == name
    assert f"{detector.n_sensors:,} sensors" in said[1]
    assert {"z [mm]", "ρ [mm]", "η = 0"} <= set(said)
    assert "prefers-color-scheme: dark" in path.read_text("utf-8")


def test_text_stays_text(made, tmp_path):
    evil = "</svg><script>alert(1)</script>&"
    detector = made.detector(evil)
    detector = replace(detector, subsystems=tuple(replace(s, name=evil) for s in detector.subsystems))
    path = draw_detector(detector, tmp_path / "layout.svg")
    assert "<script" not in path.read_text("utf-8")
    assert texts(path)[0] == evil


def wafers(n_layers=52, around=500):
    """A calorimeter of 26,000 hexagonal wafers."""
    rng = np.random.default_rng(2)
    angle = np.arange(6) * np.pi / 3
    wafer = HexTemplate("wafer", 0.3, 12.0, 96 * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    n = n_layers * around
    rho, phi = 300 + 1200 * np.sqrt(rng.random(n)), rng.uniform(-np.pi, np.pi, n)
    layer = np.repeat(np.arange(n_layers), around).astype(np.int32)
    center = np.stack([rho * np.cos(phi), rho * np.sin(phi), 3200 + 30.0 * layer], axis=1)
    return wafer, layer, center


def test_a_drawing_of_26000_wafers_stays_small(made, tmp_path):
    wafer, layer, center = wafers()
    n, bench = len(layer), made.detector()
    columns = dict.fromkeys(
        ("radiation_lengths", "interaction_lengths", "resolution_u", "resolution_v"), np.ones(n)
    )
    detector = replace(
        bench,
        templates=(wafer,),
        n_layers=52,
        template=np.zeros(n, np.int32),
        layer=layer,
        center=center,
        subsystem=np.zeros(n, np.int32),
        rotation=np.tile(np.eye(3), (n, 1, 1)),
        sensor_id=np.arange(n),
        labels={},
        moliere_radius=np.zeros(0),
        sampling_fraction=np.zeros(0),
        **columns,
    )
    path = draw_detector(detector, tmp_path / "layout.svg")
    assert path.stat().st_size < 300_000
    ElementTree.parse(path)


@given(st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=3, max_size=12))
def test_a_shadow_is_as_wide_as_what_casts_it(points):
    flat = np.array([points])
    outline = shadows(flat)
    angle = np.linspace(0, 2 * np.pi, 33)[:-1] + np.pi / 32
    way = np.stack([np.cos(angle), np.sin(angle)])
    assert (outline @ way).max(axis=1) == pytest.approx((flat @ way).max(axis=1))


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 6)), min_size=1, max_size=12))
def test_joined_boxes_cover_what_the_boxes_covered(steps):
    low = np.array([s[0] for s in steps], float)
    high = low + [s[1] for s in steps]
    boxes = np.stack([np.zeros(len(steps)), low, np.full(len(steps), 2.0), high], axis=1)
    outlines = boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    result, others = joined(outlines, 0.3)
    at = np.arange(30) + 0.5
    before = ((low < at[:, None]) & (at[:, None] < high)).any(axis=1)
    after = ((result[:, 1] < at[:, None]) & (at[:, None] < result[:, 3])).any(axis=1)
    assert before.tolist() == after.tolist()
    assert len(others) == 0
    assert len(result) == np.diff(np.append(0, before)).clip(0).sum()


def test_towers_point_to_their_focus():
    tower = replace(
        GridTemplate("tower", thickness=20.0, pitch_u=10.0, pitch_v=10.0, n_u=1, n_v=1),
        focus=np.array([0.0, 0.0, -50.0]),
    )
    low, high = prisms(tower, tower.outline[None])[0]
    assert low[:, 2].tolist() == [-10.0] * 4
    assert np.abs(low[:, :2]) == pytest.approx(5 * 40 / 50)
    assert np.abs(high[:, :2]) == pytest.approx(5 * 60 / 50)


def test_staves_that_stand_alike_cast_one_shadow():
    turn = np.arange(12) * np.pi / 6
    stave = np.array([[100.0, -5, -20], [100, 5, -20], [100, 5, 20], [100, -5, 20]])
    spin = np.array([[[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]] for a in turn])
    outlines = shadows(to_rz(np.einsum("nij,kj->nki", spin, stave)))
    assert len(distinct(outlines, 0.5)) == 1
