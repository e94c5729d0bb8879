"""Hits to graphs: learned doublets, the triplets between them, and the truth to train on."""

from gnnreco.graphs.tracking.features import DOUBLET_FEATURES, TRIPLET_FEATURES
from gnnreco.graphs.tracking.frame import Frame, Points, points_of
from gnnreco.graphs.tracking.learned import GraphConfig, LearnedGraph, is_true
from gnnreco.graphs.tracking.segments import Targets, first_particle, target_particles, true_segments
from gnnreco.graphs.tracking.survey import possible_by, survey
from gnnreco.graphs.tracking.triplets import SegmentGraph

__all__ = [
    "DOUBLET_FEATURES",
    "TRIPLET_FEATURES",
    "Frame",
    "GraphConfig",
    "LearnedGraph",
    "Points",
    "SegmentGraph",
    "Targets",
    "first_particle",
    "is_true",
    "points_of",
    "possible_by",
    "survey",
    "target_particles",
    "true_segments",
]
