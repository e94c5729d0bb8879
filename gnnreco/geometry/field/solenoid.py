"""The field of a solenoid of finite length: a thin sheet of current around a cylinder, without iron, exact everywhere.

N. Derby and S. Olbert, Am. J. Phys. 78 (2010) 229: two components in Bulirsch's complete elliptic integral `cel`.
"""

from __future__ import annotations

import math

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import X, Y, Z

from .field import MapField
from .grid import kernel

CELLS = 24  # of the map along a radius
LONGEST = 40  # radii: a longer coil is endless where its tracker is


def solenoid_map(bz: float, length: float, radius: float) -> MapField:
    """A map of the field in the box around the coil, and half a length beyond either end.

    Parameters
    ----------
    bz : float
        At the middle, tesla.
    length, radius : float
        Of the coil, which is around z with its middle at the origin, mm.
    """
    side = np.linspace(-radius, radius, 2 * CELLS + 1)
    z = np.linspace(-length, length, 2 * math.ceil(length / radius * CELLS) + 1)
    tesla = np.empty((len(side), len(side), len(z), 3))
    _fill(side, z, 0.5 * length, radius, tesla)
    middle = tesla[CELLS, CELLS, len(z) // 2, 2]
    return MapField((side, side, z), tesla * (bz / middle))


@kernel
def _fill(side: Floats, z: Floats, half: float, radius: float, tesla: Floats) -> None:
    for i in range(len(side)):
        for j in range(len(side)):
            rho = math.hypot(side[i], side[j])
            for k in range(len(z)):
                across, along = sheet(rho, z[k], half, radius)
                tesla[i, j, k, X] = across * side[i] / max(rho, 1e-30)
                tesla[i, j, k, Y] = across * side[j] / max(rho, 1e-30)
                tesla[i, j, k, Z] = along


@kernel
def sheet(rho: float, z: float, half: float, radius: float) -> tuple[float, float]:
    """Field away from and along the axis, in units of that in an endless solenoid of the same current."""
    if abs(rho - radius) < 1e-9 * radius:  # on the sheet the field jumps: its inner side
        rho = radius * (1.0 - 1e-9)
    across, along, gamma = 0.0, 0.0, (radius - rho) / (radius + rho)
    for sign in (1.0, -1.0):
        end = z + sign * half
        far = math.sqrt(end * end + (rho + radius) ** 2)
        kc = math.sqrt(end * end + (radius - rho) ** 2) / far
        across += sign * radius / far * _cel(kc, 1.0, 1.0, -1.0)
        along += sign * radius * end / far / (radius + rho) * _cel(kc, gamma * gamma, 1.0, gamma)
    return across / math.pi, along / math.pi


@kernel
def _cel(kc: float, p: float, c: float, s: float) -> float:
    """Integral from 0 to pi / 2 of (c cos^2 + s sin^2) / (cos^2 + p sin^2) / sqrt(cos^2 + kc^2 sin^2), p > 0."""
    k, em, root = abs(kc), 1.0, math.sqrt(p)
    s /= root
    f, c = c, c + s / root
    g = k / root
    s = 2.0 * (s + f * g)
    root += g
    g, em = em, k + em
    kk = k
    while abs(g - k) > g * 1e-10:
        k = 2.0 * math.sqrt(kk)
        kk = k * em
        f, c = c, c + s / root
        g = kk / root
        s = 2.0 * (s + f * g)
        root += g
        g, em = em, k + em
    return 0.5 * math.pi * (s + c * em) / (em * (em + root))
