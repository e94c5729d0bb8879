"""Events of an LCIO file with the links from what was found to what was simulated, for comparisons with its particles."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Clusters, Event, Floats, Ints, Tracks
from gnnreco.columns.particles import ReconstructedParticles
from gnnreco.errors import BadInput
from gnnreco.events.sensors import SensorFinder
from gnnreco.events.source import Entry
from gnnreco.files.remote import located

from .content import Collection, Content
from .found import CLUSTER, PARTICLE, TRACK, Chosen, choose
from .reader import CollectionsReader, LcioReader, hits_of
from .truth import MC, Simulated, simulated

#: In newer files the weight of a link from a particle packs two fractions: its track's, and its clusters' times this.
PACKED, THOUSANDTHS = 10_000, 1000
#: Subdetectors in the order in which Pandora writes their energies, where the file does not name them.
USUAL = ("ecal", "hcal", "yoke", "lcal", "lhcal", "bcal")


@dataclass(frozen=True, slots=True)
class Links:
    """Which simulated particles are behind which found objects.

    Attributes
    ----------
    found : int64 (m,)
        Row of the track, cluster or particle.
    particle : int64 (m,)
        Row of ``event.truth.particles``.
    weight : float64 (m,)
        Fraction of the object that is the particle's.
    """

    found: Ints
    particle: Ints
    weight: Floats


@dataclass(frozen=True, slots=True)
class DstEvent:
    """One event, and what its file knows beyond what `Event` holds.

    Attributes
    ----------
    event : Event
        With `Tracks`, `Clusters` and `ReconstructedParticles` in `found`; empty where it has none.
    particles_to_truth, tracks_to_truth, clusters_to_truth : Links
        Where the file links particles only, a track or cluster has the links of the particles that are made of it, and
        shares itself among them.
    generator_status : int32 (n,)
        Of each true particle: 1 where the generator left it stable, 0 where the simulation made it.
    mass : float64 (n,)
        Of each true particle, GeV.
    subdetectors : tuple of str
    subdetector_energy : float64 (n_clusters, n_subdetectors)
        What each cluster has in each of them, GeV.
    detector : str
        Its name, as the file says.
    """

    event: Event
    particles_to_truth: Links
    tracks_to_truth: Links
    clusters_to_truth: Links
    generator_status: NDArray[np.int32]
    mass: Floats
    subdetectors: tuple[str, ...]
    subdetector_energy: Floats
    detector: str = ""


def read_dst(path: str | Path, particles: str = "") -> Iterator[DstEvent]:
    """Read a file of LCIO with tracks, clusters and particles, event by event.

    Parameters
    ----------
    path : str or Path
    particles : str
        Name of the collection of particles; tracks and clusters are those that they are made of. Empty: the collection with
        the most particles that are made of any, which is Pandora's where it ran.

    Yields
    ------
    DstEvent

    Raises
    ------
    BadInput
        Damaged, without particles of a simulation, or without particles of that name.
    """
    reader = LcioReader(located(path), SensorFinder(None), particles)
    return dst_events(reader, particles, lambda entry, content, chosen: reader.detector(entry.row))


def dst_events(
    reader: CollectionsReader, particles: str, detector: Callable[[Entry, Content, Chosen], str]
) -> Iterator[DstEvent]:
    """The events of a reader with their links; `detector` says which one made an event."""
    for entry in reader.entries():
        event = reader(entry, truth=True, deposits=True)
        content = reader.content(entry.row, entry.number)
        chosen = choose(content, particles)
        told = simulated(content, hits_of(content))
        if told is None:
            why = f"no {MC} in it, so no truth to link to; read it with open_events"
            raise BadInput(reader.file, content.where, why)
        if told.truth.fates is None:
            why = f"its {MC} come from a generator: no simulation has told what became of them"
            raise BadInput(reader.file, content.where, why)
        yield dst_of(content, chosen, event, told, detector(entry, content, chosen))


def dst_of(content: Content, chosen: Chosen, event: Event, told: Simulated, detector: str) -> DstEvent:
    """An event with its links.

    Parameters
    ----------
    content : Content
        All collections.
    chosen : Chosen
        Those that were read.
    event : Event
        With what was found in it.
    told : Simulated
        Its particles of the simulation.
    detector : str
    """
    made = [] if chosen.particles is None else [chosen.particles]
    particles = _links(content, PARTICLE, made, told.place)
    tracks, clusters = (
        _links(content, kind, there, told.place) or _through(content, chosen, kind, there, particles)
        for kind, there in ((TRACK, chosen.tracks), (CLUSTER, chosen.clusters))
    )
    none: dict[type, Any] = {kind: kind() for kind in (Tracks, Clusters, ReconstructedParticles)}
    event = replace(event, found={**none, **event.found})
    names, energy = _subdetectors(chosen.clusters)
    links = particles or _none(), tracks, clusters
    return DstEvent(event, *links, told.generator_status, told.mass, names, energy, detector)


def _none() -> Links:
    return Links(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


def _links(content: Content, kind: str, chosen: list[Collection], place: Ints) -> Links | None:
    """The links of the file from objects of a kind to simulated particles; None where it has none."""
    parts = []
    for collection in content.relations(MC, kind):
        table = collection.table
        found = content.rows(table.unsigned("from"), kind, chosen, collection.name)
        to = content.rows(table.unsigned("to"), MC, content.of(MC), collection.name)
        particle = np.where(to >= 0, place[to], -1)
        weight = _fraction(table.floats("weight")) if "weight" in table else np.ones(len(table))
        kept = (found >= 0) & (particle >= 0)
        parts.append((found[kept], particle[kept], weight[kept]))
    if not any(len(found) for found, _, _ in parts):
        return None
    return Links(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def _fraction(weight: Floats) -> Floats:
    """Fractions from 0 to 1: the larger of two that are packed, and without the sign that old files mark neutrals with."""
    whole = np.abs(np.nan_to_num(weight, posinf=0.0, neginf=0.0))
    packed = np.maximum(whole % PACKED, whole // PACKED) / THOUSANDTHS
    return np.where(whole > 1.0 + 1e-5, np.minimum(packed, 1.0), np.minimum(whole, 1.0))


def _through(
    content: Content, chosen: Chosen, kind: str, there: list[Collection], particles: Links | None
) -> Links:
    """Links of tracks or clusters by way of the particles that are made of them."""
    if particles is None or chosen.particles is None:
        return _none()
    offsets, items = chosen.particles.table.lists[f"{kind.lower()}s"]
    row = content.rows(items.unsigned("to"), kind, there, chosen.particles.name)
    count = np.diff(offsets)[particles.found]
    link = np.repeat(np.arange(len(count)), count)
    inside = np.arange(len(link)) - np.repeat(np.cumsum(count) - count, count)
    found = row[offsets[particles.found][link] + inside]
    found, link = found[found >= 0], link[found >= 0]
    weight = particles.weight[link]
    total = np.bincount(found, weight, sum(map(len, there)))
    return Links(found, particles.particle[link], weight / np.maximum(total[found], 1.0))


def _subdetectors(clusters: list[Collection]) -> tuple[tuple[str, ...], Floats]:
    """Names of the subdetectors, and the energy of each cluster in each; 0 where a cluster tells of fewer."""
    names: list[str] = next((c.parameters.get("ClusterSubdetectorNames", list(USUAL)) for c in clusters), [])
    parts = [np.zeros((0, len(names)))]
    for collection in clusters:
        offsets, items = collection.table.lists["subdetector_energies"]
        energy = np.zeros((len(collection), len(names)))
        row = np.repeat(np.arange(len(collection)), np.diff(offsets))
        column = np.arange(len(row)) - offsets[row]
        kept = column < len(names)
        energy[row[kept], column[kept]] = items.floats("energy")[kept]
        parts.append(energy)
    return tuple(names), np.concatenate(parts)
