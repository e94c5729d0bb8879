"""Cells answer consistently, whatever their shape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gnnreco.geometry import CellTemplate, GridTemplate, HexTemplate, PolarTemplate, PolygonTemplate
from gnnreco.geometry.checks.collisions import overlapping_cells
from tests.geometry.cells.templates import (
    any_template,
    cells_of,
    hexagon,
    points_inside,
    polygons,
    signed_area,
    voronois,
)

seeds = st.integers(0, 2**32 - 1)


@given(any_template)
@settings(max_examples=60, deadline=None)
def test_cell_to_position_to_cell_is_the_identity(template: CellTemplate) -> None:
    cells = cells_of(template)
    position = template.position(cells)
    assert (template.cell_at(position[:, 0], position[:, 1]) == cells).all()


@given(any_template, seeds)
@settings(max_examples=60, deadline=None)
def test_every_point_of_a_sensor_lies_in_a_cell_that_holds_it(template: CellTemplate, seed: int) -> None:
    points = points_inside(template, 200, seed)
    cells = template.cell_at(points[:, 0], points[:, 1])
    assert (cells >= 0).all()
    corners = template.corners(cells)
    assert (points >= corners.min(axis=1) - 1e-6).all()
    assert (points <= corners.max(axis=1) + 1e-6).all()


@given(any_template, seeds)
@settings(max_examples=60, deadline=None)
def test_the_variance_is_that_of_points_all_over_the_cell(template: CellTemplate, seed: int) -> None:
    random = np.random.default_rng(seed)
    cell = random.choice(cells_of(template), 1)
    corners = template.corners(cell)[0]
    points = random.uniform(corners.min(axis=0), corners.max(axis=0), (20_000, 2))
    points = points[template.cell_at(*points.T) == cell]
    assume(len(points) > 2_000)
    off = points - template.position(cell)
    np.testing.assert_allclose(np.mean(off**2, axis=0), template.variance(cell)[0], rtol=0.15)


@pytest.mark.parametrize("corner", ["u", "v"])
def test_hexagons_are_narrower_than_their_extent_and_rectangles_are_not(corner: str) -> None:
    inner = HexTemplate("hex", 0.3, 2.0, hexagon(40.0), corner=corner)
    middle = inner.cell_at(0.0, 0.0)
    np.testing.assert_allclose(inner.variance(middle), [[4 * 5 / 72] * 2], rtol=1e-12)
    rim = cells_of(inner)
    assert (inner.variance(rim) < inner.size(rim) ** 2 / 10).all()
    grid = GridTemplate("grid", 0.3, 0.05, 1.0, 4, 4)
    assert (grid.variance(np.arange(16)) == grid.size(np.arange(16)) ** 2 / 12).all()


@given(any_template)
@settings(max_examples=40, deadline=None)
def test_cells_tile_the_sensor(template: CellTemplate) -> None:
    cells = cells_of(template)
    total = sum(signed_area(shape) for shape in template.corners(cells))
    hole = 0.0
    if isinstance(template, PolarTemplate) and template.radii[0] > 0:
        angle = np.linspace(*template.phi, template.n_phi + 1)
        hole = signed_area(template.radii[0] * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    assert total == pytest.approx(signed_area(template.outline) - hole, rel=1e-6)


@given(any_template)
@settings(max_examples=40, deadline=None)
def test_neighbours_are_symmetric_and_never_oneself(template: CellTemplate) -> None:
    offsets, indices = template.neighbours()
    row = np.repeat(np.arange(template.n_cells), np.diff(offsets))
    pairs = set(zip(row.tolist(), indices.tolist(), strict=True))
    assert all((b, a) in pairs and a != b for a, b in pairs)


@given(any_template, seeds)
@settings(max_examples=40, deadline=None)
def test_a_corner_of_a_cell_lies_in_exactly_one_cell(template: CellTemplate, seed: int) -> None:
    corners = template.corners(cells_of(template)).reshape(-1, 2)
    some = corners[np.random.default_rng(seed).integers(0, len(corners), 50)]
    cells = template.cell_at(some[:, 0], some[:, 1])
    assert (cells >= 0).all()
    assert (cells == template.cell_at(some[:, 0], some[:, 1])).all()


@given(any_template, seeds)
@settings(max_examples=40, deadline=None)
def test_within_misses_no_cell_that_reaches_into_the_box(template: CellTemplate, seed: int) -> None:
    random = np.random.default_rng(seed)
    middle = points_inside(template, 5000, seed)[:5]
    half = random.uniform(0, 1, middle.shape) * template.half_size
    offsets, found = template.within(middle - half, middle + half)
    cells = cells_of(template)
    low, high = template.corners(cells).min(axis=1), template.corners(cells).max(axis=1)
    for box in range(len(middle)):
        # Slightly inside, so that a touch at a rounding error is no demand.
        inside = (low < middle[box] + half[box] - 1e-9) & (high > middle[box] - half[box] + 1e-9)
        needed = set(cells[inside.all(axis=1)].tolist())
        if not isinstance(template, GridTemplate):
            # A hexagon's box is wider than the hexagon: ask for the centres only.
            center = template.position(cells)
            needed = set(cells[(np.abs(center - middle[box]) < half[box] - 1e-9).all(axis=1)].tolist())
        assert needed <= set(found[offsets[box] : offsets[box + 1]].tolist())


@given(any_template)
@settings(max_examples=30, deadline=None)
def test_channels_name_cells(template: CellTemplate) -> None:
    cells = cells_of(template)
    assert (template.cell(*template.channel(cells)) == cells).all()
    assert (template.cell([-1], [0]) == -1).all()


def test_a_grid_numbers_its_channels_from_the_negative_corner() -> None:
    grid = GridTemplate("g", 0.3, 0.05, 0.1, 4, 3)
    assert grid.outline.tolist() == [[-0.1, -0.15], [0.1, -0.15], [0.1, 0.15], [-0.1, 0.15]] or np.allclose(
        np.abs(grid.outline), [0.1, 0.15]
    )
    iu, iv = grid.channel(grid.cell_at([-0.099, 0.099], [-0.149, 0.149]))
    assert iu.tolist() == [0, 3]
    assert iv.tolist() == [0, 2]
    assert grid.cell_at([0.11, np.nan], [0, 0]).tolist() == [-1, -1]
    assert len(grid.neighbours_of([grid.cell(1, 1)])[1]) == 8


def test_inner_hexagons_have_six_neighbours_and_rim_cells_are_cut() -> None:
    template = HexTemplate("h", 0.3, 1.0, hexagon(10.0))
    cells = cells_of(template)
    area = np.array([signed_area(shape) for shape in template.corners(cells)])
    whole = np.isclose(area, np.sqrt(0.75))
    assert 0.5 < whole.mean() < 1
    center = template.cell_at(0, 0)
    offsets, around = template.neighbours_of(center)
    assert offsets.tolist() == [0, 6]
    assert np.allclose(np.linalg.norm(template.position(around), axis=1), 1.0)


def test_a_cell_that_is_not_convex_still_holds_its_position() -> None:
    horseshoe = [[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3]]
    gap = [[1, 1], [2, 1], [2, 3], [1, 3]]
    template = polygons([np.array(horseshoe), np.array(gap)])
    position = template.position([0, 1])
    assert template.cell_at(position[:, 0], position[:, 1]).tolist() == [0, 1]
    offsets, indices = template.neighbours()
    assert offsets.tolist() == [0, 1, 2]
    assert indices.tolist() == [1, 0]


def test_a_large_rule_costs_no_memory() -> None:
    grid = GridTemplate("g", 0.3, 0.01, 0.01, 40_000, 50_000)
    assert grid.n_cells == 2_000_000_000
    assert grid.cell_at(0.0, 0.0) >= 0


def test_cells_that_are_not_convex_overlap_or_not() -> None:
    horseshoe = [[0, 0], [3, 0], [3, 3], [2, 3], [2, 1], [1, 1], [1, 3], [0, 3]]
    fitting, wide = [[1, 1], [2, 1], [2, 3], [1, 3]], [[1, 1], [2.5, 1], [2.5, 3], [1, 3]]
    assert len(overlapping_cells(polygons([np.array(horseshoe), np.array(fitting)]))) == 0
    assert overlapping_cells(polygons([np.array(horseshoe), np.array(wide)])).tolist() == [[0, 1]]


@given(voronois(), st.floats(0.01, 0.5))
@settings(max_examples=20, deadline=None)
def test_a_shifted_cell_overlaps_its_neighbours(template: PolygonTemplate, shift: float) -> None:
    assert len(overlapping_cells(template)) == 0
    width = np.ptp(template.polygons[0], axis=0).min()
    shapes = [shape[:count] for shape, count in zip(template.polygons, template.counts, strict=True)]
    shapes[0] = shapes[0] + [shift * width, 0]
    found = overlapping_cells(polygons(shapes))
    touched = np.ptp(template.outline, axis=0)[0] / 2 - shapes[0][:, 0].max() > shift * width
    assert (0 in found) or not touched
