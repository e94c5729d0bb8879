"""Events and jets made by hand: particles with the tracks, clusters and hits that they were found by."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Clusters, Event, Hits, JetBlock, Jets, ReconstructedParticles, Tracks

CHARGED, NEUTRAL, PHOTON, ELECTRON, MUON = range(5)
HITS_OF = 3  # of each track, of each cluster


def particles(kind: np.ndarray, pt: np.ndarray, eta: np.ndarray, phi: np.ndarray) -> ReconstructedParticles:
    """Massless particles: a charged one has the next track, any other the next cluster."""
    n, charged = len(kind), np.isin(kind, (CHARGED, ELECTRON, MUON))
    one = np.ones(n)
    ends = [np.concatenate([[0], np.cumsum(some)]).astype(np.int64) for some in (charged, ~charged)]
    return ReconstructedParticles(
        *(kind.astype(np.int32), np.full((n, 5), 0.2), charged * one),
        *(pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta), pt * np.cosh(eta), one, one),
        *(ends[0], np.arange(charged.sum()), ends[1], np.arange((~charged).sum())),
        offsets=np.zeros(n + 1, np.int64),
    )


def event_with(found: ReconstructedParticles, number: int = 0) -> Event:
    """An event of these particles: their tracks have hits first, then their clusters, `HITS_OF` each."""
    tracks, clusters = len(found.track_index), len(found.cluster_index)
    m = HITS_OF * (tracks + clusters)
    rng, one = np.random.default_rng(number), np.ones
    x, y, z = rng.normal(0, 100, (3, m))
    hits = Hits(np.arange(m), x, y, z, np.zeros(m, np.int32), energy=np.full(m, 1e-4))
    rows = np.arange(m)
    of_tracks = Tracks(
        *(HITS_OF * np.arange(tracks + 1), rows[: HITS_OF * tracks]),
        *(np.zeros(tracks), np.zeros(tracks), one(tracks), one(tracks), one(tracks), np.zeros((tracks, 15))),
        *(one(tracks), one(tracks), one(tracks)),
    )
    of_clusters = Clusters(
        *(HITS_OF * np.arange(clusters + 1), rows[HITS_OF * tracks :], one(HITS_OF * clusters)),
        *(one(clusters), one(clusters), one(clusters), one(clusters), one(clusters)),
        *(np.tile([0.0, 0.0, 1.0], (clusters, 1)), np.full((clusters, 4), 0.25), one(clusters)),
    )
    there = {Tracks: of_tracks, Clusters: of_clusters, ReconstructedParticles: found}
    return Event(number, "made", hits, found=there)


def spray(rng: np.random.Generator, pt: float, width: float = 0.08, count: int = 12) -> np.ndarray:
    """Constituents of a usual jet (count, 4) of about this pt: class, pt, pseudorapidity and azimuth from its axis."""
    kind = rng.choice([CHARGED, NEUTRAL, PHOTON], count, p=[0.6, 0.15, 0.25])
    z = rng.dirichlet(np.ones(count)) * pt
    return np.stack([kind, z, *rng.normal(0, width, (2, count))], axis=1)


def two_prongs(rng: np.random.Generator, pt: float) -> np.ndarray:
    """Constituents of a heavy jet: two narrow sprays, far apart."""
    parts = [spray(rng, pt / 2, 0.02, 15) for _ in range(2)]
    parts[0][:, 2] += 0.15
    parts[1][:, 2] -= 0.15
    return np.concatenate(parts)


def placed(jets: list[tuple[np.ndarray, float, float]]) -> ReconstructedParticles:
    """The particles of some jets, each with the pseudorapidity and azimuth of its axis."""
    rows = np.concatenate([jet + np.array([0, 0, eta, phi]) for jet, eta, phi in jets])
    return particles(rows[:, 0].astype(np.int64), *rows[:, 1:].T)


def dijet(number: int) -> Event:
    """An event with two usual jets and some soft particles."""
    rng = np.random.default_rng(number)
    phi, pt = rng.uniform(-np.pi, np.pi), 40 + rng.exponential(10)
    soft = np.stack([np.full(6, PHOTON), rng.exponential(0.3, 6), *rng.normal(0, 1.0, (2, 6))], axis=1)
    return event_with(
        placed([(spray(rng, pt), 2.0, phi), (spray(rng, pt), 1.8, phi + np.pi), (soft, 1.9, 0.0)]), number
    )


def block(
    number: int, jets: list[np.ndarray], names: tuple[str, ...] = ("usual", "odd"), label: int = 0
) -> JetBlock:
    """A block of jets as a file has it, of the constituents of each."""
    jets = [jet[np.argsort(-jet[:, 1])] for jet in jets]
    every, n = np.concatenate(jets), len(jets)
    momenta = [placed([(jet, 0.0, 0.0)]) for jet in jets]
    pt = np.array([np.hypot(p.px.sum(), p.py.sum()) for p in momenta])
    mass2 = [p.energy.sum() ** 2 - p.px.sum() ** 2 - p.py.sum() ** 2 - p.pz.sum() ** 2 for p in momenta]
    offsets = np.cumsum([0, *map(len, jets)]).astype(np.int64)
    mass, axis = np.sqrt(np.maximum(mass2, 0.0)), np.zeros(n)
    _, z, eta, phi = every.T
    nothing, labels = np.zeros((n, 0)), np.full(n, label)
    held = Jets(offsets, z, eta, phi, nothing, (), labels, names, np.array(pt), axis, axis, mass)
    return JetBlock(number, "made", held)
