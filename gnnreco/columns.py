"""The columns every stage reads and writes: flat arrays in mm, ns, GeV and tesla, one row per hit, particle or track."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def _empty(dtype: type, *shape: int) -> NDArray:
    return np.zeros(shape or (0,), dtype)


@dataclass(frozen=True, slots=True)
class Deposits:
    """The channels that fired under each hit, as one CSR table.

    Attributes
    ----------
    offsets : int64 (n_hits + 1,)
        Rows ``offsets[i]:offsets[i + 1]`` belong to hit ``i``.
    u, v : int32 (n_deposits,)
        Channel numbers along the sensor's own axes.
    value : float32 (n_deposits,)
        Signal in the unit of the file (charge, energy, time over threshold).
    """

    offsets: Ints
    u: NDArray[np.int32]
    v: NDArray[np.int32]
    value: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Hits:
    """Measured points of one event.

    Attributes
    ----------
    hit_id : int64 (n,)
        The number the file gave the hit; unique within the event.
    x, y, z : float64 (n,)
        Global position, mm.
    sensor : int32 (n,)
        Row of the sensor in the `Detector`.
    var_u, var_v : float64 (n,), optional
        Variance of the position along the sensor's axes, mm^2; without it the cell size tells.
    time : float64 (n,), optional
        ns.
    energy : float64 (n,), optional
        GeV.
    deposits : Deposits, optional
        The channels under each hit.
    """

    hit_id: Ints
    x: Floats
    y: Floats
    z: Floats
    sensor: NDArray[np.int32]
    var_u: Floats | None = None
    var_v: Floats | None = None
    time: Floats | None = None
    energy: Floats | None = None
    deposits: Deposits | None = None

    def __len__(self) -> int:
        return len(self.hit_id)

    @property
    def xyz(self) -> Floats:
        """Positions as one (n, 3) array, mm."""
        return np.stack([self.x, self.y, self.z], axis=1)


@dataclass(frozen=True, slots=True)
class Particles:
    """Particles, true or found: one row each.

    Attributes
    ----------
    particle_id : int64 (n,)
        Unique within the event.
    pdg : int32 (n,)
        Particle Data Group code; 0 where unknown.
    charge : float64 (n,)
        In units of e.
    vx, vy, vz : float64 (n,)
        Production point, mm.
    px, py, pz : float64 (n,)
        Momentum at the production point, GeV.
    """

    particle_id: Ints
    pdg: NDArray[np.int32]
    charge: Floats
    vx: Floats
    vy: Floats
    vz: Floats
    px: Floats
    py: Floats
    pz: Floats

    def __len__(self) -> int:
        return len(self.particle_id)


@dataclass(frozen=True, slots=True)
class Truth:
    """What a simulation knows: particles, and which of them made which hit.

    A hit may have no particle (noise) or several (shared); the link table is sorted by hit, then particle.

    Attributes
    ----------
    particles : Particles
    hit, particle : int64 (m,)
        Row of the hit in `Hits` and of the particle in `particles`.
    weight : float64 (n_hits,), optional
        TrackML weight of each hit, where the file gives it.
    energy : float64 (m,), optional
        What the particle left in the hit, GeV, for each row of the link table.
    """

    particles: Particles
    hit: Ints
    particle: Ints
    weight: Floats | None = None
    energy: Floats | None = None


@dataclass(frozen=True, slots=True)
class Collections:
    """What a file that describes itself says of its hits, where otherwise a detector would: for unknown data.

    Attributes
    ----------
    names : tuple of str
    of : int32 (n_hits,)
        Row of each hit's collection in `names`.
    edges : float64 (n_hits, 3, 3)
        Edges of the hit's cell as vectors, mm: ``edges[:, 0]`` and ``edges[:, 1]`` across, ``edges[:, 2]`` through
        it. Zero along what has no extent (a strip has one edge only); NaN where the file does not tell.
    """

    names: tuple[str, ...]
    of: NDArray[np.int32]
    edges: Floats


@dataclass(frozen=True, slots=True)
class Jets:
    """A block of jets, found already: constituents by CSR, hardest first, and what was computed of each jet.

    Attributes
    ----------
    offsets : int64 (n + 1,)
        Rows ``offsets[i]:offsets[i + 1]`` of the constituents belong to jet ``i``.
    pt, eta, phi : float64 (m,)
        Of the constituents: GeV; pseudorapidity and azimuth (rad, within pi) relative to the axis of the jet.
    features : float64 (n, k)
        By `feature_names`.
    feature_names : tuple of str
    label : int64 (n,)
        Row of the true class in `classes`; -1 where it is not known.
    classes : tuple of str
    jet_pt, jet_eta, jet_phi, jet_mass : float64 (n,)
        Of the jet itself: GeV, pseudorapidity, rad, GeV.
    """

    offsets: Ints
    pt: Floats
    eta: Floats
    phi: Floats
    features: Floats
    feature_names: tuple[str, ...]
    label: Ints
    classes: tuple[str, ...]
    jet_pt: Floats
    jet_eta: Floats
    jet_phi: Floats
    jet_mass: Floats

    def __len__(self) -> int:
        return len(self.offsets) - 1


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its number, where it came from, its hits; the truth and the collections of the file, if any.

    What its reader does not know (collections, columns) is counted by name in `left_aside`.
    Files of jets give blocks of them: an event then has `jets`, no hits, and an empty truth where labels are known.
    `hits_summed` counts the deposits of the file that were added to another one of the same cell.
    `found` holds what tasks found in it, by the type of its columns (`Tracks`, `Clusters`), for the tasks that follow.
    """

    number: int
    source: str
    hits: Hits
    truth: Truth | None = None
    collections: Collections | None = None
    jets: Jets | None = None
    hits_summed: int = 0
    left_aside: Mapping[str, int] = field(default_factory=dict)
    found: Mapping[type, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tracks:
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
        Lower triangle, row by row, in the order above.
    chi2, ndf, score : float64 (n,)
        Fit quality; `score` is the probability that the track is matched: at least half of its hits are a particle's, and
        half of that particle's on it. A confidence between 0 and 1 and no more where the bundle was not calibrated.
    hit_id : int64 (m,), optional
        What `Hits.hit_id` calls these hits: files of output carry it, so that any order of the hits is the same event.
    """

    offsets: Ints = field(default_factory=lambda: _empty(np.int64, 1))
    hit_index: Ints = field(default_factory=lambda: _empty(np.int64))
    d0: Floats = field(default_factory=lambda: _empty(np.float64))
    z0: Floats = field(default_factory=lambda: _empty(np.float64))
    phi: Floats = field(default_factory=lambda: _empty(np.float64))
    theta: Floats = field(default_factory=lambda: _empty(np.float64))
    q_over_p: Floats = field(default_factory=lambda: _empty(np.float64))
    covariance: Floats = field(default_factory=lambda: _empty(np.float64, 0, 15))
    chi2: Floats = field(default_factory=lambda: _empty(np.float64))
    ndf: Floats = field(default_factory=lambda: _empty(np.float64))
    score: Floats = field(default_factory=lambda: _empty(np.float64))
    hit_id: Ints | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1


#: What a shower can be, in the order of `Clusters.class_probability`. A calorimeter alone tells no electron from a photon.
CLUSTER_CLASSES = ("electromagnetic", "charged_hadron", "neutral_hadron", "muon")


@dataclass(frozen=True, slots=True)
class Clusters:
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
        By `CLUSTER_CLASSES`, given that it is a shower; NaN where nothing tells.
    score : float64 (n,)
        Probability that it is matched: that it holds half of a particle's energy, and half of its own is that particle's. A
        confidence between 0 and 1 and no more where the bundle was not calibrated.
    hit_id : int64 (m,), optional
        What `Hits.hit_id` calls these hits: files of output carry it.
    """

    offsets: Ints = field(default_factory=lambda: _empty(np.int64, 1))
    hit_index: Ints = field(default_factory=lambda: _empty(np.int64))
    hit_weight: Floats = field(default_factory=lambda: _empty(np.float64))
    energy: Floats = field(default_factory=lambda: _empty(np.float64))
    energy_sigma: Floats = field(default_factory=lambda: _empty(np.float64))
    x: Floats = field(default_factory=lambda: _empty(np.float64))
    y: Floats = field(default_factory=lambda: _empty(np.float64))
    z: Floats = field(default_factory=lambda: _empty(np.float64))
    axis: Floats = field(default_factory=lambda: _empty(np.float64, 0, 3))
    class_probability: Floats = field(default_factory=lambda: _empty(np.float64, 0, len(CLUSTER_CLASSES)))
    score: Floats = field(default_factory=lambda: _empty(np.float64))
    hit_id: Ints | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1
