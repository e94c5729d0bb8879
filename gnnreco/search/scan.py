"""How surprising the windows of a spectrum are, one by one and all together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc
from scipy.stats import norm, poisson

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonDict
from gnnreco.progress import Progress
from gnnreco.statistics.multiple import look_elsewhere, upcrossings

from .background import LEAST, Background, Function, learn_process
from .regions import Spectrum

#: Pseudo-experiments whose bins are held in memory at a time.
AT_ONCE = 250


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """The spectrum of the events that a window's score picks, and the model of its background.

    Attributes
    ----------
    counts : array (b,)
    background : Background
    windows : tuple of int
        Which windows of the spectrum are looked at in it.
    """

    counts: Floats
    background: Background
    windows: tuple[int, ...]


def model(
    kind: str, spectrum: Spectrum, counts: Floats, total: Floats, window: int, parameters: int
) -> Background:
    """The background of `counts` of `total` events by ``function`` or ``gp``; a process learns outside one window."""
    function = Function(spectrum.edges, parameters, total)
    return function if kind == "function" else learn_process(function, counts, spectrum.windows[window])


def expected_in(background: Background, counts: Floats, window: tuple[int, int]) -> tuple[Floats, Floats]:
    """Expected events (t,) of spectra (t, b) in a window, and the standard error (t,).

    The maximum of the likelihood is low where there are few events, and has no error where there are none. These are the
    mean and the width of a gamma distribution instead, of n + 1 where n events were seen (Z_Bi of arXiv physics/0702156).
    """
    mean, error = background.beneath(counts, window)
    mean = np.maximum(mean, LEAST)
    event = error**2 / mean  # what one event more would add
    return mean + event, np.hypot(error, event)


def chance(observed: Floats, expected: Floats, error: Floats) -> Floats:
    """Probability of at least so many events if there is no signal.

    The mean is known up to a gamma distribution of this mean and standard error, which makes the number of events a
    negative binomial one (arXiv physics/0702156, Z_Bi). Without an error it is Poisson's.

    Parameters
    ----------
    observed, expected, error : array (n,)

    Returns
    -------
    array (n,)
    """
    mean, error = np.maximum(expected, LEAST), np.maximum(error, LEAST)
    shape = mean**2 / error**2
    p = betainc(np.maximum(observed, 1.0), shape, error**2 / (error**2 + mean))
    # Where the error is tiny the incomplete beta function loses its digits.
    p = np.where(shape > 1e9, poisson.sf(observed - 1, mean), p)
    return np.where(observed > 0, np.clip(p, 1e-300, 1.0), 1.0)


def sigmas(p: float) -> float:
    """One-sided Gaussian standard deviations; negative where there are fewer events than expected."""
    return float(norm.isf(min(max(p, 1e-300), 1 - 1e-16)))


def scan(spectrum: Spectrum, looks: Sequence[Look]) -> list[JsonDict]:
    """One row for each window: observed, expected with its error, local p-value."""
    rows = []
    for look in looks:
        for number in look.windows:
            window = spectrum.windows[number]
            mean, error = (float(v[0]) for v in expected_in(look.background, look.counts[None], window))
            observed = float(look.counts[slice(*window)].sum())
            p = float(chance(np.array([observed]), np.array([mean]), np.array([error]))[0])
            rows.append(
                {
                    "window": list(spectrum.limits(window)),
                    "observed": int(observed),
                    "expected": mean,
                    "expected_error": error,
                    "p_value_local": p,
                    "significance_local": sigmas(p),
                }
            )
    return rows


def pseudo(
    spectrum: Spectrum, looks: Sequence[Look], toys: int, seed: int, progress: Progress | None = None
) -> Floats:
    """Local p-values of pseudo-experiments without signal.

    Each draws the bins of every look from its smooth background, fits them as the data were fitted, and goes through all
    windows. Looks are drawn on their own: of two that share events the p-values are alike, so that fewer are truly tried
    and the global p-value comes out too large rather than too small.

    Returns
    -------
    array (toys, w)
        In the order of the windows.
    """
    p = np.ones((toys, len(spectrum.windows)))
    for done in range(0, toys, AT_ONCE):
        rows = slice(done, min(done + AT_ONCE, toys))
        for number, look in enumerate(looks):
            random = np.random.default_rng([seed, number, done])
            rate = look.background.whole(look.counts[None])[0]
            drawn = random.poisson(rate, (rows.stop - rows.start, len(rate))).astype(np.float64)
            for w in look.windows:
                window = spectrum.windows[w]
                mean, error = expected_in(look.background, drawn, window)
                observed = drawn[:, slice(*window)].sum(axis=1)
                p[rows, w] = chance(observed, mean, error)
        if progress is not None:
            progress("pseudo-experiments", rows.stop, toys)
    return p


def overall(best: float, drawn: Floats) -> JsonDict:
    """The p-value of a whole search, from the smallest local one and those (t, w) of pseudo-experiments.

    With `t` pseudo-experiments of which `k` are as surprising it is (k + 1) / (t + 1). Where `k` is 0 it is the number of
    windows times the local one, if that is less. The lesser of both for any `k` would be too small too often: the first
    wavers by chance around the true value, to which the second is close. Beside it stands that of Gross and Vitells, from
    the mean number of windows at which pseudo-experiments rise from fewer events than expected to more.
    """
    toys, windows = drawn.shape
    beaten = int((drawn.min(axis=1) <= best).sum())
    counted, bound = (1 + beaten) / (1 + toys), min(1.0, best * windows)
    p, origin = (counted, "pseudo-experiments")
    if beaten == 0 and bound < counted:
        p, origin = bound, "Bonferroni bound"
    told = {"p_value": p, "p_value_from": origin, "significance": sigmas(p), "p_value_gross_vitells": None}
    if windows > 1 and best <= 0.5:
        rises = upcrossings(norm.isf(drawn))
        told["p_value_gross_vitells"] = look_elsewhere(sigmas(best), float(rises.mean())).p_value
    return told
