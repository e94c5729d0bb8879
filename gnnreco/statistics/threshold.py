"""The cut on a score that lets a given rate of normal events pass, as a trigger needs it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from gnnreco.errors import BadConfig

from .checked import no_nan
from .conformal import TooFewEvents, fewest_events
from .intervals import COVERAGE


@dataclass(frozen=True)
class Threshold:
    """A cut on a score: events with ``score > value`` pass.

    Attributes
    ----------
    value : float
        One of the scores that were seen.
    value_interval : (float, float)
        Where the cut of an endless sample lies (68 %); the upper end is infinite where the sample cannot tell.
    rate : float
        Part of normal events that is expected to pass: what was asked for, or less where scores are equal.
    rate_interval : (float, float)
        Where the true rate of this cut lies (68 %).
    events : int
        Normal events that it was set with.
    """

    value: float
    value_interval: tuple[float, float]
    rate: float
    rate_interval: tuple[float, float]
    events: int


def threshold_for_rate(scores: ArrayLike, rate: float, coverage: float = COVERAGE) -> Threshold:
    """The lowest of the seen scores beyond which no more than a rate of normal events is expected.

    With n scores that is the k-th highest, k = floor(rate (n + 1)): whatever the distribution, a new normal event exceeds it
    with the probability k / (n + 1). The rate of this very cut is distributed as Beta(k, n + 1 - k), and the rank of the cut
    of an endless sample as a binomial distribution (David, Nagaraja, *Order statistics*, 2003, chapters 2 and 7).

    Parameters
    ----------
    scores : (n,)
        Of normal events that neither the score nor anything else was learned from; a higher one is stranger.
    rate : float
        Between 0 and 1.
    coverage : float
        Of the intervals.

    Returns
    -------
    Threshold
        ``value``, the cut, and ``rate``, the part of normal events that passes it, each with its interval.

    Raises
    ------
    TooFewEvents
        Fewer events than the rate needs.
    BadInput
        A NaN, with its row.

    Examples
    --------
    >>> import numpy as np
    >>> cut = threshold_for_rate(np.arange(99.0), rate=0.1)
    >>> cut.value, cut.rate
    (89.0, 0.1)
    """
    score = np.sort(no_nan(scores, "scores"))[::-1]
    n = len(score)
    if not 0 < rate < 1:
        raise BadConfig(f"a rate of {rate:g}: give one between 0 and 1")
    if n < (needed := fewest_events(rate)):
        raise TooFewEvents(f"{n:,} normal events cannot set a rate of {rate:g}: give at least {needed:,}")
    k = int(np.floor(rate * (n + 1) * (1 + 1e-12)))
    value = score[k - 1]
    above = int((score > value).sum())  # k - 1 where no scores are equal
    tail = (1 - coverage) / 2
    low, high = stats.beta.ppf([tail, 1 - tail], above + 1, n - above)
    # As many events as this lie above the cut of an endless sample: the cut is between two ranks.
    few, many = stats.binom.ppf([tail, 1 - tail], n, rate).astype(int)
    return Threshold(
        float(value),
        (float(score[min(many, n - 1)]), float(score[few - 1]) if few else np.inf),
        (above + 1) / (n + 1),
        (float(low), float(high)),
        n,
    )
