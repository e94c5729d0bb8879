"""The level of particles: regions of the detector, by the particles that particle flow found to fly there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gnnreco.columns import Clusters, Event, Floats, Ints, JetBlock, ReconstructedParticles, Tracks
from gnnreco.columns.arrays import cut
from gnnreco.errors import BadInput
from gnnreco.geometry import Detector
from gnnreco.graphs.regions import RegionConfig, RegionFrame
from gnnreco.graphs.regions.fill import UNIT
from gnnreco.graphs.regions.particles import TOTALS, pieces_of, totals_of
from gnnreco.graphs.regions.pieces import FEATURES, KINDS, Pieces
from gnnreco.tasks.contract import Needs

from ..explain import shares_of
from ..samples import AnomalySample
from .terms import Terms

NEEDS = Needs(("position", "energy"), (Tracks, Clusters, ReconstructedParticles))
PARTICLES = Terms("event", "particle", FEATURES, 1, KINDS, TOTALS, "sum of pt")


class ParticlesLevel:
    """Sees the particles that were found in an event.

    Parameters
    ----------
    detector : Detector
        As it was loaded: its regions are those of hits.
    config : RegionConfig
    """

    def __init__(self, detector: Detector, config: RegionConfig) -> None:
        self.frame = RegionFrame.of(detector.at_source(), config)

    def look(self, event: Event | JetBlock) -> ParticlesLook:
        """The regions of an event."""
        found = found_in(event)
        pieces = pieces_of(self.frame, found)
        totals, parts = totals_of(found, pieces)
        n = min(len(found), 1)  # without particles there is no score
        features = pieces.features(n * self.frame.n_regions, UNIT)
        sample = AnomalySample(features, self.frame.static()[:, :1], totals[None][:n])
        assert isinstance(event, Event)  # `found_in` has seen to it
        return ParticlesLook(sample, pieces, parts, event)


@dataclass(frozen=True, slots=True)
class ParticlesLook:
    """What it saw; `parts` is how much each particle takes part in each total."""

    sample: AnomalySample
    pieces: Pieces
    parts: Floats
    event: Event

    def attribution(self, row: int, by_region: Floats, contributions: Floats) -> Floats:
        """How much of the score each hit gives (n_hits,), by the particles that it belongs to."""
        shares = shares_of(self.pieces, by_region, self.parts, contributions)
        return to_hits(self.event, np.arange(len(shares)), shares)


def found_in(event: Event | JetBlock) -> ReconstructedParticles:
    """The particles that were found in an event.

    Raises
    ------
    BadInput
        There are none, or one has a momentum or an energy that is not finite.
    """
    where = event.source, f"event {event.number}"
    if isinstance(event, JetBlock):
        raise BadInput(*where, "holds jets, not particles; set task.level=jets and task.jets.files=true")
    if ReconstructedParticles not in event.found:
        raise BadInput(*where, "no particles were found in it; name a bundle for particle flow as well")
    found: ReconstructedParticles = event.found[ReconstructedParticles]
    four = np.stack([found.px, found.py, found.pz, found.energy], axis=1)
    bad = ~np.isfinite(four).all(axis=1)
    if bad.any():
        why = f"particle {int(np.argmax(bad))} has a momentum or an energy that is not finite; leave it out"
        raise BadInput(*where, why)
    return found


def to_hits(event: Event, particles: Ints, shares: Floats) -> Floats:
    """What some particles of an event give (k,), in equal parts to all hits of each (n_hits,)."""
    found = event.found[ReconstructedParticles]
    owners, hits = [], []
    ends, inside = cut(found.offsets, particles)
    owners.append(np.repeat(np.arange(len(particles)), np.diff(ends)))
    hits.append(found.hit_index[inside])
    for kind, offsets, index in (
        (Tracks, found.track_offsets, found.track_index),
        (Clusters, found.cluster_offsets, found.cluster_index),
    ):
        ends, inside = cut(offsets, particles)
        objects = event.found[kind]
        owner = np.repeat(np.arange(len(particles)), np.diff(ends))
        ends, hit = cut(objects.offsets, index[inside])
        owners.append(np.repeat(owner, np.diff(ends)))
        hits.append(objects.hit_index[hit])
    owner, hit = np.concatenate(owners), np.concatenate(hits)
    count = np.bincount(owner, minlength=len(particles))
    return np.bincount(hit, (shares / np.maximum(count, 1))[owner], len(event.hits)).astype(np.float64)
