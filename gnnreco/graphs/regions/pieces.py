"""What regions hold of particles, whoever found them: sums, counts and the hardest, over all and by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import PARTICLE_CLASSES, Floats

CHARGED_HADRON, NEUTRAL_HADRON, PHOTON, ELECTRON, MUON = range(len(PARTICLE_CLASSES))
FEATURES = (
    *("sum", "particles", "hardest particle"),
    *("sum of charged hadrons", "sum of electrons", "sum of muons", "charged particles"),
    "hardest charged particle",
    *("sum of photons", "photons", "hardest photon"),
    *("sum of neutral hadrons", "neutral hadrons", "hardest neutral hadron"),
)
#: What features speak of, in words, and their columns.
KINDS = {
    "particles": slice(0, 3),
    "tracks": slice(3, 8),
    "electromagnetic energy": slice(8, 11),
    "hadronic energy": slice(11, 14),
}


@dataclass(frozen=True, slots=True)
class Pieces:
    """Particles in regions.

    Attributes
    ----------
    region : int64 (n,)
    size : float64 (n,)
        How hard each is: in GeV, or as a part of a jet.
    kind : int64 (n,)
        Row of its class in `PARTICLE_CLASSES`; -1: unknown.
    """

    region: NDArray[np.int64]
    size: Floats
    kind: NDArray[np.int64]

    @property
    def charged(self) -> NDArray[np.bool_]:
        """Charged hadrons, electrons and muons (n,)."""
        return np.isin(self.kind, (CHARGED_HADRON, ELECTRON, MUON))

    def features(self, regions: int, unit: float) -> NDArray[np.float32]:
        """The numbers `FEATURES` of each region (regions, 14): logarithms of one plus a count, or a size in units."""
        every, charged = np.ones(len(self.kind), bool), self.charged
        photon, neutral = self.kind == PHOTON, self.kind == NEUTRAL_HADRON
        columns = [
            *self._all_of(every, regions, unit),
            *(self._sum(self.kind == k, regions, unit) for k in (CHARGED_HADRON, ELECTRON, MUON)),
            *self._all_of(charged, regions, unit)[1:],
            *self._all_of(photon, regions, unit),
            *self._all_of(neutral, regions, unit),
        ]
        return np.log1p(np.stack(columns, axis=1)).astype(np.float32)

    def by_kind(self) -> Floats:
        """How much each takes part in what `KINDS`, and all together, say of its region (n, 5)."""
        parts = (
            np.ones(len(self.kind), bool),
            self.charged,
            self.kind == PHOTON,
            self.kind == NEUTRAL_HADRON,
        )
        return np.stack([*(self.size * part for part in parts), self.size], axis=1)

    def _all_of(self, some: NDArray[np.bool_], regions: int, unit: float) -> tuple[Floats, Floats, Floats]:
        """Sum, count and hardest of some particles in each region."""
        hardest = np.zeros(regions)
        np.maximum.at(hardest, self.region[some], self.size[some])
        count = np.bincount(self.region[some], minlength=regions).astype(np.float64)
        return self._sum(some, regions, unit), count, hardest / unit

    def _sum(self, some: NDArray[np.bool_], regions: int, unit: float) -> Floats:
        return np.bincount(self.region[some], self.size[some], regions) / unit
