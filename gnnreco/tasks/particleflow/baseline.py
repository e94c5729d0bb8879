"""The simplest particle flow: each cluster belongs to the track that points at it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from gnnreco.columns import PARTICLE_CLASSES, Clusters, Event, ReconstructedParticles, Tracks
from gnnreco.events.select import seen
from gnnreco.graphs.elements.graph import EDGE_FEATURES, ElementGraph
from gnnreco.graphs.elements.showers import SHOWER_FEATURES
from gnnreco.models.element_network import NOTHING

from .elements import Elements, Measured, elements_of, held_direction, held_energy, measured
from .judgement import Momenta
from .particles import particles_of
from .sharing import Shares

if TYPE_CHECKING:
    from .task import ParticleFlowTask

WORDS = (
    "a cluster belongs to the track that passes nearest to its beginning, within two lateral units; the others are photons "
    "if they begin early and are narrow, else neutral hadrons; tracks are charged hadrons; energies stay as they are"
)
REACH = 2.0  # lateral units
EARLY, NARROW = 6.0, 1.0  # radiation lengths, and lateral units (root mean square)
TO_TRACK, NEAREST, FRONT = (
    EDGE_FEATURES.index(name) for name in ("to_track", "nearest_of_shower", "front_distance")
)
START, WIDTH = (SHOWER_FEATURES.index(name) for name in ("depth_start", "width"))
CHARGED, NEUTRAL, PHOTON = (
    PARTICLE_CLASSES.index(name) for name in ("charged_hadron", "neutral_hadron", "photon")
)


class NearestTrack:
    """Particle flow by this rule; it learns nothing, and works on clusters whatever the network works on."""

    def __init__(self, task: ParticleFlowTask) -> None:
        self.task = task

    def reconstruct(self, event: Event) -> ReconstructedParticles:
        """Particles of one event in which tracks and clusters were found."""
        task = self.task
        mine = seen(event, task.detector, task.needs.measures)
        tracks, clusters = (mine.narrow(event.found[kind], len(event.hits)) for kind in (Tracks, Clusters))
        if not len(tracks) and not len(clusters):
            return ReconstructedParticles()
        config = replace(task.config.graph, showers="clusters")
        elements = elements_of(mine.event, tracks, clusters, task.around, config, task.config.cells)
        m, shares = measured(elements), nearest(elements.graph)
        found = as_they_are(elements, m, shares)
        return mine.restore(particles_of(elements, m, shares, found, 0.0, by_cells=False))


def nearest(graph: ElementGraph) -> Shares:
    """Each shower as a whole to the track that is nearest to its front, or to itself."""
    n_tracks, n = len(graph.track_features), len(graph.shower_features)
    edge = graph.edge_features
    linked = (edge[:, TO_TRACK] > 0) & (edge[:, NEAREST] > 0) & (edge[:, FRONT] < np.log1p(REACH))
    owner = n_tracks + np.arange(n)
    owner[graph.shower[linked]] = graph.owner[linked]
    element = np.union1d(np.arange(n_tracks), owner)
    part = np.searchsorted(element, owner)
    order = np.argsort(part, kind="stable")
    return Shares(element, part[order], order, np.ones(n))


def as_they_are(elements: Elements, m: Measured, shares: Shares) -> Momenta:
    """Momenta of tracks, energies of clusters; errors of the fit, and those of a usual hadron calorimeter."""
    n_tracks = len(m.momentum)
    alone = elements.showers.features[shares.element[n_tracks:] - n_tracks]
    photon = (alone[:, START] < EARLY / 10) & (alone[:, WIDTH] < np.log(NARROW + 0.1))
    kind = np.concatenate([np.full(n_tracks, CHARGED), np.where(photon, PHOTON, NEUTRAL)])
    energy, direction = held_energy(shares, m), held_direction(shares, m)
    sigma = np.sqrt(0.25 / energy + 0.01)
    energy[:n_tracks] = np.maximum(np.linalg.norm(m.momentum, axis=1), 1e-6)
    direction[:n_tracks] = m.momentum / energy[:n_tracks, None]
    sigma[:n_tracks] = m.error
    return Momenta(
        torch.eye(NOTHING + 1)[torch.from_numpy(kind)],
        torch.from_numpy(np.log(energy)),
        torch.from_numpy(np.log(sigma)),
        torch.from_numpy(direction),
    )
