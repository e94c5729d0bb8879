"""Layers and networks: no files, no detector. What trains them needs torch and is imported from its own module."""

from gnnreco.models.inference import infer
from gnnreco.models.segment_model import Scorer, SegmentModel
from gnnreco.models.weights import NetworkConfig, Weights

__all__ = ["NetworkConfig", "Scorer", "SegmentModel", "Weights", "infer"]
