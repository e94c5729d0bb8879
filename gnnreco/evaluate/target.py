"""Which particles should be found and which tracks are counted; true perigee parameters of a particle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gnnreco.columns import Floats, Ints, Particles
from gnnreco.fit.propagate import perigee
from gnnreco.geometry import Detector, Field
from gnnreco.geometry.checks.coverage import coverage

from .matching import Mask

#: Lines in eta and phi that look for the layers of a detector.
LINES = (60, 60)
FEWEST_HITS = 3


@dataclass(frozen=True, slots=True)
class Target:
    """The particles that should be found; also, without charge and vertex, the tracks that are counted.

    Attributes
    ----------
    pt_min, pt_max : float
        GeV.
    eta_max : float
        Absolute pseudorapidity; infinite lifts the cut.
    min_hits : int
        Hits the particle left (or that are on the track).
    vertex_min, vertex_max : float
        Distance of the production point from the z axis, mm.
    """

    pt_min: float = 1.0
    pt_max: float = np.inf
    eta_max: float = 3.0
    min_hits: int = 9
    vertex_min: float = 0.0
    vertex_max: float = np.inf

    def lift(self, cut: str) -> Target:
        """The same without the cut on `cut` ("pt", "eta" or another variable, which changes nothing)."""
        if cut == "pt":
            return replace(self, pt_min=0.0, pt_max=np.inf)
        return replace(self, eta_max=np.inf) if cut == "eta" else self

    def between(self, pt_min: float, pt_max: float) -> Target:
        """The same in another range of pt, GeV."""
        return replace(self, pt_min=pt_min, pt_max=pt_max)

    def displaced(self, vertex_min: float) -> Target:
        """The same for particles produced at least `vertex_min` mm from the z axis."""
        return replace(self, vertex_min=vertex_min)

    def counted(self) -> Target:
        """The tracks that are counted with these particles: in the same range, and two hits shorter at most."""
        return replace(self, min_hits=max(1, self.min_hits - 2), vertex_min=0.0, vertex_max=np.inf)

    def cuts(self, pt: Floats, eta: Floats, hits: Ints) -> dict[str, Mask]:
        """The cuts that particles and tracks share, each by the words for it; those that cut nothing are left out."""
        cuts = {}
        if np.isfinite(self.pt_max):
            cuts[f"pt {self.pt_min:g}-{self.pt_max:g} GeV"] = (pt > self.pt_min) & (pt <= self.pt_max)
        elif self.pt_min > 0:
            cuts[f"pt > {self.pt_min:g} GeV"] = pt > self.pt_min
        if np.isfinite(self.eta_max):
            cuts[f"|eta| < {self.eta_max:g}"] = np.abs(eta) < self.eta_max
        return cuts | {f"at least {self.min_hits} hits": hits >= self.min_hits}

    def kinematics(self, pt: Floats, eta: Floats, hits: Ints) -> Mask:
        """What passes all `cuts`."""
        return np.logical_and.reduce(list(self.cuts(pt, eta, hits).values()))

    def describe(self) -> str:
        """One clause for the `definitions` of the JSON."""
        none = np.zeros(0)
        parts = list(self.cuts(none, none, none.astype(np.int64)))
        if self.vertex_min > 0 or np.isfinite(self.vertex_max):
            parts += [f"produced {self.vertex_min:g}-{self.vertex_max:g} mm from the z axis"]
        return ", ".join(parts)


def target_of(detector: Detector) -> Target:
    """What the trackers of a detector should find, where nobody says it.

    Where sensors lie across the line of the source (a telescope, a spectrometer) particles run along it, and neither pt
    nor eta tell which of them can be found: both cuts are lifted. Where particles cross fewer than ten layers, all but
    one of these are asked for.
    """
    parts = [{"position", "charge"} & set(s.measures) for s in detector.subsystems]
    trackers = np.array([bool(part) for part in parts], bool)[detector.subsystem]
    if not trackers.any():
        return Target()
    lines = coverage(detector.select(trackers), *LINES)
    target = Target(pt_min=0.0, eta_max=np.inf) if lines.axes == ("x", "y") else Target()
    if any("charge" in part for part in parts):
        return target  # a hit there is a time sample, not a layer
    return replace(target, min_hits=min(target.min_hits, max(FEWEST_HITS, int(lines.layers.max()) - 1)))


def passed(what: str, all_of: str, cuts: Mapping[str, int], total: int) -> str:
    """Why nothing is left to score: how many pass each cut."""
    each = ", ".join(f"{count:,} with {cut}" for cut, count in cuts.items())
    return f"no {what}: of {total:,} {all_of} there are {each}; change the cuts"


COUNTED_TRACKS = Target().counted()  # what the usual combinatorial Kalman filter setup keeps
ALL_TRACKS = Target(pt_min=0.0, eta_max=np.inf, min_hits=0)


@dataclass(frozen=True, slots=True)
class Kinematics:
    """pt (GeV), eta, distance of the production point from the z axis (mm), charge; float64 (n,) each."""

    pt: Floats
    eta: Floats
    vertex: Floats
    charge: Floats

    def wanted(self, target: Target, hits: Ints) -> Mask:
        """The charged particles that the target asks for; bool (n,)."""
        produced = (self.vertex >= target.vertex_min) & (self.vertex <= target.vertex_max)
        return target.kinematics(self.pt, self.eta, hits) & produced & (self.charge != 0)


def kinematics(particles: Particles) -> Kinematics:
    """Kinematics of particles at their production point."""
    pt = np.hypot(particles.px, particles.py)
    return Kinematics(pt, _eta(pt, particles.pz), np.hypot(particles.vx, particles.vy), particles.charge)


def track_kinematics(theta: Floats, q_over_p: Floats) -> tuple[Floats, Floats]:
    """(pt, eta) of fitted tracks; infinite pt where q/p is zero (a straight track)."""
    with np.errstate(divide="ignore"):
        pt = np.sin(theta) / np.abs(q_over_p)
    return pt, -np.log(np.tan(theta / 2))


def _eta(pt: Floats, pz: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        eta = np.arcsinh(pz / pt)
    return np.where(pt > 0, eta, np.copysign(np.inf, pz))


def true_perigee(particles: Particles, field: Field) -> Floats:
    """Parameters at the point of closest approach to the z axis, followed through the field from the production point.

    Parameters
    ----------
    particles : Particles
    field : Field

    Returns
    -------
    float64 (n, 5)
        d0 (mm), z0 (mm), phi, theta, q/p (e/GeV) in the ACTS convention:
        ``x = -d0 sin(phi), y = d0 cos(phi)``. Energy loss is not undone. Neutral particles go straight.
    """
    momentum = np.stack([particles.px, particles.py, particles.pz], axis=1)
    return perigee(
        np.stack([particles.vx, particles.vy, particles.vz], axis=1), momentum, particles.charge, field
    )
