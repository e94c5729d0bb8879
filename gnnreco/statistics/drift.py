"""Whether events still look like those that calibrated the score: a test of exchangeability that says so in numbers."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from gnnreco.columns import Floats

from .checked import probabilities

LEVEL = 0.01  # of the p-value below which a calibration counts as drifted
BETS = np.array([-1.0, 0.0, 1.0])
JUMP = 0.01  # part of the money that changes its bet after each event
LARGEST = 300.0  # powers of ten that are written down


@dataclass(frozen=True)
class Drift:
    """How probable new normal events are if nothing has changed since the calibration.

    Attributes
    ----------
    p_value : float
        Twice the smaller of the p-values of the two tests, at most 1.
    ks : float
        Largest difference between the distributions of the scores of new events and of the calibration (two-sample
        Kolmogorov-Smirnov).
    ks_p_value : float
    martingale_max : float
        Largest wealth of a gambler who starts with 1 and bets, event after event, that there is a change. Without one it
        reaches w with a probability of at most 1 / w (Ville).
    event : int
        Row at which the wealth was largest.
    drifted : bool
        `p_value` is below 0.01.
    text : str
        The same as a sentence.
    """

    p_value: float
    ks: float
    ks_p_value: float
    martingale_max: float
    event: int
    drifted: bool
    text: str


def drift(
    p_values: ArrayLike, calibration_events: int | None = None, level: float = LEVEL, seed: int = 0
) -> Drift:
    """Test whether normal events are exchangeable with the calibration sample that gave their p-values.

    A Kolmogorov-Smirnov test sees any change of the distribution, and a conformal test martingale (Vovk et al., arXiv
    2102.10439, the *simple jumper*) a change that begins after some events, or comes and goes. Real anomalies are a change
    too, but a per mille of them is seen by neither test. Scores with few values, of which many are equal, look like a drift,
    since their p-values are too large on purpose.

    Parameters
    ----------
    p_values : (m,)
        Between 0 and 1, in the order in which the events were taken.
    calibration_events : int, optional
        Size of the calibration sample (of all its bins together); None for an endless one. With it, new events are ranked
        among the calibration and those before them, so that the error that all p-values share does not count as a change.
    level : float
        Of the p-value below which the calibration counts as drifted.
    seed : int
        Of the ranks that are drawn among events between the same two calibration scores.

    Returns
    -------
    Drift
        Whether the calibration has ``drifted``, the p-value of that, where the change began, and a sentence.

    Examples
    --------
    >>> import numpy as np
    >>> draw = np.random.default_rng(1)
    >>> drift(draw.uniform(size=500)).drifted, drift(draw.uniform(size=500) ** 2).drifted
    (False, True)
    """
    p = probabilities(p_values)
    ranks = online(p, calibration_events, seed)
    distance, ks_p_value = kolmogorov_smirnov(p, calibration_events)
    wealth = martingale(ranks)
    top = int(np.argmax(wealth))
    highest = float(10 ** min(max(wealth[top], 0.0), LARGEST))
    value = float(min(1.0, 2 * min(ks_p_value, 1 / highest)))
    drifted = value < level
    text = (
        f"{len(p):,} normal events {'do not look' if drifted else 'look'} like those of the calibration: p = {value:.2g} "
        f"(Kolmogorov-Smirnov distance {distance:.3f}, p = {ks_p_value:.2g}; wealth of the martingale at most "
        f"{highest:.3g}, at event {top})"
    )
    text += "; calibrate again with events taken like these" if drifted else ""
    return Drift(value, distance, ks_p_value, highest, top, drifted, text)


def kolmogorov_smirnov(p_values: Floats, calibration_events: int | None) -> tuple[float, float]:
    """Distance of the distributions of scores of new events and of the calibration, and its p-value.

    An event with k calibration scores at or above its own stands between the k-th and the next, so p-values tell the order
    of all scores. The p-value of two finite samples is that of one with ``n m / (n + m)`` events, for a distance that is
    smaller by one calibration event.
    """
    m, n = len(p_values), calibration_events
    if n is None:
        test = stats.kstest(p_values, "uniform")
        return float(test.statistic), float(test.pvalue)
    place = np.sort(_above(p_values, n)) / n
    new = np.arange(m + 1) / m
    distance = float(max((new[1:] - place).max(), (place - new[:-1]).max()))
    alike = max(round(n * m / (n + m)), 1)
    return distance, float(stats.kstwo.sf(max(distance - 1 / (n + 1), 0.0), alike))


def online(p_values: Floats, calibration_events: int | None, seed: int = 0) -> Floats:
    """P-values of each event among the calibration and the events before it: independent and uniform without a change.

    Rank within equal ones is drawn (smoothed p-values; Vovk, Gammerman, Shafer 2005, chapter 2).

    Returns
    -------
    float64 (m,)
    """
    if calibration_events is None:
        return p_values
    rng = np.random.default_rng(seed)
    n = calibration_events
    before: list[float] = []
    rank, equal = np.zeros(len(p_values)), np.zeros(len(p_values))
    for row, value in enumerate(p_values.tolist()):
        rank[row] = bisect_left(before, value)
        equal[row] = bisect_right(before, value) - rank[row]
        insort(before, value)
    within = np.floor(rng.uniform(size=len(rank)) * (equal + 1))
    return (_above(p_values, n) + rank + within + rng.uniform(size=len(rank))) / (
        n + 1 + np.arange(len(rank))
    )


def martingale(p_values: Floats) -> Floats:
    """Logarithm to the base 10 of the wealth after each event; float64 (m,).

    Half of the money bets on p-values that are too low or too high, half on ones that are too far from the middle or too
    near. Bets are ``1 + e (x - mean)`` with e = -1, 0, 1, and a hundredth of the money changes its e after each event.
    """
    tilt = np.stack([p_values - 0.5, np.abs(2 * p_values - 1) - 0.5], axis=1)
    money, scale = np.full((2, len(BETS)), 1 / (2 * len(BETS))), 0.0
    wealth = np.zeros(len(p_values))
    for row, off in enumerate(tilt):
        money = (1 - JUMP) * money + JUMP * money.mean(axis=1, keepdims=True)
        money = money * (1 + BETS * off[:, None])
        total = money.sum()
        scale += np.log10(total)
        money /= total
        wealth[row] = scale
    return wealth


def _above(p_values: Floats, calibration_events: int) -> Floats:
    """How many calibration scores are at or above each."""
    return np.clip(np.round(p_values * (calibration_events + 1) - 1), 0, calibration_events)
