"""A charged particle through any magnetic field: adaptive Runge-Kutta-Nystroem steps that carry derivatives along.

The step is that of Nystroem's fourth-order method, as E. Lund, L. Bugge, I. Gavrilenko and A. Strandlie write it (JINST 4
(2009) P04001), who also give its error and the derivatives of its stages (after J. Myrheim and L. Bugge, Nucl. Instrum.
Meth. 160 (1979) 43). The slopes of the field are in the derivatives, so they are those of the very steps that were done.

A *ray* is a row of x, y, z (mm), the unit direction, and q/p (e/GeV). Kernels move `rays` (1 + m, 7): the first row is the
ray, the others are small changes of it, carried along.
"""

from __future__ import annotations

import math

import numpy as np

from gnnreco.columns import Floats
from gnnreco.geometry import Field, along_z
from gnnreco.geometry.field.grid import FieldGrid, Slopes, Vector, field_and_slope, field_at, kernel
from gnnreco.kernels import X, Y, Z

from .helix import BEND, D0, PHI, Q_OVER_P, RAY_Q_OVER_P, THETA, TX, TY, TZ, Z0, path_to_axis, step

#: Error that a step may find in itself, mm: after a metre in a smooth field a track is off by less than that.
TOLERANCE = 1e-3
#: Steps this short, mm, are done whatever their error: a map may end in a jump.
SHORTEST = 0.5
#: Below this path, mm, the field is taken as the same over a step.
TAYLOR = 1e-2
MOST_STEPS = 3000
LARGEST_TURN = 0.5  # rad in one step
GRAZING = 1e-2  # sine of the angle to a plane below which it is not crossed


@kernel
def push(
    grid: FieldGrid, x: float, y: float, z: float, tx: float, ty: float, tz: float, bend: float
) -> Vector:
    """Change of direction for each mm of path; `bend` is BEND * q/p."""
    bx, by, bz = field_at(grid, x, y, z)
    return bend * (ty * bz - tz * by), bend * (tz * bx - tx * bz), bend * (tx * by - ty * bx)


@kernel
def _stage(b: Slopes, t: Vector, bend: float) -> Vector:
    """Change of direction in a field (twelve numbers, of which three count) for each mm of path."""
    return (
        bend * (t[Y] * b[Z] - t[Z] * b[Y]),
        bend * (t[Z] * b[X] - t[X] * b[Z]),
        bend * (t[X] * b[Y] - t[Y] * b[X]),
    )


@kernel
def _stage_change(b: Slopes, t: Vector, bend: float, dx: Vector, dt: Vector, dbend: float) -> Vector:
    """Its change where position, direction and `bend` change."""
    _, _, _, xx, xy, xz, yx, yy, yz, zx, zy, zz = b
    gx = xx * dx[X] + xy * dx[Y] + xz * dx[Z]
    gy = yx * dx[X] + yy * dx[Y] + yz * dx[Z]
    gz = zx * dx[X] + zy * dx[Y] + zz * dx[Z]
    return (
        dbend * (t[Y] * b[Z] - t[Z] * b[Y]) + bend * (dt[Y] * b[Z] - dt[Z] * b[Y] + t[Y] * gz - t[Z] * gy),
        dbend * (t[Z] * b[X] - t[X] * b[Z]) + bend * (dt[Z] * b[X] - dt[X] * b[Z] + t[Z] * gx - t[X] * gz),
        dbend * (t[X] * b[Y] - t[Y] * b[X]) + bend * (dt[X] * b[Y] - dt[Y] * b[X] + t[X] * gy - t[Y] * gx),
    )


@kernel
def _along(a: Vector, b: Vector, s: float) -> Vector:
    return a[X] + s * b[X], a[Y] + s * b[Y], a[Z] + s * b[Z]


