"""A magnetic field as compiled kernels read it: vectors on a grid, linear in between, with their slopes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import X, Y, Z, njit

#: A position or a direction; a field vector and its nine derivatives, as `field_and_slope` gives them.
Vector = tuple[float, float, float]
Slopes = tuple[float, ...]
kernel: Any = njit(cache=True, nogil=True, error_model="numpy")


class FieldGrid(NamedTuple):
    """Field vectors on a grid that may be turned; one node stands for a field that is the same everywhere.

    Attributes
    ----------
    x, y, z : float64
        Nodes along each axis of the grid, mm, rising; their distances may differ.
    tesla : float64 (n_x, n_y, n_z, 3)
        In the frame of the grid. Linear between the nodes; 0 outside.
    turn, shift : float64 (3, 3), (3,)
        A position p lies at ``turn @ p + shift`` in the frame of the grid.
    turned : bool
        Whether `turn` is anything but the unit matrix.
    longest : float
        Step, mm, over which the grid may hide no structure: a track must look at the field that often.
    """

    x: Floats
    y: Floats
    z: Floats
    tesla: Floats
    turn: Floats
    shift: Floats
    turned: bool
    longest: float


@kernel
def _cell(nodes: Floats, place: float) -> tuple[int, float]:
    """The interval of nodes that holds a place, and where in it (0 to 1); -1 outside."""
    last = len(nodes) - 1
    if not nodes[0] <= place <= nodes[last]:
        return -1, 0.0
    low, high = 0, last
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= place:
            low = middle
        else:
            high = middle
    return low, (place - nodes[low]) / (nodes[high] - nodes[low])


@kernel
def field_at(grid: FieldGrid, px: float, py: float, pz: float) -> Vector:
    """Field vector at a position: bx, by, bz."""
    b = field_and_slope(grid, px, py, pz)
    return b[X], b[Y], b[Z]


@kernel
def field_and_slope(grid: FieldGrid, px: float, py: float, pz: float) -> tuple[float, ...]:
    """Field vector at a position and its nine derivatives: bx, by, bz, dbx/dx, dbx/dy, ... dbz/dz (tesla per mm)."""
    if grid.tesla.size == 3:
        b = grid.tesla[0, 0, 0]
        return b[X], b[Y], b[Z], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    m, o = grid.turn, grid.shift
    if grid.turned:
        px, py, pz = (
            m[X, X] * px + m[X, Y] * py + m[X, Z] * pz,
            m[Y, X] * px + m[Y, Y] * py + m[Y, Z] * pz,
            m[Z, X] * px + m[Z, Y] * py + m[Z, Z] * pz,
        )
    i, u = _cell(grid.x, px + o[X])
    j, v = _cell(grid.y, py + o[Y])
    k, w = _cell(grid.z, pz + o[Z])
    if i < 0 or j < 0 or k < 0:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    du = 1.0 / (grid.x[i + 1] - grid.x[i])
    dv = 1.0 / (grid.y[j + 1] - grid.y[j])
    dw = 1.0 / (grid.z[k + 1] - grid.z[k])
    x, xu, xv, xw = _component(grid.tesla, i, j, k, u, v, w, X)
    y, yu, yv, yw = _component(grid.tesla, i, j, k, u, v, w, Y)
    z, zu, zv, zw = _component(grid.tesla, i, j, k, u, v, w, Z)
    slopes = (xu * du, xv * dv, xw * dw, yu * du, yv * dv, yw * dw, zu * du, zv * dv, zw * dw)
    if not grid.turned:
        return (x, y, z, *slopes)
    return _turned_back(m, (x, y, z), slopes)


@kernel
def _component(
    tesla: Floats, i: int, j: int, k: int, u: float, v: float, w: float, c: int
) -> tuple[float, float, float, float]:
    """One component in a cell of the grid, and its slopes in u, v and w."""
    a00 = tesla[i, j, k, c] + u * (tesla[i + 1, j, k, c] - tesla[i, j, k, c])
    a10 = tesla[i, j + 1, k, c] + u * (tesla[i + 1, j + 1, k, c] - tesla[i, j + 1, k, c])
    a01 = tesla[i, j, k + 1, c] + u * (tesla[i + 1, j, k + 1, c] - tesla[i, j, k + 1, c])
    a11 = tesla[i, j + 1, k + 1, c] + u * (tesla[i + 1, j + 1, k + 1, c] - tesla[i, j + 1, k + 1, c])
    low, high = a00 + v * (a10 - a00), a01 + v * (a11 - a01)
    near = (tesla[i + 1, j, k, c] - tesla[i, j, k, c]) * (1.0 - v) + v * (
        tesla[i + 1, j + 1, k, c] - tesla[i, j + 1, k, c]
    )
    far = (tesla[i + 1, j, k + 1, c] - tesla[i, j, k + 1, c]) * (1.0 - v) + v * (
        tesla[i + 1, j + 1, k + 1, c] - tesla[i, j + 1, k + 1, c]
    )
    return (
        low + w * (high - low),
        near + w * (far - near),
        (a10 - a00) + w * ((a11 - a01) - (a10 - a00)),
        high - low,
    )


@kernel
def _turned_back(m: Floats, b: Vector, slopes: Slopes) -> tuple[float, ...]:
    """Vector and slopes of the grid's frame in the frame of the caller: ``m^T b`` and ``m^T g m``."""
    xu, xv, xw, yu, yv, yw, zu, zv, zw = slopes
    g = np.empty((3, 3))
    for c in range(3):
        g[X, c] = xu * m[X, c] + xv * m[Y, c] + xw * m[Z, c]
        g[Y, c] = yu * m[X, c] + yv * m[Y, c] + yw * m[Z, c]
        g[Z, c] = zu * m[X, c] + zv * m[Y, c] + zw * m[Z, c]
    t = m.T
    return (
        t[X, X] * b[X] + t[X, Y] * b[Y] + t[X, Z] * b[Z],
        t[Y, X] * b[X] + t[Y, Y] * b[Y] + t[Y, Z] * b[Z],
        t[Z, X] * b[X] + t[Z, Y] * b[Y] + t[Z, Z] * b[Z],
        t[X, X] * g[X, X] + t[X, Y] * g[Y, X] + t[X, Z] * g[Z, X],
        t[X, X] * g[X, Y] + t[X, Y] * g[Y, Y] + t[X, Z] * g[Z, Y],
        t[X, X] * g[X, Z] + t[X, Y] * g[Y, Z] + t[X, Z] * g[Z, Z],
        t[Y, X] * g[X, X] + t[Y, Y] * g[Y, X] + t[Y, Z] * g[Z, X],
        t[Y, X] * g[X, Y] + t[Y, Y] * g[Y, Y] + t[Y, Z] * g[Z, Y],
        t[Y, X] * g[X, Z] + t[Y, Y] * g[Y, Z] + t[Y, Z] * g[Z, Z],
        t[Z, X] * g[X, X] + t[Z, Y] * g[Y, X] + t[Z, Z] * g[Z, X],
        t[Z, X] * g[X, Y] + t[Z, Y] * g[Y, Y] + t[Z, Z] * g[Z, Y],
        t[Z, X] * g[X, Z] + t[Z, Y] * g[Y, Z] + t[Z, Z] * g[Z, Z],
    )


@kernel
def vectors(grid: FieldGrid, xyz: Floats) -> Floats:
    """Field vectors (n, 3) at positions (n, 3)."""
    out = np.empty((len(xyz), 3))
    for i in range(len(xyz)):
        out[i, X], out[i, Y], out[i, Z] = field_at(grid, xyz[i, X], xyz[i, Y], xyz[i, Z])
    return out
