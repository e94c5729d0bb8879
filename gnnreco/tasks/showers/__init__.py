"""Showers: cells of calorimeters, and pieces of charge in drift chambers, to clusters."""

from .config import ClusteringConfig
from .task import ClusteringTask

__all__ = ["ClusteringConfig", "ClusteringTask"]
