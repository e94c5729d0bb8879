"""A charged particle in a constant field along z: steps along the helix, where it crosses a plane, passes the z axis.

A state is ``x, y, z`` (mm), the unit direction ``tx, ty, tz`` and ``k = BEND * bz * q_over_p`` (1/mm), the rate at which
the direction turns about z for each millimetre of path: ``dT/ds = k T x z``. A straight line is ``k = 0``.
The kernels take and return plain scalars, so that any other numba kernel can call them.

The closed forms are those of A. Strandlie and W. Wittek, Nucl. Instrum. Meth. A 566 (2006) 687, for a field along z.
"""

from __future__ import annotations

import math

from gnnreco.kernels import njit

#: Columns of a ray, after its X, Y, Z: the unit direction and q/p.
TX, TY, TZ, RAY_Q_OVER_P = range(3, 7)
#: Columns of a track's five parameters.
D0, Z0, PHI, THETA, Q_OVER_P = range(5)

#: GeV / (tesla mm e): turns bz in tesla and q/p in e/GeV into radians of turn for each mm of path.
BEND = 2.99792458e-4


@njit(cache=True, nogil=True, error_model="numpy")
def turn(k: float, s: float) -> tuple[float, float, float, float, float, float]:
    """Shape of a helix step of path `s`: ``sin a, cos a, sin(a)/a, (1 - cos a)/a`` and their slopes in a, ``a = -k s``.

    The last two have removable singularities at a = 0: series there, good to 1e-13.
    """
    a = -k * s
    sin, cos = math.sin(a), math.cos(a)
    if abs(a) < 1e-2:
        a2 = a * a
        along = 1.0 - a2 / 6.0 * (1.0 - a2 / 20.0)
        across = a * (0.5 - a2 / 24.0 * (1.0 - a2 / 30.0))
        along_slope = -a / 3.0 * (1.0 - a2 / 10.0)
        across_slope = 0.5 - a2 / 8.0 * (1.0 - a2 / 18.0)
    else:
        along, across = sin / a, (1.0 - cos) / a
        along_slope, across_slope = (cos - along) / a, (sin - across) / a
    return sin, cos, along, across, along_slope, across_slope


@njit(cache=True, nogil=True, error_model="numpy")
def step(
    x: float, y: float, z: float, tx: float, ty: float, tz: float, k: float, s: float
) -> tuple[float, float, float, float, float, float]:
    """Position and direction after `s` mm of path (negative: backwards)."""
    sin, cos, along, across, _, _ = turn(k, s)
    return (
        x + s * (along * tx - across * ty),
        y + s * (along * ty + across * tx),
        z + s * tz,
        cos * tx - sin * ty,
        cos * ty + sin * tx,
        tz,
    )


@njit(cache=True, nogil=True, error_model="numpy")
def extrapolate(
    x: float,
    y: float,
    z: float,
    tx: float,
    ty: float,
    tz: float,
    k: float,
    cx: float,
    cy: float,
    cz: float,
    nx: float,
    ny: float,
    nz: float,
) -> tuple[float, float, float, float, float, float, float, bool]:
    """Follow a helix to its nearest crossing of the plane through ``(cx, cy, cz)`` with unit normal ``(nx, ny, nz)``.

    Returns
    -------
    x, y, z, tx, ty, tz : float
        State on the plane.
    s : float
        Path length to it, mm; negative when the plane lies behind.
    crossed : bool
        False when the helix never meets the plane, or only grazes it (within 0.6 degrees): then the state means nothing.
    """
    ahead = nx * (cx - x) + ny * (cy - y) + nz * (cz - z)
    slope = nx * tx + ny * ty + nz * tz
    bend = 0.5 * k * (nx * ty - ny * tx)
    # First guess: the parabola with the same slope and curvature, whose nearer root is written so that it never cancels.
    square = slope * slope + 4.0 * bend * ahead
    if square < 0.0:
        square = 0.0
    s = 2.0 * ahead / (slope + math.copysign(math.sqrt(square), slope))
    px, py, pz, dx, dy, dz = step(x, y, z, tx, ty, tz, k, s)
    for _ in range(12):
        slope = nx * dx + ny * dy + nz * dz
        if abs(slope) < 1e-2:
            break
        miss = (nx * (cx - px) + ny * (cy - py) + nz * (cz - pz)) / slope
        if abs(miss) < 1e-7:
            return px, py, pz, dx, dy, dz, s, True
        s += miss
        px, py, pz, dx, dy, dz = step(x, y, z, tx, ty, tz, k, s)
    return px, py, pz, dx, dy, dz, s, False


@njit(cache=True, nogil=True, error_model="numpy")
def path_to_axis(x: float, y: float, tx: float, ty: float, k: float) -> float:
    """Path length, mm, to the point of closest approach to the z axis, at most half a turn away.

    Zero for a direction exactly along z, which has no such point.
    """
    transverse = tx * tx + ty * ty
    if transverse < 1e-24:
        return 0.0
    toward, sideways = x * tx + y * ty, transverse + k * (x * ty - y * tx)
    if abs(k) * (abs(x) + abs(y)) < 1e-12:
        return -toward / transverse
    return -math.atan2(k * toward, sideways) / k
