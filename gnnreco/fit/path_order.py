"""The order of points along the path of a charged particle, from where they lie alone: also where it curls."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.graphs.drift.shape import SPREAD, main_axes
from gnnreco.kernels import X, Y, Z, njit
from gnnreco.kernels.sorting import rising, sort

CURLED = 1.0  # rad of its circle from which on a path is followed around it, not along its main axis


@njit(cache=True, nogil=True)
def path_order(xyz: Floats, offsets: Ints) -> Ints:
    """Rows of the points of each path, from the end nearer to the origin to the other.

    Parameters
    ----------
    xyz : float64 (n, 3)
        mm.
    offsets : int64 (n_paths + 1,)

    Returns
    -------
    int64 (n,)
    """
    order = np.arange(len(xyz))
    for t in range(len(offsets) - 1):
        first, stop = offsets[t], offsets[t + 1]
        n = stop - first
        if n < 2:
            continue
        points = xyz[first:stop]
        key = _along_axis(points)
        if n > 4:
            x, y, radius = circle(points)
            extent = np.sqrt(np.sum((points[np.argmax(key)] - points[np.argmin(key)])[:2] ** 2))
            if extent > CURLED * radius:
                key = _around(points, x, y)
        mine = rising(key)
        if np.sum(points[mine[0]] ** 2) > np.sum(points[mine[-1]] ** 2):
            mine = mine[::-1]
        for k in range(n):
            order[first + k] = first + mine[k]
    return order


@njit(cache=True, nogil=True)
def _along_axis(points: Floats) -> Floats:
    moments = np.zeros((1, 10))
    n = len(points)
    middle = np.zeros(3)
    for i in range(n):
        middle += points[i] / n
    for i in range(n):
        for a in range(3):
            for b in range(a + 1):
                d = (points[i, a] - middle[a]) * (points[i, b] - middle[b])
                moments[0, SPREAD + a * (a + 1) // 2 + b] += d / n
    axis = main_axes(moments)[0][0]
    key = np.empty(n)
    for i in range(n):
        key[i] = (
            (points[i, X] - middle[X]) * axis[X]
            + (points[i, Y] - middle[Y]) * axis[Y]
            + (points[i, Z] - middle[Z]) * axis[Z]
        )
    return key


@njit(cache=True, nogil=True)
def _around(points: Floats, x: float, y: float) -> Floats:
    """Angle about the centre of the circle, cut where the widest gap is."""
    n = len(points)
    angle = np.empty(n)
    for i in range(n):
        angle[i] = np.arctan2(points[i, Y] - y, points[i, X] - x)
    ordered = angle.copy()
    sort(ordered)
    cut, widest = ordered[0], ordered[0] + 2 * np.pi - ordered[-1]
    for i in range(1, n):
        if ordered[i] - ordered[i - 1] > widest:
            cut, widest = ordered[i], ordered[i] - ordered[i - 1]
    for i in range(n):
        if angle[i] < cut:
            angle[i] += 2 * np.pi
    return angle


@njit(cache=True, nogil=True, error_model="numpy")
def circle(points: Floats) -> tuple[np.floating, np.floating, np.floating | float]:
    """Centre and radius of a circle in the x-y plane: Taubin's fit (1991) by Newton steps, as Chernov writes it."""
    n = len(points)
    cx, cy = np.mean(points[:, X]), np.mean(points[:, Y])
    xx = yy = xy = xz = yz = zz = 0.0
    for i in range(n):
        x, y = points[i, X] - cx, points[i, Y] - cy
        z = x * x + y * y
        xx += x * x / n
        yy += y * y / n
        xy += x * y / n
        xz += x * z / n
        yz += y * z / n
        zz += z * z / n
    mean = xx + yy
    cov = xx * yy - xy * xy
    spread = zz - mean * mean
    a3 = 4.0 * mean
    a2 = -3.0 * mean * mean - zz
    a1 = spread * mean + 4.0 * cov * mean - xz * xz - yz * yz
    a0 = xz * (xz * yy - yz * xy) + yz * (yz * xx - xz * xy) - spread * cov
    root, value = 0.0, a0
    for _ in range(30):
        slope = a1 + root * (2.0 * a2 + 3.0 * a3 * root)
        if slope == 0.0:
            break
        new = root - value / slope
        found = a0 + new * (a1 + new * (a2 + new * a3))
        if new == root or not np.isfinite(new) or abs(found) >= abs(value):
            break
        root, value = new, found
    det = root * root - root * mean + cov
    if det == 0.0:
        return cx, cy, np.inf
    x = 0.5 * (xz * (yy - root) - yz * xy) / det
    y = 0.5 * (yz * (xx - root) - xz * xy) / det
    return x + cx, y + cy, np.sqrt(x * x + y * y + mean)
