"""Pictures of events and detectors: one HTML file each, drawn with WebGL, without a network or a server."""

from gnnreco.display.show import show_detector, show_event

__all__ = ["show_detector", "show_event"]
