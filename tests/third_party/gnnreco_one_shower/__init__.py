"""A package beside gnnreco: one task, one detector."""

from pathlib import Path

SLAB = Path(__file__).parent / "slab"
