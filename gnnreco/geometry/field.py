"""Magnetic fields: what the helix and the fit ask for, in tesla."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

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
