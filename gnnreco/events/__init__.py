"""Events in files: TrackML CSV, ACTS CSV and native Parquet in, TrackML CSV and Parquet out."""

from gnnreco.events.open import open_events
from gnnreco.events.source import EventSource
from gnnreco.events.write import FORMATS, write_events

__all__ = ["FORMATS", "EventSource", "open_events", "write_events"]
