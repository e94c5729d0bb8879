"""What particle flow finds in one event: particles, each with what it was made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns.arrays import Floats, Ints, eta_of, phi_of, span
from gnnreco.columns.found import empty
from gnnreco.columns.table import Columns

#: What a found particle can be, in the order of `ReconstructedParticles.class_probability`.
PARTICLE_CLASSES = ("charged_hadron", "neutral_hadron", "photon", "electron", "muon")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ReconstructedParticles(Columns):
    """Found particles of one event; their tracks, clusters and hits by CSR, each with offsets of its own.

    Attributes
    ----------
    class_index : int32 (n,)
        Row of the class in `PARTICLE_CLASSES`; column ``pdg_class`` of files.
    class_probability : float64 (n, 5)
        Probability of each of `PARTICLE_CLASSES`, given that it is a particle.
    charge : float64 (n,)
        In units of e.
    px, py, pz, energy : float64 (n,)
        Four-momentum at the place where the particle was made, GeV.
    energy_sigma : float64 (n,)
        Expected error of the energy, GeV.
    score : float64 (n,)
        Probability that the particle is right: that a true particle of its class is where it is.
    track_index : int64 (t,)
        Rows of the tracks that were found in the same event; ``track_offsets[i]:track_offsets[i + 1]`` are those of
        particle ``i``.
    cluster_index : int64 (c,)
        Rows of the clusters that were found in the same event, by `cluster_offsets`.
    hit_index : int64 (m,)
        Rows of hits that the particle has without a cluster or a track of theirs, by `offsets`.
    track_offsets, cluster_offsets, offsets : int64 (n + 1,)
    hit_id : int64 (m,), optional
        What `Hits.hit_id` calls these hits: files of output carry it.

    Examples
    --------
    >>> import numpy as np
    >>> one, none = np.ones(2), np.zeros(3, np.int64)
    >>> kind, charge, energy = np.array([2, 0], np.int32), np.array([0.0, 1.0]), np.array([5.0, 5.1])
    >>> chance, first = np.full((2, 5), 0.2), np.array([0, 0, 1])
    >>> found = ReconstructedParticles(
    ...     kind, chance, charge, 3 * one, 4 * one, 0 * one, energy, one, one, first, np.array([4]), none, offsets=none
    ... )
    >>> [PARTICLE_CLASSES[row] for row in found.class_index]
    ['photon', 'charged_hadron']
    >>> found[found.charge != 0].track_index
    array([4])
    """

    class_index: NDArray[np.int32] = field(default_factory=lambda: empty(np.int32))
    class_probability: Floats = field(default_factory=lambda: empty(np.float64, 0, len(PARTICLE_CLASSES)))
    charge: Floats = field(default_factory=lambda: empty(np.float64))
    px: Floats = field(default_factory=lambda: empty(np.float64))
    py: Floats = field(default_factory=lambda: empty(np.float64))
    pz: Floats = field(default_factory=lambda: empty(np.float64))
    energy: Floats = field(default_factory=lambda: empty(np.float64))
    energy_sigma: Floats = field(default_factory=lambda: empty(np.float64))
    score: Floats = field(default_factory=lambda: empty(np.float64))
    track_offsets: Ints = field(default_factory=lambda: empty(np.int64, 1))
    track_index: Ints = field(default_factory=lambda: empty(np.int64))
    cluster_offsets: Ints = field(default_factory=lambda: empty(np.int64, 1))
    cluster_index: Ints = field(default_factory=lambda: empty(np.int64))
    offsets: Ints = field(default_factory=lambda: empty(np.int64, 1))
    hit_index: Ints = field(default_factory=lambda: empty(np.int64))
    hit_id: Ints | None = None

    RAGGED = ("track_index", "cluster_index", "hit_index", "hit_id")
    OFFSETS: ClassVar[Mapping[str, str]] = {
        "track_index": "track_offsets",
        "cluster_index": "cluster_offsets",
    }
    DERIVED = ("pt", "eta", "phi", "mass")
    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = {"class_probability": PARTICLE_CLASSES}
    NOUN = ("particle", "particles")

    @property
    def pt(self) -> Floats:
        """Transverse momentum (n,), GeV."""
        return np.hypot(self.px, self.py)

    @property
    def eta(self) -> Floats:
        """Pseudorapidity of the momentum (n,)."""
        return eta_of(self.px, self.py, self.pz)

    @property
    def phi(self) -> Floats:
        """Azimuth of the momentum (n,), rad."""
        return phi_of(self.px, self.py)

    @property
    def mass(self) -> Floats:
        """Mass of the four-momentum (n,), GeV; 0 where rounding makes its square negative."""
        momentum2 = self.px**2 + self.py**2 + self.pz**2
        return np.sqrt(np.maximum(self.energy**2 - momentum2, 0.0))

    def _facts(self) -> list[str]:
        if not len(self):
            return []
        count = np.bincount(self.class_index, minlength=len(PARTICLE_CLASSES))
        kinds = [
            f"{n} {name.replace('_', ' ')}{'s' if n > 1 else ''}"
            for n, name in zip(count, PARTICLE_CLASSES, strict=True)
            if n
        ]
        return [*kinds, span(self.energy, "GeV")]
