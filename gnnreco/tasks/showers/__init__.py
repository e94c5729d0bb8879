"""Showers: cells of calorimeters, and pieces of charge in drift chambers, to clusters."""

from .task import ClusteringConfig, ClusteringTask

__all__ = ["ClusteringConfig", "ClusteringTask"]
