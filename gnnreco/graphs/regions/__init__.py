"""All hits of an event as a graph of regions: what flies from the source in about the same direction, by depth."""

from .fill import FEATURES, KINDS, Regions, regions_of
from .places import RegionConfig, RegionFrame

__all__ = ["FEATURES", "KINDS", "RegionConfig", "RegionFrame", "Regions", "regions_of"]
