"""Showers by a trained network in place of the parametrisation."""

from .weights import Engine, Engines, engine_of

__all__ = ["Engine", "Engines", "engine_of"]
