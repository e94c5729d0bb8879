"""Drift chambers: charge samples straight to tracks."""

from .task import DriftConfig, DriftTask

__all__ = ["DriftConfig", "DriftTask"]
