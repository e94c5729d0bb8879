"""Neighbours on detectors drawn at random: the same as shapely finds by brute force, however the detector stands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.geometry import CellTemplate, Detector, between_layers, neighbours_of
from gnnreco.geometry.adjacency.between import SHARE
from tests.geometry.adjacency.plates import SHIFT, TURN, all_ids, pairs, plates
from tests.geometry.cells.templates import any_template, cells_of

shapely = pytest.importorskip("shapely")
seeds = st.integers(0, 2**32 - 1)
few_cells = any_template.filter(lambda template: len(cells_of(template)) <= 250)
# Rays find which sensors follow one another: two needles that cross may slip through.
wide = few_cells.filter(lambda template: min(template.half_size) > 0.2 * max(template.half_size))


def beside(template: CellTemplate, other: CellTemplate, seed: int) -> Detector:
    """Three sensors in a plane: side by side, turned, or over one another, a little apart in height."""
    random = np.random.default_rng(seed)
    reach = np.hypot(*template.half_size) + np.hypot(*other.half_size)
    place = random.uniform(0.1, 0.5, (3, 1)) * reach * np.array([[-1, 0], [1, 0], [0, 1]])
    center = np.column_stack([place, random.choice([0.0, 0.05], 3)])
    turn = np.column_stack([np.zeros((3, 2)), random.uniform(0, 360, 3)])
    return plates([template, other], center.tolist(), turn=turn.tolist(), template=[0, 1, 0])


def outlines(detector: Detector, ids: np.ndarray) -> np.ndarray:
    """Cells as shapely polygons in the plane x, y."""
    corners = detector.cell_corners(*detector.split_cell_id(ids))
    return np.array([shapely.Polygon(polygon[:, :2]) for polygon in corners])


@given(few_cells, few_cells, seeds)
@settings(max_examples=25, deadline=None)
def test_cells_of_other_sensors_are_those_within_the_gap(
    template: CellTemplate, other: CellTemplate, seed: int
) -> None:
    detector = beside(template, other, seed)
    gap = (
        float(np.random.default_rng(seed).uniform(0.06, 1.0)) * min(*template.pitch, *other.pitch, 1.0) + 0.06
    )
    ids = all_ids(detector)
    found = pairs(ids, neighbours_of(detector, ids, gap=gap))
    assert {(b, a) for a, b in found} == found
    assert not any(a == b for a, b in found)
    shapes, sensor = outlines(detector, ids), detector.split_cell_id(ids)[0]
    one, two = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=gap + 1e-5)
    one, two = one[sensor[one] != sensor[two]], two[sensor[one] != sensor[two]]
    height = detector.center[sensor[one], 2] - detector.center[sensor[two], 2]
    away = np.hypot(shapely.distance(shapes[one], shapes[two]), height)
    # A pair on the very edge may go either way: shapely rounds too.
    sure = {(int(ids[i]), int(ids[j])) for i, j, d in zip(one, two, away, strict=True) if d < gap - 1e-9}
    possible = {(int(ids[i]), int(ids[j])) for i, j, d in zip(one, two, away, strict=True) if d < gap + 2e-6}
    across = {(a, b) for a, b in found if a >> 32 != b >> 32}
    assert sure <= across <= possible


@given(few_cells, seeds)
@settings(max_examples=15, deadline=None)
def test_cells_of_one_sensor_that_share_an_edge_are_neighbours(template: CellTemplate, seed: int) -> None:
    detector = plates([template], [(0, 0, 0)])
    ids = all_ids(detector)
    found = pairs(ids, neighbours_of(detector, ids))
    shapes = outlines(detector, ids)
    one, two = shapely.STRtree(shapes).query(shapes, predicate="dwithin", distance=1e-9)
    edge = shapely.length(shapely.intersection(shapes[one], shapes[two])) > 1e-6
    assert {(int(a), int(b)) for a, b in zip(ids[one[edge]], ids[two[edge]], strict=True) if a != b} <= found


@given(few_cells, few_cells, seeds)
@settings(max_examples=15, deadline=None)
def test_moving_and_turning_changes_no_neighbour(
    template: CellTemplate, other: CellTemplate, seed: int
) -> None:
    detector = beside(template, other, seed)
    moved = detector.moved(TURN, SHIFT)
    ids = all_ids(detector)
    for one, two in zip(
        neighbours_of(detector, ids, gap=0.7), neighbours_of(moved, ids, gap=0.7), strict=True
    ):
        assert (one == two).all()
    # Between layers the origin matters: everything turns around it.
    layered = behind(template, other, seed)
    turned = layered.moved(TURN, np.zeros(3))
    ids = all_ids(layered)
    one, two = (pairs(ids, between_layers(some, ids)) for some in (layered, turned))
    assert len(one ^ two) <= 2 + len(one) // 100  # cells that share 1 % to the last digit


def behind(template: CellTemplate, other: CellTemplate, seed: int) -> Detector:
    """A plane behind another."""
    random = np.random.default_rng(seed)
    center = np.column_stack([random.uniform(-1, 1, (2, 2)), [50.0, random.uniform(55, 90)]])
    turn = np.column_stack([np.zeros((2, 2)), random.uniform(0, 360, 2)])
    return plates([template, other], center.tolist(), layer=[0, 1], turn=turn.tolist(), template=[0, 1])


@given(wide, wide, seeds)
@settings(max_examples=25, deadline=None)
def test_cells_of_the_next_layer_are_those_covered(
    template: CellTemplate, other: CellTemplate, seed: int
) -> None:
    detector = behind(template, other, seed)
    ids = all_ids(detector)
    found = pairs(ids, between_layers(detector, ids))
    assert {(b, a) for a, b in found} == found
    sensor = detector.split_cell_id(ids)[0]
    near, far = ids[sensor == 0], ids[sensor == 1]
    leave = detector.center[0, 2] + template.thickness / 2
    enter = detector.center[1, 2] - other.thickness / 2
    shadows = np.array(
        [shapely.transform(shape, lambda uv: uv * enter / leave) for shape in outlines(detector, near)]
    )
    shapes = outlines(detector, far)
    one, two = shapely.STRtree(shapes).query(shadows)
    shared = shapely.area(shapely.intersection(shadows[one], shapes[two]))
    share = shared / np.minimum(shapely.area(shadows[one]), shapely.area(shapes[two]))
    sure = {(int(near[i]), int(far[j])) for i, j, s in zip(one, two, share, strict=True) if s > SHARE + 1e-6}
    possible = {
        (int(near[i]), int(far[j])) for i, j, s in zip(one, two, share, strict=True) if s > SHARE - 1e-6
    }
    assert sure <= {(a, b) for a, b in found if a < b} <= possible
