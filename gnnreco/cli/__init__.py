"""The command line: one file a group of verbs, and what they share."""

from .start import entry, main

__all__ = ["entry", "main"]
