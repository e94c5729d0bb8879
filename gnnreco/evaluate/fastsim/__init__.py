"""Compares the showers of a fast simulation with those of a full one, by the measures of the CaloChallenge and others."""

from .classifier import Training
from .comparison import Comparison, compare
from .figures import fastsim_figures
from .reconstruction import Reconstructed, compare_reconstruction
from .showers import ShowerSample, shower_sample
from .sources import evaluate_showers, holds_events, open_generated
from .table import fastsim_lines

__all__ = [
    "Comparison",
    "Reconstructed",
    "ShowerSample",
    "Training",
    "compare",
    "compare_reconstruction",
    "evaluate_showers",
    "fastsim_figures",
    "fastsim_lines",
    "holds_events",
    "open_generated",
    "shower_sample",
]
