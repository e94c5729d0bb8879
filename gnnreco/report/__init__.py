"""What a trained model does, on what, how sure it is, what it reads and where it fails: `report` writes it as one page."""

from .attribution import attribution, integrated_gradients
from .ranking import ranking
from .report import report

__all__ = ["attribution", "integrated_gradients", "ranking", "report"]
