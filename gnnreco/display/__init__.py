"""Pictures of events and detectors: HTML and SVG files that need neither a network nor a server.

The page of a first look, `gnnreco.display.explore_page`, is not imported here: it finds clusters, which takes kernels.
"""

from gnnreco.display.drawing.layout import draw_detector

from .compare_page import compare_page
from .curves_page import curves_page
from .show import show_detector, show_event

__all__ = ["compare_page", "curves_page", "draw_detector", "show_detector", "show_event"]
