"""Magnetic fields in tesla: the same everywhere, or on a grid; where a track is, not where the origin is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats

from .grid import FieldGrid, vectors

#: A map of this many cells along its longest side or more is looked at so often, at most, along that side.
MOST_LOOKS = 400


class Field(Protocol):
    """A magnetic field: `at` gives its vector anywhere, `grid` what compiled kernels read."""

    @property
    def grid(self) -> FieldGrid:
        """The same for kernels."""
        ...

    def at(self, xyz: Floats) -> Floats:
        """Field vectors (n, 3) in tesla at positions (n, 3) in mm."""
        ...

    def in_frame(self, rotation: Floats, origin: Floats) -> Field:
        """The field as seen from a frame with ``local = rotation @ (global - origin)``: vectors and positions are local."""
        ...


@dataclass(frozen=True, slots=True)
class ConstantField:
    """The same field everywhere; along z unless told otherwise: an ideal solenoid, or no field at all.

    Attributes
    ----------
    bz, bx, by : float
        Tesla.
    """

    bz: float
    bx: float = 0.0
    by: float = 0.0

    @property
    def grid(self) -> FieldGrid:
        """One node."""
        one = np.zeros(1)
        tesla = np.array([self.bx, self.by, self.bz]).reshape(1, 1, 1, 3)
        return FieldGrid(one, one, one, tesla, np.eye(3), np.zeros(3), False, np.inf)

    def at(self, xyz: Floats) -> Floats:
        """Field vectors (n, 3) in tesla at positions (n, 3) in mm."""
        return np.tile(np.array([self.bx, self.by, self.bz]), (len(xyz), 1))

    def in_frame(self, rotation: Floats, origin: Floats) -> ConstantField:
        """The field as seen from a frame with ``local = rotation @ (global - origin)``."""
        bx, by, bz = (float(b) for b in rotation @ [self.bx, self.by, self.bz])
        return ConstantField(bz, bx, by)


@dataclass(frozen=True, eq=False)
class MapField:
    """A measured or computed field on a grid, linear between its points and 0 outside.

    Attributes
    ----------
    axes : three float64 arrays
        Grid points along x, y and z of the map's own frame, mm, rising.
    values : float64 (n_x, n_y, n_z, 3)
        Tesla, in the map's own frame.
    turn, shift : float64 (3, 3), (3,)
        A position p lies at ``turn @ p + shift`` in the map's own frame.
    """

    axes: tuple[Floats, Floats, Floats]
    values: Floats
    turn: Floats = field(default_factory=lambda: np.eye(3))
    shift: Floats = field(default_factory=lambda: np.zeros(3))

    @cached_property
    def grid(self) -> FieldGrid:
        """What kernels read."""
        x, y, z = (np.ascontiguousarray(axis, np.float64) for axis in self.axes)
        finest = min(float(np.diff(axis).min()) for axis in (x, y, z))
        extent = max(float(np.ptp(axis)) for axis in (x, y, z))
        turn = np.ascontiguousarray(self.turn, np.float64)
        return FieldGrid(
            *(x, y, z, np.ascontiguousarray(self.values, np.float64)),
            *(turn, np.ascontiguousarray(self.shift, np.float64)),
            not np.array_equal(turn, np.eye(3)),
            max(2.0 * finest, extent / MOST_LOOKS),
        )

    def at(self, xyz: Floats) -> Floats:
        """Field vectors (n, 3) in tesla at positions (n, 3) in mm."""
        return np.asarray(vectors(self.grid, np.ascontiguousarray(xyz, np.float64).reshape(-1, 3)))

    def in_frame(self, rotation: Floats, origin: Floats) -> MapField:
        """The field as seen from a frame with ``local = rotation @ (global - origin)``."""
        return replace(self, turn=self.turn @ rotation.T, shift=self.turn @ origin + self.shift)

    def holds(self, xyz: Floats) -> NDArray[np.bool_]:
        """Whether positions (n, 3) lie in the map, (n,)."""
        own = xyz @ self.turn.T + self.shift
        low, high = (np.array([axis[end] for axis in self.axes]) for end in (0, -1))
        return np.asarray(((own >= low) & (own <= high)).all(axis=1))


def along_z(field: Field) -> float | None:
    """The z component, tesla, of a field that is along z and the same everywhere; None for any other."""
    tesla = field.grid.tesla
    if tesla.size > 3:
        return None
    bx, by, bz = tesla.ravel().tolist()
    return bz if np.hypot(bx, by) <= 1e-12 * abs(bz) else None


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
