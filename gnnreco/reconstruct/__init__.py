"""Raw events in, files of what is in them out: every event once, none lost."""

from .run import reconstruct

__all__ = ["reconstruct"]
