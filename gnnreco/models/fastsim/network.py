"""The two networks of the fast simulation, and how likely they find a shower; what draws showers reads the same weights.

Names and shapes of the weights: `gnnreco.simulate.showers.learned.weights.sizes`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax, logsigmoid, silu, softplus

from gnnreco.simulate.showers.learned.features import OF_LAYER
from gnnreco.simulate.showers.learned.layers import NARROWEST_COUNT, NARROWEST_ENERGY, NARROWEST_TOTAL
from gnnreco.simulate.showers.learned.nuclear import FEATURES_OF, OF_SHOWER_OF
from gnnreco.simulate.showers.learned.points import LARGEST, NARROWEST, NEAR_AXIS, SMALLEST, STRONGEST
from gnnreco.simulate.showers.learned.weights import (
    BY_ENERGY,
    BY_RADIUS,
    CHILD,
    COUNTS,
    DEPOSITS,
    ENERGIES,
    FRESH,
    GROWTH,
    NEAR,
    NEAR_LATE,
    OF_CHILD,
    OF_FRESH,
    OF_SIBLING,
    PLACES,
    SIBLING,
    TOTALS,
)

from .batch import ShowerLayers, ShowerPoints


class Trunk(nn.Module):
    """Two layers over features brought to one scale."""

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))
        self.one, self.two = nn.Linear(inputs, hidden), nn.Linear(hidden, hidden)

    def scale_to(self, features: Tensor) -> None:
        """Take mean and spread of features (n, inputs)."""
        self.get_buffer("mean").copy_(features.mean(0))
        self.get_buffer("scale").copy_(1 / (features.std(0) + 0.05))

    def forward(self, features: Tensor) -> Tensor:
        """Hidden numbers (n, hidden)."""
        scaled = (features - self.get_buffer("mean")) * self.get_buffer("scale")
        return silu(self.two(silu(self.one(scaled))))


class TotalNetwork(nn.Module):
    """How much of a shower is seen in all."""

    def __init__(self, inputs: int, deposit: int) -> None:
        super().__init__()
        self.trunk, self.share = Trunk(inputs, deposit), nn.Linear(deposit, 1 + 3 * TOTALS)
        self.register_buffer("most", torch.zeros(1))

    def forward(self, showers: Tensor, total: Tensor) -> Tensor:
        """Minus the logarithm of the likelihood of the share that is seen of each shower (n,): their sum."""
        given, some = self.share(self.trunk(showers)), total > 0
        none = binary_cross_entropy_with_logits(given[:, 0], (~some).float(), reduction="sum")
        return none + normal(given[some, 1:], torch.log(total[some]), NARROWEST_TOTAL).sum()


class LayerNetwork(nn.Module):
    """How many points lie in a layer, and how much energy."""

    def __init__(self, inputs: int, hidden: int, deposit: int) -> None:
        super().__init__()
        self.trunk = Trunk(inputs, hidden)
        self.number = nn.Linear(hidden, 1 + 3 * COUNTS)
        self.energy_one, self.energy = nn.Linear(hidden + 1, deposit), nn.Linear(deposit, 3 * ENERGIES)
        self.register_buffer("most", torch.zeros(2))

    def forward(self, layers: ShowerLayers) -> tuple[Tensor, Tensor]:
        """Minus the logarithm of the likelihood of the numbers of points, and of their mean energies: sums over layers."""
        hidden = self.trunk(layers.features)
        given, filled = self.number(hidden), layers.count > 0
        none = binary_cross_entropy_with_logits(given[:, 0], (~filled).float(), reduction="sum")
        given, hidden, count = given[filled, 1:], hidden[filled], layers.count[filled]
        weight, middle, width = given.split(COUNTS, 1)
        width = softplus(width) + NARROWEST_COUNT
        up = (torch.log(count + 0.5)[:, None] - middle) / width
        down = (torch.log(count - 0.5)[:, None] - middle) / width
        between = (
            torch.log1p(-torch.exp(torch.clamp(down - up, max=-1e-6))) + logsigmoid(up) + logsigmoid(-down)
        )
        each = torch.where(count[:, None] < 1.5, logsigmoid(up), between)
        counted = none - torch.logsumexp(log_softmax(weight, 1) + each, 1).sum()
        given = self.energy(silu(self.energy_one(torch.cat([hidden, torch.log(count)[:, None]], 1))))
        return counted, normal(given, torch.log(layers.energy[filled] / count), NARROWEST_ENERGY).sum()


class PointNetwork(nn.Module):
    """Where the points of a layer lie, and how they share its energy."""

    def __init__(self, inputs: int, hidden: int, deposit: int) -> None:
        super().__init__()
        self.trunk = Trunk(inputs + len(OF_LAYER), hidden)
        self.place = nn.Linear(hidden, PLACES)
        self.deposit_layer = nn.Linear(hidden, deposit)
        self.deposit_own, self.deposit = nn.Linear(2, deposit, bias=False), nn.Linear(deposit, 3 * DEPOSITS)

    def forward(self, points: ShowerPoints) -> tuple[Tensor, Tensor]:
        """Minus the logarithm of the likelihood of each point's place, in squared Moliere radii, and of its energy."""
        hidden = self.trunk(points.features)
        given, moliere, layer = self.place(hidden), points.moliere, points.layer
        around = self._density(given, points)
        away = torch.log(around + 1e-30) + 2 * torch.log(moliere)[layer]
        count = torch.expm1(points.features[:, -len(OF_LAYER)])[layer]
        off = torch.sqrt((points.place**2).sum(1)) / moliere[layer]
        own = torch.stack([torch.log1p(NEAR_AXIS * off), torch.log(count * around.detach() + 1e-6)], 1)
        given = self.deposit(silu(self.deposit_layer(hidden)[layer] + self.deposit_own(own)))
        return -away, normal(given, torch.log(points.deposit), NARROWEST)

    def _density(self, given: Tensor, points: ShowerPoints) -> Tensor:
        """Of points where each lies (t,), per mm^2, given the layer before and those of its own layer drawn before it."""
        moliere, layer, parents = points.moliere, points.layer, points.parent_layer
        fresh = kernel(given[:, OF_FRESH:OF_CHILD], FRESH, moliere, layer, (points.place**2).sum(1))
        radius = torch.sqrt((points.parent_place**2).sum(1)) / moliere[parents]
        strength = given[parents, BY_ENERGY] * torch.log(points.parent_deposit)
        strength = torch.exp(
            torch.clamp(strength + given[parents, BY_RADIUS] * torch.log1p(radius), -STRONGEST, STRONGEST)
        )
        total = torch.full((len(given),), 1e-12).index_add(0, parents, strength)
        growth, of_pair = torch.exp(0.3 * given[:, GROWTH]), layer[points.child]
        from_parent = (
            points.place[points.child] - growth[of_pair][:, None] * points.parent_place[points.parent]
        )
        near = kernel(given[:, OF_CHILD:GROWTH], CHILD, moliere, of_pair, (from_parent**2).sum(1))
        near = near * (strength / total[parents])[points.parent]
        child = torch.zeros(len(layer)).index_add(0, points.child, near)
        some = torch.zeros(len(given)).index_add(0, parents, torch.ones(len(parents))) > 0
        alone = torch.where(some, torch.sigmoid(given[:, 0]), torch.ones(()))[layer]
        around = alone * fresh + (1 - alone) * child
        beside = kernel(
            given[:, OF_SIBLING:], SIBLING, torch.ones_like(moliere), layer[points.later], points.apart
        )
        sibling = torch.zeros(len(layer)).index_add(0, points.later, beside)
        count = torch.expm1(points.features[:, -len(OF_LAYER)])[layer]
        sibling = sibling / torch.clamp(count * points.rank, min=1.0)
        late = given[layer, NEAR] + given[layer, NEAR_LATE] * torch.log(points.rank + 1e-6)
        share = torch.sigmoid(late) * (points.rank > 0)
        return (1 - share) * around + share * sibling


