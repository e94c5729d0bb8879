"""Percentiles of many durations in little memory: counts in bins of equal ratio, which add up over processes and runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from gnnreco.files.json_types import JsonDict, JsonMapping

#: Percentiles are within this part of the true ones.
ACCURACY = 0.01
#: Seconds below which durations are not told apart, and above which neither.
SHORTEST, LONGEST = 1e-6, 1e6
_LOG_RATIO = math.log((1 + ACCURACY) / (1 - ACCURACY))


@dataclass
class Latencies:
    """Durations, s.

    Attributes
    ----------
    count : int
    total, longest : float
        Of all, s.
    bins : Counter of int
        Bin ``i`` holds what is above ``ratio ** (i - 1)`` s and up to ``ratio ** i`` s.

    Examples
    --------
    >>> latencies = Latencies()
    >>> for seconds in range(1, 101):
    ...     latencies.add(seconds)
    >>> round(latencies.percentile(90))
    90
    """

    count: int = 0
    total: float = 0.0
    longest: float = 0.0
    bins: Counter[int] = field(default_factory=Counter)

    def add(self, seconds: float) -> None:
        """Count one more."""
        self.count += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)
        self.bins[math.ceil(math.log(min(max(seconds, SHORTEST), LONGEST)) / _LOG_RATIO)] += 1

    def merge(self, other: Latencies) -> None:
        """Count all that another one counted."""
        self.count += other.count
        self.total += other.total
        self.longest = max(self.longest, other.longest)
        self.bins += other.bins

    def percentile(self, percent: float) -> float | None:
        """The shortest duration that `percent` % of all do not exceed, s; None where there is none."""
        rank, seen = math.ceil(self.count * percent / 100), 0
        for index in sorted(self.bins):
            seen += self.bins[index]
            if seen >= rank:
                middle = math.exp(index * _LOG_RATIO) * (1 - ACCURACY)
                return min(middle, self.longest)
        return None

    def told(self) -> JsonDict:
        """The usual figures, s."""
        figures = {f"p{percent}": self.percentile(percent) for percent in (50, 90, 99)}
        mean = self.total / self.count if self.count else None
        return {"count": self.count, "mean": mean, **figures, "max": self.longest if self.count else None}

    def plain(self) -> JsonDict:
        """Plain values from which `of` makes the same again."""
        bins = sorted(self.bins.items())
        return {"count": self.count, "total": self.total, "max": self.longest, "bins": bins}

    @classmethod
    def of(cls, plain: JsonMapping | Mapping[str, object]) -> Latencies:
        """What `plain` gave.

        Raises
        ------
        ValueError, TypeError, LookupError
            If it is not that.
        """
        bins = Counter({int(index): int(count) for index, count in plain["bins"]})  # type: ignore[union-attr]
        return cls(int(plain["count"]), float(plain["total"]), float(plain["max"]), bins)  # type: ignore[arg-type]
