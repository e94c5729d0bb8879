"""Bump hunts with weak supervision: a table of events in, a p-value that one can believe out."""

from .hunt import Result, hunt
from .methods import METHODS
from .output import write_result
from .page import write_page
from .settings import SearchSettings
from .table import EventTable, read_events
from .verb import search_table

__all__ = [
    "METHODS",
    "EventTable",
    "Result",
    "SearchSettings",
    "hunt",
    "read_events",
    "search_table",
    "write_page",
    "write_result",
]
