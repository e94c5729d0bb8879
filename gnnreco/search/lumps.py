"""Where a sample holds more events than a reference: a few Gaussians, fitted so that they tell the two apart.

A few parameters learn from a few hundred events of signal among 50,000 what trees do not. A signal that is no lump in the
features is left to the trees that vote beside them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, ndtri

from gnnreco.columns import Floats
from gnnreco.columns.table import optional

from .density import reproducible, tensor

if TYPE_CHECKING:
    import torch

LUMPS = 3
FITS = 3  # that vote, each stopped on another share of the events
#: Candidates for the place of a lump, and the width of the kernel that weighs them, in standard deviations of a feature.
CANDIDATES, KERNEL = 1500, 0.35
FEWEST = 8.0  # events within a kernel, both samples together
START, SHARE = 0.3, 0.003  # standard deviation of a lump, and share of events in all of them, before the fit
BROADEST, NARROWEST = 4.5, 0.1  # standard deviation
GAUSSIANS, FITTED = 12, 20_000  # of the reference, and events that they are fitted to
STEPS, RATE, EVERY, HELD_OUT = 80, 0.03, 10, 0.2  # of the descent; how often, and on what share, it is judged
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


def learn_lumps(mixed: Floats, reference: Floats, seed: int) -> Callable[[Floats], Floats]:
    """Fit `LUMPS` Gaussians to what `mixed` (n, k) holds more than `reference` (m, k).

    The density of the mixed sample is taken as (1 - e) b + sum of e_j N_j, where b is a mixture of Gaussians fitted to the
    reference. Places, shapes and shares e_j descend on the cross-entropy of the labels "mixed" and "reference", to the step
    that is best on events held out. They begin where a kernel counts the largest excess.

    Returns
    -------
    callable
        Of features (n, k): the probability (n,) of "mixed", where both samples count alike; the mean of `FITS` fits.
    """
    normal = Normal.of(reference)
    first, other = normal(mixed), normal(reference)
    with reproducible(seed):
        background = _background(other, seed)
        places = _places(first, other, np.random.default_rng([seed, 8]))
        fits = [
            _fit(first, other, places, background, np.random.default_rng([seed, 9, fit]))
            for fit in range(FITS)
        ]

    def probability(features: Floats) -> Floats:
        z = normal(features)
        b = background(z)
        return np.asarray(np.mean([expit(fit(z, b)) for fit in fits], axis=0))

    return probability


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


def _places(mixed: Floats, reference: Floats, random: np.random.Generator) -> Floats:
    """Where (j, k) a kernel counts the largest excess in units of its error, no two within a kernel's width."""
    candidates = mixed[random.choice(len(mixed), min(CANDIDATES, len(mixed)), replace=False)]
    total, square = np.zeros((2, len(candidates))), np.zeros(len(candidates))
    for number, z in enumerate((mixed, reference)):
        for i in range(0, len(z), AT_ONCE):
            part = z[i : i + AT_ONCE]
            apart = (part**2).sum(axis=1)[:, None] + (candidates**2).sum(axis=1) - 2 * part @ candidates.T
            weight = np.exp(-apart / (2 * KERNEL**2))
            total[number] += weight.sum(axis=0)
            square += (weight**2).sum(axis=0)
    excess = (total[0] - len(mixed) / len(reference) * total[1]) / np.sqrt(square)
    excess[total.sum(axis=0) < FEWEST] = -np.inf
    chosen: list[int] = []
    for i in np.argsort(-excess, kind="stable"):
        if all(((candidates[i] - candidates[j]) ** 2).sum() > KERNEL**2 for j in chosen):
            chosen.append(int(i))
        if len(chosen) == LUMPS:
            break
    return candidates[chosen]


def _fit(
    mixed: Floats,
    reference: Floats,
    places: Floats,
    background: Callable[[Floats], Floats],
    random: np.random.Generator,
) -> Callable[[Floats, Floats], Floats]:
    """Descend from some places; the logarithm of the mixed density over that of the background, of events and the latter."""
    import torch

    z = np.concatenate([mixed, reference])
    x, b = tensor(z), tensor(background(z))
    unknown = torch.arange(len(z)) < len(mixed)
    held = torch.as_tensor(random.random(len(z)) < HELD_OUT)
    j, k = places.shape
    middle, share = tensor(places), torch.full((j,), float(np.log(SHARE / j)))
    root = -np.log(START) * torch.eye(k).repeat(
        j, 1, 1
    )  # of the inverse covariance; its diagonal as a logarithm
    values = [value.requires_grad_() for value in (middle, share, root)]

    def ratio(x: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        diagonal = torch.diagonal(root, dim1=1, dim2=2).clamp(-np.log(BROADEST), -np.log(NARROWEST))
        factor = torch.tril(root, -1) + torch.diag_embed(diagonal.exp())
        apart = torch.einsum("jab,njb->nja", factor, x[:, None] - middle)
        log = diagonal.sum(dim=1) - 0.5 * (apart**2).sum(dim=2) - k / 2 * np.log(2 * np.pi)
        rest = torch.log1p(-share.exp().sum().clamp(max=0.5))
        return torch.logaddexp(rest, torch.logsumexp(share + log, dim=1) - b)

    def loss(rows: torch.Tensor) -> torch.Tensor:
        found, soft = ratio(x[rows], b[rows]), torch.nn.functional.softplus
        return soft(-found[unknown[rows]]).mean() + soft(found[~unknown[rows]]).mean()

    descent = torch.optim.Adam(values, RATE)
    best, kept = float("inf"), [value.detach().clone() for value in values]
    for step in range(STEPS):
        descent.zero_grad()
        loss(~held).backward()
        descent.step()
        if step % EVERY == EVERY - 1:
            with torch.no_grad():
                now = float(loss(held))
            if now < best:
                best, kept = now, [value.detach().clone() for value in values]
    with torch.no_grad():
        for value, good in zip(values, kept, strict=True):
            value.copy_(good)

    def found(z: Floats, b: Floats) -> Floats:
        with torch.no_grad():
            return np.asarray(ratio(tensor(z), tensor(b)).double().numpy())

    return found
