"""Geometry is data: detectors, their cells, their neighbours, their faults."""

from .between import between_layers
from .cell_graph import cell_graph, hit_graph
from .check import check
from .coverage import Coverage, coverage
from .detector import Detector
from .edges import EdgesTemplate
from .field import ConstantField, Field, MapField, along_z
from .findings import Finding
from .grid import GridTemplate
from .hexagons import HexTemplate
from .importers import IMPORTERS, import_detector
from .load import find_detector, list_detectors, load_detector
from .neighbours import first_cell, neighbours, neighbours_of
from .polar import PolarTemplate
from .polygons import PolygonTemplate
from .subsystem import Drift, PassiveCylinder, Subsystem
from .templates import CellTemplate

__all__ = [
    "IMPORTERS",
    "CellTemplate",
    "ConstantField",
    "Coverage",
    "Detector",
    "Drift",
    "EdgesTemplate",
    "Field",
    "Finding",
    "GridTemplate",
    "HexTemplate",
    "MapField",
    "PassiveCylinder",
    "PolarTemplate",
    "PolygonTemplate",
    "Subsystem",
    "along_z",
    "between_layers",
    "cell_graph",
    "check",
    "coverage",
    "find_detector",
    "first_cell",
    "hit_graph",
    "import_detector",
    "list_detectors",
    "load_detector",
    "neighbours",
    "neighbours_of",
]
