"""Events in files: Parquet of our own, CSV of TrackML and ACTS, event displays in; TrackML CSV and Parquet out."""

from .open import open_events, open_jets
from .source import EventSource, JetSource
from .write import FORMATS, write_events

__all__ = ["FORMATS", "EventSource", "JetSource", "open_events", "open_jets", "write_events"]
