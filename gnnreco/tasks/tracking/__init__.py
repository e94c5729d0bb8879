"""Tracking: hits of charged particles to tracks."""

from .task import TrackingConfig, TrackingTask

__all__ = ["TrackingConfig", "TrackingTask"]
