"""What each kind of object of LCIO consists of, by the version that wrote it and the bits of its collection.

Learned from github.com/iLCSoft/LCIO (src/cpp/src/SIO). Versions up to 1.2 had no release and are not read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .words import Many, Part, Shape, Where

Version = tuple[int, int]
Parts = list[Part | Many | Where]

#: The first version that is read.
FIRST: Version = (1, 3)
#: Bit of the flags of a collection that only points at objects of others.
SUBSET = 18
#: Location of a track's state at the interaction point.
AT_IP = 1
#: Bits of `simulator_status`.
ENDPOINT, CREATED_IN_SIMULATION = 31, 30
DECAYED_IN_TRACKER, DECAYED_IN_CALORIMETER, LEFT_DETECTOR, STOPPED = 27, 26, 25, 24


def double(name: str, count: int = 1) -> Part:
    """Real numbers of two words each."""
    return Part(name, count, 2)


def _cell(flags: int, bit: int, version: Version, since: Version = FIRST) -> Parts:
    """Number of the cell; its second half where the collection has it."""
    if version < since:
        return []
    return [Part("cell0"), *([Part("cell1")] if flags >> bit & 1 else [])]


def _mc_particle(flags: int, version: Version) -> Parts:
    end: Sequence[Part] = [double("endpoint", 3), *([Part("end_momentum", 3)] if version > (2, 6) else [])]
    return [
        Part("tag"),
        Many("parents", [Part("to")]),
        *map(Part, ("pdg", "generator_status", "simulator_status")),
        double("vertex", 3),
        Part("time"),
        Part("momentum", 3),
        Part("mass"),
        Part("charge"),
        Where("simulator_status", ENDPOINT, end),
        *([Part("spin", 3), Part("colour", 2)] if version > (1, 51) else []),
    ]


def _sim_tracker_hit(flags: int, version: Version) -> Parts:
    return [
        *_cell(flags, 29 if version > (1, 51) else 32, version),
        double("position", 3),
        *map(Part, ("energy", "time", "particle")),
        *([Part("momentum", 3)] if flags >> 30 & 1 else []),
        *([Part("path")] if flags >> 30 & 1 and version > (1, 6) else []),
        *([Part("quality")] if version > (2, 7) else []),
        Part("tag"),
    ]


def _sim_calorimeter_hit(flags: int, version: Version) -> Parts:
    step: Parts = [
        *([Part("length")] if version > (2, 10) else []),
        Part("pdg"),
        *([Part("position", 3)] if version > (1, 51) else []),
    ]
    return [
        *_cell(flags, 29, version),
        Part("energy"),
        *([Part("position", 3)] if flags >> 31 & 1 else []),
        Many("shares", [*map(Part, ("particle", "energy", "time")), *(step if flags >> 28 & 1 else [])]),
        Part("tag"),
    ]


def _tracker_hit(flags: int, version: Version) -> Parts:
    return [
        *_cell(flags, 31, version, (1, 52)),
        Part("type"),
        double("position", 3),
        Part("covariance", 6),
        Part("energy"),
        *([Part("energy_error")] if version > (1, 12) else []),
        Part("time"),
        *([Part("quality")] if version > (1, 11) else []),
        Many("raw", [Part("to")]),
        Part("tag"),
    ]


def _tracker_hit_plane(flags: int, version: Version) -> Parts:
    return [
        *_cell(flags, 31, version, (1, 52)),
        Part("type"),
        double("position", 3),
        *(Part(name, 2) for name in ("u", "v")),
        *map(Part, ("du", "dv", "energy", "energy_error", "time", "quality")),
        Many("raw", [Part("to")]),
        Part("tag"),
    ]


def _calorimeter_hit(flags: int, version: Version) -> Parts:
    return [
        *_cell(flags, 29, version),
        Part("energy"),
        *([Part("energy_error")] if version > (1, 9) and flags >> 26 & 1 else []),
        *([Part("time")] if flags >> 27 & 1 else []),
        *([Part("position", 3)] if flags >> 31 & 1 else []),
        *map(Part, ("type", "raw")),
        *([] if flags >> 28 & 1 else [Part("tag")]),
    ]


def _track(flags: int, version: Version) -> Parts:
    states = version >= (2, 0)
    state = [
        *([Part("location")] if states else []),
        *map(Part, ("d0", "phi", "omega", "z0", "tan_lambda")),
        Part("covariance", 15),
        Part("reference", 3),
    ]
    holes = version > (2, 21)
    return [
        Part("type"),
        Many("states", state, None if states else 1),
        *map(Part, ("chi2", "ndf", "dedx", "dedx_error")),
        *([Part("n_holes")] if holes else []),
        Part("innermost_radius"),
        Many("hit_numbers", [Part("count")]),
        *([Many("hole_numbers", [Part("count")])] if holes else []),
        Many("tracks", [Part("to")]),
        *([Many("hits", [Part("to")])] if flags >> 31 & 1 else []),
        Part("tag"),
    ]


def _guesses(tagged: bool) -> Many:
    """What an algorithm takes the object for."""
    return Many(
        "guesses",
        [
            *map(Part, ("likelihood", "type", "pdg", "algorithm")),
            Many("parameters", [Part("value")]),
            *([Part("tag")] if tagged else []),
        ],
    )


def _cluster(flags: int, version: Version) -> Parts:
    return [
        *map(Part, ("type", "energy")),
        *([Part("energy_error")] if version > (1, 51) else []),
        Part("position", 3),
        Part("position_error", 6),
        *map(Part, ("theta", "phi")),
        Part("direction_error", 3),
        Many("shape", [Part("value")]),
        _guesses(tagged=False),
        Many("clusters", [Part("to")]),
        *([Many("hits", [Part("to"), Part("weight")])] if flags >> 31 & 1 else []),
        Many("subdetector_energies", [Part("energy")]),
        Part("tag"),
    ]


def _reconstructed_particle(flags: int, version: Version) -> Parts:
    return [
        Part("type"),
        Part("momentum", 3),
        Part("energy"),
        Part("covariance", 10),
        *map(Part, ("mass", "charge")),
        Part("reference", 3),
        _guesses(tagged=True),
        *map(Part, ("guess_used", "guess_quality")),
        *(Many(name, [Part("to")]) for name in ("particles", "tracks", "clusters")),
        *([Part("start_vertex")] if version > (1, 7) else []),
        Part("tag"),
    ]


def _relation(flags: int, version: Version) -> Parts:
    return [Part("from"), Part("to"), *([Part("weight")] if flags >> 31 & 1 else [])]


_KINDS: dict[str, Callable[[int, Version], Parts]] = {
    "MCParticle": _mc_particle,
    "SimTrackerHit": _sim_tracker_hit,
    "SimCalorimeterHit": _sim_calorimeter_hit,
    "TrackerHit": _tracker_hit,
    "TrackerHitPlane": _tracker_hit_plane,
    "CalorimeterHit": _calorimeter_hit,
    "Track": _track,
    "Cluster": _cluster,
    "ReconstructedParticle": _reconstructed_particle,
    "LCRelation": _relation,
}


def shape_of(kind: str, flags: int, version: Version) -> Shape | None:
    """The shape of objects of this kind; None for kinds that are not read."""
    parts = _KINDS.get(kind)
    return None if parts is None else Shape(parts(flags, version))
