"""Tracks as a perfect finder would give them, and clusters of the density finder, in simulated events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gnnreco.columns import Clusters, Event, Tracks
from gnnreco.fit.propagate import perigee
from gnnreco.geometry import Detector
from gnnreco.simulate import simulate
from gnnreco.tasks.showers import ClusteringConfig, ClusteringTask

ERRORS = np.array([0.02, 0.05, 2e-4, 2e-4, 1e-3])


def perfect_tracks(event: Event, detector: Detector, least: int = 5) -> Tracks:
    """A track for each charged particle with hits on so many planes of the tracker."""
    truth, hits = event.truth, event.hits
    assert truth is not None
    position = np.array(["position" in s.measures for s in detector.subsystems])[detector.subsystem]
    mine = position[hits.sensor[truth.hit]] & (truth.particles.charge[truth.particle] != 0)
    rows, owner = truth.hit[mine], truth.particle[mine]
    order = np.lexsort((np.abs(hits.z[rows]), owner))
    rows, owner = rows[order], owner[order]
    names, first, count = np.unique(owner, return_index=True, return_counts=True)
    good = count >= least
    names, first, count = names[good], first[good], count[good]
    p = truth.particles[names]
    place, momentum = np.stack([p.vx, p.vy, p.vz], axis=1), np.stack([p.px, p.py, p.pz], axis=1)
    d0, z0, phi, theta, q_over_p = perigee(place, momentum, p.charge, detector.field).T
    covariance = np.zeros((len(names), 15))
    covariance[:, [0, 2, 5, 9]] = ERRORS[:4] ** 2
    covariance[:, 14] = (ERRORS[4] * q_over_p) ** 2
    index = np.concatenate([rows[f : f + c] for f, c in zip(first, count, strict=True)] or [rows[:0]])
    ones = np.ones(len(names))
    return Tracks(
        np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
        index,
        *(d0, z0, phi, theta, q_over_p, covariance),
        *(count - 5.0, count - 5.0, ones),
    )


def found_in(event: Event, detector: Detector) -> Event:
    """The event with perfect tracks and the clusters of the density finder."""
    clusters = ClusteringTask(ClusteringConfig(), detector).reconstruct(event)
    return replace(event, found={Tracks: perfect_tracks(event, detector), Clusters: clusters})


def simulated(detector: Detector, events: int, seed: int = 1, **settings: Any) -> Iterator[Event]:
    """Events of all kinds of particles, in which tracks and clusters were found."""
    chosen = {
        "particle": "photon,electron,muon,pion,k0l,neutron",
        "energy": (2.0, 20.0),
        "count": 6,
        "eta": (1.2, 3.0),
        **settings,
    }
    for event in simulate(detector, "gun", events, seed=seed, sigma_xy=0.0, sigma_z=0.0, **chosen):
        yield found_in(event, detector)
