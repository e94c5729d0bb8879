"""The first look at unknown data: clusters without training or detector, what is odd, and which events are strange."""

from .facts import EVERYTHING, KINDS, Measured, measure
from .known import Effect, known_effect
from .look import Exploration, ExploreConfig, explore, free_clusters, members
from .ranking import FEWEST, Ranking, rank, too_few
from .strange import anomalies_of, reasons

__all__ = [
    "EVERYTHING",
    "FEWEST",
    "KINDS",
    "Effect",
    "Exploration",
    "ExploreConfig",
    "Measured",
    "Ranking",
    "anomalies_of",
    "explore",
    "free_clusters",
    "known_effect",
    "measure",
    "members",
    "rank",
    "reasons",
    "too_few",
]
