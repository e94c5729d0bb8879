"""How well particle flow finds particles, jets and missing momentum."""

from .jets import find_jets
from .matching import match_particles
from .scores import ParticleScores, score_particles
from .targets import ParticleTarget

__all__ = ["ParticleScores", "ParticleTarget", "find_jets", "match_particles", "score_particles"]
