"""What the anomaly task can look at: the hits of an event, the particles that were found in it, or its jets."""

from .hits import HITS, HitsLevel
from .jets import JETS, JetConfig, JetsLevel
from .particles import PARTICLES, ParticlesLevel
from .terms import Level, Look, Terms

__all__ = [
    "HITS",
    "JETS",
    "PARTICLES",
    "HitsLevel",
    "JetConfig",
    "JetsLevel",
    "Level",
    "Look",
    "ParticlesLevel",
    "Terms",
]
