"""Statistics of searches: p-values that hold, many tests at once, and whether a calibration still does."""

from .conditional import Conditional, fit_conditional
from .conformal import Calibration, TooFewEvents, calibrate, fewest_events
from .coverage import Coverage, coverage, coverage_error, coverage_in_bins, excess
from .drift import Drift, drift
from .gain import gains
from .intervals import COVERAGE, clopper_pearson
from .multiple import Discoveries, Global, discoveries, look_elsewhere, p_of_z, upcrossings, z_of_p
from .threshold import Threshold, threshold_for_rate

__all__ = [
    "COVERAGE",
    "Calibration",
    "Conditional",
    "Coverage",
    "Discoveries",
    "Drift",
    "Global",
    "Threshold",
    "TooFewEvents",
    "calibrate",
    "clopper_pearson",
    "coverage",
    "coverage_error",
    "coverage_in_bins",
    "discoveries",
    "drift",
    "excess",
    "fewest_events",
    "fit_conditional",
    "gains",
    "look_elsewhere",
    "p_of_z",
    "threshold_for_rate",
    "upcrossings",
    "z_of_p",
]
