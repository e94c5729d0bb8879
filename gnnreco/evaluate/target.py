"""Which particles should be found and which tracks are counted; true perigee parameters of a particle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gnnreco.columns import Floats, Ints, Particles
from gnnreco.fit.propagate import perigee
from gnnreco.geometry import Detector, Field
from gnnreco.geometry.checks.coverage import coverage
from gnnreco.summary import counted

from .matching import Mask

#: Lines in eta and phi that look for the layers of a detector.
LINES = (60, 60)
FEWEST_HITS = 3
#: Standard deviations of a source across its line, within which a particle is made by the source itself.
SPOT_SIGMAS = 5.0


@dataclass(frozen=True, slots=True)
class Target:
    """The particles that should be found; also, without charge and vertex, the tracks that are counted.

    Attributes
    ----------
    min_pt, max_pt : float
        GeV.
    max_eta : float
        Absolute pseudorapidity; infinite lifts the cut.
    min_hits : int
        Hits the particle left (or that are on the track).
    min_vertex, max_vertex : float
        Distance of the production point from the line of the source (the z axis of its frame), mm.
    min_z : float
        Of the production point along the line of the source, mm.
    spot : float
        Radius of the source across its line, mm: what is made within it is not displaced.
    plane : float, optional
        Where the first sensor lies along the line of the source, mm, if sensors lie across it: particles start anywhere on
        the spot of a beam there, and displaced are those that are made behind this plane.
    """

    min_pt: float = 1.0
    max_pt: float = np.inf
    max_eta: float = 3.0
    min_hits: int = 9
    min_vertex: float = 0.0
    max_vertex: float = np.inf
    min_z: float = -np.inf
    spot: float = 0.0
    plane: float | None = None

    def lift(self, cut: str) -> Target:
        """The same without the cut on `cut` ("pt", "eta" or another variable, which changes nothing)."""
        if cut == "pt":
            return replace(self, min_pt=0.0, max_pt=np.inf)
        return replace(self, max_eta=np.inf) if cut == "eta" else self

    def between(self, min_pt: float, max_pt: float) -> Target:
        """The same in another range of pt, GeV."""
        return replace(self, min_pt=min_pt, max_pt=max_pt)

    def displaced(self, distance: float) -> Target:
        """The same for particles that the source itself did not make.

        These are made at least `distance` mm beside the spot of the source, or behind the first sensor where sensors lie
        across its line.
        """
        if self.plane is not None:
            return replace(self, min_z=self.plane)
        return replace(self, min_vertex=self.spot + distance)

    def counted(self) -> Target:
        """The tracks that are counted with these particles: in the same range, and two hits shorter at most."""
        everywhere = {"min_vertex": 0.0, "max_vertex": np.inf, "min_z": -np.inf}
        return replace(self, min_hits=max(1, self.min_hits - 2), **everywhere)

    def cuts(self, pt: Floats, eta: Floats, hits: Ints) -> dict[str, Mask]:
        """The cuts that particles and tracks share, each by the words for it; those that cut nothing are left out."""
        cuts = {}
        if np.isfinite(self.max_pt):
            cuts[f"pt {self.min_pt:g}-{self.max_pt:g} GeV"] = (pt > self.min_pt) & (pt <= self.max_pt)
        elif self.min_pt > 0:
            cuts[f"pt > {self.min_pt:g} GeV"] = pt > self.min_pt
        if np.isfinite(self.max_eta):
            cuts[f"|eta| < {self.max_eta:g}"] = np.abs(eta) < self.max_eta
        return cuts | {f"at least {counted(self.min_hits, 'hit')}": hits >= self.min_hits}

    def kinematics(self, pt: Floats, eta: Floats, hits: Ints) -> Mask:
        """What passes all `cuts`."""
        return np.logical_and.reduce(list(self.cuts(pt, eta, hits).values()))

    def describe(self) -> str:
        """One clause for the `definitions` of the JSON."""
        none = np.zeros(0)
        parts = list(self.cuts(none, none, none.astype(np.int64)))
        if np.isfinite(self.max_vertex):
            parts += [f"produced {self.min_vertex:g}-{self.max_vertex:g} mm from the line of the source"]
        elif self.min_vertex > 0:
            parts += [f"produced at least {self.min_vertex:g} mm from the line of the source"]
        if np.isfinite(self.min_z):
            parts += [f"produced behind the first sensor, {self.min_z:g} mm along the line of the source"]
        return ", ".join(parts)


def target_of(detector: Detector) -> Target:
    """What the trackers of a detector should find, where nobody says it.

    Where sensors lie across the line of the source (a telescope, a spectrometer) particles run along it, and neither pt
    nor eta tell which of them can be found: both cuts are lifted. Where particles cross fewer than ten layers, all but
    one of these are asked for. What is displaced follows from the spread of the source, and from where the sensors lie.
    """
    parts = [{"position", "charge"} & set(s.measures) for s in detector.subsystems]
    trackers = np.array([bool(part) for part in parts], bool)[detector.subsystem]
    if not trackers.any():
        return Target()
    there = detector.at_source().select(trackers)
    lines = coverage(there, *LINES)
    if lines.axes == ("x", "y"):
        target = Target(min_pt=0.0, max_eta=np.inf, plane=float(there.bounds[0][:, 2].min()))
    else:
        spread = there.source.spread
        target = Target(spot=0.0 if spread is None else SPOT_SIGMAS * float(np.max(spread[:2])))
    if any("charge" in part for part in parts):
        return target  # a hit there is a time sample, not a layer
    return replace(target, min_hits=min(target.min_hits, max(FEWEST_HITS, int(lines.layers.max()) - 1)))


#: How the words for a cut begin, and the argument that sets it.
SETTINGS = {"pt": "min_pt", "|eta|": "max_eta", "energy": "min_energy", "at least": "min_hits"}


def passed(what: str, all_of: str, cuts: Mapping[str, int], total: int) -> str:
    """Why nothing is left to score: how many pass each cut, and what sets the one that fewest pass."""
    each = ", ".join(f"{count:,} with {cut}" for cut, count in cuts.items())
    fewest = min(cuts, key=lambda cut: cuts[cut])
    setting = next(name for words, name in SETTINGS.items() if fewest.startswith(words))
    remedy = "" if "%" in fewest else f"; change that with {setting}="
    return f"no {what}: of {total:,} {all_of} there are {each}{remedy}"


COUNTED_TRACKS = Target().counted()  # what the usual combinatorial Kalman filter setup keeps
ALL_TRACKS = Target(min_pt=0.0, max_eta=np.inf, min_hits=0)


@dataclass(frozen=True, slots=True)
class Kinematics:
    """pt (GeV), eta, charge, place of production across the line of the source and along it (mm); float64 (n,) each."""

    pt: Floats
    eta: Floats
    charge: Floats
    vertex: Floats
    z: Floats

    def wanted(self, target: Target, hits: Ints) -> Mask:
        """The charged particles that the target asks for; bool (n,)."""
        produced = (self.vertex >= target.min_vertex) & (self.vertex <= target.max_vertex)
        produced &= self.z >= target.min_z
        return target.kinematics(self.pt, self.eta, hits) & produced & (self.charge != 0)


def kinematics(particles: Particles) -> Kinematics:
    """Kinematics of particles at their production point, in the frame of the source."""
    pt, vertex = np.hypot(particles.px, particles.py), np.hypot(particles.vx, particles.vy)
    return Kinematics(pt, _eta(pt, particles.pz), particles.charge, vertex, particles.vz)


def track_kinematics(theta: Floats, q_over_p: Floats) -> tuple[Floats, Floats]:
    """(pt, eta) of fitted tracks; infinite pt where q/p is zero (a straight track), infinite eta along z."""
    pt = np.divide(np.sin(theta), np.abs(q_over_p), out=np.full(len(theta), np.inf), where=q_over_p != 0)
    with np.errstate(divide="ignore"):
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