def kernel(given: Tensor, n: int, unit: Tensor, layer: Tensor, away: Tensor) -> Tensor:
    """Density at squared distances `away` (m,) from centres, per mm^2, each by the mixture of its layer (m,)."""
    weight, size = given.split(n, 1)
    square = torch.exp(2 * (torch.clamp(size, SMALLEST, LARGEST) + torch.log(unit)[:, None]))
    scaled = (torch.softmax(weight, 1) * square / math.pi)[layer]
    return (scaled / (away[:, None] + square[layer]) ** 2).sum(1)


def normal(given: Tensor, value: Tensor, narrowest: float) -> Tensor:
    """Minus the logarithm of the likelihood of each value (n,), but for a constant, in a mixture of normal distributions."""
    weight, middle, width = given.chunk(3, 1)
    width = softplus(width) + narrowest
    pull = (value[:, None] - middle) / width
    return -torch.logsumexp(log_softmax(weight, 1) - 0.5 * pull**2 - torch.log(width), 1)


class FastSimNetwork(nn.Module):
    """All three: a shower's total, its layers, and their points."""

    def __init__(self, hidden: int, deposit: int, pions: bool = False) -> None:
        super().__init__()
        inputs = len(FEATURES_OF[pions])
        self.total = TotalNetwork(len(OF_SHOWER_OF[pions]), deposit)
        self.layer = LayerNetwork(inputs, hidden, deposit)
        self.points = PointNetwork(inputs, hidden, deposit)
