"""The fast simulation as a task: it learns showers of a full simulation in any number of detectors, and gives an engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gnnreco.columns import Event
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.models.fastsim.arrays import PARTICLES, fastsim_arrays
from gnnreco.models.fastsim.batch import ShowerLayers
from gnnreco.models.fastsim.network import FastSimNetwork
from gnnreco.models.fastsim.sets import PointFlow, PointGan
from gnnreco.models.state import Numbers
from gnnreco.progress import Progress
from gnnreco.simulate.showers.learned import Engines, engine_of
from gnnreco.simulate.showers.learned.features import FEATURES, N_RANGES, OF_DETECTOR
from gnnreco.simulate.showers.learned.nuclear import FEATURES_OF, OF_SHOWER_OF
from gnnreco.simulate.showers.learned.weights import CASCADE, FLOW, GAN, GENERATORS, OWN
from gnnreco.tasks.contract import Needs, Task, needed

from .samples import FastSimSample, layers_of, points_of, sample_of
from .sets import sets_of

#: Which features of layers and of whole showers are blurred: what the detector is; the angle is known exactly.
BLURRED = torch.tensor([name != "cosine" for name in FEATURES[OF_DETECTOR]], dtype=torch.float32)
MATERIAL = ("log thickness", "log critical", "log mip", "log fraction")
NUCLEAR = FEATURES_OF[True].index("log interaction thickness")
OVER_CRITICAL, CRITICAL = (
    FEATURES.index("log energy over critical"),
    FEATURES[OF_DETECTOR].index("log critical"),
)
MOST_STEPS = 100  # of a flow
WIDER = 0.2  # of the logarithms of counts and energies, beyond the largest in training


@dataclass(frozen=True)
class FastSimConfig:
    """Everything that defines a fast simulation but its learned numbers.

    Attributes
    ----------
    particles : str
        Whose showers it learns: ``electromagnetic`` (photons and electrons) or ``pions`` (charged ones).
    hidden : int
        Width of the networks.
    deposit : int
        Width of their last layer for energies.
    generator
        What makes the points of layers: a ``cascade`` one after the other, a ``flow`` all at once from noise in some steps,
        a ``gan`` in one.
    width : int
        Numbers that each point keeps in a flow or a GAN.
    steps : int
        Steps in which a flow makes points from noise.
    least : float
        Energy, in what a minimum-ionising particle leaves, below which a deposit is no point.
    layers : int
        Layers of an event in which a step of training looks at points; for a flow and a GAN they are those of whole showers.
    points : int
        Points of a layer that such a step looks at; a flow and a GAN look at all of them.
    blur : float
        Shift at random, in units of its spread, by which training shows each property of a detector: the same for all
        layers of a shower. Without it the network knows each detector by heart.
    seed : int
        Seed of the random weights that a training begins with.
    """

    particles: str = PARTICLES[0]
    hidden: int = 96
    deposit: int = 48
    generator: Literal["cascade", "flow", "gan"] = "cascade"
    width: int = 32
    steps: int = 4
    least: float = 0.02
    layers: int = 400
    points: int = 16
    blur: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.particles not in PARTICLES:
            raise BadConfig(
                f"particles of the fast simulation: {' or '.join(PARTICLES)}, not {self.particles!r}"
            )
        if not (
            min(self.hidden, self.deposit, self.layers, self.points) > 0 and self.least > 0 and self.blur >= 0
        ):
            raise BadConfig(
                "hidden, deposit, layers, points and least of the fast simulation must be positive"
            )
        if self.generator not in GENERATORS:
            raise BadConfig(f"task.generator must be one of {', '.join(GENERATORS)}, not '{self.generator}'")
        if not (self.width > 0 and 0 < self.steps <= MOST_STEPS):
            raise BadConfig(f"task.width must be positive, and task.steps 1 to {MOST_STEPS}")


class FastSimTask(Task[FastSimSample, None]):
    """Networks that fill the layers of a calorimeter one after the other."""

    name = "fastsim"
    needs = Needs(("energy",))
    gives = type(None)
    any_detector = True
    network: FastSimNetwork

    def __init__(self, config: FastSimConfig, detector: Detector | None) -> None:
        self.config: FastSimConfig = config
        self.detector = detector
        generator = torch.random.get_rng_state()
        torch.manual_seed(config.seed)
        self.pions = config.particles == "pions"
        self.network = FastSimNetwork(
            config.hidden, config.deposit, _points(config, len(FEATURES_OF[self.pions])), self.pions
        )
        torch.random.set_rng_state(generator)
        self.energies = np.array([np.inf, np.inf], np.float32)
        self.ranges = np.zeros((2, N_RANGES), np.float32)

    @classmethod
    def from_config(cls, config: FastSimConfig, detector: Detector | None) -> FastSimTask:
        """A task that has learned nothing yet."""
        return cls(config, detector)

    @classmethod
    def arrays(cls, config: FastSimConfig, detector: Detector | None) -> Mapping[str, Numbers]:
        """What each learned array must be, by name."""
        return fastsim_arrays(
            *(config.hidden, config.deposit, config.generator, config.width, config.steps, config.particles)
        )

    @property
    def adversarial(self) -> bool:
        """Whether a critic takes part."""
        return self.config.generator == GAN

    @property
    def sample_kind(self) -> type[FastSimSample]:
        """The class of its samples."""
        return FastSimSample

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Learn scales of the features, and the ranges of what there is to learn from."""
        self.prepare_from(self.sample(event) for event in events)

    def prepare_from(self, samples: Iterable[FastSimSample]) -> None:
        """The same from samples, of one detector or of several; a network that is trained already keeps its scales."""
        known = [sample for sample in samples if len(sample.energy)]
        if not known:
            who = "a charged pion" if self.pions else "a photon or an electron"
            raise BadConfig(f"there is no shower of {who} in the events to learn from")
        begun = bool(np.isfinite(self.energies).all())
        layers = [layers_of(sample) for sample in known]
        features = torch.cat([part.features for part in layers])
        if not begun:
            self.network.layer.trunk.scale_to(features)
            points = [points_of(sample, self.config.layers, 1, 0).features for sample in known]
            self.network.points.scale_to(torch.cat(points))
            self.network.total.trunk.scale_to(torch.cat([sample.showers for sample in known]))
        self._widen(known, layers, features[:, OF_DETECTOR], begun)

    def _widen(
        self, known: list[FastSimSample], layers: list[ShowerLayers], of_detector: Tensor, begun: bool
    ) -> None:
        """Take the ranges of what there is to learn from, with those that are known already where it has `begun`."""
        energies, total = (
            torch.cat([getattr(sample, name) for sample in known]) for name in ("energy", "total")
        )
        count, energy = (torch.cat([getattr(part, name) for part in layers]) for name in ("count", "energy"))
        filled = count > 0
        largest = [torch.log(count[filled]).max(), torch.log(energy[filled] / count[filled]).max()]
        self.energies = _both(self.energies, energies[:, None].numpy(), begun)[:, 0]
        self.ranges = _both(self.ranges, of_detector.numpy(), begun)
        for most, now in (
            (self.network.total.get_buffer("most"), total.max().log()[None] + WIDER),
            (self.network.layer.get_buffer("most"), torch.stack(largest) + WIDER),
        ):
            most.copy_(torch.maximum(most, now) if begun else now)

    def sample(self, event: Event) -> FastSimSample:
        """The showers of an event that it learns from."""
        return sample_of(needed(self.detector, self.name), event, self.config.least, self.pions)

    def loss(self, sample: FastSimSample) -> tuple[Tensor, dict[str, float]]:
        """Minus the logarithm of the likelihood, for each layer and each point; of a flow and a GAN what they learn by."""
        if self.network.training:
            sample = self._blurred(sample)
        totals = self.network.total(sample.showers, sample.total) / max(len(sample.total), 1)
        layers = layers_of(sample)
        counts, energies = (part / max(len(layers.count), 1) for part in self.network.layer(layers))
        loss, of_points = totals + counts + energies, self._points_loss(sample)
        for part in of_points.values():
            loss = loss + part
        parts = {"totals": totals, "counts": counts, "energies": energies, **of_points}
        return loss, {name: float(x.detach()) for name, x in parts.items()}

    def _points_loss(self, sample: FastSimSample) -> dict[str, Tensor]:
        """The parts that tell how points lie in layers."""
        config = self.config
        seed = int(torch.randint(1 << 31, ())) if self.network.training else 0
        if config.generator == CASCADE:
            points = points_of(sample, config.layers, config.points, seed)
            places, deposits = (part.sum() / max(len(part), 1) for part in self.network.points(points))
            return {"places": places, "deposits": deposits}
        parts: dict[str, Tensor] = self.network.points(
            sets_of(sample, config.layers, config.generator == FLOW, seed)
        )
        return parts

    def _blurred(self, sample: FastSimSample) -> FastSimSample:
        """The same with the properties of the detector shifted, for each shower as a whole."""
        names = OF_SHOWER_OF[self.pions]
        blurred = torch.tensor(
            [name.removeprefix("mean ") in (*MATERIAL, "log interaction thickness") for name in names]
        )
        shift = torch.randn_like(sample.showers) * blurred
        showers = sample.showers + self.config.blur * shift / self.network.total.trunk.get_buffer("scale")
        if len(sample.before) == 0:
            return replace(sample, showers=showers)
        shower = torch.cumsum((sample.before < 0).long(), 0) - 1
        scale = self.network.layer.trunk.get_buffer("scale")
        shift = torch.randn(int(shower[-1]) + 1, N_RANGES) * BLURRED
        shift = self.config.blur * shift / scale[OF_DETECTOR]
        features = sample.features.clone()
        features[:, OF_DETECTOR] += shift[shower]
        features[:, OVER_CRITICAL] -= shift[shower, CRITICAL]
        if self.pions:
            one = torch.randn(len(shift))
            features[:, NUCLEAR] += self.config.blur * one[shower] / scale[NUCLEAR]
        return replace(sample, showers=showers, features=features)

    def reconstruct(self, event: Event) -> None:
        """Nothing: it makes events, see `engine`."""

    def engine(self) -> Engines:
        """What `gnnreco.simulate` makes showers with."""
        return Engines(**{self.config.particles: engine_of(self.state())})

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers by name."""
        weights = self.network.state_dict().items()
        network = {f"network.{name}": value.detach().cpu().numpy().copy() for name, value in weights}
        return {**network, "energies": self.energies.copy(), "ranges": self.ranges.copy()}

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the numbers that `state` gave."""
        weights = dict(state)
        self.energies, self.ranges = (np.array(weights.pop(name), np.float32) for name in OWN)
        names = {name: name.removeprefix("network.") for name in weights}
        self.network.load_state_dict(
            {names[name]: torch.from_numpy(np.array(weights[name])) for name in weights}
        )


def _points(config: FastSimConfig, inputs: int) -> nn.Module | None:
    """What makes points in place of a cascade, untrained; `inputs`: the features of a layer."""
    if config.generator == FLOW:
        return PointFlow(inputs, config.hidden, config.width, config.steps)
    if config.generator == GAN:
        return PointGan(inputs, config.hidden, config.width)
    return None


def _both(known: NDArray[np.float32], values: NDArray[np.float32], begun: bool) -> NDArray[np.float32]:
    """Smallest and largest (2, k) of `values` (n, k), and where it has `begun` of what was `known` (2, k)."""
    low, high = values.min(0), values.max(0)
    if begun:
        low, high = np.minimum(low, known.reshape(2, -1)[0]), np.maximum(high, known.reshape(2, -1)[1])
    return np.stack([low, high]).astype(np.float32)
