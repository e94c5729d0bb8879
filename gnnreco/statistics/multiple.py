"""Many tests at once: lists of discoveries, the look-elsewhere effect of a scan, and p-values as standard deviations."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig

from .checked import probabilities


def z_of_p(p: ArrayLike) -> Floats:
    """One-sided significance of p-values in standard deviations.

    Parameters
    ----------
    p : (n,)
        p-values, between 0 and 1.

    Returns
    -------
    float64 (n,)
        0 for one half, negative above.

    Examples
    --------
    >>> z_of_p([0.5, 0.00135]).round(2)
    array([0., 3.])
    """
    return np.asarray(stats.norm.isf(np.asarray(p, np.float64)))


def p_of_z(z: ArrayLike) -> Floats:
    """One-sided p-values of significances in standard deviations."""
    return np.asarray(stats.norm.sf(np.asarray(z, np.float64)))


@dataclass(frozen=True)
class Discoveries:
    """Events of a list that stand out, with a bound on how many of them are normal.

    Attributes
    ----------
    chosen : bool (n,)
    adjusted_p : float64 (n,)
        The lowest rate of false discoveries at which each event would be chosen.
    rate : float
        The expected part of normal events among the chosen is at most this.
    """

    chosen: NDArray[np.bool_]
    adjusted_p: Floats
    rate: float


def discoveries(p_values: ArrayLike, rate: float = 0.1, dependent: bool = False) -> Discoveries:
    """Choose events by the procedure of Benjamini and Hochberg (J. R. Stat. Soc. B 57, 1995, 289).

    It holds for conformal p-values of one calibration sample, although that makes them depend on each other (Bates et al.,
    arXiv 2104.08279, theorem 2). If one alone of m events is to be chosen, it needs p <= rate / m, so the calibration sample
    needs about m / rate events.

    Parameters
    ----------
    p_values : (n,)
        Between 0 and 1, of the events to choose from.
    rate : float
        Of false discoveries among the chosen.
    dependent : bool
        Benjamini and Yekutieli (Ann. Stat. 29, 2001, 1165): holds for any dependence, with less power.

    Returns
    -------
    Discoveries
        ``chosen`` (n,), whether each event is, and ``adjusted_p`` (n,), the lowest rate at which it would be.

    Examples
    --------
    >>> discoveries([0.001, 0.2, 0.9, 0.00001]).chosen
    array([ True, False, False,  True])
    """
    p = probabilities(p_values)
    if not 0 < rate < 1:
        raise BadConfig(f"a rate of false discoveries of {rate:g}: give one between 0 and 1")
    adjusted = stats.false_discovery_control(p, method="by" if dependent else "bh")
    return Discoveries(adjusted <= rate, adjusted, rate)


def upcrossings(z: ArrayLike, level: float = 0.0) -> NDArray[np.int64]:
    """How often scans rise from below a level to it or above; int64 (...), one for each scan (..., points)."""
    above = np.asarray(z, np.float64) >= level
    return np.asarray((above[..., 1:] & ~above[..., :-1]).sum(axis=-1), np.int64)


@dataclass(frozen=True)
class Global:
    """The most significant point of a scan, with the probability that background reaches it anywhere.

    Attributes
    ----------
    p_value, z : float
        Of the whole scan.
    interval : (float, float)
        Of `p_value` (68 %), from the error of the mean number of upcrossings.
    local_p_value, local_z : float
        Of that point alone.
    trials : float
        Global over local p-value.
    """

    p_value: float
    z: float
    interval: tuple[float, float]
    local_p_value: float
    local_z: float
    trials: float


def look_elsewhere(z: float, mean_upcrossings: float, level: float = 0.0, error: float = 0.0) -> Global:
    """Global significance of the largest local one of a scan (Gross, Vitells, arXiv 1005.1891).

    Significances that are normal at each point of the scan exceed z somewhere with a probability of at most
    ``P(Z > z) + <N(level)> exp(-(z^2 - level^2) / 2)``; the bound is close where z is large.

    Parameters
    ----------
    z : float
        Largest local significance, one-sided, in standard deviations, at or above `level`.
    mean_upcrossings : float
        Mean number of `upcrossings` of `level` by scans of background: some 50 pseudo-experiments.
    level : float
        Low, so that there are many upcrossings, but not negative.
    error : float
        Standard error of `mean_upcrossings`.

    Returns
    -------
    Global
        p-value and significance of the whole scan and of the point alone, and the factor between the p-values.

    Examples
    --------
    >>> found = look_elsewhere(z=3.0, mean_upcrossings=4.0)
    >>> round(found.local_p_value, 5), round(found.p_value, 3)
    (0.00135, 0.046)
    """
    if not (np.isfinite([z, mean_upcrossings, level, error]).all() and mean_upcrossings >= 0 and error >= 0):
        raise BadConfig(
            "look-elsewhere: all numbers must be finite, the mean number of upcrossings not negative"
        )
    if not 0 <= level <= z:
        raise BadConfig(
            f"look-elsewhere: a level of {level:g} must lie between 0 and the significance, {z:g}"
        )
    local = float(p_of_z(z))
    fall = np.exp(-(z**2 - level**2) / 2)
    few, middle, many = (
        float(min(local + max(n, 0.0) * fall, 1.0))
        for n in (mean_upcrossings - error, mean_upcrossings, mean_upcrossings + error)
    )
    return Global(middle, float(z_of_p(middle)), (few, many), local, float(z), middle / local)
