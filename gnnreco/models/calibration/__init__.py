"""What a bundle learns from events held back: scores that are probabilities, and what such events usually look like."""

from .scores import FEWEST, FEWEST_WRONG, Calibration, fit_calibration
from .usual import Ratio, Usual, UsualRatio, learn_usual

__all__ = [
    "FEWEST",
    "FEWEST_WRONG",
    "Calibration",
    "Ratio",
    "Usual",
    "UsualRatio",
    "fit_calibration",
    "learn_usual",
]
