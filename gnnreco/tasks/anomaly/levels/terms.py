"""What every level gives: the names of its numbers, and from an event its regions and the way back to hits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from gnnreco.columns import ANOMALY_PARTS, Event, Floats, Ints, JetBlock

from ..samples import AnomalySample

#: The most surprising regions, so many at a time.
DEPTHS = (1, 3, 10)


@dataclass(frozen=True)
class Terms:
    """The numbers of a level.

    Attributes
    ----------
    row, piece : str
        What has one score, and what it is made of.
    features : tuple of str
        Of a region.
    static : int
        How many numbers of a region never change.
    kinds : mapping of str to slice
        What features speak of, and their columns.
    totals : tuple of str
        What a row holds as a whole.
    nuisance : str
        The one of these in whose bins p-values are calibrated apart.
    """

    row: str
    piece: str
    features: tuple[str, ...]
    static: int
    kinds: Mapping[str, slice]
    totals: tuple[str, ...]
    nuisance: str

    @cached_property
    def surprises(self) -> tuple[str, ...]:
        """Kinds of surprise: those of the features, and all together."""
        return (*self.kinds, "all")

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Of the row that the head judges."""
        return (
            *self.totals,
            *(f"surprise of {kind}, {depth} regions" for kind in self.surprises for depth in DEPTHS),
            *(f"surprise of {kind}, everywhere" for kind in self.surprises),
        )

    @cached_property
    def part_of(self) -> Ints:
        """Which of `ANOMALY_PARTS` each column belongs to; the last where none fits."""
        names = [kind.replace(" ", "_") for kind in self.surprises]
        last = len(ANOMALY_PARTS) - 1
        kinds = [ANOMALY_PARTS.index(name) if name in ANOMALY_PARTS else last for name in names]
        return np.array([last] * len(self.totals) + list(np.repeat(kinds, len(DEPTHS))) + kinds, np.int64)


class Look(Protocol):
    """What a level sees in one event."""

    @property
    def sample(self) -> AnomalySample:
        """Its regions; each of its rows gets a score."""

    def attribution(self, row: int, by_region: Floats, contributions: Floats) -> Floats:
        """How much of the score of a row each hit of the event gives, or each constituent of a block of jets.

        Parameters
        ----------
        row : int
        by_region : float64 (n_regions, kinds + 1)
            What its regions give by way of their surprise: see `gnnreco.tasks.anomaly.summary.of_regions`.
        contributions : float64 (k,)
            Of the columns of its row.
        """


class Level(Protocol):
    """Makes regions of events."""

    def look(self, event: Event | JetBlock) -> Look:
        """What is there; raises `BadInput` where a number is not finite, or it is none of what the level looks at."""
