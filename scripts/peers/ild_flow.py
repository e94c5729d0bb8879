"""Our particle flow on the tracks and clusters of events without hits, and what it ought to say of them.

Targets follow the rules of the task, as far as a file without hits tells: true particles that count (see `dst_figures.py`); a
charged product with a track of its own, of a particle that has none, is a target by itself, and its parent keeps the rest; a
charged particle without a track is what it looks like; a neutral particle in the cluster of another is part of it. Which true
particle is behind a track or a cluster the file tells by way of Pandora's particles only: a fragment that Pandora left alone is told to belong to its
track, but what Pandora gave to a track counts as the track's, whatever else is in it. That favours Pandora, in what our network
learns and in how it is scored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from dst_figures import COSINE, Sample, kinds_of, links_of, parents_first, truth_of
from ild_elements import Reading
from numpy.typing import NDArray

from gnnreco.columns import PARTICLE_CLASSES, Clusters, Event, Floats, Hits, Ints, Truth
from gnnreco.events.readers.lcio import DstEvent, Links
from gnnreco.tasks.particleflow import ParticleFlowTask
from gnnreco.tasks.particleflow.answers import Answers, answers_of
from gnnreco.tasks.particleflow.elements import Elements, measured, tensors_of
from gnnreco.tasks.particleflow.particles import particles_of
from gnnreco.tasks.particleflow.samples import FlowSample
from gnnreco.tasks.particleflow.targets import Targets

CHARGED, NEUTRAL, PHOTON, ELECTRON = (
    PARTICLE_CLASSES.index(name) for name in ("charged_hadron", "neutral_hadron", "photon", "electron")
)

OVERLAP = 0.05  # rad between a particle and a cluster that it is part of


def best_links(links: Links, n: int) -> Ints:
    """The true particle that most of each object is (n,); -1 where the file links none."""
    best = np.full(n, -1)
    order = np.argsort(links.weight, kind="stable")  # the largest is written last
    best[links.found[order]] = links.particle[order]
    return best


def targets_of(event: DstEvent) -> Targets:
    """The targets of an event, by the rules above."""
    truth = event.event.truth
    assert truth is not None
    assert truth.fates is not None
    particles, parent = truth.particles, truth.fates.parent
    counts = truth_of(event, cosine=1.0).row
    p = np.stack([particles.px, particles.py, particles.pz], axis=1)
    momentum = np.column_stack([p, np.hypot(np.linalg.norm(p, axis=1), event.mass)])
    tracked, itself = np.zeros((2, len(particles)), bool)
    behind = event.tracks_to_truth.particle
    tracked[behind] = particles.charge[behind] != 0
    itself[counts] = True
    host = np.full(len(particles), -1)
    for row in parents_first(parent):
        above = host[parent[row]] if parent[row] >= 0 else -1
        if itself[row]:
            host[row] = row
        elif above >= 0 and tracked[row] and not tracked[above]:
            momentum[above] -= momentum[row]
            host[row] = row
        else:
            host[row] = above
    kind = kinds_of(particles)
    kind[(kind == ELECTRON) & ~tracked] = PHOTON
    kind[(kind == CHARGED) & ~tracked] = NEUTRAL
    told = np.concatenate([behind, event.clusters_to_truth.particle])
    seen = np.isin(np.arange(len(host)), host[told]) | (np.abs(p[:, 2]) < COSINE * np.linalg.norm(p, axis=1))
    _fold(event, host, momentum, tracked)
    rows = np.flatnonzero((host == np.arange(len(host))) & (momentum[:, 3] > 0) & seen)
    number = np.full(len(host) + 1, -1)
    number[rows] = np.arange(len(rows))
    charge = np.where(tracked, particles.charge, 0.0)[rows]
    return Targets(rows, kind[rows].astype(np.int32), charge, *momentum[rows].T, tracked[rows], number[host])


def _fold(event: DstEvent, host: Ints, momentum: Floats, tracked: NDArray[np.bool_]) -> None:
    """Make neutral particles that nothing is linked to part of those in whose cluster they are, in place.

    The file links a cluster to one particle only, also where two are in it. A lost particle, the hardest first, is part of the
    nearest cluster without a track that has room for half of its energy.
    """
    truth, clusters, links = event.event.truth, event.event.found[Clusters], event.clusters_to_truth
    assert truth is not None
    assert truth.fates is not None
    told = np.concatenate([event.tracks_to_truth.particle, links.particle])
    linked = np.isin(np.arange(len(host)), host[told])
    place = np.stack([truth.fates.x, truth.fates.y, truth.fates.z], axis=1)
    lost = (host == np.arange(len(host))) & (momentum[:, 3] > 0) & ~linked & np.isfinite(place).all(axis=1)
    owner = np.append(host, -1)[best_links(links, len(clusters))]
    middle = np.stack([clusters.x, clusters.y, clusters.z], axis=1)
    there, way = (p / np.maximum(np.linalg.norm(p, axis=1, keepdims=True), 1e-9) for p in (place, middle))
    room = np.bincount(owner + 1, clusters.energy, len(host) + 1)[1:] - momentum[:, 3]
    for row in np.flatnonzero(lost)[np.argsort(-momentum[lost, 3], kind="stable")]:
        away = np.linalg.norm(way - there[row], axis=1)
        into = (owner >= 0) & ~tracked[owner] & (away < OVERLAP) & (room[owner] > momentum[row, 3] / 2)
        if not into.any():
            continue
        other = owner[np.where(into, away, np.inf).argmin()]
        momentum[other] += momentum[row]
        room[other] -= momentum[row, 3]
        momentum[row] = 0.0
        host[host == row] = other


def answers(event: DstEvent, elements: Elements) -> Answers:
    """What the network ought to say: the links of tracks and clusters as those of their hits and cells."""
    truth, n_cells = event.event.truth, len(elements.cells)
    assert truth is not None
    showers, tracks, links = elements.showers, elements.tracks, event.clusters_to_truth
    total = np.bincount(links.found, links.weight, len(showers))
    fraction = links.weight / np.maximum(total[links.found], 1e-9)
    first = np.searchsorted(showers.shower, np.arange(len(showers) + 1))
    count = np.diff(first)[links.found]
    link = np.repeat(np.arange(len(count)), count)
    cell = first[links.found][link] + np.arange(len(link)) - np.repeat(np.cumsum(count) - count, count)
    best = np.repeat(best_links(event.tracks_to_truth, len(tracks)), tracks.n_hits)
    seen = best >= 0
    hit = np.concatenate([cell, tracks.hit_index[seen]])
    particle = np.concatenate([links.particle[link], best[seen]])
    energy = np.concatenate([fraction[link] * elements.cells.energy[cell], np.ones(np.count_nonzero(seen))])
    order = np.lexsort((particle, hit))
    n = n_cells + len(tracks.hit_index)
    zero = np.zeros(n)
    made = Event(
        event.event.number,
        event.event.source,
        Hits(np.arange(n), zero, zero, zero, np.zeros(n, np.int32)),
        Truth(truth.particles, hit[order], particle[order], energy=energy[order]),
    )
    return answers_of(made, targets_of(event), tracks, elements.cells, showers, elements.graph)


def sample_of(reading: Reading, event: DstEvent) -> FlowSample:
    """What the network learns from."""
    elements = reading.elements(event)
    return FlowSample(tensors_of(elements.graph), measured(elements), answers(event, elements))


def flow(reading: Reading, events: Sequence[DstEvent], task: ParticleFlowTask | None = None) -> list[Sample]:
    """What a network finds in events, with its links to the truth: the one of the reading, or one tuned from it."""
    network, samples = task or reading.task, []
    for event in events:
        elements = reading.elements(event)
        graph, m = tensors_of(elements.graph), measured(elements)
        with torch.inference_mode():
            h, edge, alone = network.network.elements(graph)
            shares = network.shares(graph, edge, alone, m)
            _, found = network.judged(h, shares, m)
        made = particles_of(elements, m, shares, found, network.config.least_score, by_cells=False)
        samples.append(Sample(event, made, links_of(made, event)))
    return samples
