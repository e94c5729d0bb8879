"""Events from files: TrackML CSV, ACTS CSV, native Parquet."""

from gnnreco.events.open import open_events
from gnnreco.events.source import EventSource

__all__ = ["EventSource", "open_events"]
