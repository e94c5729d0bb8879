"""How much of a shower is seen in all, how many points lie in its next layer, with how much energy: all drawn."""

from __future__ import annotations

import numpy as np

from gnnreco.kernels import njit

from .numbers import chance, linear, pick, silu, through, width
from .weights import COUNTS, ENERGIES, TOTALS, Array, LayerWeights, TotalWeights

NARROWEST_COUNT, NARROWEST_ENERGY, NARROWEST_TOTAL = (
    0.02,
    0.01,
    0.003,
)  # widths of the components, added to what the network says


@njit(cache=True, error_model="numpy")
def share_seen(rng: np.random.Generator, x: Array, weights: TotalWeights) -> float:
    """What all layers show of a shower's energy, over their sampling fractions; `x`, of `OF_SHOWER`, is used up."""
    given = linear(through(weights.trunk, x), weights.share)
    if rng.random() < chance(given[0]):
        return 0.0
    one = pick(rng, given, 1, TOTALS)
    spread = width(given[1 + 2 * TOTALS + one]) + NARROWEST_TOTAL
    return np.exp(min(given[1 + TOTALS + one] + spread * rng.standard_normal(), weights.most[0]))


@njit(cache=True, error_model="numpy")
def fill_layer(rng: np.random.Generator, x: Array, weights: LayerWeights) -> tuple[int, float]:
    """Number of points and their mean energy, in what a minimum-ionising particle leaves; `x` (f,) is used up."""
    hidden = through(weights.trunk, x)
    given = linear(hidden, weights.number)
    if rng.random() < chance(given[0]):
        return 0, 0.0
    one = pick(rng, given, 1, COUNTS)
    middle, spread = given[1 + COUNTS + one], width(given[1 + 2 * COUNTS + one]) + NARROWEST_COUNT
    uniform = rng.random()
    logarithm = min(middle + spread * np.log(uniform / (1 - uniform)), weights.most[0])
    count = max(int(np.exp(logarithm) + 0.5), 1)
    wider = np.empty(len(hidden) + 1, np.float32)
    wider[:-1], wider[-1] = hidden, np.log(count)
    given = linear(silu(linear(wider, weights.energy_one)), weights.energy)
    one = pick(rng, given, 0, ENERGIES)
    spread = width(given[2 * ENERGIES + one]) + NARROWEST_ENERGY
    return count, np.exp(min(given[ENERGIES + one] + spread * rng.standard_normal(), weights.most[1]))
