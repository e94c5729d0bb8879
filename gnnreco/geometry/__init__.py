"""Geometry is data: detectors, their cells, their neighbours, their faults."""

from .detector import Detector, PassiveCylinder, Subsystem
from .field import ConstantField, Field
from .lattice import GridTemplate, HexTemplate
from .load import find_detector, list_detectors, load_detector
from .templates import CellTemplate

__all__ = [
    "CellTemplate",
    "ConstantField",
    "Detector",
    "Field",
    "GridTemplate",
    "HexTemplate",
    "PassiveCylinder",
    "Subsystem",
    "find_detector",
    "list_detectors",
    "load_detector",
]
