"""The particles a generator hands to transport, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats


@dataclass(frozen=True, slots=True)
class Generated:
    """Particles at their production points.

    Attributes
    ----------
    pdg : int32 (n,)
    px, py, pz : float64 (n,), GeV
    vx, vy, vz : float64 (n,), mm
    time : float64 (n,), ns
    vertex : int32 (n,)
        Collision the particle comes from: 0 is the one asked for, 1, 2, ... are pile-up.
    """

    pdg: NDArray[np.int32]
    px: Floats
    py: Floats
    pz: Floats
    vx: Floats
    vy: Floats
    vz: Floats
    time: Floats
    vertex: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.pdg)

    def select(self, keep: NDArray[np.bool_] | slice) -> Generated:
        """The particles where `keep` is true, or of a slice."""
        return Generated(*(getattr(self, f.name)[keep] for f in fields(self)))

    @staticmethod
    def join(parts: Sequence[Generated]) -> Generated:
        """Several sets one after the other; `vertex` numbers are kept."""
        return Generated(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Generated)))
