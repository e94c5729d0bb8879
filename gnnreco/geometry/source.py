"""Where particles come from: a point with a spread, and the line along which they travel or collide."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gnnreco.columns import Floats

#: Two directions closer than this (sine of the angle between them) span no plane.
PARALLEL = 1e-6


@dataclass(frozen=True, eq=False)
class Source:
    """The place that a detector looks at, and the frame in which it is understood.

    In the source's frame the source is the origin, z its direction, x `across` and y square to both. Everything that
    asks where particles come from, which way is depth, or what "transverse" means works in this frame.

    Attributes
    ----------
    position : float64 (3,)
        mm.
    direction : float64 (3,)
        Of the beam, or of the line on which beams meet; a unit vector.
    across : float64 (3,)
        A unit vector square to `direction`.
    spread : float64 (3,), optional
        Standard deviations along `across`, y and `direction`, mm; without it the simulation's options say.
    """

    position: Floats = field(default_factory=lambda: np.zeros(3))
    direction: Floats = field(default_factory=lambda: np.array([0.0, 0.0, 1.0]))
    across: Floats = field(default_factory=lambda: np.array([1.0, 0.0, 0.0]))
    spread: Floats | None = None

    @classmethod
    def of(
        cls, position: Floats, direction: Floats, across: Floats | None = None, spread: Floats | None = None
    ) -> Source:
        """A source of vectors of any length.

        `across` is made square to `direction`; without it, x is, or y where the direction is along x.

        Raises
        ------
        ValueError
            If a vector has no length, or `across` is along the direction.
        """
        length = float(np.linalg.norm(direction))
        if not length > 0:
            raise ValueError("the direction has no length")
        way = direction / length
        x, y = np.eye(3)[:2]
        given = across if across is not None else x if abs(way[0]) < 1 - PARALLEL else y
        square = given - (given @ way) * way
        if not np.linalg.norm(square) > PARALLEL * max(float(np.linalg.norm(given)), 1e-300):
            raise ValueError("across must not be along the direction")
        return cls(position, way, square / np.linalg.norm(square), spread)

    @cached_property
    def rotation(self) -> Floats:
        """``local = rotation @ (global - position)`` (3, 3)."""
        return np.stack([self.across, np.cross(self.direction, self.across), self.direction])

    @cached_property
    def is_default(self) -> bool:
        """Whether the source's frame is the global one."""
        return not self.position.any() and bool((self.rotation == np.eye(3)).all())

    def moved(self, rotation: Floats, shift: Floats) -> Source:
        """The source turned by a rotation (3, 3), then shifted by (3,) mm."""
        return Source(
            rotation @ self.position + shift, rotation @ self.direction, rotation @ self.across, self.spread
        )

    def into(self, points: Floats) -> Floats:
        """Global positions (n, 3) in the source's frame, mm."""
        return (points - self.position) @ self.rotation.T

    def out_of(self, points: Floats) -> Floats:
        """Positions (n, 3) in the source's frame as global ones, mm."""
        return points @ self.rotation + self.position

    def turn_into(self, vectors: Floats) -> Floats:
        """Global vectors (..., 3) in the source's frame."""
        return vectors @ self.rotation.T

    def turn_out_of(self, vectors: Floats) -> Floats:
        """Vectors (..., 3) in the source's frame as global ones."""
        return vectors @ self.rotation
