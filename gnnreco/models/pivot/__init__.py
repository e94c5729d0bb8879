"""Losses by which what is learned does not tell a nuisance: an adversary, or the distance correlation."""

from .adversary import Adversary
from .distance_correlation import distance_correlation

__all__ = ["Adversary", "distance_correlation"]
