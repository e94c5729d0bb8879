"""Whether p-values of normal events are what they say: the part below each level is to be that level."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig

from .checked import no_nan, probabilities
from .intervals import clopper_pearson

LEVELS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.001)
GRID = np.linspace(0.01, 0.99, 99)
REPEATS = 2000  # perfect samples drawn to compare with


@dataclass(frozen=True)
class Coverage:
    """Parts of normal events at or below levels of the p-value.

    Attributes
    ----------
    level : float64 (n,)
    below : float64 (n,)
        Part of the events with ``p <= level``: to be the level.
    interval : float64 (n, 2)
        Of `below` (68 %, Clopper-Pearson), from the number of events judged.
    error : float
        Largest \\|part below p - p\\| over p = 0.01, 0.02 ... 0.99.
    expected_error : float
        Its mean for perfect p-values of as many events, with a calibration sample of the size given.
    error_p_value : float
        How often perfect p-values have an error as large.
    events : int
    """

    level: Floats
    below: Floats
    interval: Floats
    error: float
    expected_error: float
    error_p_value: float
    events: int


def coverage(
    p_values: ArrayLike, calibration_events: int | None = None, levels: Sequence[float] = LEVELS
) -> Coverage:
    """Compare p-values of normal events that the calibration has not seen with what they promise.

    Parameters
    ----------
    p_values : (n,)
        Between 0 and 1, of normal events.
    calibration_events : int, optional
        Size of the calibration sample; None for an endless one. All p-values of one finite sample are off in the same way,
        which more events judged cannot change.
    levels : sequence of float
        At which to compare.

    Returns
    -------
    Coverage
        ``below`` (levels,), the part of the events at or below each level, which should be the level; ``interval``, 68 %.

    Examples
    --------
    >>> import numpy as np
    >>> coverage(np.arange(1, 101) / 100, levels=(0.5, 0.1)).below
    array([0.5, 0.1])
    """
    p = probabilities(p_values)
    level = np.asarray(levels, np.float64)
    passed = np.array([(p <= a).sum() for a in level])
    error, expected = coverage_error(p), expected_error(len(p), calibration_events)
    as_large = (1 + (expected >= error * (1 - 1e-9)).sum()) / (len(expected) + 1)
    return Coverage(
        level,
        passed / len(p),
        clopper_pearson(passed, len(p)),
        error,
        float(expected.mean()),
        float(as_large),
        len(p),
    )


def coverage_in_bins(
    p_values: ArrayLike,
    nuisance: ArrayLike,
    edges: ArrayLike,
    calibration_events: int | None = None,
    levels: Sequence[float] = LEVELS,
) -> list[Coverage | None]:
    """The same for events in each bin of a nuisance, edge to edge, the last edge included; None for a bin without events.

    Parameters
    ----------
    p_values, nuisance : (n,)
    edges : (bins + 1,)
    calibration_events : int, optional
        By which the p-values of a bin were calibrated: those of the bin where each is calibrated by itself.
    levels : sequence of float
    """
    p, values, corners = probabilities(p_values), no_nan(nuisance, "nuisance"), no_nan(edges, "edges")
    if len(p) != len(values):
        raise BadConfig(f"{len(p)} p-values, but a nuisance for {len(values)} events")
    last = len(corners) - 2
    parts = [
        p[(values >= corners[b]) & ((values < corners[b + 1]) | ((b == last) & (values == corners[-1])))]
        for b in range(last + 1)
    ]
    return [coverage(part, calibration_events, levels) if len(part) else None for part in parts]


def coverage_error(p_values: ArrayLike) -> float:
    """Largest difference between a p and the part of events at or below it, on the grid 0.01, 0.02 ... 0.99."""
    p = np.sort(probabilities(p_values))
    return float(np.abs(np.searchsorted(p, GRID * (1 + 1e-12), side="right") / len(p) - GRID).max())


def expected_error(events: int, calibration_events: int | None = None) -> Floats:
    """Errors of coverage of perfect p-values, drawn; float64 (`REPEATS`,), the same at each call.

    The part of all normal events below each conformal p-value is that between two ranks of the calibration sample, so these
    parts follow a Dirichlet distribution, and the counts of events a multinomial one.
    """
    rng = np.random.default_rng(0)
    shape = np.diff(GRID, prepend=0, append=1)
    chance = np.broadcast_to(shape, (REPEATS, len(shape)))
    if calibration_events is not None:
        ranks = np.floor(GRID * (calibration_events + 1) * (1 + 1e-12))
        draws = rng.standard_gamma(
            np.diff(ranks, prepend=0, append=calibration_events + 1), (REPEATS, len(shape))
        )
        chance = draws / draws.sum(axis=1, keepdims=True)
    below = rng.multinomial(events, chance).cumsum(axis=1)[:, :-1] / events
    return np.abs(below - GRID).max(axis=1)


def excess(p_values: ArrayLike, level: float, calibration_events: int) -> tuple[int, float, float]:
    """How many events have ``p <= level``, how many are expected, and the p-value of so many or more.

    Exact for plain conformal p-values of exchangeable events, the error of the calibration sample included: the number of m
    events beyond rank k of n follows a beta-binomial distribution with parameters k and n + 1 - k.

    Parameters
    ----------
    p_values : (m,)
    level : float
    calibration_events : int

    Returns
    -------
    passed : int
    expected : float
    p_value : float
    """
    p = probabilities(p_values)
    k = int(np.floor(level * (calibration_events + 1) * (1 + 1e-12)))
    if not 0 < k <= calibration_events:
        raise BadConfig(
            f"no conformal p-value of {calibration_events:,} calibration events divides events at {level:g}: "
            "give a larger sample or a level between 0 and 1"
        )
    passed = int((p <= level * (1 + 1e-12)).sum())
    many = stats.betabinom(len(p), k, calibration_events + 1 - k)
    return passed, float(many.mean()), float(many.sf(passed - 1))
