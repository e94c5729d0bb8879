"""Particle flow: tracks and showers to particles."""

from .task import ParticleFlowConfig, ParticleFlowTask

__all__ = ["ParticleFlowConfig", "ParticleFlowTask"]
