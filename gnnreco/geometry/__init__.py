"""Geometry is data: detectors, their cells, their neighbours, their faults."""

from gnnreco.geometry.adjacency.between import between_layers
from gnnreco.geometry.adjacency.cell_graph import cell_graph, hit_graph
from gnnreco.geometry.adjacency.neighbours import first_cell, neighbours, neighbours_of
from gnnreco.geometry.cells.edges import EdgesTemplate
from gnnreco.geometry.cells.grid import GridTemplate
from gnnreco.geometry.cells.hexagons import HexTemplate
from gnnreco.geometry.cells.polar import PolarTemplate
from gnnreco.geometry.cells.polygons import PolygonTemplate
from gnnreco.geometry.cells.templates import CellTemplate
from gnnreco.geometry.checks.check import check
from gnnreco.geometry.checks.coverage import Coverage, coverage
from gnnreco.geometry.checks.field_findings import field_findings
from gnnreco.geometry.checks.findings import Finding
from gnnreco.geometry.description.load import find_detector, list_detectors, load_detector
from gnnreco.geometry.field.field import ConstantField, Field, MapField, along_z

from .detector import Detector
from .importers import IMPORTERS, import_detector
from .subsystem import Drift, PassiveCylinder, Subsystem

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
    "field_findings",
    "find_detector",
    "first_cell",
    "hit_graph",
    "import_detector",
    "list_detectors",
    "load_detector",
    "neighbours",
    "neighbours_of",
]
