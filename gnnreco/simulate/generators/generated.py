"""The particles a generator hands to transport, as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.particles import species_of


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


def accepted(particles: Generated, min_pt: float, max_eta: float, *, neutrals: bool) -> NDArray[np.bool_]:
    """Which particles lie in the acceptance: pt above `min_pt` (GeV), and charged unless `neutrals` are wanted too."""
    pt = np.hypot(particles.px, particles.py)
    keep = (pt > min_pt) & (np.arcsinh(np.abs(particles.pz) / np.maximum(pt, 1e-300)) < max_eta)
    return keep if neutrals else keep & charged(particles.pdg)


def charged(pdg: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Which PDG codes carry a charge."""
    codes, row = np.unique(pdg, return_inverse=True)
    species = species_of(codes)
    return species.charge[species.rows(codes)][row] != 0


def turned(particles: Generated, angle: float) -> Generated:
    """Particles turned by an angle (rad) about the z axis."""
    cos, sin = np.cos(angle), np.sin(angle)
    return replace(
        particles,
        px=cos * particles.px - sin * particles.py,
        py=sin * particles.px + cos * particles.py,
        vx=cos * particles.vx - sin * particles.vy,
        vy=sin * particles.vx + cos * particles.vy,
    )
