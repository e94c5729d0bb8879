"""What an evaluation says to people: the table of a terminal, figures, and one page with both."""

from .explain import explain
from .plots import figures, page_of, plots
from .table import table

__all__ = ["explain", "figures", "page_of", "plots", "table"]
