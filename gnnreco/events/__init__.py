"""Events in files: Parquet of our own, CSV of TrackML and ACTS, event displays in; TrackML CSV and Parquet out."""

from gnnreco.events.open import open_events
from gnnreco.events.source import EventSource
from gnnreco.events.write import FORMATS, write_events

__all__ = ["FORMATS", "EventSource", "open_events", "write_events"]
