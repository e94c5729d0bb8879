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
from gnnreco.geometry.field.grid import field_and_slope, field_at, kernel

from .helix import BEND, path_to_axis, step

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
def push(grid, x, y, z, tx, ty, tz, bend):  # type: ignore[no-untyped-def]
    """Change of direction for each mm of path; `bend` is BEND * q/p."""
    bx, by, bz = field_at(grid, x, y, z)
    return bend * (ty * bz - tz * by), bend * (tz * bx - tx * bz), bend * (tx * by - ty * bx)


@kernel
def _stage(b, t, bend):  # type: ignore[no-untyped-def]
    """Change of direction in a field (twelve numbers, of which three count) for each mm of path."""
    return (
        bend * (t[1] * b[2] - t[2] * b[1]),
        bend * (t[2] * b[0] - t[0] * b[2]),
        bend * (t[0] * b[1] - t[1] * b[0]),
    )


@kernel
def _stage_change(b, t, bend, dx, dt, dbend):  # type: ignore[no-untyped-def]
    """Its change where position, direction and `bend` change."""
    gx = b[3] * dx[0] + b[4] * dx[1] + b[5] * dx[2]
    gy = b[6] * dx[0] + b[7] * dx[1] + b[8] * dx[2]
    gz = b[9] * dx[0] + b[10] * dx[1] + b[11] * dx[2]
    return (
        dbend * (t[1] * b[2] - t[2] * b[1]) + bend * (dt[1] * b[2] - dt[2] * b[1] + t[1] * gz - t[2] * gy),
        dbend * (t[2] * b[0] - t[0] * b[2]) + bend * (dt[2] * b[0] - dt[0] * b[2] + t[2] * gx - t[0] * gz),
        dbend * (t[0] * b[1] - t[1] * b[0]) + bend * (dt[0] * b[1] - dt[1] * b[0] + t[0] * gy - t[1] * gx),
    )


@kernel
def _along(a, b, s):  # type: ignore[no-untyped-def]
    return a[0] + s * b[0], a[1] + s * b[1], a[2] + s * b[2]


@kernel
def advance_by(grid, tolerance, rays, h):  # type: ignore[no-untyped-def]
    """Move rays by a step of at most `h` mm (negative: backwards).

    Returns the path done, and how long the next step may be.
    """
    ray = rays[0]
    x, t, bend = (ray[0], ray[1], ray[2]), (ray[3], ray[4], ray[5]), BEND * ray[6]
    b1 = field_and_slope(grid, x[0], x[1], x[2])
    k1 = _stage(b1, t, bend)
    if abs(h) < TAYLOR:
        _short_step(rays, h, b1, k1, bend)
        return h, np.inf
    while True:
        half = 0.5 * h
        x2, t2 = _along(_along(x, t, half), k1, 0.125 * h * h), _along(t, k1, half)
        b2 = field_and_slope(grid, x2[0], x2[1], x2[2])
        k2 = _stage(b2, t2, bend)
        t3 = _along(t, k2, half)
        k3 = _stage(b2, t3, bend)
        x4, t4 = _along(_along(x, t, h), k3, 0.5 * h * h), _along(t, k3, h)
        b4 = field_and_slope(grid, x4[0], x4[1], x4[2])
        k4 = _stage(b4, t4, bend)
        error = (
            h
            * h
            * math.sqrt(
                (k1[0] - k2[0] - k3[0] + k4[0]) ** 2
                + (k1[1] - k2[1] - k3[1] + k4[1]) ** 2
                + (k1[2] - k2[2] - k3[2] + k4[2]) ** 2
            )
        )
        if error <= tolerance or abs(h) <= SHORTEST or not math.isfinite(error):
            break
        h = math.copysign(max(abs(h) * max(0.9 * (tolerance / error) ** 0.25, 0.2), 0.9 * SHORTEST), h)
    for m in range(1, len(rays)):
        c = rays[m]
        dbend = BEND * c[6]
        dx, dt = (c[0], c[1], c[2]), (c[3], c[4], c[5])
        d1 = _stage_change(b1, t, bend, dx, dt, dbend)
        dx2 = _along(_along(dx, dt, half), d1, 0.125 * h * h)
        d2 = _stage_change(b2, t2, bend, dx2, _along(dt, d1, half), dbend)
        d3 = _stage_change(b2, t3, bend, dx2, _along(dt, d2, half), dbend)
        d4 = _stage_change(b4, t4, bend, _along(_along(dx, dt, h), d3, 0.5 * h * h), _along(dt, d3, h), dbend)
        for i in range(3):
            c[i] += h * (dt[i] + h / 6.0 * (d1[i] + d2[i] + d3[i]))
            c[3 + i] += h / 6.0 * (d1[i] + 2.0 * (d2[i] + d3[i]) + d4[i])
    for i in range(3):
        ray[i] += h * (t[i] + h / 6.0 * (k1[i] + k2[i] + k3[i]))
        ray[3 + i] += h / 6.0 * (k1[i] + 2.0 * (k2[i] + k3[i]) + k4[i])
    _make_unit(ray)
    return h, max(abs(h) * min(0.9 * (tolerance / max(error, 1e-30)) ** 0.25, 5.0), SHORTEST)


