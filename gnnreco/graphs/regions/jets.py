"""Jets as rings of regions around their axis, and what a jet is as a whole."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Jets
from gnnreco.errors import BadConfig
from gnnreco.graphs.energy_correlation import SUBSTRUCTURE, substructure

from .fill import UNIT
from .particles import turns_of
from .pieces import ELECTRON, MUON, PHOTON, Pieces
from .places import RINGS

TOTALS = (
    *("pt", "mass", "mass over pt", "width", "spread of pt", "hardest part", "constituents"),
    *("two prongs", "charged part", "electromagnetic part", "leptonic part"),
)
PART = 0.01  # of a jet: features are logarithms of one plus their multiple of it
LEAST_D2 = 0.01


@dataclass(frozen=True)
class RingConfig:
    """How a jet is cut into regions.

    Attributes
    ----------
    rings : int
        Rings of the same width, out to the radius of the jets; what lies beyond counts to the last.
    around : int
        Regions of each ring.
    """

    rings: int = 5
    around: int = 8

    def __post_init__(self) -> None:
        if not 0 < self.rings <= 100:
            raise BadConfig(f"rings of a jet: 1 to 100, not {self.rings}")
        if not 2 * RINGS < self.around <= 100:
            raise BadConfig(f"regions around the axis of a jet: {2 * RINGS + 1} to 100, not {self.around}")

    def static(self) -> NDArray[np.float32]:
        """How far out each ring lies, of 1 (rings, 1)."""
        return ((np.arange(self.rings)[:, None] + 0.5) / self.rings).astype(np.float32)


def constituents_of(jets: Jets, kind: NDArray[np.int64], config: RingConfig, radius: float) -> Pieces:
    """The constituents of all jets by their region, ``(jet * rings + ring) * around + turn``.

    Parameters
    ----------
    jets : Jets
    kind : int64 (m,)
        Class of each constituent, in `PARTICLE_CLASSES`; -1: unknown.
    config : RingConfig
    radius : float
        Radius of the jets, in pseudorapidity and azimuth.

    Returns
    -------
    Pieces
        Their size is the part of the pt of their jet.
    """
    jet = np.repeat(np.arange(len(jets)), np.diff(jets.offsets))
    away = np.hypot(jets.eta, jets.phi)
    ring = np.minimum(away / radius * config.rings, config.rings - 1).astype(np.int64)
    turn = turns_of(np.arctan2(jets.phi, jets.eta), config.around)
    return Pieces((jet * config.rings + ring) * config.around + turn, jets.pt / jets.jet_pt[jet], kind)


def totals_of(jets: Jets, pieces: Pieces) -> tuple[Floats, Floats]:
    """The numbers `TOTALS` of each jet (n, 11), and how much each constituent takes part in them (m, 11).

    pt and mass are logarithms of one plus GeV over 0.1; ``width`` is the mean distance from the axis by parts of the pt, and
    ``spread of pt`` the root of the sum of their squares; ``two prongs`` is minus the logarithm of D2 (see
    `gnnreco.graphs.energy_correlation`), 0 where a jet has not three constituents.
    """
    n, jet = len(jets), np.repeat(np.arange(len(jets)), np.diff(jets.offsets))
    z, away = pieces.size, np.hypot(jets.eta, jets.phi)
    light = np.isin(pieces.kind, (PHOTON, ELECTRON))
    leptons = np.isin(pieces.kind, (ELECTRON, MUON))
    hardest = np.zeros(n)
    np.maximum.at(hardest, jet, z)
    first = (z == hardest[jet]).astype(np.float64)
    parts = np.stack(
        [z, z * away, z * away, z * away, z**2, first, np.ones(len(z)), z * away]
        + [z * some for some in (pieces.charged, light, leptons)],
        axis=1,
    )
    summed = np.stack([np.bincount(jet, column, n) for column in parts.T], axis=1) if n else np.zeros((0, 11))
    d2 = substructure(jets.offsets, jets.pt, jets.eta, jets.phi)[:, SUBSTRUCTURE.index("d2_b1")]
    columns = [
        np.log1p(jets.jet_pt / UNIT),
        np.log1p(np.maximum(jets.jet_mass, 0.0) / UNIT),
        np.maximum(jets.jet_mass, 0.0) / jets.jet_pt,
        summed[:, 3],
        np.sqrt(summed[:, 4]),
        hardest,
        np.log1p(summed[:, 6]),
        np.where(d2 > 0, -np.log(np.maximum(d2, LEAST_D2)), 0.0),
        *summed[:, 8:].T,
    ]
    return np.stack(columns, axis=1), parts
