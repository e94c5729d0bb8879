"""The command line: one file a group of verbs, and what they share."""

from .start import build_parser, entry, main

__all__ = ["build_parser", "entry", "main"]
