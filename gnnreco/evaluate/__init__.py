"""Scores reconstructed events against the truth: `evaluate` measures, `table` and `plots` show."""

from gnnreco.evaluate.clustering import ShowerTarget, score_clusters
from gnnreco.evaluate.confidence import calibrate, calibration_curve
from gnnreco.evaluate.join import Join
from gnnreco.evaluate.matching import RULES, Matching, match
from gnnreco.evaluate.output import evaluate
from gnnreco.evaluate.plots import figures, plots
from gnnreco.evaluate.report import table
from gnnreco.evaluate.target import ALL_TRACKS, COUNTED_TRACKS, Target, target_of, true_perigee
from gnnreco.evaluate.tracking import Scores, score_tracks
from gnnreco.evaluate.trackml import hit_weights, trackml_score

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
