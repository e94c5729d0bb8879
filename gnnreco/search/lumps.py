"""Where a sample holds more events than a reference: a few Gaussians, fitted so that they tell the two apart.

A few parameters learn from a few hundred events of signal among 50,000 what trees do not. A signal that is no lump in the
features is left to the trees that vote beside them, with the weight that events teach which neither learned from.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, ndtri

from gnnreco.columns import Floats, Ints
from gnnreco.columns.table import optional

from .density import reproducible, tensor
from .regions import Bools

if TYPE_CHECKING:
    import torch

LUMPS = 3
FITS = 16  # that vote, each learned from another bootstrap sample of the events
#: Candidates for the place of a lump, and the width of the kernel that weighs them, in standard deviations of a feature.
CANDIDATES, KERNEL = 1500, 0.35
FEWEST = 8.0  # events within a kernel, both samples together
START, SHARE = 0.3, 0.003  # standard deviation of a lump, and share of events in all of them, before the fit
BROADEST, NARROWEST = 4.5, 0.1  # standard deviation
GAUSSIANS, FITTED = 12, 20_000  # of the reference, and events that they are fitted to
STEPS, RATE, EVERY = 80, 0.03, 10  # of the descent; how often it is judged
KNOTS = 1001
AT_ONCE = 8000  # events whose kernels are held in memory


@dataclass(frozen=True, slots=True, eq=False)
class Normal:
    """Features (n, k) to numbers that are standard normal, one by one, in a reference."""

    knots: Floats
    levels: Floats

    @classmethod
    def of(cls, features: Floats) -> Normal:
        """By the quantiles of a reference."""
        levels = np.linspace(0.5, len(features) - 0.5, KNOTS) / len(features)
        return cls(np.quantile(features, levels, axis=0), ndtri(levels))

    def __call__(self, features: Floats) -> Floats:
        columns = [
            np.interp(x, knots, self.levels) for x, knots in zip(features.T, self.knots.T, strict=True)
        ]
        return np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Lumps:
    """Fits that vote; called with features (n, k) they give the probability (n,) of "mixed", where both samples count alike.

    Attributes
    ----------
    normal : Normal
    background : callable
        The logarithm of the reference's density.
    fits : sequence of callables
        The logarithm of the mixed density over that of the background.
    unseen : array (n,)
        The probability of each event that was learned from, mixed ones first, by the fits whose bootstrap sample lacks it;
        NaN where all have it.
    """

    normal: Normal
    background: Callable[[Floats], Floats]
    fits: Sequence[Callable[[Floats, Floats], Floats]]
    unseen: Floats

    def __call__(self, features: Floats) -> Floats:
        z = self.normal(features)
        b = self.background(z)
        return np.asarray(np.mean([expit(fit(z, b)) for fit in self.fits], axis=0))


def learn_lumps(mixed: Floats, reference: Floats, seed: int) -> Lumps:
    """Fit `LUMPS` Gaussians to what `mixed` (n, k) holds more than `reference` (m, k).

    The density of the mixed sample is taken as (1 - e) b + sum of e_j N_j, where b is a mixture of Gaussians fitted to the
    reference. Places, shapes and shares e_j descend on the cross-entropy of the labels "mixed" and "reference". They begin
    where a kernel counts the largest excess. Each fit learns from a bootstrap sample of the events, and is stopped at the
    step that is best on the events which that sample lacks: a fluctuation that draws one fit does not draw the others.
    """
    normal = Normal.of(reference)
    z = np.concatenate([normal(mixed), normal(reference)])
    unknown = np.arange(len(z)) < len(mixed)
    fits, votes, voters = [], np.zeros(len(z)), np.zeros(len(z))
    with reproducible(seed):
        background = _background(z[~unknown], seed)
        density = background(z)
        for number in range(FITS):
            random = np.random.default_rng([seed, 9, number])
            times = _bootstrap(unknown, random)
            fit = _fit(z, density, unknown, times, random)
            lacked = times == 0
            votes[lacked] += expit(fit(z[lacked], density[lacked]))
            voters += lacked
            fits.append(fit)
    return Lumps(
        normal, background, fits, np.divide(votes, voters, out=np.full(len(z), np.nan), where=voters > 0)
    )


def _bootstrap(unknown: Bools, random: np.random.Generator) -> Ints:
    """How often each event (n,) is drawn, as many of both kinds as there are."""
    times = np.zeros(len(unknown), np.int64)
    for kind in (unknown, ~unknown):
        rows = np.flatnonzero(kind)
        times[rows] = np.bincount(random.integers(0, len(rows), len(rows)), minlength=len(rows))
    return times


def _background(reference: Floats, seed: int) -> Callable[[Floats], Floats]:
    """The logarithm of the density of a reference, by a mixture of Gaussians."""
    mixture = optional("sklearn.mixture", "the density of background", "anomaly").GaussianMixture
    count = max(1, min(GAUSSIANS, len(reference) // 100))
    fitted = mixture(
        count, reg_covar=1e-3, tol=1e-2, max_iter=30, init_params="random_from_data", random_state=seed
    )
    with warnings.catch_warnings():
        # The density only shapes the lumps; its last digits change nothing.
        warnings.filterwarnings("ignore", "Best performing initialization did not converge")
        fitted.fit(reference[:FITTED])
    return lambda z: np.asarray(fitted.score_samples(z))


def _places(z: Floats, unknown: Bools, times: Ints, random: np.random.Generator) -> Floats:
    """Where (j, k) a kernel counts the largest excess in units of its error, no two within a kernel's width.

    Of events (n, k) that are of the mixed sample, or not, and count some number of `times`.
    """
    mixed = np.flatnonzero(unknown & (times > 0))
    candidates = z[random.choice(mixed, min(CANDIDATES, len(mixed)), replace=False)]
    total, square = np.zeros((2, len(candidates))), np.zeros(len(candidates))
    for number, kind in enumerate((unknown, ~unknown)):
        rows = np.flatnonzero(kind & (times > 0))
        for i in range(0, len(rows), AT_ONCE):
            part, count = z[rows[i : i + AT_ONCE]], times[rows[i : i + AT_ONCE]]
            apart = (part**2).sum(axis=1)[:, None] + (candidates**2).sum(axis=1) - 2 * part @ candidates.T
            weight = np.exp(-apart / (2 * KERNEL**2))
            total[number] += count @ weight
            square += count @ weight**2
    excess = (total[0] - unknown.sum() / (~unknown).sum() * total[1]) / np.sqrt(square)
    excess[total.sum(axis=0) < FEWEST] = -np.inf
    chosen: list[int] = []
    for i in np.argsort(-excess, kind="stable"):
        if all(((candidates[i] - candidates[j]) ** 2).sum() > KERNEL**2 for j in chosen):
            chosen.append(int(i))
        if len(chosen) == LUMPS:
            break
    return candidates[chosen]


def _fit(
    z: Floats, density: Floats, unknown: Bools, times: Ints, random: np.random.Generator
) -> Callable[[Floats, Floats], Floats]:
    """Learn from events (n, k), each taken some number of `times`, given the logarithm of the background's density (n,).

    The callable gives the logarithm of the mixed density over that of the background, of events and the latter.
    """
    import torch

    places = _places(z, unknown, times, random)
    drawn, lacked = (
        [torch.as_tensor(k & some) for k in (unknown, ~unknown)] for some in (times > 0, times == 0)
    )
    count = torch.as_tensor(np.maximum(times, 1), dtype=torch.float32)
    x, b = tensor(z), tensor(density)
    j, k = places.shape
    middle, share = tensor(places), torch.full((j,), float(np.log(SHARE / j)))
    root = -np.log(START) * torch.eye(k).repeat(
        j, 1, 1
    )  # of the inverse covariance; its diagonal as a logarithm
    values = [value.requires_grad_() for value in (middle, share, root)]

    def ratio(x: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        diagonal = torch.diagonal(root, dim1=1, dim2=2).clamp(-np.log(BROADEST), -np.log(NARROWEST))
        factor = torch.tril(root, -1) + torch.diag_embed(diagonal.exp())
        # One product of matrices for all lumps is faster than one for each.
        moved = (factor @ middle[:, :, None]).reshape(-1)
        apart = (x @ factor.reshape(-1, k).T - moved).reshape(-1, j, k)
        log = diagonal.sum(dim=1) - 0.5 * (apart**2).sum(dim=2) - k / 2 * np.log(2 * np.pi)
        rest = torch.log1p(-share.exp().sum().clamp(max=0.5))
        return torch.logaddexp(rest, torch.logsumexp(share + log, dim=1) - b)

    def loss(kinds: list[torch.Tensor]) -> torch.Tensor:
        total = torch.zeros(())
        for rows, sign in zip(kinds, (-1, 1), strict=True):
            cost = torch.nn.functional.softplus(sign * ratio(x[rows], b[rows]))
            total = total + (count[rows] * cost).sum() / count[rows].sum()
        return total

    descent = torch.optim.Adam(values, RATE)
    best, kept = float("inf"), [value.detach().clone() for value in values]
    for step in range(STEPS):
        descent.zero_grad()
        loss(drawn).backward()
        descent.step()
        if step % EVERY == EVERY - 1:
            with torch.no_grad():
                now = float(loss(lacked))
            if now < best:
                best, kept = now, [value.detach().clone() for value in values]
    with torch.no_grad():
        for value, good in zip(values, kept, strict=True):
            value.copy_(good)

    def found(z: Floats, b: Floats) -> Floats:
        with torch.no_grad():
            return np.asarray(ratio(tensor(z), tensor(b)).double().numpy())

    return found
