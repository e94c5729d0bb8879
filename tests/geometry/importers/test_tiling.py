"""Voronoi cells fill their outline, and each holds what is nearest to its point."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.geometry import PolygonTemplate
from gnnreco.geometry.importers.tiling import corner_table, voronoi_cells
from gnnreco.geometry.plane import area_centroid

SQUARE = np.array([[-10.0, -10], [10, -10], [10, 10], [-10, 10]])


@given(seed=st.integers(0, 10_000), n=st.integers(1, 60))
@settings(max_examples=30, deadline=None)
def test_cells_fill_the_outline_and_hold_their_points(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform(-9.9, 9.9, (n, 2))
    polygons, counts = voronoi_cells(points, SQUARE)
    area, _ = area_centroid(polygons)
    assert area.min() > 0
    assert area.sum() == pytest.approx(400)
    template = PolygonTemplate("tiling", 1.0, polygons, counts, SQUARE)
    assert template.cell_at(points[:, 0], points[:, 1]).tolist() == list(range(n))
    probes = rng.uniform(-9.9, 9.9, (200, 2))
    distance = np.linalg.norm(probes[:, None] - points, axis=2)
    nearest = np.sort(distance, axis=1)
    clear = nearest[:, 1] - nearest[:, 0] > 1e-6 if n > 1 else np.ones(200, bool)
    assert (template.cell_at(probes[:, 0], probes[:, 1]) == distance.argmin(axis=1))[clear].all()


def test_a_corner_of_four_cells_is_one() -> None:
    u, v = np.meshgrid([-5.0, 5.0], [-5.0, 5.0])
    polygons, counts = voronoi_cells(np.stack([u.ravel(), v.ravel()], axis=1), SQUARE)
    assert counts.tolist() == [4, 4, 4, 4]
    table = corner_table(polygons, counts)
    assert table["cell"].tolist() == np.repeat(np.arange(4), 4).tolist()
    assert set(np.round(table["u"], 6).tolist()) == {-10, 0, 10}
