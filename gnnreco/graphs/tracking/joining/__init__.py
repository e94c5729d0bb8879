"""Doublets that share a point become triplets: the numbers behind their features, the limits on these, the gate."""

from .join import Cuts, Doublets, join, join_arguments, raw_limits

__all__ = ["Cuts", "Doublets", "join", "join_arguments", "raw_limits"]
