"""gnnreco: graph-network reconstruction for any particle detector."""

__version__ = "0.1.0"
