"""The report on a fast simulation: generated showers beside those of a full one, to compare and to look at."""

from .report import report_showers

__all__ = ["report_showers"]
