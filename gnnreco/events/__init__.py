"""Events in files: Parquet of our own, CSV of TrackML and ACTS, event displays in; TrackML CSV and Parquet out."""

from .open import open_events
from .source import EventSource
from .write import FORMATS, write_events

__all__ = ["FORMATS", "EventSource", "open_events", "write_events"]
