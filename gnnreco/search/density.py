"""Densities of features given the mass, by conditional flows that learn the side-bands of a window."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gnnreco.columns import Floats
from gnnreco.columns.table import optional

from .regions import inside
from .table import EventTable

if TYPE_CHECKING:
    import torch

#: Background drawn for each event of the window: what is drawn costs nothing and smooths the comparison.
DRAWN = 4
BATCH = 256
RATE = 2e-3
HELD_OUT = 0.2  # of a sample, to choose the epoch
TRANSFORMS, HIDDEN, KNOTS = 3, (48, 48), 8
AT_ONCE = 20_000  # events whose density is computed at a time
REACH = 4.5  # standardised features beyond it are drawn in: splines end at 5


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """Features and mass in units in which a flow learns: standard normal, one by one."""

    middle: Floats
    width: Floats

    @classmethod
    def of(cls, values: Floats) -> Scale:
        """From a sample (n, k); a constant column keeps the width one."""
        width = values.std(axis=0)
        return cls(values.mean(axis=0), np.where(width > 0, width, 1.0))

    def __call__(self, values: Floats) -> Floats:
        return (values - self.middle) / self.width

    def back(self, values: Floats) -> Floats:
        """Undo it."""
        return values * self.width + self.middle


@dataclass(frozen=True, slots=True, eq=False)
class Density:
    """A trained flow."""

    flow: Any
    features: Scale
    mass: Scale

    def log(self, features: Floats, mass: Floats) -> Floats:
        """Logarithm of the density (n,) of features (n, k) given masses (n,), in standardised units."""
        import torch

        parts = []
        with reproducible(0), torch.no_grad():
            for i in range(0, len(mass), AT_ONCE):
                rows = slice(i, i + AT_ONCE)
                x = tensor(np.clip(self.features(features[rows]), -REACH, REACH))
                parts.append(self.flow(tensor(self.mass(mass[rows, None]))).log_prob(x).double().numpy())
        return np.concatenate(parts) if parts else np.empty(0)

    def draw(self, mass: Floats, seed: int) -> Floats:
        """Features (n, k) at given masses (n,)."""
        import torch

        with reproducible(seed), torch.no_grad():
            drawn = self.flow(tensor(self.mass(mass[:, None]))).sample().double().numpy()
        return self.features.back(np.clip(drawn, -REACH, REACH))


def learn_density(
    features: Floats, mass: Floats, scales: tuple[Scale, Scale], epochs: int, seed: int
) -> Density:
    """Train a neural spline flow (arXiv 1906.04032) on features (n, k) given masses (n,); the best epoch stays."""
    import torch

    random = np.random.default_rng([seed, 5])
    order = random.permutation(len(mass))
    held = max(1, int(HELD_OUT * len(mass)))
    test, train = order[:held], order[held:]
    x = tensor(np.clip(scales[0](features), -REACH, REACH))
    m = tensor(scales[1](mass[:, None]))
    with reproducible(seed):
        flow = optional("zuko", "the flow", "anomaly").flows.NSF(
            x.shape[1], 1, bins=KNOTS, transforms=TRANSFORMS, hidden_features=HIDDEN, randperm=True
        )
        steps = epochs * max(1, -(-len(train) // BATCH))
        descent = torch.optim.Adam(flow.parameters(), RATE)
        slowing = torch.optim.lr_scheduler.CosineAnnealingLR(descent, steps)
        best, kept = float("inf"), flow.state_dict()
        for _ in range(epochs):
            mixed = random.permutation(train)
            for i in range(0, len(mixed), BATCH):
                rows = mixed[i : i + BATCH]
                loss = -flow(m[rows]).log_prob(x[rows]).mean()
                descent.zero_grad()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
                descent.step()
                slowing.step()
            with torch.no_grad():
                surprise = float(-flow(m[test]).log_prob(x[test]).mean())
            if surprise < best:
                best, kept = surprise, {name: value.clone() for name, value in flow.state_dict().items()}
        flow.load_state_dict(kept)
    return Density(flow.eval(), *scales)


def draw_background(data: EventTable, window: tuple[float, float], epochs: int, seed: int) -> Floats:
    """Features of background in a window, as the side-bands around it foretell: `DRAWN` rows for each event there."""
    here = inside(data.mass, window)
    scales = Scale.of(data.features[~here]), Scale.of(data.mass[~here, None])
    learned = learn_density(data.features[~here], data.mass[~here], scales, epochs, seed)
    mass = np.random.default_rng([seed, 6]).choice(data.mass[here], DRAWN * int(here.sum()))
    return learned.draw(mass, seed)


def density_ratio(
    data: EventTable, window: tuple[float, float], epochs: int, seed: int
) -> Callable[[Floats, Floats], Floats]:
    """A score: the logarithm of the density in the window over the one that its side-bands foretell there."""
    here = inside(data.mass, window)
    scales = Scale.of(data.features[~here]), Scale.of(data.mass[~here, None])
    beside = learn_density(data.features[~here], data.mass[~here], scales, epochs, seed)
    within = learn_density(data.features[here], data.mass[here], scales, epochs, seed + 1)
    return lambda features, mass: within.log(features, mass) - beside.log(features, mass)


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Random numbers from a seed, and one thread: sums of several threads differ in their last bits."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def tensor(values: Floats) -> torch.Tensor:
    import torch

    return torch.as_tensor(values, dtype=torch.float32)
