"""What each type of EDM4hep holds, by the names that its versions gave the members, as the columns that LCIO has for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: Names of one member over the versions: the first that is there is read.
Names = tuple[str, ...]


class Kind(NamedTuple):
    """One type of object.

    Attributes
    ----------
    lcio : str
        The kind of LCIO that it is shown as.
    columns : mapping of str to names
        Numbers, and vectors of x, y and z.
    one : mapping of str to names
        Pointers to one object.
    many : mapping of str to str
        Lists of pointers.
    """

    lcio: str
    columns: Mapping[str, Names]
    one: Mapping[str, Names] = {}
    many: Mapping[str, str] = {}


_CELL: dict[str, Names] = {"cell": ("cellID",), "position": ("position",)}
_TRACKER_HIT: dict[str, Names] = {**_CELL, "energy": ("eDep", "EDep"), "time": ("time",)}

KINDS: dict[str, Kind] = {
    "MCParticle": Kind(
        "MCParticle",
        {
            "pdg": ("PDG",),
            "generator_status": ("generatorStatus",),
            "simulator_status": ("simulatorStatus",),
            "charge": ("charge",),
            "mass": ("mass",),
            "time": ("time",),
            "vertex": ("vertex",),
            "endpoint": ("endpoint",),
            "momentum": ("momentum",),
            "end_momentum": ("momentumAtEndpoint",),
        },
        many={"parents": "parents"},
    ),
    "SimTrackerHit": Kind("SimTrackerHit", _TRACKER_HIT, {"particle": ("particle", "MCParticle", "mcParticle")}),
    "TrackerHit": Kind("TrackerHit", _TRACKER_HIT),
    "TrackerHit3D": Kind("TrackerHit", _TRACKER_HIT),
    "TrackerHitPlane": Kind("TrackerHitPlane", {**_TRACKER_HIT, "du": ("du",), "dv": ("dv",)}),
    "SimCalorimeterHit": Kind(
        "SimCalorimeterHit", {**_CELL, "energy": ("energy",)}, many={"contributions": "contributions"}
    ),
    "CaloHitContribution": Kind(
        "CaloHitContribution",
        {"energy": ("energy",), "time": ("time",)},
        {"particle": ("particle", "MCParticle", "mcParticle")},
    ),
    "CalorimeterHit": Kind("CalorimeterHit", {**_CELL, "energy": ("energy",), "time": ("time",)}),
    "Track": Kind("Track", {"chi2": ("chi2",), "ndf": ("ndf",), "type": ("type",)}),
    "Cluster": Kind(
        "Cluster",
        {
            "energy": ("energy",),
            "energy_error": ("energyError",),
            "position": ("position",),
            "theta": ("iTheta", "ITheta", "intrinsicTheta"),
            "phi": ("iPhi", "phi", "intrinsicPhi"),
        },
    ),
    "ReconstructedParticle": Kind(
        "ReconstructedParticle",
        {
            "type": ("PDG", "type"),
            "energy": ("energy",),
            "momentum": ("momentum",),
            "charge": ("charge",),
            "covariance": ("covMatrix.values[10]", "covMatrix[10]", "covMatrix.values", "covMatrix"),
        },
        many={"tracks": "tracks", "clusters": "clusters", "particles": "particles"},
    ),
}  # fmt: skip

#: States of a track.
STATES: dict[str, Names] = {
    "location": ("location",),
    "d0": ("D0",),
    "phi": ("phi",),
    "omega": ("omega",),
    "z0": ("Z0",),
    "tan_lambda": ("tanLambda",),
    "reference": ("referencePoint",),
    "covariance": ("covMatrix.values[21]", "covMatrix[21]", "covMatrix[15]", "covMatrix.values", "covMatrix"),
}

#: What lists that are not of pointers hold, and by how many of them a type begins its lists (older files number them).
VECTORS: dict[str, tuple[Names, ...]] = {
    "Track": (("subDetectorHitNumbers", "subdetectorHitNumbers"), ("trackStates",), ("dxQuantities",)),
    "Cluster": (("shapeParameters",), ("subdetectorEnergies",)),
}

#: Of links: the members that point, and how older types name the kinds that these point at.
ENDS: tuple[tuple[str, str], ...] = (("from", "to"), ("rec", "sim"))
LINKS: dict[str, tuple[str, str]] = {
    "RecoMCParticleLink": ("ReconstructedParticle", "MCParticle"),
    "MCRecoParticleAssociation": ("ReconstructedParticle", "MCParticle"),
    "CaloHitMCParticleLink": ("CalorimeterHit", "MCParticle"),
    "MCRecoCaloParticleAssociation": ("CalorimeterHit", "MCParticle"),
    "CaloHitSimCaloHitLink": ("CalorimeterHit", "SimCalorimeterHit"),
    "MCRecoCaloAssociation": ("CalorimeterHit", "SimCalorimeterHit"),
    "ClusterMCParticleLink": ("Cluster", "MCParticle"),
    "MCRecoClusterParticleAssociation": ("Cluster", "MCParticle"),
    "TrackMCParticleLink": ("Track", "MCParticle"),
    "MCRecoTrackParticleAssociation": ("Track", "MCParticle"),
    "TrackerHitSimTrackerHitLink": ("TrackerHit", "SimTrackerHit"),
    "MCRecoTrackerAssociation": ("TrackerHit", "SimTrackerHit"),
    "MCRecoTrackerHitPlaneAssociation": ("TrackerHitPlane", "SimTrackerHit"),
}

#: What lists and pointers may point at: older files tell by numbers alone.
TARGETS: dict[str, tuple[str, ...]] = {
    "parents": ("MCParticle",),
    "particle": ("MCParticle",),
    "contributions": ("CaloHitContribution",),
    "tracks": ("Track",),
    "clusters": ("Cluster",),
    "particles": ("ReconstructedParticle",),
}
