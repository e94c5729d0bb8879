"""What the reconstruction before us found: tracks, clusters, and the particles made of them.

A file may hold several collections of a kind. Particles are those of the collection with the most that have a track or a
cluster (jets have particles instead); tracks and clusters are those that these particles are made of, or the largest
collection where there are no particles.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Floats, Ints, Tracks, concatenate
from gnnreco.columns.particles import PARTICLE_CLASSES, ReconstructedParticles
from gnnreco.errors import BadInput

from .content import Collection, Content
from .tracks import BEND, tracks_of
from .words import Table

PARTICLE, TRACK, CLUSTER = "ReconstructedParticle", "Track", "Cluster"
#: Class of a particle by its PDG code without sign; any other is a hadron, charged or neutral.
CLASSES = {22: "photon", 11: "electron", 13: "muon"}


class Chosen(NamedTuple):
    """The collections of an event that are read: tracks and clusters are put one after the other in this order."""

    particles: Collection | None
    tracks: list[Collection]
    clusters: list[Collection]

    @property
    def names(self) -> set[str]:
        """Of all of them."""
        particles = [] if self.particles is None else [self.particles]
        return {c.name for c in (*particles, *self.tracks, *self.clusters)}


def choose(content: Content, particles_name: str = "") -> Chosen:
    """The collections of an event that are read; with a name, its particles and what they are made of. Raises `BadInput`."""
    there = content.of(PARTICLE)
    if particles_name and particles_name not in [c.name for c in there]:
        names = ", ".join(c.name for c in there) or "none"
        raise BadInput(content.file, content.where, f"no particles '{particles_name}' in it; it has {names}")
    named = [c for c in there if particles_name in ("", c.name)]
    made = [(_made_of_elements(c.table), c) for c in named]
    most = max((count for count, _ in made), default=0)
    particles = next((c for count, c in made if count == most), None) if most else None
    kinds = []
    for kind, member in ((TRACK, "tracks"), (CLUSTER, "clusters")):
        there = [c for c in content.of(kind) if len(c)]
        if particles is not None:
            pointers = particles.table.lists[member][1].unsigned("to")
            there = [c for c in there if (content.rows(pointers, kind, [c], particles.name) >= 0).any()]
        else:
            there = sorted(there, key=len, reverse=True)[:1]
        kinds.append(there)
    return Chosen(particles, *kinds)


def _made_of_elements(table: Table) -> int:
    """How many of these particles have a track or a cluster."""
    tracks, clusters = (np.diff(table.lists[name][0]) for name in ("tracks", "clusters"))
    return int(np.count_nonzero(tracks + clusters))


def field_of(content: Content, chosen: Chosen) -> float | None:
    """The field along z, tesla, that turns curvatures of tracks into the momenta of particles of one track each.

    None where there is no such particle. Raises `BadInput`.
    """
    if chosen.particles is None or not chosen.tracks:
        return None
    table = chosen.particles.table
    offsets, items = table.lists["tracks"]
    one = np.flatnonzero((np.diff(offsets) == 1) & (table.floats("charge") != 0))
    pointers = items.unsigned("to")[offsets[one]]
    told = []
    for collection in chosen.tracks:
        row = content.rows(pointers, TRACK, [collection], chosen.particles.name)
        state_offsets, states = collection.table.lists["states"]
        there = (row >= 0) & (np.diff(state_offsets)[row] > 0)
        state = state_offsets[row[there]]
        px, py, _ = table.floats("momentum")[one[there]].T
        with np.errstate(invalid="ignore", over="ignore"):
            # The sign of the curvature is that of the charge in a field along z.
            sign = np.sign(table.floats("charge")[one[there]])
            told.append(np.hypot(px, py) * states.floats("omega")[state] * sign / BEND)
    tesla = np.concatenate(told)
    tesla = tesla[np.isfinite(tesla) & (tesla != 0)]
    return float(np.median(tesla)) if len(tesla) else None


def found_in(content: Content, chosen: Chosen, bz: float | None) -> dict[type, object]:
    """Tracks, clusters and particles of an event, by their type; no tracks where the field is not known.

    Raises
    ------
    BadInput
        Damaged: pointers that lead nowhere, numbers that are none.
    """
    found: dict[type, object] = {}
    with_tracks = bool(chosen.tracks) and bz is not None
    if chosen.tracks and bz is not None:
        parts = [tracks_of(c.table, bz) for c in chosen.tracks]
        for part, collection in zip(parts, chosen.tracks, strict=True):
            columns = (part.d0, part.z0, part.phi, part.theta, part.q_over_p, part.covariance)
            _finite(content, collection, *columns)
        found[Tracks] = concatenate(parts)
    if chosen.clusters:
        found[Clusters] = concatenate([_clusters(content, c) for c in chosen.clusters])
    if chosen.particles is not None:
        found[ReconstructedParticles] = _particles(content, chosen, with_tracks)
    return found


def _finite(content: Content, collection: Collection, *columns: Floats) -> None:
    for values in columns:
        lost = np.flatnonzero(~np.isfinite(values.reshape(len(values), -1)).all(axis=1))
        if len(lost):
            why = f"a number that is none ({len(lost)} such); damaged, or badly reconstructed: leave the event out"
            raise BadInput(content.file, f"{content.where}, {collection.name}[{lost[0]}]", why)


def _clusters(content: Content, collection: Collection) -> Clusters:
    table, n = collection.table, len(collection)
    energy, xyz = table.floats("energy"), table.floats("position")
    theta, phi = table.floats("theta"), table.floats("phi")
    _finite(content, collection, energy, xyz, theta, phi)
    sigma = table.floats("energy_error") if "energy_error" in table else np.full(n, np.nan)
    axis = np.stack([np.cos(phi) * np.sin(theta), np.sin(phi) * np.sin(theta), np.cos(theta)], axis=1)
    x, y, z = np.ascontiguousarray(xyz.T)
    return Clusters(
        np.zeros(n + 1, np.int64),
        energy=energy,
        energy_sigma=np.where(sigma > 0, sigma, np.nan),
        x=x,
        y=y,
        z=z,
        axis=axis,
        class_probability=np.full((n, len(CLUSTER_CLASSES)), np.nan),
        score=np.ones(n),
    )


def _particles(content: Content, chosen: Chosen, with_tracks: bool) -> ReconstructedParticles:
    collection = chosen.particles
    assert collection is not None
    table, n = collection.table, len(collection)
    momentum, energy, charge = (table.floats(name) for name in ("momentum", "energy", "charge"))
    _finite(content, collection, momentum, energy, charge)
    charged, neutral = (PARTICLE_CLASSES.index(f"{name}_hadron") for name in ("charged", "neutral"))
    kind = np.where(charge != 0, charged, neutral).astype(np.int32)
    for code, name in CLASSES.items():
        kind[np.abs(table.signed("type")) == code] = PARTICLE_CLASSES.index(name)
    track_offsets, track_index = _members(
        content, collection, "tracks", TRACK, chosen.tracks if with_tracks else []
    )
    cluster_offsets, cluster_index = _members(content, collection, "clusters", CLUSTER, chosen.clusters)
    variance = table.floats("covariance")[:, -1]
    px, py, pz = np.ascontiguousarray(momentum.T)
    return ReconstructedParticles(
        class_index=kind,
        class_probability=np.eye(len(PARTICLE_CLASSES))[kind],
        charge=charge,
        px=px,
        py=py,
        pz=pz,
        energy=energy,
        energy_sigma=np.sqrt(np.where(variance > 0, variance, np.nan)),
        score=np.ones(n),
        track_offsets=track_offsets,
        track_index=track_index,
        cluster_offsets=cluster_offsets,
        cluster_index=cluster_index,
        offsets=np.zeros(n + 1, np.int64),
    )


def _members(
    content: Content, collection: Collection, name: str, kind: str, chosen: list[Collection]
) -> tuple[Ints, Ints]:
    """Offsets and rows of the tracks or clusters of each particle; those of collections that are not read are left out."""
    offsets, items = collection.table.lists[name]
    row = content.rows(items.unsigned("to"), kind, chosen, collection.name)
    before = np.concatenate([[0], np.cumsum(row >= 0)])
    return before[offsets].astype(np.int64), row[row >= 0]
