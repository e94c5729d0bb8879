"""A charged particle in a solenoid: steps along the helix, where it crosses a plane, where it passes the z axis.

A state is ``x, y, z`` (mm), the unit direction ``tx, ty, tz`` and ``k = BEND * bz * q_over_p`` (1/mm), the rate at which
the direction turns about z for each millimetre of path: ``dT/ds = k T x z``. A straight line is ``k = 0``.
The kernels take and return plain scalars, so that any other numba kernel can call them.

The closed forms are those of A. Strandlie and W. Wittek, Nucl. Instrum. Meth. A 566 (2006) 687, for a field along z.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from gnnreco.columns import Floats

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


def perigee(position: Floats, momentum: Floats, charge: Floats, bz: float) -> Floats:
    """Perigee parameters of particles that are at `position` with `momentum`.

    Parameters
    ----------
    position : (n, 3)
        mm.
    momentum : (n, 3)
        GeV.
    charge : (n,)
        In units of e; neutral particles fly straight.
    bz : float
        Field along z, tesla.

    Returns
    -------
    (n, 5) float64
        d0 and z0 (mm), phi and theta (rad), q/p (e/GeV) at the point of closest approach to the z axis, with the signs of
        ACTS: ``x = -d0 sin(phi)``, ``y = d0 cos(phi)``.
    """
    p = np.linalg.norm(momentum, axis=1)
    out = np.empty((len(p), 5))
    _perigee(position, momentum / p[:, None], charge / p, bz * BEND, out)
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def _perigee(position, direction, q_over_p, bend, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        x, y, z = position[i, 0], position[i, 1], position[i, 2]
        tx, ty, tz = direction[i, 0], direction[i, 1], direction[i, 2]
        k = bend * q_over_p[i]
        x, y, z, tx, ty, tz = step(x, y, z, tx, ty, tz, k, path_to_axis(x, y, tx, ty, k))
        phi = math.atan2(ty, tx)
        out[i, 0] = y * math.cos(phi) - x * math.sin(phi)
        out[i, 1] = z
        out[i, 2] = phi
        out[i, 3] = math.acos(min(1.0, max(-1.0, tz)))
        out[i, 4] = q_over_p[i]
