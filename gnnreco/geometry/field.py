"""Magnetic fields: what the helix and the fit ask for, in tesla."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

Floats = NDArray[np.float64]


class Field(Protocol):
    """A magnetic field; `bz` is the component along z at the origin, `at` the vector anywhere."""

    @property
    def bz(self) -> float:
        """Component along z at the origin, tesla."""
        ...

    def at(self, xyz: Floats) -> Floats:
        """Field vectors (n, 3) in tesla at positions (n, 3) in mm."""
        ...


@dataclass(frozen=True, slots=True)
class ConstantField:
    """The same field everywhere, along z: an ideal solenoid, or no field at all.

    Attributes
    ----------
    bz : float
        Tesla.
    """

    bz: float

    def at(self, xyz: Floats) -> Floats:
        """Field vectors (n, 3) in tesla at positions (n, 3) in mm."""
        field = np.zeros((len(xyz), 3))
        field[:, 2] = self.bz
        return field


@dataclass(frozen=True, eq=False)
class MapField:
    """A measured or computed field on a regular grid, linear between its points and 0 outside.

    Attributes
    ----------
    axes : three float64 arrays
        Grid points along x, y and z, mm, rising.
    values : float64 (n_x, n_y, n_z, 3)
        Tesla.
    """

    axes: tuple[Floats, Floats, Floats]
    values: Floats

    @cached_property
    def _interpolate(self) -> RegularGridInterpolator:
        return RegularGridInterpolator(self.axes, self.values, bounds_error=False, fill_value=0.0)

    @cached_property
    def bz(self) -> float:
        """Component along z at the origin, tesla."""
        return float(self.at(np.zeros((1, 3)))[0, 2])

    def at(self, xyz: Floats) -> Floats:
        """Field vectors (n, 3) in tesla at positions (n, 3) in mm."""
        return np.asarray(self._interpolate(xyz), np.float64)


def grid_map(points: Floats, values: Floats) -> MapField:
    """A map from a table of points (n, 3) in mm, in any order, and their field (n, 3) in tesla.

    Raises
    ------
    ValueError
        If the points are not all points of a grid, each once.
    """
    rows = [np.unique(points[:, axis], return_inverse=True) for axis in range(3)]
    axes = tuple(row[0] for row in rows)
    shape = tuple(len(axis) for axis in axes)
    place = np.ravel_multi_index(tuple(row[1].ravel() for row in rows), shape)
    if len(points) != np.prod(shape) or len(np.unique(place)) != len(place):
        raise ValueError(
            f"{len(points)} points are not the {' x '.join(map(str, shape))} points of a grid, each once"
        )
    if min(shape) < 2:
        raise ValueError("a map needs at least two points along each axis")
    ordered = np.empty((len(points), 3))
    ordered[place] = values
    return MapField((axes[0], axes[1], axes[2]), ordered.reshape(*shape, 3))
