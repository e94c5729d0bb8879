"""Events in files: many formats in (see `open_events`); Parquet of our own, TrackML CSV and CaloChallenge HDF5 out."""

from .open import open_events, open_jets
from .source import EventSource, JetSource
from .write import FORMATS, write_events

__all__ = ["FORMATS", "EventSource", "JetSource", "open_events", "open_jets", "write_events"]
