"""Showers by a trained network in place of the parametrisation."""

from .weights import Engine, engine_of

__all__ = ["Engine", "engine_of"]
