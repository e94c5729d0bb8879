"""What the events that calibrated a bundle usually look like: ratios of their counts, and whether others leave them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from gnnreco.schema import within

FEWEST = 4  # groups of events to learn a spread from
MOST = 20  # groups that the events of a calibration make: of many events, those of a group count as one
MANY = 100  # of what a ratio is of: fewer are too few to tell
SPREADS = 5.0  # this far from the mean, beside the leeway, a ratio is no longer usual


@dataclass(frozen=True)
class Ratio:
    """Two counts of an event whose ratio tells its kind: neither how many particles there are nor their momenta.

    Attributes
    ----------
    part, whole : str
        Names of the counts, as a task's `tally` gives them.
    words : str
        What a message puts after the number; a fraction's begin with ``%``.
    leeway : float
        How far from the usual mean, beside its spread, the ratio may lie before anybody should care.
    worse : int
        -1 where only less than usual is bad, 1 where only more is, 0 where both are.
    """

    part: str
    whole: str
    words: str
    leeway: float
    worse: int = 0

    def of(self, counts: Mapping[str, int]) -> float | None:
        """The ratio, of counts by name; None where there is too little to tell."""
        whole = counts.get(self.whole, 0)
        return counts.get(self.part, 0) / whole if whole >= MANY else None


@dataclass(frozen=True)
class UsualRatio(Ratio):
    """The same, and what it was in the events of the calibration.

    Attributes
    ----------
    mean, spread : float
        Over groups of events, and from group to group; a group is one event unless there are more than `MOST`.
    size : float
        Mean of `whole` in a group.
    """

    mean: float = 0.0
    spread: float = 0.0
    size: float = 1.0

    def __post_init__(self) -> None:
        numbers = (self.leeway, self.mean, self.spread, self.size)
        if not all(0 <= number < math.inf for number in numbers):
            raise ValueError("leeway, mean, spread and size must be finite and not negative")
        if self.words.startswith("%") and self.mean > 1:
            raise ValueError("the mean of a fraction must not be above 1")
        within(self, -1, 1, "worse")

    def leaves(self, counts: Mapping[str, int]) -> bool:
        """Whether counts, summed over any number of events, lie further off than chance and other samples take them.

        The spread does not shrink with the number of events, since the sample of the calibration is one of many that are
        alike; it grows where there is less than a group to count, and is never smaller than chance makes it.
        """
        value, whole = self.of(counts), counts.get(self.whole, 0)
        if value is None:
            return False
        off = value - self.mean
        spread = math.hypot(self.spread * max(1.0, self.size / whole) ** 0.5, self._chance(whole))
        return (self.worse * off if self.worse else abs(off)) > SPREADS * spread + self.leeway

    def said(self, counts: Mapping[str, int]) -> str:
        """The ratio of counts beside the usual one, in words."""
        scale = 100 if self.words.startswith("%") else 1
        value = self.of(counts) or 0.0
        return f"{scale * value:.3g} {self.words} ({scale * self.mean:.3g} +- {scale * self.spread:.2g})"

    def _chance(self, whole: int) -> float:
        """What chance alone does to a ratio of so many: binomial for a fraction, half the mean for one of anything else."""
        if not self.words.startswith("%"):
            return self.mean / 2 / float(whole) ** 0.5
        p = (self.mean * whole + 2) / (whole + 4)  # two more of either kind: no fraction is sure
        return math.sqrt(p * (1 - p) / whole)


@dataclass(frozen=True)
class Usual:
    """What the events of a calibration look like.

    Attributes
    ----------
    ratios : tuple of UsualRatio
    """

    ratios: tuple[UsualRatio, ...]

    def left_by(self, counts: Mapping[str, int]) -> tuple[UsualRatio, ...]:
        """The ratios that are unusual in counts by name, summed over events."""
        return tuple(ratio for ratio in self.ratios if ratio.leaves(counts))

    def only(self, counts: Mapping[str, int]) -> dict[str, int]:
        """The counts that it reads."""
        names = {name for ratio in self.ratios for name in (ratio.part, ratio.whole)}
        return {name: number for name, number in counts.items() if name in names}


def learn_usual(ratios: Sequence[Ratio], events: Sequence[Mapping[str, int]]) -> Usual | None:
    """Mean and spread of each ratio.

    Parameters
    ----------
    ratios : sequence of Ratio
    events : sequence of mapping
        The counts of each event of the calibration, by name.

    Returns
    -------
    Usual or None
        Without the ratios of which fewer than `FEWEST` groups of events tell; None where none is left.
    """
    step = -(-len(events) // MOST) or 1
    groups = [_sum(events[i : i + step]) for i in range(0, len(events), step)]
    learned = []
    for ratio in ratios:
        told = [(value, group[ratio.whole]) for group in groups if (value := ratio.of(group)) is not None]
        if len(told) >= FEWEST:
            values, wholes = np.array(told, np.float64).T
            numbers = map(_digits, (values.mean(), values.std(ddof=1), wholes.mean()))
            learned.append(UsualRatio(*astuple(ratio), *numbers))
    return Usual(tuple(learned)) if learned else None


def _sum(events: Sequence[Mapping[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for counts in events for name in counts)
    return {name: sum(counts.get(name, 0) for counts in events) for name in names}


def _digits(number: float) -> float:
    """Six digits, as the calibration of scores has."""
    return float(f"{number:.6g}")
