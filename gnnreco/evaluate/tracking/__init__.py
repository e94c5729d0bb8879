"""Scores tracks: rates under each matching rule, resolutions, the challenge's score, and the edges of the graph."""

from .graph import graph_metrics, graph_of
from .resolution import IQR_OF_UNIT_NORMAL, PARAMETERS
from .scores import Scores, as_seen, score_tracks
from .trackml import hit_weights, trackml_score

__all__ = [
    "IQR_OF_UNIT_NORMAL",
    "PARAMETERS",
    "Scores",
    "as_seen",
    "graph_metrics",
    "graph_of",
    "hit_weights",
    "score_tracks",
    "trackml_score",
]
