"""Layers and networks: no files, no detector. What trains them needs torch and is imported from its own module."""

from .inference import infer
from .segment_model import Scorer, SegmentModel
from .weights import NetworkConfig, Weights

__all__ = ["NetworkConfig", "Scorer", "SegmentModel", "Weights", "infer"]
