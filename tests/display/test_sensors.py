"""Cells and occupancy on a page: every cell comes back where the detector says it is."""

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Clusters, Event, Hits
from gnnreco.display import show_detector, show_event
from gnnreco.display.pack import Pack
from gnnreco.display.sensors import add_sensors, cells_under
from gnnreco.geometry import GridTemplate, HexTemplate, Subsystem
from tests.display.test_page import unpack


def calorimeter(made):
    """The bench with its outer planes as thick towers of hexagons that measure energy."""
    bench = made.detector()
    angle = np.arange(6) * np.pi / 3
    wafer = HexTemplate("wafer", 30.0, 12.0, 55 * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    wafer = replace(wafer, focus=np.array([0.0, 0.0, -400.0]))
    outer = bench.subsystem
    return replace(
        bench,
        templates=(*bench.templates, wafer),
        template=outer.astype(np.int32),
        subsystems=(bench.subsystems[0], Subsystem("outer", ("energy", "time"))),
    )


def shower(detector, n=40):
    """Hits in the middles of cells of the outer planes."""
    rng = np.random.default_rng(1)
    template = detector.templates[1]
    cells = np.flatnonzero(template.exists(np.arange(template.n_cells)))
    sensor = np.sort(rng.choice(np.flatnonzero(detector.subsystem == 1), n)).astype(np.int32)
    cell = rng.choice(cells, n)
    x, y, z = detector.cell_position(sensor, cell).T
    return Event(7, "shower", Hits(np.arange(n), x, y, z, sensor, energy=rng.exponential(0.1, n))), cell


def test_cells_come_back(made, tmp_path):
    detector = calorimeter(made)
    event, cell = shower(detector)
    about, arrays = unpack(show_event(event, detector, None, tmp_path / "page.html"))
    assert arrays["c_cell"].tolist() == cell.tolist()
    assert arrays["c_hit"].tolist() == list(range(40))
    rows = arrays["s_row"][arrays["c_sensor"]]
    assert rows.tolist() == event.hits.sensor.tolist()
    k = about["event"]["cells"]["corners"]
    shapes = arrays["c_corners"].reshape(-1, k, 2)
    corners = arrays["c_place"].reshape(-1, 1, 2) + shapes[arrays["c_shape"]]
    expected = detector.templates[1].corners(cell)
    assert corners[:, : expected.shape[1]] == pytest.approx(expected, abs=1e-3)
    assert len(shapes) < 40  # cells of one shape share it


def test_a_cell_is_found_at_any_depth_of_a_tower(made):
    detector = calorimeter(made)
    event, cell = shower(detector)
    sensor = event.hits.sensor.astype(np.int64)
    flat = detector.templates[1].position(cell)
    deep = detector.to_global(sensor, detector.from_plane(sensor, flat, np.full(len(cell), 14.0)))
    assert cells_under(detector, sensor, deep).tolist() == cell.tolist()
    lost = np.where(np.arange(len(cell)) == 0, -1, sensor)
    assert cells_under(detector, lost, deep)[0] == -1


def test_occupancy_counts_every_hit(made, tmp_path):
    detector = calorimeter(made)
    event, cell = shower(detector)
    page = show_detector(detector, tmp_path / "page.html", [event, event, event], sheets=False)
    about, arrays = unpack(page)
    assert about["occupancy"]["events"] == 3
    assert about["occupancy"]["hits"] == pytest.approx(40)
    assert arrays["s_hits"].sum() == pytest.approx(40)
    assert arrays["s_energy"].sum() == pytest.approx(event.hits.energy.sum(), rel=1e-5)
    pairs = len(np.unique(np.stack([event.hits.sensor, cell]), axis=1).T)
    assert about["occupancy"]["fired"] == len(arrays["c_cell"]) == pairs
    assert arrays["c_count"].sum() == pytest.approx(40)


def test_occupancy_of_no_events(made, tmp_path):
    about, arrays = unpack(show_detector(made.detector(), tmp_path / "page.html", [], sheets=False))
    assert about["occupancy"] == {"cells": 0, "corners": 3, "events": 0, "fired": 0, "hits": 0.0}
    assert arrays["s_hits"].tolist() == [0.0] * 10


def test_a_hit_belongs_to_the_cluster_that_has_most_of_it(made, tmp_path):
    detector = calorimeter(made)
    event, _ = shower(detector)
    clusters = Clusters(
        np.array([0, 3, 5]),
        np.array([0, 1, 2, 2, 3]),
        np.array([1.0, 1.0, 0.4, 0.6, 1.0]),
        *np.ones((5, 2)),
        np.tile([0.0, 0.0, 1.0], (2, 1)),
        np.full((2, 4), np.nan),
        np.ones(2),
    )
    about, arrays = unpack(show_event(event, detector, None, tmp_path / "page.html", clusters))
    assert arrays["h_cluster"][:5].tolist() == [0, 0, 1, 1, -1]
    assert arrays["k_class"].tolist() == [-1, -1]
    assert about["event"]["clusters"]["count"] == 2


def test_fine_cells_are_described_not_packed(made):
    """Two million pixels cost their rows and columns; three million hexagons nothing."""
    pixels = GridTemplate("pixels", 0.3, 0.05, 0.05, 1000, 2000)
    angle = np.arange(6) * np.pi / 3
    dust = HexTemplate("dust", 0.3, 0.05, 40 * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    bench = made.detector()
    pack = Pack()
    template = np.arange(10, dtype=np.int32) % 2
    about = add_sensors(pack, replace(bench, templates=(pixels, dust), template=template))
    assert [t["kind"] for t in about["templates"]] == ["edges", ""]
    assert next(e["n"] for e in pack.index if e["name"] == "edges_v:0") == 2001
