"""Particle flow: tracks and showers of a whole detector to particles with class, charge, four-momentum and errors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from gnnreco.columns import Clusters, Event, Floats, Ints, ReconstructedParticles, Tracks
from gnnreco.events.select import Seen, seen
from gnnreco.geometry import Detector
from gnnreco.graphs.elements.graph import EDGE_FEATURES, ElementConfig
from gnnreco.graphs.elements.showers import SHOWER_FEATURES
from gnnreco.graphs.elements.trails import TRACK_FEATURES
from gnnreco.graphs.showers.cells import CellGraphConfig
from gnnreco.models.element_network import ElementNetwork, ElementNetworkConfig, ElementTensors, Judged
from gnnreco.models.state import Numbers, named, of_network
from gnnreco.progress import Progress
from gnnreco.tasks.contract import Needs, State, Task, needed

from .answers import answers_of, owner_answers
from .calibrate import Found, fit_errors, fit_temperature
from .elements import SUMS, Elements, Measured, Surroundings, elements_of, held_by, measured, tensors_of
from .judgement import Momenta, momenta
from .loss import FlowLossConfig, owner_loss, sharing_loss
from .particles import particles_of
from .samples import FlowSample
from .sharing import Shares, SharingConfig, share_out, softmax
from .targets import TargetConfig, targets_of

if TYPE_CHECKING:
    from .baseline import NearestTrack
    from .explain import FlowExplainer

SCALED_FROM = 50  # events from which the scales of features are learned


@dataclass(frozen=True)
class ParticleFlowConfig:
    """Everything that defines a model for particle flow but its learned numbers.

    Attributes
    ----------
    finder : {"incidence", "edges"}
        How it is learned whose a shower is: all owners of a shower compete for parts of it, or each edge is judged by itself
        and the shower goes to one owner as a whole.
    least_score : float
        Owners that are particles with a smaller probability are left out.
    seed : int
        Seed of the random weights that a training begins with.
    """

    graph: ElementConfig = field(default_factory=ElementConfig)
    network: ElementNetworkConfig = field(default_factory=ElementNetworkConfig)
    cells: CellGraphConfig = field(default_factory=CellGraphConfig)
    targets: TargetConfig = field(default_factory=TargetConfig)
    sharing: SharingConfig = field(default_factory=SharingConfig)
    loss: FlowLossConfig = field(default_factory=FlowLossConfig)
    finder: Literal["incidence", "edges"] = "incidence"
    least_score: float = 0.6
    seed: int = 0


class ParticleFlowTask(Task[FlowSample, ReconstructedParticles]):
    """Elements, network and decoding for one detector."""

    name = "particleflow"
    needs = Needs(("energy", "position"), (Tracks, Clusters))
    gives = ReconstructedParticles
    any_detector = True
    detector: Detector
    network: ElementNetwork

    def __init__(self, config: ParticleFlowConfig, detector: Detector) -> None:
        self.config: ParticleFlowConfig = config
        self.detector = detector
        self.around = Surroundings.of(detector.at_source(), config.graph)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.network = element_network(config)

    @property
    def sample_kind(self) -> type[FlowSample]:
        """The class of its samples."""
        return FlowSample

    @property
    def sample_settings(self) -> Mapping[str, object]:
        """What makes elements and targets; network and loss do not."""
        config = self.config
        return {"graph": config.graph, "cells": config.cells, "targets": config.targets}

    @property
    def sample_state(self) -> State:
        """None: the scales of features are applied by the network."""
        return {}

    @classmethod
    def from_config(cls, config: ParticleFlowConfig, detector: Detector | None) -> ParticleFlowTask:
        """A task that has learned nothing yet."""
        return cls(config, needed(detector, cls.name))

    @classmethod
    def arrays(cls, config: ParticleFlowConfig, detector: Detector | None) -> Mapping[str, Numbers]:
        """What each learned array must be, by name."""
        return named("network", of_network(element_network(config)))

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Learn the scales of features from the first events."""
        some = [self.elements(event) for event, _ in zip(events, range(SCALED_FROM), strict=False)]
        graphs = [elements.graph for elements in some]
        sums = [held_by(_whole(e), measured(e)).sums.numpy() for e in some]
        columns = {
            "track": [g.track_features for g in graphs],
            "shower": [g.shower_features for g in graphs],
            "edge": [g.edge_features for g in graphs],
            "sums": sums,
        }
        for name, parts in columns.items():
            values = np.concatenate(parts)
            if len(values):
                mean, width = values.mean(axis=0), np.maximum(values.std(axis=0), 0.05)
                getattr(self.network, f"{name}_mean").copy_(torch.from_numpy(mean))
                getattr(self.network, f"{name}_width").copy_(torch.from_numpy(width))

    def elements(self, event: Event) -> Elements:
        """The elements of an event in which tracks and clusters were found."""
        return self.elements_seen(event, seen(event, self.detector, self.needs.measures))

    def elements_seen(self, event: Event, mine: Seen) -> Elements:
        """The same, of what the task sees of the event."""
        tracks, clusters = (mine.narrow(event.found[kind], len(event.hits)) for kind in (Tracks, Clusters))
        config = self.config
        return elements_of(mine.event, tracks, clusters, self.around, config.graph, config.cells)

    def sample(self, event: Event) -> FlowSample:
        """Elements of a training event as tensors, with what they ought to be."""
        mine = seen(event, self.detector, self.needs.measures)
        return self.sample_of(mine, self.elements_seen(event, mine))

    def sample_of(self, mine: Seen, elements: Elements) -> FlowSample:
        """The same, from what the task sees of the event and its elements."""
        targets = targets_of(mine.event, self.around.detector, self.config.targets)
        answers = answers_of(
            mine.event, targets, elements.tracks, elements.cells, elements.showers, elements.graph
        )
        return FlowSample(tensors_of(elements.graph), measured(elements), answers)

    def loss(self, sample: FlowSample) -> tuple[torch.Tensor, dict[str, float]]:
        """Of shares, and of the owners that the network finds now."""
        h, edge, alone = self.network.elements(sample.graph)
        shares = self.shares(sample.graph, edge, alone, sample.measured)
        judged = self.network.judge(h, len(sample.graph.track), held_by(shares, sample.measured))
        return self.cost(sample, edge, alone, shares, judged)

    def cost(
        self, sample: FlowSample, edge: torch.Tensor, alone: torch.Tensor, shares: Shares, judged: Judged
    ) -> tuple[torch.Tensor, dict[str, float]]:
        """The loss of what was said: logits of edges and of (itself, nobody), and of owners that hold these shares."""
        m, answers = sample.measured, sample.answers
        energy = torch.from_numpy(m.energy).float()
        independent = self.config.finder == "edges"
        sharing = sharing_loss(sample.graph, edge, alone, answers, energy, independent)
        found = momenta(self.network, judged, shares, m)
        wanted = owner_answers(shares, answers, len(sample.graph.track))
        owners, numbers = owner_loss(found, judged.kind, wanted, answers, self.config.loss)
        total = self.config.loss.sharing * sharing + owners
        return total, {"sharing_loss": float(sharing.detach()), **numbers}

    def shares(self, graph: ElementTensors, edge: torch.Tensor, alone: torch.Tensor, m: Measured) -> Shares:
        """Who holds what, from the logits of the network."""
        logits = edge.detach().double().numpy(), alone.detach().double().numpy()
        start = graph.start.numpy()
        if self.config.finder == "edges":  # chances of questions that know nothing of each other
            logits = tuple(-np.logaddexp(0.0, -x) for x in logits)
        chances = softmax(start, *logits)
        config = (
            SharingConfig(self.config.sharing.least, whole=True)
            if self.config.finder == "edges"
            else self.config.sharing
        )
        return share_out(len(graph.track), start, graph.owner.numpy(), *chances, m.energy, config)

    def judged(self, h: torch.Tensor, shares: Shares, m: Measured) -> tuple[Judged, Momenta]:
        """What the owners are."""
        judged = self.network.judge(h, len(m.momentum), held_by(shares, m))
        return judged, momenta(self.network, judged, shares, m)

    def finish(self, samples: Iterable[FlowSample]) -> None:
        """Make class probabilities and errors agree with what happens in events that nothing else was learned from."""
        self.fit(self.found_in(samples))

    def found_in(self, samples: Iterable[FlowSample]) -> list[Found]:
        """What is found in events with answers, beside these."""
        rows = []
        with torch.no_grad():
            for sample in samples:
                h, edge, alone = self.network.elements(sample.graph)
                shares = self.shares(sample.graph, edge, alone, sample.measured)
                judged, found = self.judged(h, shares, sample.measured)
                wanted = owner_answers(shares, sample.answers, len(sample.graph.track))
                rows.append(Found.of(judged, found, wanted, shares, len(sample.graph.track)))
        return rows

    def fit(self, rows: Sequence[Found]) -> None:
        """Make class probabilities and errors agree with what was found in some events, whichever network found it."""
        if rows:
            everything = Found.join(rows)
            self.network.temperature.copy_(torch.from_numpy(fit_temperature(everything)))
            self.network.sigma_scale.mul_(torch.from_numpy(fit_errors(everything)))

    def reconstruct(self, event: Event) -> ReconstructedParticles:
        """Particles of one event in which tracks and clusters were found."""
        mine = seen(event, self.detector, self.needs.measures)
        elements = self.elements_seen(event, mine)
        if not len(elements.tracks) and not len(elements.showers):
            return ReconstructedParticles()
        graph, m = tensors_of(elements.graph), measured(elements)
        with torch.inference_mode():
            h, edge, alone = self.network.elements(graph)
            shares = self.shares(graph, edge, alone, m)
            _, found = self.judged(h, shares, m)
        by_cells = self.config.graph.showers == "cells"
        return mine.restore(particles_of(elements, m, shares, found, self.config.least_score, by_cells))

    def tally(self, event: Event, found: ReconstructedParticles) -> dict[str, int]:
        """How many tracks and clusters are part of no particle."""
        tracks, clusters = len(event.found[Tracks]), len(event.found[Clusters])
        counts = {
            "tracks_of_no_particle": tracks - len(np.unique(found.track_index)),
            "clusters_of_no_particle": clusters - len(np.unique(found.cluster_index)),
        }
        return (
            counts
            if self.config.graph.showers == "clusters"
            else {"tracks_of_no_particle": counts["tracks_of_no_particle"]}
        )

    def explainer(self) -> FlowExplainer:
        """What runs its network on changed features."""
        from .explain import FlowExplainer

        return FlowExplainer(self)

    def baseline(self, events: Sequence[Event]) -> tuple[str, NearestTrack]:
        """Each cluster to the nearest track, which learns nothing."""
        from .baseline import WORDS, NearestTrack

        return WORDS, NearestTrack(self)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers by name."""
        return {f"network.{k}": v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the numbers that `state` gave."""
        weights = {k.removeprefix("network."): torch.from_numpy(np.array(v)) for k, v in state.items()}
        self.network.load_state_dict(weights)
        self.network.eval()


def element_network(config: ParticleFlowConfig) -> ElementNetwork:
    """The network of a task with these settings."""
    sizes = (len(TRACK_FEATURES), len(SHOWER_FEATURES), len(EDGE_FEATURES), len(SUMS))
    return ElementNetwork(config.network, *sizes)


def _whole(elements: Elements) -> Shares:
    """Every track alone, every shower its own."""
    n_tracks, n = len(elements.tracks), len(elements.showers)
    rows: Ints = np.arange(n)
    ones: Floats = np.ones(n)
    return Shares(np.arange(n_tracks + n), n_tracks + rows, rows, ones)
