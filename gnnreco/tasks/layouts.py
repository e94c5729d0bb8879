"""How what tasks give lies in files."""

from __future__ import annotations

from gnnreco.columns import Anomalies, Clusters, ReconstructedParticles, Tracks
from gnnreco.events.anomalies_file import ANOMALIES
from gnnreco.events.clusters_file import CLUSTERS
from gnnreco.events.output_file import Layout
from gnnreco.events.particles_file import PARTICLES
from gnnreco.events.tracks_file import TRACKS

from .registry import Kind

LAYOUTS: dict[type, Layout] = {
    Tracks: TRACKS,
    Clusters: CLUSTERS,
    ReconstructedParticles: PARTICLES,
    Anomalies: ANOMALIES,
}


def layout_of(kind: Kind) -> Layout:
    """How what a task gives lies in a file."""
    return kind.layout or LAYOUTS[kind.gives]
