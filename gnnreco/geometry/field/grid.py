"""A magnetic field as compiled kernels read it: vectors on a grid, linear in between, with their slopes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import njit

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
def _cell(nodes, place):  # type: ignore[no-untyped-def]
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
def field_at(grid, px, py, pz):  # type: ignore[no-untyped-def]
    """Field vector at a position: bx, by, bz."""
    b = field_and_slope(grid, px, py, pz)
    return b[0], b[1], b[2]


@kernel
def field_and_slope(grid, px, py, pz):  # type: ignore[no-untyped-def]
    """Field vector at a position and its nine derivatives: bx, by, bz, dbx/dx, dbx/dy, ... dbz/dz (tesla per mm)."""
    if grid.tesla.size == 3:
        b = grid.tesla[0, 0, 0]
        return b[0], b[1], b[2], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    m, o = grid.turn, grid.shift
    if grid.turned:
        px, py, pz = (
            m[0, 0] * px + m[0, 1] * py + m[0, 2] * pz,
            m[1, 0] * px + m[1, 1] * py + m[1, 2] * pz,
            m[2, 0] * px + m[2, 1] * py + m[2, 2] * pz,
        )
    i, u = _cell(grid.x, px + o[0])
    j, v = _cell(grid.y, py + o[1])
    k, w = _cell(grid.z, pz + o[2])
    if i < 0 or j < 0 or k < 0:
        return 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    du = 1.0 / (grid.x[i + 1] - grid.x[i])
    dv = 1.0 / (grid.y[j + 1] - grid.y[j])
    dw = 1.0 / (grid.z[k + 1] - grid.z[k])
    x = _component(grid.tesla, i, j, k, u, v, w, 0)
    y = _component(grid.tesla, i, j, k, u, v, w, 1)
    z = _component(grid.tesla, i, j, k, u, v, w, 2)
    if not grid.turned:
        return (
            x[0], y[0], z[0], x[1] * du, x[2] * dv, x[3] * dw, y[1] * du, y[2] * dv, y[3] * dw,
            z[1] * du, z[2] * dv, z[3] * dw,
        )  # fmt: skip
    return _turned_back(m, x, y, z, du, dv, dw)


@kernel
def _component(tesla, i, j, k, u, v, w, c):  # type: ignore[no-untyped-def]
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
def _turned_back(m, x, y, z, du, dv, dw):  # type: ignore[no-untyped-def]
    """Vector and slopes of the grid's frame in the frame of the caller: ``m^T b`` and ``m^T g m``."""
    b, g = (x[0], y[0], z[0]), np.empty((3, 3))
    for c in range(3):
        g[0, c] = x[1] * du * m[0, c] + x[2] * dv * m[1, c] + x[3] * dw * m[2, c]
        g[1, c] = y[1] * du * m[0, c] + y[2] * dv * m[1, c] + y[3] * dw * m[2, c]
        g[2, c] = z[1] * du * m[0, c] + z[2] * dv * m[1, c] + z[3] * dw * m[2, c]
    t = m.T
    return (
        t[0, 0] * b[0] + t[0, 1] * b[1] + t[0, 2] * b[2],
        t[1, 0] * b[0] + t[1, 1] * b[1] + t[1, 2] * b[2],
        t[2, 0] * b[0] + t[2, 1] * b[1] + t[2, 2] * b[2],
        t[0, 0] * g[0, 0] + t[0, 1] * g[1, 0] + t[0, 2] * g[2, 0],
        t[0, 0] * g[0, 1] + t[0, 1] * g[1, 1] + t[0, 2] * g[2, 1],
        t[0, 0] * g[0, 2] + t[0, 1] * g[1, 2] + t[0, 2] * g[2, 2],
        t[1, 0] * g[0, 0] + t[1, 1] * g[1, 0] + t[1, 2] * g[2, 0],
        t[1, 0] * g[0, 1] + t[1, 1] * g[1, 1] + t[1, 2] * g[2, 1],
        t[1, 0] * g[0, 2] + t[1, 1] * g[1, 2] + t[1, 2] * g[2, 2],
        t[2, 0] * g[0, 0] + t[2, 1] * g[1, 0] + t[2, 2] * g[2, 0],
        t[2, 0] * g[0, 1] + t[2, 1] * g[1, 1] + t[2, 2] * g[2, 1],
        t[2, 0] * g[0, 2] + t[2, 1] * g[1, 2] + t[2, 2] * g[2, 2],
    )


@kernel
def vectors(grid, xyz):  # type: ignore[no-untyped-def]
    """Field vectors (n, 3) at positions (n, 3)."""
    out = np.empty((len(xyz), 3))
    for i in range(len(xyz)):
        out[i, 0], out[i, 1], out[i, 2] = field_at(grid, xyz[i, 0], xyz[i, 1], xyz[i, 2])
    return out
