"""All hits of a calorimeter are one shower; its energy is learned from what is visible."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Event
from gnnreco.events.select import seen
from gnnreco.geometry import Detector
from gnnreco.tasks.contract import Needs, Task, needed, truth_of
from gnnreco.tasks.registry import Kind


@dataclass(frozen=True)
class OneShowerConfig:
    """What a user can set."""

    seed: int = 0


@dataclass(frozen=True)
class OneShowerSample:
    """Logarithms of the visible and of the true energy of an event, float32 (1,)."""

    visible: Tensor
    wanted: Tensor


class OneShowerTask(Task[OneShowerSample, Clusters]):
    """A straight line from the visible energy to the true one."""

    name = "one_shower"
    needs = Needs(("energy",))
    gives = Clusters
    sample_kind = OneShowerSample

    def __init__(self, config: OneShowerConfig, detector: Detector) -> None:
        self.config, self.detector = config, detector
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.network = nn.Linear(1, 1)

    @classmethod
    def from_config(cls, config: OneShowerConfig, detector: Detector | None) -> OneShowerTask:
        return cls(config, needed(detector, cls.name))

    def sample(self, event: Event) -> OneShowerSample:
        p = truth_of(event).particles
        energy = np.sqrt(p.px**2 + p.py**2 + p.pz**2).sum()
        return OneShowerSample(self._visible(event), torch.tensor([np.log(energy)]).float())

    def loss(self, sample: OneShowerSample) -> tuple[Tensor, dict[str, float]]:
        miss = self.network(sample.visible) - sample.wanted
        return (miss**2).mean(), {"miss": float(miss.detach().abs().mean())}

    def reconstruct(self, event: Event) -> Clusters:
        mine = seen(event, self.detector, self.needs.measures)
        hits = mine.event.hits
        n = len(hits)
        if not n:
            return Clusters()
        with torch.inference_mode():
            energy = self.network(self._visible(event)).exp().double().numpy()
        middle = np.sort(hits.xyz, axis=0).mean(axis=0)
        axis = middle / np.linalg.norm(middle)
        unknown = np.full((1, len(CLUSTER_CLASSES)), np.nan)
        x, y, z = middle[:, None]
        found = Clusters(
            np.array([0, n]),
            np.arange(n),
            np.ones(n),
            energy,
            0.2 * energy,
            x,
            y,
            z,
            axis[None],
            unknown,
            np.ones(1),
        )
        return mine.restore(found)

    def tally(self, event: Event, found: Clusters) -> dict[str, int]:
        return {"hits_in_showers": len(found.hit_index)}

    def state(self) -> dict[str, NDArray[np.generic]]:
        return {f"network.{k}": v.detach().numpy() for k, v in self.network.state_dict().items()}

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        weights = {k.removeprefix("network."): torch.from_numpy(np.array(v)) for k, v in state.items()}
        self.network.load_state_dict(weights)

    def _visible(self, event: Event) -> Tensor:
        energy = seen(event, self.detector, self.needs.measures).event.hits.energy
        assert energy is not None
        return torch.tensor([np.log(np.sort(energy).sum() + 1e-6)]).float()


ONE_SHOWER = Kind(OneShowerTask.needs, Clusters, lambda: (OneShowerTask, OneShowerConfig))
