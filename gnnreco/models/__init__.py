"""Layers and networks: torch only, no files, no detector."""

from gnnreco.models.aggregate import segment_sum, sort_by_node
from gnnreco.models.inference import infer
from gnnreco.models.segment_network import NetworkConfig, SegmentNetwork

__all__ = ["NetworkConfig", "SegmentNetwork", "infer", "segment_sum", "sort_by_node"]
