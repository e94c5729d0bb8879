"""Scores reconstructed events against the truth: `evaluate` measures, `table` and `plots` show."""

from .clustering import ShowerTarget, score_clusters
from .confidence import calibrate, calibration_curve
from .join import Join
from .matching import RULES, Matching, match
from .output import evaluate
from .particles import ParticleScores, ParticleTarget, find_jets, match_particles, score_particles
from .report import figures, plots, table
from .target import ALL_TRACKS, COUNTED_TRACKS, Target, target_of, true_perigee
from .tracking import Scores, score_tracks
from .trackml import hit_weights, trackml_score

__all__ = [
    "ALL_TRACKS",
    "COUNTED_TRACKS",
    "RULES",
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
    "figures",
    "find_jets",
    "hit_weights",
    "match",
    "match_particles",
    "plots",
    "score_clusters",
    "score_particles",
    "score_tracks",
    "table",
    "target_of",
    "trackml_score",
    "true_perigee",
]