@kernel
def _short_step(rays, h, b, k, bend):  # type: ignore[no-untyped-def]
    """A step over which neither the field nor its effect changes."""
    ray = rays[0]
    t = (ray[3], ray[4], ray[5])
    for m in range(1, len(rays)):
        c = rays[m]
        dbend = BEND * c[6]
        d = _stage_change(b, t, bend, (c[0], c[1], c[2]), (c[3], c[4], c[5]), dbend)
        for i in range(3):
            c[i] += h * (c[3 + i] + 0.5 * h * d[i])
            c[3 + i] += h * d[i]
    for i in range(3):
        ray[i] += h * (ray[3 + i] + 0.5 * h * k[i])
        ray[3 + i] += h * k[i]
    _make_unit(ray)


@kernel
def _make_unit(ray):  # type: ignore[no-untyped-def]
    norm = 1.0 / math.sqrt(ray[3] ** 2 + ray[4] ** 2 + ray[5] ** 2)
    ray[3], ray[4], ray[5] = ray[3] * norm, ray[4] * norm, ray[5] * norm


@kernel
def longest_step(grid, ax, ay, az):  # type: ignore[no-untyped-def]
    """How far a ray may go at once: no structure of the map lies in between, and the turn is small."""
    return min(grid.longest, LARGEST_TURN / (math.sqrt(ax * ax + ay * ay + az * az) + 1e-30))


@kernel
def to_plane(grid, tolerance, rays, cx, cy, cz, nx, ny, nz):  # type: ignore[no-untyped-def]
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
        ax, ay, az = push(grid, ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], BEND * ray[6])
        ahead = nx * (cx - ray[0]) + ny * (cy - ray[1]) + nz * (cz - ray[2])
        slope = nx * ray[3] + ny * ray[4] + nz * ray[5]
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
def to_axis(grid, tolerance, rays):  # type: ignore[no-untyped-def]
    """Move rays to the closest approach to the z axis, the nearest one downhill; returns the path, mm.

    A direction along z has no such point and stays.
    """
    ray, path, most = rays[0], 0.0, np.inf
    for _ in range(MOST_STEPS):
        ax, ay, az = push(grid, ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], BEND * ray[6])
        across = ray[3] ** 2 + ray[4] ** 2
        toward = ray[0] * ray[3] + ray[1] * ray[4]
        if across < 1e-24 or not abs(toward) >= 1e-8 * across:
            break
        s = -toward / max(across + ray[0] * ax + ray[1] * ay, 0.3 * across)
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
def _perigees(grid, bend, rays, out):  # type: ignore[no-untyped-def]
    for i in range(len(out)):
        ray = rays[i]
        if math.isfinite(bend):
            k = bend * ray[6]
            s = path_to_axis(ray[0], ray[1], ray[3], ray[4], k)
            ray[0], ray[1], ray[2], ray[3], ray[4], ray[5] = step(
                ray[0], ray[1], ray[2], ray[3], ray[4], ray[5], k, s
            )
        else:
            to_axis(grid, TOLERANCE, rays[i : i + 1])
        phi = math.atan2(ray[4], ray[3])
        out[i, 0] = ray[1] * math.cos(phi) - ray[0] * math.sin(phi)
        out[i, 1] = ray[2]
        out[i, 2] = phi
        out[i, 3] = math.atan2(math.hypot(ray[3], ray[4]), ray[5])
        out[i, 4] = ray[6]


@kernel
def trace(grid, rays, step, points):  # type: ignore[no-untyped-def]
    """Fill points (n, k, 3) along each of n rays (n, 7), the first where it starts, `step` (n,) mm of path apart."""
    for i in range(len(rays)):
        for j in range(points.shape[1]):
            points[i, j] = rays[i, :3]
            left, most = step[i], np.inf
            while left > 1e-9:
                a = push(
                    grid,
                    rays[i, 0],
                    rays[i, 1],
                    rays[i, 2],
                    rays[i, 3],
                    rays[i, 4],
                    rays[i, 5],
                    BEND * rays[i, 6],
                )
                h = min(left, most, longest_step(grid, a[0], a[1], a[2]))
                if not h < np.inf:
                    break
                done, most = advance_by(grid, TOLERANCE, rays[i : i + 1], h)
                left -= done
