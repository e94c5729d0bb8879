"""Flights of particles through sensors, field and matter, in compiled kernels: see `follow`."""

from .fly import LIGHT, follow
from .passage import Matter
from .processes import Physics
from .steps import CURVATURE

__all__ = ["CURVATURE", "LIGHT", "Matter", "Physics", "follow"]
