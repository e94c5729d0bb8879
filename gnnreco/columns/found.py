"""What a reconstruction finds in one event: tracks and clusters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns.arrays import Floats, Ints, eta_of, phi_of, span
from gnnreco.columns.table import Columns


def empty(dtype: type, *shape: int) -> NDArray:
    """A column without rows, or zeros of a shape: the offsets of no rows are one zero."""
    return np.zeros(shape or (0,), dtype)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Tracks(Columns):
    """Found tracks of one event; hits by CSR.

    Attributes
    ----------
    offsets : int64 (n + 1,)
        Rows ``offsets[i]:offsets[i + 1]`` of `hit_index` belong to track ``i``.
    hit_index : int64 (m,)
        Rows of the event's hits, from the innermost outwards.
    d0, z0, phi, theta, q_over_p : float64 (n,)
        Perigee parameters with respect to the line of the detector's source (the z axis unless the detector tells
        another), in the source's frame and the ACTS convention (mm, mm, rad, rad, e/GeV).
    covariance : float64 (n, 15)
        Lower triangle, row by row, in the order and the units above.
    chi2, ndf, score : float64 (n,)
        Fit quality; `score` is the probability that the track is matched: at least half of its hits are a particle's, and
        half of that particle's on it. A confidence between 0 and 1 and no more where the bundle was not calibrated.
    hit_id : int64 (m,), optional
        What `Hits.hit_id` calls these hits: files of output carry it, so that any order of the hits is the same event.

    Examples
    --------
    >>> import numpy as np
    >>> one, zero = np.ones(2), np.zeros(2)
    >>> theta, q_over_p = np.full(2, np.pi / 2), np.array([0.5, -0.1])
    >>> offsets, hits = np.array([0, 3, 5]), np.array([0, 2, 4, 1, 3])
    >>> tracks = Tracks(offsets, hits, zero, zero, zero, theta, q_over_p, np.zeros((2, 15)), one, one, one)
    >>> tracks.pt
    array([ 2., 10.])
    >>> tracks[tracks.pt > 5].hit_index
    array([1, 3])
    """

    offsets: Ints = field(default_factory=lambda: empty(np.int64, 1))
    hit_index: Ints = field(default_factory=lambda: empty(np.int64))
    d0: Floats = field(default_factory=lambda: empty(np.float64))
    z0: Floats = field(default_factory=lambda: empty(np.float64))
    phi: Floats = field(default_factory=lambda: empty(np.float64))
    theta: Floats = field(default_factory=lambda: empty(np.float64))
    q_over_p: Floats = field(default_factory=lambda: empty(np.float64))
    covariance: Floats = field(default_factory=lambda: empty(np.float64, 0, 15))
    chi2: Floats = field(default_factory=lambda: empty(np.float64))
    ndf: Floats = field(default_factory=lambda: empty(np.float64))
    score: Floats = field(default_factory=lambda: empty(np.float64))
    hit_id: Ints | None = None

    RAGGED = ("hit_index", "hit_id")
    DERIVED = ("pt", "eta")
    NOUN = ("track", "tracks")

    @property
    def n_hits(self) -> Ints:
        """Hits on each track (n,)."""
        return np.diff(self.offsets)

    @property
    def pt(self) -> Floats:
        """Transverse momentum at the perigee (n,), GeV, of a particle of charge one; infinite on a straight line."""
        straight = np.full(len(self.theta), np.inf)
        return np.divide(np.sin(self.theta), np.abs(self.q_over_p), out=straight, where=self.q_over_p != 0)

    @property
    def eta(self) -> Floats:
        """Pseudorapidity of the direction at the perigee (n,)."""
        with np.errstate(divide="ignore"):
            return -np.log(np.tan(self.theta / 2))

    @property
    def charge(self) -> Floats:
        """Sign of the charge (n,): 1 or -1; 0 on a straight line."""
        return np.sign(self.q_over_p)

    def _facts(self) -> list[str]:
        if not len(self):
            return []
        pt = span(self.pt, "GeV")
        return [f"{self.n_hits.mean():.1f} hits each", *([f"pt {pt}"] if pt else [])]


#: What a shower can be, in the order of `Clusters.class_probability`. A calorimeter alone tells no electron from a photon.
CLUSTER_CLASSES = ("electromagnetic", "charged_hadron", "neutral_hadron", "muon")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Clusters(Columns):
    """Found clusters (showers) of one event; hits by CSR.

    Attributes
    ----------
    offsets : int64 (n + 1,)
        Rows ``offsets[i]:offsets[i + 1]`` of `hit_index` belong to cluster ``i``.
    hit_index : int64 (m,)
        Rows of the event's hits.
    hit_weight : float64 (m,)
        Fraction of the hit's energy that is the cluster's; a hit may belong to several.
    energy, energy_sigma : float64 (n,)
        GeV, of the particle, and its expected error.
    x, y, z : float64 (n,)
        Energy-weighted middle, mm.
    axis : float64 (n, 3)
        Direction of the shower, a unit vector.
    class_probability : float64 (n, 4)
        Probability of each of `CLUSTER_CLASSES`, given that it is a shower; NaN where nothing tells.
    score : float64 (n,)
        Probability that it is matched: that it holds half of a particle's energy, and half of its own is that particle's. A
        confidence between 0 and 1 and no more where the bundle was not calibrated.
    hit_id : int64 (m,), optional
        What `Hits.hit_id` calls these hits: files of output carry it.

    Examples
    --------
    >>> import numpy as np
    >>> one, offsets, hits = np.ones(2), np.array([0, 2, 3]), np.array([4, 5, 6])
    >>> energy, axis, chance = np.array([20.0, 5.0]), np.zeros((2, 3)), np.full((2, 4), 0.25)
    >>> clusters = Clusters(offsets, hits, np.ones(3), energy, one, one, one, one, axis, chance, one)
    >>> clusters.n_hits
    array([2, 1])
    >>> clusters[clusters.energy > 10].hit_index
    array([4, 5])
    """

    offsets: Ints = field(default_factory=lambda: empty(np.int64, 1))
    hit_index: Ints = field(default_factory=lambda: empty(np.int64))
    hit_weight: Floats = field(default_factory=lambda: empty(np.float64))
    energy: Floats = field(default_factory=lambda: empty(np.float64))
    energy_sigma: Floats = field(default_factory=lambda: empty(np.float64))
    x: Floats = field(default_factory=lambda: empty(np.float64))
    y: Floats = field(default_factory=lambda: empty(np.float64))
    z: Floats = field(default_factory=lambda: empty(np.float64))
    axis: Floats = field(default_factory=lambda: empty(np.float64, 0, 3))
    class_probability: Floats = field(default_factory=lambda: empty(np.float64, 0, len(CLUSTER_CLASSES)))
    score: Floats = field(default_factory=lambda: empty(np.float64))
    hit_id: Ints | None = None

    RAGGED = ("hit_index", "hit_weight", "hit_id")
    DERIVED = ("pt", "eta", "phi")
    AXES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "axis": ("x", "y", "z"),
        "class_probability": CLUSTER_CLASSES,
    }
    NOUN = ("cluster", "clusters")

    @property
    def n_hits(self) -> Ints:
        """Hits of each cluster (n,), whole or in part."""
        return np.diff(self.offsets)

    @property
    def pt(self) -> Floats:
        """Transverse energy (n,), GeV: `energy` as if it flew from the origin to the middle of the cluster."""
        with np.errstate(invalid="ignore"):
            return self.energy * np.sin(np.arctan2(np.hypot(self.x, self.y), self.z))

    @property
    def eta(self) -> Floats:
        """Pseudorapidity of the middle, seen from the origin (n,)."""
        return eta_of(self.x, self.y, self.z)

    @property
    def phi(self) -> Floats:
        """Azimuth of the middle (n,), rad."""
        return phi_of(self.x, self.y)

    def _facts(self) -> list[str]:
        return [f"{self.n_hits.mean():.1f} hits each", f"{span(self.energy, 'GeV')}"] if len(self) else []
