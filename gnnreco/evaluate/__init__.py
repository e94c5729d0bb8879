"""Scores reconstructed or generated events against the truth: `evaluate` measures, `table` and `plots` show."""

from .anomaly import score_anomalies
from .clustering import ShowerTarget, score_clusters, shower_target_of
from .confidence import calibrate, calibration_curve
from .fastsim import Comparison, evaluate_showers, holds_events, open_generated, shower_sample
from .join import Join
from .matching import RULES, Matching, match
from .output import evaluate
from .particles import ParticleScores, ParticleTarget, find_jets, match_particles, score_particles
from .report import explain, figures, plots, table
from .target import ALL_TRACKS, COUNTED_TRACKS, Target, target_of, true_perigee
from .tracking import Scores, hit_weights, score_tracks, trackml_score

__all__ = [
    "ALL_TRACKS",
    "COUNTED_TRACKS",
    "RULES",
    "Comparison",
    "Join",
    "Matching",
    "ParticleScores",
    "ParticleTarget",
    "Scores",
    "ShowerTarget",
    "Target",
    "calibrate",
    "calibration_curve",
    "evaluate",
    "evaluate_showers",
    "explain",
    "figures",
    "find_jets",
    "hit_weights",
    "holds_events",
    "match",
    "match_particles",
    "open_generated",
    "plots",
    "score_anomalies",
    "score_clusters",
    "score_particles",
    "score_tracks",
    "shower_sample",
    "shower_target_of",
    "table",
    "target_of",
    "trackml_score",
    "true_perigee",
]
