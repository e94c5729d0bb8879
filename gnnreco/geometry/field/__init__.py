"""Magnetic fields in tesla, where a track is."""

from .field import ConstantField, Field, MapField, along_z

__all__ = ["ConstantField", "Field", "MapField", "along_z"]
