"""Two ways to make all points of a shower at once: a flow in a few steps, and a Wasserstein GAN in one.

Both move points that come from noise by the same network over sets, and one kernel draws from either
(`gnnreco.simulate.showers.learned.sets`).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import silu

from gnnreco.simulate.showers.learned.features import OF_LAYER
from gnnreco.simulate.showers.learned.weights import PLACED, SEEN

from .batch import ShowerSets
from .network import Trunk

PENALTY, DRIFT = 10.0, 1e-3  # of the critic's slope, and of its mean
CRITIC_STEPS = 2  # of the critic for one of the generator, on average


class SetNetwork(nn.Module):
    """Numbers for each point of a set, which know of the others by means over layers and their neighbours."""

    def __init__(self, inputs: int, hidden: int, width: int, steps: int, outputs: int = PLACED) -> None:
        super().__init__()
        self.trunk = Trunk(inputs + len(OF_LAYER), hidden)
        self.layer, self.time = nn.Linear(hidden, width), nn.Parameter(0.1 * torch.randn(width, steps))
        self.own = nn.Linear(SEEN, width, bias=False)
        self.mix_one, self.two = nn.Linear(3 * width + hidden, 2 * width), nn.Linear(width, width)
        self.mix_two, self.three = nn.Linear(3 * width + hidden, 2 * width), nn.Linear(width, width)
        self.out = nn.Linear(width, outputs)

    def forward(self, z: Tensor, sets: ShowerSets, step: Tensor) -> Tensor:
        """Numbers of each point (n, outputs) at z (n, 3), in a step of each layer's own (l,)."""
        hidden, layer = self.trunk(sets.features), sets.layer
        radius = torch.sqrt((z[:, :2] ** 2).sum(1, keepdim=True) + 1e-12)
        seen = torch.cat([z[:, :2], radius, z[:, 2:]], 1)
        h = silu(self.own(seen) + (self.layer(hidden) + self.time.T[step])[layer])
        for mix, dense in ((self.mix_one, self.two), (self.mix_two, self.three)):
            mean = mean_by_layer(h, sets)
            factor, shift = mix(torch.cat([beside(mean, sets), hidden], 1)).chunk(2, 1)
            h = silu(dense(h * (1 + factor)[layer]) + shift[layer])
        return torch.as_tensor(self.out(h))


def mean_by_layer(h: Tensor, sets: ShowerSets) -> Tensor:
    """Means (l, w) of the numbers of points (n, w); zero where a layer is empty."""
    count = torch.bincount(sets.layer, minlength=len(sets.shower)).clamp(min=1)
    total = torch.zeros(len(count), h.shape[1], dtype=h.dtype).index_add(0, sets.layer, h)
    return total / count[:, None]


def beside(mean: Tensor, sets: ShowerSets) -> Tensor:
    """The numbers of the layer before, of each layer, and of the one after it in the same shower (l, 3 w)."""
    same = (sets.shower[1:] == sets.shower[:-1])[:, None]
    none = torch.zeros_like(mean[:1])
    return torch.cat([torch.cat([none, mean[:-1] * same]), mean, torch.cat([mean[1:] * same, none])], 1)


class PointFlow(nn.Module):
    """Points that flow from noise; each step is trained where sampling takes it."""

    def __init__(self, inputs: int, hidden: int, width: int, steps: int) -> None:
        super().__init__()
        self.sets, self.steps = SetNetwork(inputs, hidden, width, steps), steps

    def scale_to(self, features: Tensor) -> None:
        """Take mean and spread of features (n, inputs)."""
        self.sets.trunk.scale_to(features)

    def forward(self, sets: ShowerSets) -> dict[str, Tensor]:
        """Mean squared error of the velocity from noise to points."""
        n = int(sets.shower.max()) + 1
        step = torch.randint(self.steps, (n,)) if self.training else torch.arange(n) % self.steps
        step = step[sets.shower]
        time = (step / self.steps)[sets.layer][:, None]
        speed = self.sets((1 - time) * sets.noise + time * sets.points, sets, step)
        return {"velocity": ((speed - (sets.points - sets.noise)) ** 2).mean()}


class Critic(nn.Module):
    """How much a shower looks like a true one."""

    def __init__(self, inputs: int, hidden: int, width: int) -> None:
        super().__init__()
        self.sets, self.score = SetNetwork(inputs, hidden, width, 1, outputs=width), nn.Linear(width, 1)

    def forward(self, z: Tensor, sets: ShowerSets) -> Tensor:
        """A number for each shower: the mean over its layers that are not empty."""
        mean = mean_by_layer(self.sets(z, sets, torch.zeros_like(sets.shower)), sets)
        filled = torch.bincount(sets.layer, minlength=len(sets.shower)) > 0
        score, shower = self.score(silu(mean[filled]))[:, 0], sets.shower[filled]
        n = int(sets.shower.max()) + 1
        return torch.zeros(n).index_add(0, shower, score) / torch.bincount(shower, minlength=n).clamp(min=1)


class PointGan(nn.Module):
    """Points in one step, against a critic whose slope is one (Gulrajani et al., arXiv 1704.00028)."""

    def __init__(self, inputs: int, hidden: int, width: int) -> None:
        super().__init__()
        self.sets, self.critic = SetNetwork(inputs, hidden, width, 1), Critic(inputs, hidden, width)

    def scale_to(self, features: Tensor) -> None:
        """Take mean and spread of features (n, inputs)."""
        self.sets.trunk.scale_to(features)
        self.critic.sets.trunk.scale_to(features)

    def forward(self, sets: ShowerSets) -> dict[str, Tensor]:
        """What the critic wants to go down, and what the generator wants: each moves its own weights alone."""
        learns = not self.training or int(torch.randint(CRITIC_STEPS, ())) == 0
        with torch.set_grad_enabled(torch.is_grad_enabled() and learns):
            made = self.made(sets)
        true, false = self.critic(sets.points, sets), self.critic(made.detach(), sets)
        judged = false.mean() - true.mean() + DRIFT * (true**2).mean()
        if torch.is_grad_enabled():
            judged = judged + PENALTY * self.steepness(sets, made.detach())
        if not learns:
            return {"critic": judged, "generator": torch.zeros(())}
        fixed = {name: value.detach() for name, value in self.critic.named_parameters()}
        return {"critic": judged, "generator": -functional_call(self.critic, fixed, (made, sets)).mean()}

    def made(self, sets: ShowerSets) -> Tensor:
        """Generated points (n, 3); the mean of the energies of a layer is one, as that of true points."""
        z = sets.noise + self.sets(sets.noise, sets, torch.zeros_like(sets.shower))
        mean = mean_by_layer(torch.exp(z[:, 2:].clamp(max=8.0)), sets)
        return torch.cat([z[:, :2], z[:, 2:] - torch.log(mean + 1e-12)[sets.layer]], 1)

    def steepness(self, sets: ShowerSets, made: Tensor) -> Tensor:
        """How far the slope of the critic is from one, between true showers and generated ones, squared.

        A shower's distance from another is the root mean square over its points, so that large ones are not steeper.
        """
        shower = sets.shower[sets.layer]
        n = int(sets.shower.max()) + 1
        between = torch.rand(n)[shower][:, None]
        z = (between * sets.points + (1 - between) * made).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(z, sets).sum(), z, create_graph=True)
        squared = torch.zeros(n).index_add(0, shower, (slope**2).sum(1))
        steep = torch.sqrt(squared * torch.bincount(shower, minlength=n) + 1e-12)
        return ((steep - 1) ** 2).mean()
