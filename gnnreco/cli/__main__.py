"""`python -m gnnreco.cli` is `gnnreco`."""

from .start import entry

entry()
