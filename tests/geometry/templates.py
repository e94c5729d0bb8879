"""Templates of every kind, drawn at random, and the questions a test puts to them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from scipy.spatial import Voronoi

from gnnreco.geometry import CellTemplate, GridTemplate, HexTemplate, PolygonTemplate


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
    return HexTemplate("hex", 0.3, width / cells, np.ascontiguousarray(outline))


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


any_template = st.one_of(grids(), hexes(), voronois())


def cells_of(template: CellTemplate) -> np.ndarray:
    cells = np.arange(template.n_cells, dtype=np.int32)
    return cells[template.exists(cells)]


def points_inside(template: CellTemplate, n: int, seed: int) -> np.ndarray:
    """Random points inside the outline: convex combinations of its corners."""
    weight = np.random.default_rng(seed).dirichlet(np.ones(len(template.outline)), n)
    return weight @ template.outline
