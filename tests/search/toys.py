"""Small tables with a bump, and without."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats
from gnnreco.search import EventTable

NAMES = ("a", "b", "c")


def toy(background: int = 3000, signal: int = 60, seed: int = 0) -> EventTable:
    """Masses that fall from 2 to 6, features that drift a little with it, and a narrow bump at 3.5."""
    draw = np.random.default_rng(seed)
    # The inverse of a truncated exponential distribution: every draw is used.
    falling = 2 - 1.2 * np.log1p(-draw.random(background) * -np.expm1(-4 / 1.2))
    plain = np.stack(
        [draw.normal(0.1 * falling), draw.normal(size=background), draw.exponential(size=background)], 1
    )
    strange = np.stack(
        [draw.normal(2.5, 0.3, signal), draw.normal(2, 0.3, signal), draw.exponential(0.3, signal)], 1
    )
    mixed = draw.permutation(background + signal)
    mass = np.concatenate([falling, draw.normal(3.5, 0.08, signal)])[mixed]
    label = (mixed >= background).astype(np.int64)
    return EventTable(f"toy {seed}", NAMES, mass, np.concatenate([plain, strange])[mixed], label)


def matrix(table: EventTable) -> Floats:
    """Its columns: mass, features, label."""
    return np.column_stack([table.mass, table.features, table.label])
