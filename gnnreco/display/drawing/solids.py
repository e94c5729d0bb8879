"""Sensors and cells as solids, and their shadows on the two planes that physicists draw: (z, rho) and (x, y)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import CellTemplate, Detector

Project = Callable[[Floats], Floats]
DIRECTIONS = 32  # from which a shadow is looked at; it keeps that many corners at most


def prisms(template: CellTemplate, corners: Floats) -> Floats:
    """Polygons (n, k, 2) in the middle plane of a sensor as solids (n, 2, k, 3): lower and upper face, mm.

    The side walls run along w, or towards the focus of the template where it has one.
    """
    half = np.array([-0.5, 0.5])[:, None] * template.thickness
    flat = np.zeros((len(corners), 2, corners.shape[1], 3))
    flat[..., :2], flat[..., 2] = corners[:, None], half
    if (focus := template.focus) is not None:
        flat[..., :2] = focus[:2] + (flat[..., :2] - focus[:2]) * ((focus[2] - half) / focus[2])[..., None]
    return flat


def sensor_points(detector: Detector, rows: Ints, template: CellTemplate) -> Floats:
    """Points (n, p, 3) that tell the extent of sensors of one template, global, mm.

    Corners, middles of the edges and the middles of both faces: the least distance of a flat stave from the
    z axis is not at a corner.
    """
    ring = prisms(template, template.outline[None])[0]
    middle = (ring + np.roll(ring, -1, axis=1)) / 2
    local = np.concatenate([ring, middle, ring.mean(axis=1, keepdims=True)], axis=1).reshape(-1, 3)
    return _place(detector, rows, np.broadcast_to(local, (len(rows), *local.shape)))


def cell_points(detector: Detector, rows: Ints, template: CellTemplate, cells: Ints) -> Floats:
    """Corners (n, p, 3) of the cells of each pair (sensor, cell), all sensors of one template, global, mm."""
    solid = prisms(template, template.corners(cells))
    return _place(detector, rows, solid.reshape(len(solid), -1, 3))


def _place(detector: Detector, rows: Ints, local: Floats) -> Floats:
    turned = np.einsum("nij,nkj->nki", detector.rotation[rows], local)
    return np.asarray(detector.center[rows][:, None] + turned)


def to_rz(points: Floats) -> Floats:
    """(z, rho) of points (..., 3)."""
    return np.stack([points[..., 2], np.hypot(points[..., 0], points[..., 1])], axis=-1)


def to_xy(points: Floats) -> Floats:
    """(x, y) of points (..., 3)."""
    return points[..., :2]


def shadows(flat: Floats) -> Floats:
    """Convex outlines (n, 32, 2) of point sets (n, p, 2), corners repeated where there are fewer.

    The corner farthest along each of 32 directions: no hull has to be computed, and a shape with at most a
    dozen corners loses none of them.
    """
    angle = (np.arange(DIRECTIONS) + 0.5) * 2 * np.pi / DIRECTIONS
    way = np.stack([np.cos(angle), np.sin(angle)])
    outlines = np.empty((len(flat), DIRECTIONS, 2))
    for start in range(0, len(flat), 8192):  # to bound the memory
        part = flat[start : start + 8192]
        best = (part @ way).argmax(axis=1)
        outlines[start : start + 8192] = np.take_along_axis(part, best[..., None], axis=1)
    return outlines


def distinct(outlines: Floats, grain: float) -> Floats:
    """Different outlines only, to a `grain`; what two thousand staves cast on one plane is often one shape."""
    if not len(outlines):
        return outlines
    whole = np.rint(outlines / grain).astype(np.int64).reshape(len(outlines), -1)
    weights = np.random.default_rng(7).integers(-(2**62), 2**62, whole.shape[1])
    different = np.unique(whole @ weights, return_index=True)[
        1
    ]  # one number for each: sorting rows takes 20 times as long
    return np.asarray(whole[different].reshape(-1, *outlines.shape[1:]) * grain)


def joined(outlines: Floats, grain: float) -> tuple[Floats, Floats]:
    """Upright boxes joined where they touch, and the outlines that are no such boxes.

    Parameters
    ----------
    outlines : float64 (n, k, 2)
    grain : float
        Boxes nearer than this, of the same width to this, become one.

    Returns
    -------
    boxes : float64 (m, 4)
        Low and high corner.
    others : float64 (l, k, 2)
    """
    low, high = outlines.min(axis=1), outlines.max(axis=1)
    off = np.minimum(np.abs(outlines - low[:, None]), np.abs(outlines - high[:, None])).max(axis=(1, 2))
    upright = off <= grain
    boxes = np.hstack([low, high])[upright]
    for axis in (1, 0):  # first stacked along the second axis, then side by side along the first
        boxes = _join(boxes, axis, grain)
    return boxes, outlines[~upright]


def _join(boxes: Floats, axis: int, grain: float) -> Floats:
    """Boxes with the same extent across `axis`, joined where they touch along it."""
    if not len(boxes):
        return boxes
    across = np.rint(boxes[:, [1 - axis, 3 - axis]] / grain).astype(np.int64)
    group = np.unique(across, axis=0, return_inverse=True)[1].reshape(-1)
    far = (np.ptp(boxes) + 1) * 4
    low, high = boxes[:, axis] + group * far, boxes[:, axis + 2] + group * far
    order = np.argsort(low, kind="stable")
    reach = np.maximum.accumulate(high[order])
    first: NDArray[np.bool_] = np.append(True, low[order][1:] > reach[:-1] + grain)
    starts = np.flatnonzero(first)
    result = boxes[order[starts]]
    result[:, axis + 2] = np.maximum.reduceat(boxes[order, axis + 2], starts)
    return result
