"""Sensors as solids: a convex outline between two faces, upright or leaning towards a focus."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats
from gnnreco.geometry.cells.templates import CellTemplate
from gnnreco.kernels import X, Y, Z, njit

LIMIT = 3  # column of a wall, after its normal: how far along it the solid goes


def faces(template: CellTemplate) -> Floats:
    """Corners (2, k, 3) of the lower and the upper face, mm in the sensor's frame."""
    both = []
    for w in (-template.thickness / 2, template.thickness / 2):
        outline = template.outline
        if template.focus is not None:
            # The walls lean towards the focus: the face away from it is larger.
            middle = template.focus[:2]
            outline = middle + (outline - middle) * (1 - w / template.focus[2])
        both.append(np.column_stack([outline, np.full(len(outline), w)]))
    return np.stack(both)


def walls(polygon: Floats, focus: Floats | None) -> Floats:
    """Planes (k, 4) through the edges of a counter-clockwise polygon: inside, ``plane[:3] @ (u, v, w) <= plane[3]``."""
    start, end = (np.column_stack([p, np.zeros(len(p))]) for p in (polygon, np.roll(polygon, -1, axis=0)))
    up = (
        np.broadcast_to([0.0, 0.0, 1.0], start.shape)
        if focus is None
        else (focus - start) * np.sign(focus[2])
    )
    normal = np.cross(end - start, up)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    return np.column_stack([normal, (normal * start).sum(axis=1)])


@njit(cache=True)
def inside_prism(
    origin: Floats, direction: Floats, planes: Floats, count: int, half: float
) -> tuple[float, float]:
    """Where a line (in the frame of a solid) enters it and leaves it, in units of `direction`; (inf, -inf) beside it."""
    enter, leave = -np.inf, np.inf
    for p in range(count + 2):
        if p < count:
            nx, ny, nz, limit = planes[p, X], planes[p, Y], planes[p, Z], planes[p, LIMIT]
        else:
            nx, ny, nz, limit = 0.0, 0.0, 1.0 if p == count else -1.0, half
        slope = nx * direction[X] + ny * direction[Y] + nz * direction[Z]
        room = limit - (nx * origin[X] + ny * origin[Y] + nz * origin[Z])
        if abs(slope) < 1e-12:
            # Along the wall; on it, by a rounding error outside, is inside.
            if room < -1e-9:
                return np.inf, -np.inf
        elif slope > 0:
            leave = min(leave, room / slope)
        else:
            enter = max(enter, room / slope)
        if enter > leave:
            return np.inf, -np.inf
    return enter, leave
