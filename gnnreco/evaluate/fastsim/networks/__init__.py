"""The networks that tell showers apart, and what they read; those that need torch are loaded where they are trained."""

from .tables import Table

__all__ = ["Table"]
