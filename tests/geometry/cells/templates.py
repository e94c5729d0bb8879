"""Templates of every kind, drawn at random, and the questions a test puts to them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.spatial import Voronoi

from gnnreco.geometry import (
    CellTemplate,
    EdgesTemplate,
    GridTemplate,
    HexTemplate,
    PolarTemplate,
    PolygonTemplate,
)


def hexagon(width: float) -> np.ndarray:
    angle = np.arange(6) * np.pi / 3
    return width / np.sqrt(3) * np.stack([np.cos(angle), np.sin(angle)], axis=1)


@st.composite
def grids(draw: st.DrawFn) -> GridTemplate:
    pitch_u, pitch_v = draw(st.floats(0.01, 3)), draw(st.floats(0.01, 3))
    n_u, n_v = draw(st.integers(1, 40)), draw(st.integers(1, 40))
    u, v = n_u * pitch_u / 2, n_v * pitch_v / 2
    outline = np.zeros((0, 2))
    if draw(st.booleans()):
        narrow = draw(st.floats(0.2, 0.99)) * u
        outline = np.array([[-narrow, -v], [narrow, -v], [u, v], [-u, v]])
    return GridTemplate("grid", 0.3, pitch_u, pitch_v, n_u, n_v, outline)


@st.composite
def hexes(draw: st.DrawFn) -> HexTemplate:
    width = draw(st.floats(1, 20))
    cells = draw(st.floats(2, 30))
    outline = hexagon(width)
    if draw(st.booleans()):
        outline = outline[[3, 4, 5, 0]]  # the lower half
    flat = width / cells
    origin = (
        (draw(st.floats(-1, 1)) * flat, draw(st.floats(-1, 1)) * flat) if draw(st.booleans()) else (0.0, 0.0)
    )
    corner = draw(st.sampled_from("uv"))
    return HexTemplate("hex", 0.3, flat, np.ascontiguousarray(outline), origin, corner)


@st.composite
def edged(draw: st.DrawFn) -> EdgesTemplate:
    widths = [draw(st.lists(st.floats(0.01, 5), min_size=1, max_size=12)) for _ in "uv"]
    edges = [np.cumsum([draw(st.floats(-20, 20)), *width]) for width in widths]
    return EdgesTemplate("edges", 0.3, *edges)


@st.composite
def polars(draw: st.DrawFn) -> PolarTemplate:
    width = draw(st.lists(st.floats(0.05, 5), min_size=1, max_size=8))
    radii = np.cumsum([draw(st.sampled_from([0.0, 0.5, 30.0])), *width])
    start = draw(st.floats(-3, 3))
    if draw(st.booleans()):
        return PolarTemplate("polar", 0.3, radii, (start, start + 2 * np.pi), draw(st.integers(3, 30)))
    span = draw(st.floats(0.05, np.pi))
    count = draw(st.integers(int(np.ceil(span / 2)), 20))
    return PolarTemplate("polar", 0.3, radii, (start, start + span), count)


@st.composite
def voronois(draw: st.DrawFn) -> PolygonTemplate:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    points = random.uniform(-5, 5, (draw(st.integers(8, 60)), 2))
    mirrored = [points, points * [-1, 1] + [20, 0], points * [-1, 1] - [20, 0]]
    mirrored += [points * [1, -1] + [0, 20], points * [1, -1] - [0, 20]]
    # Mirror images at x, y = +-10 bound the cells of the points themselves.
    diagram = Voronoi(np.concatenate(mirrored))
    shapes = [diagram.vertices[diagram.regions[diagram.point_region[i]]] for i in range(len(points))]
    return polygons(shapes)


def polygons(shapes: list[np.ndarray], outline: np.ndarray | None = None) -> PolygonTemplate:
    shapes = [np.asarray(shape, float) for shape in shapes]
    counts = np.array([len(shape) for shape in shapes])
    shapes = [shape if signed_area(shape) > 0 else shape[::-1] for shape in shapes]
    padded = [np.concatenate([s, np.repeat(s[-1:], counts.max() - len(s), axis=0)]) for s in shapes]
    return PolygonTemplate(
        "polygons", 0.3, np.array(padded), counts, np.zeros((0, 2)) if outline is None else outline
    )


def signed_area(shape: np.ndarray) -> float:
    x, y = shape.T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum() / 2)


any_template = st.one_of(grids(), hexes(), voronois(), edged(), polars())


def cells_of(template: CellTemplate) -> np.ndarray:
    cells = np.arange(template.n_cells, dtype=np.int32)
    return cells[template.exists(cells)]


def points_inside(template: CellTemplate, n: int, seed: int) -> np.ndarray:
    """Random points inside the outline: convex combinations of its corners; none in a hole."""
    weight = np.random.default_rng(seed).dirichlet(np.ones(len(template.outline)), n)
    points = weight @ template.outline
    if isinstance(template, PolarTemplate) and template.radii[0] > 0:
        points = points[np.hypot(*points.T) > template.radii[0]]
    return points
