"""Thick sensors of every kind, upright or leaning: positions, cells and walls agree; moving all of it changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.geometry import CellTemplate, ConstantField, Detector, PolygonTemplate, Subsystem
from gnnreco.geometry.plane import inside_convex, outside_distance
from gnnreco.geometry.solids import faces, inside_prism, walls
from tests.geometry.cells.templates import any_template, cells_of, points_inside

seeds = st.integers(0, 2**32 - 1)


@st.composite
def thick(draw: st.DrawFn) -> CellTemplate:
    """Any template, thick, and for some its walls leaning to a point outside."""
    template = draw(any_template)
    thickness = draw(st.floats(0.1, 30))
    focus = None
    if draw(st.booleans()):
        w = draw(st.floats(1.5, 20)) * thickness * draw(st.sampled_from([-1, 1]))
        focus = np.array([draw(st.floats(-10, 10)), draw(st.floats(-10, 10)), w])
    return replace(template, thickness=thickness, focus=focus)  # type: ignore[type-var]


def stand(template: CellTemplate, seed: int, count: int = 1) -> Detector:
    """Sensors of one template, far apart, each turned as chance has it."""
    random = np.random.default_rng(seed)
    center = np.zeros((count, 3))
    center[:, 0] = 10 * (np.abs(template.outline).max() + template.thickness) * np.arange(count)
    turn = Rotation.random(count, random_state=seed % 2**31).as_matrix()
    zero, flat = np.zeros(count), np.zeros(count, np.int32)
    return Detector(
        "stand",
        Path(),
        ConstantField(0.0),
        (template,),
        (Subsystem("all", ("energy",)),),
        1,
        flat,
        flat,
        flat,
        center + random.normal(size=3),
        turn,
        zero,
        zero,
        zero + 1,
        zero + 1,
        np.arange(count),
    )


@given(thick(), seeds)
@settings(max_examples=60, deadline=None)
def test_cell_to_position_to_cell_at_any_depth(template: CellTemplate, seed: int) -> None:
    detector, random = stand(template, seed, 2), np.random.default_rng(seed)
    cells = random.choice(cells_of(template), 50)
    sensor = random.integers(0, 2, 50)
    w = random.uniform(-0.499, 0.499, 50) * template.thickness
    xyz = detector.to_global(sensor, detector.from_plane(sensor, template.position(cells), w))
    assert (detector.locate(xyz, tolerance=1e-6) == sensor).all()
    flat = detector.to_plane(sensor, detector.to_local(sensor, xyz))
    assert np.allclose(flat, template.position(cells), atol=1e-7)
    # Slivers are thinner than the rounding of the way there and back.
    wide = template.size(cells).min(axis=1) > 1e-4
    assert (detector.cell_at(sensor, *flat.T) == cells)[wide].all()


@given(thick(), seeds)
@settings(max_examples=40, deadline=None)
def test_a_point_on_an_edge_lies_in_one_cell_that_it_touches(template: CellTemplate, seed: int) -> None:
    random = np.random.default_rng(seed)
    cells = random.choice(cells_of(template), 20)
    corners = template.corners(cells)
    share = random.uniform(0, 1, (20, 1, 1))
    on_edge = (corners * share + np.roll(corners, -1, axis=1) * (1 - share)).reshape(-1, 2)
    found = template.cell_at(*on_edge.T)
    assert (found >= 0).all()
    assert (found == template.cell_at(*on_edge.T)).all()
    if isinstance(template, PolygonTemplate):
        shapes = [template.polygons[c, : template.counts[c]] for c in found]
    else:
        shapes = list(template.corners(found))
    # Padding repeats a corner: an edge without length says nothing.
    shapes = [shape[np.linalg.norm(shape - np.roll(shape, 1, axis=0), axis=1) > 0] for shape in shapes]
    away = [outside_distance(u, v, shape, len(shape)) for (u, v), shape in zip(on_edge, shapes, strict=True)]
    assert max(away) < 1e-6


@given(thick(), seeds)
@settings(max_examples=40, deadline=None)
def test_moving_and_turning_everything_changes_nothing_else(template: CellTemplate, seed: int) -> None:
    detector, random = stand(template, seed, 3), np.random.default_rng(seed)
    turn, shift = Rotation.random(random_state=seed % 2**31).as_matrix(), random.uniform(-1000, 1000, 3)
    moved = detector.moved(turn, shift)
    sensor, uv = random.integers(0, 3, 40), points_inside(template, 400, seed)[:40]
    sensor = sensor[: len(uv)]
    w = random.uniform(-0.49, 0.49, len(uv)) * template.thickness
    uvw = detector.from_plane(sensor, uv, w)
    xyz = detector.to_global(sensor, uvw)
    there = xyz @ turn.T + shift
    assert np.allclose(moved.to_global(sensor, uvw), there, atol=1e-8)
    assert np.allclose(moved.to_plane(sensor, moved.to_local(sensor, there)), uv, atol=1e-7)
    assert (moved.locate(there, tolerance=1e-5) == detector.locate(xyz, tolerance=1e-5)).all()
    low, high = moved.bounds
    assert (there >= low[sensor] - 1e-6).all()
    assert (there <= high[sensor] + 1e-6).all()
    cells = detector.cell_at(sensor, *uv.T)
    inside = cells >= 0
    assert np.allclose(
        moved.cell_position(sensor[inside], cells[inside]),
        detector.cell_position(sensor[inside], cells[inside]) @ turn.T + shift,
    )
    assert (
        moved.cell_size(sensor[inside], cells[inside]) == detector.cell_size(sensor[inside], cells[inside])
    ).all()


@given(thick(), seeds)
@settings(max_examples=40, deadline=None)
def test_walls_and_faces_bound_the_same_solid(template: CellTemplate, seed: int) -> None:
    planes, half = walls(template.outline, template.focus), template.thickness / 2
    corners = faces(template).reshape(-1, 3)
    scale = np.abs(corners).max()
    assert (planes[:, :3] @ corners.T <= planes[:, 3:] + 1e-6 * scale).all()
    # A line through two points inside is inside between them, and enters and leaves on the border.
    weight = np.random.default_rng(seed).dirichlet(np.ones(len(corners)), 2)
    start, end = weight @ corners
    enter, leave = inside_prism(start, end - start, planes, len(planes), half)
    assert enter <= 1e-9
    assert leave >= 1 - 1e-9
    for t in (enter, leave):
        point = start + t * (end - start)
        room = np.concatenate([planes[:, 3] - planes[:, :3] @ point, [half - point[2], half + point[2]]])
        assert abs(room.min()) < 1e-6 * scale


@given(thick(), seeds)
@settings(max_examples=30, deadline=None)
def test_the_hole_holds_no_cell(template: CellTemplate, seed: int) -> None:
    if len(template.hole) == 0:
        return
    weight = np.random.default_rng(seed).dirichlet(np.ones(len(template.hole)), 50)
    middle = weight @ template.hole * (1 - 1e-6)
    assert (template.cell_at(*middle.T) == -1).all()
    u, v = np.ascontiguousarray(template.position(cells_of(template)).T)
    assert not inside_convex(u, v, template.hole).any()
