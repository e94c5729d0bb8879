"""Pictures of events and detectors: HTML and SVG files that need neither a network nor a server."""

from gnnreco.display.compare_page import compare_page
from gnnreco.display.first_view_page import first_view_page
from gnnreco.display.layout import draw_detector
from gnnreco.display.show import show_detector, show_event

__all__ = ["compare_page", "draw_detector", "first_view_page", "show_detector", "show_event"]