@kernel
def advance_by(grid: FieldGrid, tolerance: float, rays: Floats, h: float) -> tuple[float, float]:
    """Move rays by a step of at most `h` mm (negative: backwards).

    Returns the path done, and how long the next step may be.
    """
    ray = rays[0]
    x, t, bend = (ray[X], ray[Y], ray[Z]), (ray[TX], ray[TY], ray[TZ]), BEND * ray[RAY_Q_OVER_P]
    b1 = field_and_slope(grid, x[X], x[Y], x[Z])
    k1 = _stage(b1, t, bend)
    if abs(h) < TAYLOR:
        _short_step(rays, h, b1, k1, bend)
        return h, np.inf
    while True:
        half = 0.5 * h
        x2, t2 = _along(_along(x, t, half), k1, 0.125 * h * h), _along(t, k1, half)
        b2 = field_and_slope(grid, x2[X], x2[Y], x2[Z])
        k2 = _stage(b2, t2, bend)
        t3 = _along(t, k2, half)
        k3 = _stage(b2, t3, bend)
        x4, t4 = _along(_along(x, t, h), k3, 0.5 * h * h), _along(t, k3, h)
        b4 = field_and_slope(grid, x4[X], x4[Y], x4[Z])
        k4 = _stage(b4, t4, bend)
        error = (
            h
            * h
            * math.sqrt(
                (k1[X] - k2[X] - k3[X] + k4[X]) ** 2
                + (k1[Y] - k2[Y] - k3[Y] + k4[Y]) ** 2
                + (k1[Z] - k2[Z] - k3[Z] + k4[Z]) ** 2
            )
        )
        if error <= tolerance or abs(h) <= SHORTEST or not math.isfinite(error):
            break
        h = math.copysign(max(abs(h) * max(0.9 * (tolerance / error) ** 0.25, 0.2), 0.9 * SHORTEST), h)
    for m in range(1, len(rays)):
        c = rays[m]
        dbend = BEND * c[RAY_Q_OVER_P]
        dx, dt = (c[X], c[Y], c[Z]), (c[TX], c[TY], c[TZ])
        d1 = _stage_change(b1, t, bend, dx, dt, dbend)
        dx2 = _along(_along(dx, dt, half), d1, 0.125 * h * h)
        d2 = _stage_change(b2, t2, bend, dx2, _along(dt, d1, half), dbend)
        d3 = _stage_change(b2, t3, bend, dx2, _along(dt, d2, half), dbend)
        d4 = _stage_change(b4, t4, bend, _along(_along(dx, dt, h), d3, 0.5 * h * h), _along(dt, d3, h), dbend)
        for i in range(3):
            c[i] += h * (dt[i] + h / 6.0 * (d1[i] + d2[i] + d3[i]))
            c[TX + i] += h / 6.0 * (d1[i] + 2.0 * (d2[i] + d3[i]) + d4[i])
    for i in range(3):
        ray[i] += h * (t[i] + h / 6.0 * (k1[i] + k2[i] + k3[i]))
        ray[TX + i] += h / 6.0 * (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i])
    _make_unit(ray)
    return h, max(abs(h) * min(0.9 * (tolerance / max(error, 1e-30)) ** 0.25, 5.0), SHORTEST)


@kernel
def _short_step(rays: Floats, h: float, b: Slopes, k: Vector, bend: float) -> None:
    """A step over which neither the field nor its effect changes."""
    ray = rays[0]
    t = (ray[TX], ray[TY], ray[TZ])
    for m in range(1, len(rays)):
        c = rays[m]
        dbend = BEND * c[RAY_Q_OVER_P]
        d = _stage_change(b, t, bend, (c[X], c[Y], c[Z]), (c[TX], c[TY], c[TZ]), dbend)
        for i in range(3):
            c[i] += h * (c[TX + i] + 0.5 * h * d[i])
            c[TX + i] += h * d[i]
    for i in range(3):
        ray[i] += h * (ray[TX + i] + 0.5 * h * k[i])
        ray[TX + i] += h * k[i]
    _make_unit(ray)


@kernel
def _make_unit(ray: Floats) -> None:
    norm = 1.0 / math.sqrt(ray[TX] ** 2 + ray[TY] ** 2 + ray[TZ] ** 2)
    ray[TX], ray[TY], ray[TZ] = ray[TX] * norm, ray[TY] * norm, ray[TZ] * norm


@kernel
def longest_step(grid: FieldGrid, ax: float, ay: float, az: float) -> float:
    """How far a ray may go at once: no structure of the map lies in between, and the turn is small."""
    return min(grid.longest, LARGEST_TURN / (math.sqrt(ax * ax + ay * ay + az * az) + 1e-30))


@kernel
def to_plane(
    grid: FieldGrid,
    tolerance: float,
    rays: Floats,
    cx: float,
    cy: float,
    cz: float,
    nx: float,
    ny: float,
    nz: float,
) -> tuple[float, bool]:
    """Move rays to the nearest crossing of the plane through ``(cx, cy, cz)`` with unit normal ``(nx, ny, nz)``.

    Returns
    -------
    s : float
        Path, mm; negative when the plane lies behind.
    crossed : bool
        False when the ray never meets the plane or only grazes it: then where it is means nothing.
    """
    ray, path, most = rays[0], 0.0, np.inf
    for i in range(MOST_STEPS):
        ax, ay, az = push(grid, ray[X], ray[Y], ray[Z], ray[TX], ray[TY], ray[TZ], BEND * ray[RAY_Q_OVER_P])
        ahead = nx * (cx - ray[X]) + ny * (cy - ray[Y]) + nz * (cz - ray[Z])
        slope = nx * ray[TX] + ny * ray[TY] + nz * ray[TZ]
        if i > 0 and abs(slope) < GRAZING:
            break
        if abs(ahead) < 1e-7 * abs(slope):
            return path, True
        # The parabola with the same slope and curvature; its nearer root, written so that it never cancels.
        square = max(slope * slope + 2.0 * (nx * ax + ny * ay + nz * az) * ahead, 0.0)
        s = 2.0 * ahead / (slope + math.copysign(math.sqrt(square), slope))
        h = min(abs(s), most, longest_step(grid, ax, ay, az))
        if not h < np.inf:
            break
        done, most = advance_by(grid, tolerance, rays, math.copysign(h, s))
        path += done
    return path, False


