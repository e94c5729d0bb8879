"""Scores reconstructed events against the truth: `evaluate` measures, `table` and `plots` show."""

from .clustering import ShowerTarget, score_clusters
from .confidence import calibrate, calibration_curve
from .join import Join
from .matching import RULES, Matching, match
from .output import evaluate
from .plots import figures, plots
from .report import table
from .target import ALL_TRACKS, COUNTED_TRACKS, Target, target_of, true_perigee
from .tracking import Scores, score_tracks
from .trackml import hit_weights, trackml_score

__all__ = [
    "ALL_TRACKS",
    "COUNTED_TRACKS",
    "RULES",
    "Join",
    "Matching",
    "Scores",
    "ShowerTarget",
    "Target",
    "calibrate",
    "calibration_curve",
    "evaluate",
    "figures",
    "hit_weights",
    "match",
    "plots",
    "score_clusters",
    "score_tracks",
    "table",
    "target_of",
    "trackml_score",
    "true_perigee",
]
