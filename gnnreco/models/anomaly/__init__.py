"""How strange a row of numbers is: models of normal rows behind one interface, each in a file of its own."""

from .heads import HEADS, Head, find_head, fit_head
from .scale import Scale

__all__ = ["HEADS", "Head", "Scale", "find_head", "fit_head"]