@kernel
def to_axis(grid: FieldGrid, tolerance: float, rays: Floats) -> float:
    """Move rays to the closest approach to the z axis, the nearest one downhill; returns the path, mm.

    A direction along z has no such point and stays.
    """
    ray, path, most = rays[0], 0.0, np.inf
    for _ in range(MOST_STEPS):
        ax, ay, az = push(grid, ray[X], ray[Y], ray[Z], ray[TX], ray[TY], ray[TZ], BEND * ray[RAY_Q_OVER_P])
        across = ray[TX] ** 2 + ray[TY] ** 2
        toward = ray[X] * ray[TX] + ray[Y] * ray[TY]
        if across < 1e-24 or not abs(toward) >= 1e-8 * across:
            break
        s = -toward / max(across + ray[X] * ax + ray[Y] * ay, 0.3 * across)
        h = min(abs(s), most, longest_step(grid, ax, ay, az))
        if not h < np.inf:
            break
        done, most = advance_by(grid, tolerance, rays, math.copysign(h, s))
        path += done
    return path


def perigee(position: Floats, momentum: Floats, charge: Floats, field: Field) -> Floats:
    """Perigee parameters of particles that are at `position` with `momentum`.

    Parameters
    ----------
    position : (n, 3)
        mm.
    momentum : (n, 3)
        GeV.
    charge : (n,)
        In units of e; neutral particles fly straight.
    field : Field

    Returns
    -------
    (n, 5) float64
        d0 and z0 (mm), phi and theta (rad), q/p (e/GeV) at the point of closest approach to the z axis, with the signs of
        ACTS: ``x = -d0 sin(phi)``, ``y = d0 cos(phi)``. NaN for a particle at rest.
    """
    p = np.linalg.norm(momentum, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rays = np.column_stack([position, momentum / p[:, None], charge / p])
    out, bz = np.empty((len(p), 5)), along_z(field)
    _perigees(field.grid, np.nan if bz is None else bz * BEND, rays, out)
    return out


@kernel
def _perigees(grid: FieldGrid, bend: float, rays: Floats, out: Floats) -> None:
    for i in range(len(out)):
        ray = rays[i]
        if math.isfinite(bend):
            k = bend * ray[RAY_Q_OVER_P]
            s = path_to_axis(ray[X], ray[Y], ray[TX], ray[TY], k)
            ray[X], ray[Y], ray[Z], ray[TX], ray[TY], ray[TZ] = step(
                ray[X], ray[Y], ray[Z], ray[TX], ray[TY], ray[TZ], k, s
            )
        else:
            to_axis(grid, TOLERANCE, rays[i : i + 1])
        phi = math.atan2(ray[TY], ray[TX])
        out[i, D0] = ray[Y] * math.cos(phi) - ray[X] * math.sin(phi)
        out[i, Z0] = ray[Z]
        out[i, PHI] = phi
        out[i, THETA] = math.atan2(math.hypot(ray[TX], ray[TY]), ray[TZ])
        out[i, Q_OVER_P] = ray[RAY_Q_OVER_P]


@kernel
def trace(grid: FieldGrid, rays: Floats, step: Floats, points: Floats) -> None:
    """Fill points (n, k, 3) along each of n rays (n, 7), the first where it starts, `step` (n,) mm of path apart."""
    for i in range(len(rays)):
        for j in range(points.shape[1]):
            points[i, j] = rays[i, :3]
            left, most = step[i], np.inf
            while left > 1e-9:
                a = push(
                    grid,
                    rays[i, X],
                    rays[i, Y],
                    rays[i, Z],
                    rays[i, TX],
                    rays[i, TY],
                    rays[i, TZ],
                    BEND * rays[i, RAY_Q_OVER_P],
                )
                h = min(left, most, longest_step(grid, a[X], a[Y], a[Z]))
                if not h < np.inf:
                    break
                done, most = advance_by(grid, TOLERANCE, rays[i : i + 1], h)
                left -= done
