"""Shapes of sensors and cells on a sheet: no more of them than the eye can tell apart."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import Detector

from .frame import Frame
from .solids import Project, cell_points, distinct, joined, sensor_points, shadows
from .svg import Drawing, box_path, closed_path

GRAIN = 0.3  # pixels: finer detail than this is not drawn
VISIBLE = 2.2  # pixels that a cell must measure to be drawn
THIN = 1.3  # pixels: a thinner sensor is drawn as wide as this
MOST_SHAPES = 1800  # of one colour in one panel
MOST_CELLS = 300_000  # whose shadows are looked at


def hue_rows(detector: Detector) -> list[int]:
    """Which hue each subsystem has: mirror images share one, so that ten can be told apart rather than fifteen."""
    kinds: dict[tuple[object, ...], int] = {}
    rows = []
    for row, subsystem in enumerate(detector.subsystems):
        mine = detector.subsystem == row
        x, y, z = np.abs(detector.center[mine]).sum(axis=0) / max(int(mine.sum()), 1)
        key = (subsystem.measures, int(mine.sum()), round(float(np.hypot(x, y))), round(float(z)))
        rows.append(kinds.setdefault(key, len(kinds)))
    return rows


def outlines(detector: Detector, rows: Ints, project: Project) -> Floats:
    """Shadow (n, 32, 2) of each sensor, mm."""
    result = np.empty((len(rows), 32, 2))
    kinds = detector.template[rows]
    for kind in np.unique(kinds):
        mine = kinds == kind
        points = sensor_points(detector, rows[mine], detector.templates[kind])
        result[mine] = shadows(project(points))
    return result


def cell_outlines(detector: Detector, rows: Ints, project: Project, frame: Frame) -> Floats:
    """Shadows of the cells in pixels, where they are few and large enough to be seen; else none."""
    counts = np.array([t.n_cells for t in detector.templates], np.int64)
    if not len(rows) or counts[detector.template[rows]].sum() > MOST_CELLS * 20:
        return np.zeros((0, 3, 2))
    parts = []
    for kind in np.unique(detector.template[rows]):
        mine, template = rows[detector.template[rows] == kind], detector.templates[kind]
        cells = np.flatnonzero(template.exists(np.arange(template.n_cells)))
        # Sensors that stand alike cast the same shadow: a few of them tell whether anything can be seen.
        some = mine[:: max(1, len(mine) // 4)]
        probe = np.stack([a.ravel() for a in np.meshgrid(some, cells[:: max(1, len(cells) // 100)])])
        size = np.ptp(frame.map(project(cell_points(detector, probe[0], template, probe[1]))), axis=1)
        if not len(cells) or np.median(size.min(axis=1)) < VISIBLE or len(mine) * len(cells) > MOST_CELLS:
            return np.zeros((0, 3, 2))
        pair = np.stack([a.ravel() for a in np.meshgrid(mine, cells)])
        flat = shadows(frame.map(project(cell_points(detector, pair[0], template, pair[1]))))
        parts.append(distinct(flat, GRAIN))
    shapes = distinct(np.concatenate(parts), GRAIN)
    return shapes if len(shapes) <= 2 * MOST_SHAPES else np.zeros((0, 3, 2))


def fill(sheet: Drawing, outlines: Floats, colour: str, opacity: float) -> None:
    """Fill outlines (pixels), those that are upright boxes joined where they touch; the thin ones strongly."""
    boxes, others = joined(distinct(outlines, GRAIN), GRAIN)
    thin = (boxes[:, 2:] - boxes[:, :2]).min(axis=1) < THIN
    sheet.path(box_path(boxes[~thin]), colour, colour, 0.5, f"fill-opacity:{opacity:g}")
    sheet.path(box_path(boxes[thin], THIN), "none", colour, 0)
    sheet.path(closed_path(few(others)), colour, colour, 0.5, f"fill-opacity:{opacity:g}")


def few(outlines: Floats) -> Floats:
    """At most so many outlines: a coarser grain where there are more."""
    grain = GRAIN
    while len(outlines) > MOST_SHAPES and grain < 8:
        grain *= 2
        outlines = distinct(outlines, grain)
    return outlines[:MOST_SHAPES]
