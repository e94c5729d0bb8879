"""The smooth background of a spectrum, from its side-bands: a function of dijet searches, or a Gaussian process.

Both take many spectra at once, so that pseudo-experiments cost little, and both tell how sure they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from gnnreco.columns import Floats

Bools = NDArray[np.bool_]
ROUNDS = 60  # of the fit of the function; it is done long before
CLOSE = 1e-9  # change of a logarithm at which it is done
LEAST = 1e-9  # events that a bin is expected to hold at least
SHARPEST = 20.0  # largest logarithm of a rate relative to its start
RIDGE = 1e-6  # of a parameter that is free
VARIES = 0.5  # root mean square of the logarithm of an efficiency over the spectrum, by each parameter but the first


class Background(Protocol):
    """What the scan asks of a model of the background."""

    def whole(self, counts: Floats) -> Floats:
        """Expected events (t, b) of spectra (t, b) if there is no signal in any bin."""
        ...

    def beneath(self, counts: Floats, window: tuple[int, int]) -> tuple[Floats, Floats]:
        """Expected events (t,) in a window, from the bins outside it, and their standard error (t,)."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """The function of dijet searches, f(x) = a (1 - x)^b x^(-c - d ln x) with x = m / m_max (arXiv 1804.03496).

    Its logarithm is linear in the parameters, so that the Poisson likelihood has one maximum, which Newton's method
    finds for all spectra at once. The few events that a score kept do not tell three parameters: theirs is the function of
    all events, times an efficiency that changes with mass as such a function does, but little (`VARIES`): what is assumed
    counts as much as four events do.

    Attributes
    ----------
    edges : array (b + 1,)
        Of the bins.
    parameters : int
        3, or 4 with d.
    total : array (b,), optional
        Events before the score picked some; by default the spectra are of all events.
    """

    edges: Floats
    parameters: int = 3
    total: Floats | None = None

    def whole(self, counts: Floats) -> Floats:
        """See `Background`."""
        return self.fit(counts, np.ones(counts.shape[1], bool))[0]

    def beneath(self, counts: Floats, window: tuple[int, int]) -> tuple[Floats, Floats]:
        """See `Background`."""
        used = np.ones(counts.shape[1], bool)
        used[slice(*window)] = False
        rate, spread = self.fit(counts, used)
        part = rate[:, slice(*window)]
        slope = part @ self._terms()[slice(*window)]  # of the sum, by the parameters
        error = np.sqrt(np.maximum(np.einsum("ti,tij,tj->t", slope, spread, slope), 0.0))
        return part.sum(axis=1), error

    def _terms(self) -> Floats:
        """What the logarithm of the rate is made of (b, parameters), orthogonal for the sake of the numbers."""
        middle = (self.edges[1:] + self.edges[:-1]) / 2
        x = middle / (2 * self.edges[-1])
        terms = [np.ones_like(x), np.log1p(-x), np.log(x), np.log(x) ** 2][: self.parameters]
        return np.asarray(np.linalg.qr(np.stack(terms, axis=1))[0] * np.sqrt(len(x)))

    def _base(self, used: Bools) -> Floats:
        """The shape (b,) that the spectra have where their efficiency does not change with mass."""
        if self.total is None:
            return np.diff(self.edges)
        return np.maximum(Function(self.edges, self.parameters).fit(self.total[None], used)[0][0], LEAST)

    def fit(self, counts: Floats, used: Bools) -> tuple[Floats, Floats]:
        """Rates (t, b) in all bins, and the covariance (t, p, p) of the parameters."""
        terms, base = self._terms(), self._base(used)
        scale = np.maximum(counts[:, used].sum(axis=1), 1.0) / base[used].sum()
        start = np.log(scale)[:, None] + np.log(base)
        theta = np.zeros((len(counts), terms.shape[1]))
        some, here = terms[used], counts[:, used]
        known = RIDGE if self.total is None else VARIES**-2
        ridge = np.diag([RIDGE, *[known] * (terms.shape[1] - 1)])
        for _ in range(ROUNDS):
            rate = np.exp(start[:, used] + np.clip(theta @ some.T, -SHARPEST, SHARPEST))
            bend = np.einsum("bi,tb,bj->tij", some, rate, some) + ridge
            step = np.linalg.solve(bend, ((here - rate) @ some - theta @ ridge)[:, :, None])[:, :, 0]
            # Far from the maximum a whole step of Newton overshoots.
            step /= np.maximum(np.abs(step).max(axis=1, keepdims=True), 1.0)
            theta += step
            if np.abs(step).max() < CLOSE:
                break
        rate = np.exp(start + np.clip(theta @ terms.T, -SHARPEST, SHARPEST))
        bend = np.einsum("bi,tb,bj->tij", some, rate[:, used], some) + ridge
        return rate, np.linalg.inv(bend)


@dataclass(frozen=True, slots=True, eq=False)
class Process:
    """The function, and a Gaussian process for what the function does not describe (arXiv 1709.05681).

    The kernel is that of the source: an amplitude that falls with mass, and a length that grows with it (Gibbs), so that
    the process is smooth where the resolution is coarse. Only side-bands decide; the length stays above the window.

    Attributes
    ----------
    function : Function
        Its mean.
    amplitude, fall, length, growth : float
        Of the kernel, in units of the middle of the spectrum for lengths.
    """

    function: Function
    amplitude: float
    fall: float
    length: float
    growth: float

    def whole(self, counts: Floats) -> Floats:
        """See `Background`."""
        return self._mean(counts, np.ones(counts.shape[1], bool))[0]

    def beneath(self, counts: Floats, window: tuple[int, int]) -> tuple[Floats, Floats]:
        """See `Background`."""
        used = np.ones(counts.shape[1], bool)
        used[slice(*window)] = False
        rate, spread = self._mean(counts, used)
        part = slice(*window)
        _, error = self.function.beneath(counts, window)
        return rate[:, part].sum(axis=1), np.sqrt(error**2 + spread[:, part, part].sum(axis=(1, 2)))

    def _mean(self, counts: Floats, used: Bools) -> tuple[Floats, Floats]:
        """Rates (t, b), and the covariance (t, b, b) of the process given the bins that are `used`."""
        mean = self.function.fit(counts, used)[0]
        kernel = self.kernel(mean)
        gram = kernel[:, used][:, :, used] + mean[:, used, None] * np.eye(int(used.sum()))
        cross = kernel[:, :, used]
        gain = np.linalg.solve(gram, np.swapaxes(cross, 1, 2))  # (t, used, b)
        rest = np.einsum("tub,tu->tb", gain, (counts - mean)[:, used])
        return np.maximum(mean + rest, LEAST), kernel - cross @ gain

    def kernel(self, mean: Floats) -> Floats:
        """Covariance (t, b, b) of what the function misses, in proportion to it."""
        edges = self.function.edges
        x = (edges[1:] + edges[:-1]) / (edges[0] + edges[-1])
        length = self.length * (1 + self.growth * (x - 1))
        two = length[:, None] ** 2 + length**2
        shape = np.sqrt(2 * np.outer(length, length) / two) * np.exp(-((x[:, None] - x) ** 2) / two)
        fall = np.exp(-self.fall * (x[:, None] + x - 2) / 2)
        return np.asarray(self.amplitude**2 * shape * fall * mean[:, :, None] * mean[:, None, :])


def learn_process(function: Function, counts: Floats, window: tuple[int, int]) -> Process:
    """The hyperparameters of the process that make the side-bands of one spectrum (b,) likeliest.

    Lengths below twice the window are not tried: such a process would follow a signal.
    """
    used = np.ones(len(counts), bool)
    used[slice(*window)] = False
    edges = function.edges
    shortest = 2 * (edges[window[1]] - edges[window[0]]) / ((edges[0] + edges[-1]) / 2)
    mean = function.fit(counts[None], used)[0]
    rest = (counts - mean[0])[used]

    def surprise(at: Floats) -> float:
        process = Process(function, *_told(at, shortest))
        gram = process.kernel(mean)[0][np.ix_(used, used)] + np.diag(mean[0, used])
        sign, volume = np.linalg.slogdet(gram)
        return float(0.5 * rest @ np.linalg.solve(gram, rest) + 0.5 * volume) if sign > 0 else 1e12

    bounds = [(-7.0, 0.0), (-2.0, 2.0), (0.0, 2.0), (0.0, 0.9)]
    tries = [minimize(surprise, [a, 0.0, 0.7, 0.3], method="L-BFGS-B", bounds=bounds) for a in (-5.0, -2.5)]
    best = min(tries, key=lambda one: float(one.fun))
    return Process(function, *_told(best.x, shortest))


def _told(at: Floats, shortest: float) -> tuple[float, float, float, float]:
    amplitude, fall, longer, growth = (float(v) for v in at)
    return float(np.exp(amplitude)), fall, float(shortest * np.exp(longer)), growth
