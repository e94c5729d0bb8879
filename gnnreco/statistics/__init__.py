"""Statistics of searches: p-values that hold, many tests at once, and whether a calibration still does."""

from .conformal import Calibration, TooFewEvents, calibrate, fewest_events
from .intervals import COVERAGE, clopper_pearson
from .threshold import Threshold, threshold_for_rate

__all__ = [
    "COVERAGE",
    "Calibration",
    "Threshold",
    "TooFewEvents",
    "calibrate",
    "clopper_pearson",
    "fewest_events",
    "threshold_for_rate",
]
