"""Clustering: hits of calorimeters to showers, and of drift chambers to pieces of charge, in any detector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Clusters, Event, Floats
from gnnreco.errors import BadConfig
from gnnreco.events.select import seen
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import CellGraph, build_cell_graph, hit_cells
from gnnreco.graphs.showers.families import one_shower_each
from gnnreco.graphs.showers.features import LoudNeighbours
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.graphs.showers.loud import build_loud_graph
from gnnreco.kernels.memory import LARGE, give_back
from gnnreco.models.showers.inference import ShowerInference
from gnnreco.models.state import Numbers
from gnnreco.progress import Progress
from gnnreco.tasks.confidence import CLUSTER_FEATURES, cluster_features, scored
from gnnreco.tasks.contract import Needs, State, Task, needed

from .columns import Judgement, class_probability, clusters_of, loudest
from .company import shower_company
from .condensation import condensation_loss
from .config import ClusteringConfig, arrays, load_network, of_today, shower_network
from .density import density_clusters
from .edges import Shares, whole_shares
from .finding import Found, cell_scores, cells_for, cells_of, find, kept
from .loss import COVERED, pair_loss, shower_loss
from .moments import MOMENTS, shower_moments
from .targets import (
    KINDS,
    NOISE,
    CellTruth,
    cell_truth,
    cluster_targets,
    pair_targets,
    piece_targets,
)

if TYPE_CHECKING:  # only training needs torch: its methods import it
    from torch import Tensor

    from gnnreco.models.showers.network import ShowerNetwork

    from .explain import ShowerExplainer
    from .samples import EventSample, JudgementSample

ENOUGH = 50  # clusters of a class, to correct its errors
PIECE_SCALE = 0.1  # GeV: pieces count in the loss by the logarithm of their energy over this


class ClusteringTask(Task["EventSample | JudgementSample", Clusters]):
    """Graph of cells, network and decoding, for one detector."""

    name = "clustering"
    needs = Needs(("energy", "charge"))
    gives = Clusters
    confidence_features = CLUSTER_FEATURES
    any_detector = True  # its samples do not need the detector any more: see `gnnreco.train.mixture`
    detector: Detector

    def __init__(self, config: ClusteringConfig, detector: Detector) -> None:
        self.config: ClusteringConfig = config
        self.detector, self._there = detector, detector.at_source()
        self.frame = CellFrame.of(self._there)
        self._weights: dict[str, NDArray[Any]] = {}  # what was loaded
        if config.identity_only and not (config.frozen and config.network.identity_hidden):
            raise BadConfig("task.identity_only needs task.frozen=true and model.identity_hidden above 0")

    @cached_property
    def network(self) -> ShowerNetwork:  # type: ignore[override]  # made where torch is needed
        """What torch trains; its numbers are the task's from when it is first asked for."""
        import torch

        generator = torch.random.get_rng_state()
        torch.manual_seed(self.config.seed)
        network = shower_network(self.config)
        torch.random.set_rng_state(generator)
        if self.config.identity_only:
            for name, parameter in network.named_parameters():
                parameter.requires_grad_(name.startswith("identity."))
        if self._weights:
            load_network(network, self._weights)
        return network

    @property
    def sample_kind(self) -> type[EventSample | JudgementSample]:
        """The class of its samples: whole events, or with `frozen` only what was found in them."""
        from .samples import EventSample, JudgementSample

        return JudgementSample if self.config.frozen else EventSample

    @property
    def sample_state(self) -> State:
        """With `frozen` a sample holds what the network found."""
        return self.state() if self.config.frozen else super().sample_state

    @property
    def adversarial(self) -> bool:
        """True if the loss is that of a game, which the last epoch has played longest, not that with the lowest loss."""
        return self.config.loss.pivot > 0

    @classmethod
    def from_config(cls, config: ClusteringConfig, detector: Detector | None) -> ClusteringTask:
        """A task that has learned nothing yet."""
        return cls(config, needed(detector, cls.name))

    @classmethod
    def arrays(cls, config: ClusteringConfig, detector: Detector | None) -> Mapping[str, Numbers]:
        """What each learned array must be, by name."""
        return arrays(config)

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Nothing is learned but by gradients; raises `BadConfig` where nothing is learned at all."""
        if self.config.finder == "density":
            raise BadConfig("task.finder=density learns nothing: choose edges or condensation")

    def graph(self, event: Event) -> CellGraph:
        """Cells over threshold and the pairs of them that lie close, of an event in the source's frame.

        Raises `OverBudget` if they are too many.
        """
        return build_cell_graph(self.config.graph, self._there, self.frame, event)

    def drifts(self, event: Event) -> bool:
        """Whether the event has charge in drift chambers, for which the network is not made."""
        drifts = np.append(self.frame.charge, False)[event.hits.sensor]
        return event.hits.energy is not None and bool((event.hits.energy[drifts] > 0).any())

    def loud(self, event: Event, in_parts: bool = False) -> tuple[CellGraph, LoudNeighbours]:
        """The same cells, without that table, and the pairs that the network reads; `in_parts`: see `described`."""
        neighbours = self.config.network.neighbours
        return build_loud_graph(self.config.graph, self._there, self.frame, event, neighbours, in_parts)

    def sample(self, event: Event) -> EventSample | JudgementSample:
        """Cells and pairs of a training event as tensors, with their truth."""
        import torch

        from .samples import EventSample, contiguous

        event = one_shower_each(seen(event, self.detector, self.needs.measures).event, self._there)
        graph, loud = self.loud(event)
        truth = cell_truth(event, graph.index, self.frame.fraction[event.hits.sensor])
        if self.config.frozen:
            return self._judgement(graph, loud, truth)
        pair_truth = torch.from_numpy(pair_targets(truth, loud.neighbour, len(truth.energy)))
        return EventSample(contiguous(graph), contiguous(loud), contiguous(truth), pair_truth)

    def _judgement(self, graph: CellGraph, loud: LoudNeighbours, truth: CellTruth) -> JudgementSample:
        """What the judgement of showers learns from, when nothing else learns."""
        import torch

        from .samples import JudgementSample

        with torch.no_grad():
            found = find(self.config, self.network, graph, loud)
        return JudgementSample(
            found.scores.state,
            torch.from_numpy(graph.energy.astype(np.float32)),
            cells_of(found.shares),
            torch.from_numpy(shower_moments(graph, loud, found.shares)),
            torch.from_numpy(shower_company(graph, found.shares)),
            cluster_targets(truth, found.shares, graph.energy),
        )

    def loss(self, sample: EventSample | JudgementSample) -> tuple[Tensor, dict[str, float]]:
        """Of pairs, and of the clusters that the network finds now: their energies, errors and classes."""
        import torch

        from .samples import EventSample

        total, numbers = torch.zeros(()), dict[str, float]()
        if isinstance(sample, EventSample):
            found = find(self.config, self.network, sample.graph, sample.loud)
            total, numbers = self._pair_loss(sample, found)
            made = found.scores.state, found.shares
            moments, judged = self._judge(self.network, sample.graph, sample.loud, *made)
            targets = cluster_targets(sample.truth, found.shares, sample.graph.energy)
        else:
            moments, targets, judged = sample.moments, sample.targets, self._judged_again(sample)
        showers, more = shower_loss(*judged, targets, moments, self.config.loss, self.network.adversary)
        return total + showers, numbers | more

    def _pair_loss(self, sample: EventSample, found: Found) -> tuple[Tensor, dict[str, float]]:
        """Of pairs of cells, or of their condensation, and of pairs of pieces."""
        import torch

        truth = sample.truth
        if found.place is not None:
            return condensation_loss(found.place, found.scores.beta, truth, self.config.condensation)
        columns = (sample.loud.real, sample.graph.energy, sample.graph.mip)
        real, energy, mip = (torch.from_numpy(column) for column in columns)
        total, numbers = pair_loss(found.scores.logit, sample.pair_truth, real, energy, mip)
        assert found.pieces is not None
        assert found.piece_logit is not None
        joined = torch.from_numpy(piece_targets(truth, found.parts, found.pieces.neighbour))
        energy, real = torch.from_numpy(found.pieces.energy), torch.from_numpy(found.pieces.real)
        pieces, _ = pair_loss(found.piece_logit, joined, real, energy, torch.full_like(energy, PIECE_SCALE))
        return total + self.config.loss.pieces * pieces, numbers | {"piece_loss": float(pieces.detach())}

    def finish(self, samples: Iterable[EventSample | JudgementSample]) -> None:
        """Scale the errors so that they cover 68 % of the deviations in events that nothing was learned from.

        Each class has two scales: for showers that are alone, and for others. Split conformal prediction: Papadopoulos et
        al., ECML 2002; by groups: Vovk et al., Algorithmic Learning in a Random World, 2005.
        """
        import torch

        from .samples import EventSample

        rows, wide = [], np.ones((2, len(KINDS)))
        for sample in samples:
            one = (
                self._judgement(sample.graph, sample.loud, sample.truth)
                if isinstance(sample, EventSample)
                else sample
            )
            with torch.no_grad():
                judged = self._judged_again(one)
            log_energy, log_sigma, kind = (x.numpy() for x in judged)
            energy, wanted = np.exp(log_energy), one.targets.energy
            off = np.abs(energy - wanted) / (energy * np.exp(log_sigma))
            group = self.network.crowded(one.moments).numpy(), kind.argmax(axis=1)
            rows.append(np.stack([off, *group])[:, np.isfinite(wanted)])
        off, crowded, kinds = np.concatenate([np.zeros((3, 0)), *rows], axis=1)
        for k in range(len(KINDS)):
            # A group that is small has the scale of its class.
            for rows_of, some in (([0, 1], crowded >= 0), ([0], crowded == 0), ([1], crowded == 1)):
                mine = off[some & (kinds == k)]
                if len(mine) >= ENOUGH:
                    wide[rows_of, k] = np.quantile(mine, COVERED)
        self.network.sigma_scale *= torch.from_numpy(wide).float()

    def reconstruct(self, event: Event) -> Clusters:
        """Clusters of one event."""
        clusters = scored(*self.found(event), self.config.calibration)
        return clusters[self.wanted(event, clusters)]

    def wanted(self, event: Event, clusters: Clusters) -> NDArray[np.bool_]:
        """Which clusters (n,) of all that were found are sure enough, and in time."""
        wanted = clusters.score >= self.config.least_score
        if self.config.window is None or event.hits.time is None or event.hits.energy is None:
            return wanted
        early = np.abs(event.hits.time[loudest(clusters, event.hits.energy)]) > self.config.window
        return wanted & ~early  # a time that is not a number is neither

    def found(self, event: Event) -> tuple[Clusters, Floats]:
        """Clusters with the finder's own confidence, and the features that the calibration reads."""
        mine = seen(event, self.detector, self.needs.measures)
        if not len(mine.event.hits):
            return Clusters(), np.zeros((0, len(CLUSTER_FEATURES)))
        if self.config.finder == "density" or self.drifts(mine.event):
            graph, clusters = self._dense(mine.event)
        else:
            graph, clusters = self._learned(mine.event)
        return mine.restore(clusters), cluster_features(clusters, graph)

    def _dense(self, event: Event) -> tuple[CellGraph, Clusters]:
        """Cells and their clusters, by density alone."""
        graph = self.graph(event)
        labels = density_clusters(graph, self.frame.charge[graph.sensor], self.config.density)
        return graph, self._columns(graph, whole_shares(labels.cluster), labels.score, None)

    def _learned(self, event: Event) -> tuple[CellGraph, Clusters]:
        """Cells and their clusters, as the network finds them."""
        network = self._reader()
        # Pairs of a large event are described three times over rather than kept: they are 250 bytes a hit, cells 64.
        in_parts = isinstance(network, ShowerInference) and len(event.hits) > LARGE
        graph, loud = self.loud(event, in_parts)
        give_back(len(graph))
        scores = cell_scores(network, loud)
        read = np.zeros((0, 0), np.float32)
        loud = replace(loud, cells=read, pairs=read)  # only these scores ask for them
        give_back(len(graph))
        found = find(self.config, network, graph, loud, scores)
        state, shares = found.scores.state, found.shares
        del scores, found  # pieces, and scores of pairs
        give_back(len(graph))
        _, judged = self._judge(network, graph, loud, state, shares)
        if self.config.finder == "condensation":
            judged = tuple(x.detach().numpy() for x in judged)
        del loud, state
        give_back(len(graph))
        log_energy, log_sigma, kind = (np.asarray(x, np.float64) for x in judged)
        energy = np.exp(log_energy)
        said = np.exp(kind - kind.max(axis=1, initial=-np.inf, keepdims=True))
        said /= said.sum(axis=1, keepdims=True)
        sigma = energy * np.exp(log_sigma)
        keep = said[:, NOISE] <= self.config.noise
        judgement = Judgement(energy[keep], sigma[keep], class_probability(said[keep]))
        return graph, self._columns(graph, kept(shares, keep), 1 - said[keep, NOISE], judgement)

    def _reader(self) -> ShowerNetwork | ShowerInference:
        """What reads events without learning: kernels, but for condensation, which they do not know."""
        if self.config.finder == "condensation":
            return self.network
        weights = {name.removeprefix("network."): array for name, array in self.state().items()}
        rounds = self.config.network.rounds, self.config.network.piece_rounds
        return ShowerInference(weights, *rounds, MOMENTS.index("foreign"))

    def _judge(
        self,
        network: ShowerNetwork | ShowerInference,
        graph: CellGraph,
        loud: LoudNeighbours,
        state: Tensor | Any,
        shares: Shares,
    ) -> tuple[Any, tuple[Any, Any, Any]]:
        """Moments of the showers; their energies, errors and classes: see `ShowerNetwork.showers`."""
        columns = (
            graph.energy.astype(np.float32),
            shower_moments(graph, loud, shares),
            shower_company(graph, shares),
        )
        energy, moments, company = (network.given(column) for column in columns)
        held = cells_for(network, shares)
        judged = network.showers(state, energy, held, moments, company)  # type: ignore[arg-type]
        return moments, judged

    def _judged_again(self, sample: JudgementSample) -> tuple[Tensor, Tensor, Tensor]:
        """Energies, errors and classes of showers that were found when the sample was made."""
        return self.network.showers(
            sample.state, sample.energy, sample.shares, sample.moments, sample.company
        )

    def _columns(
        self, graph: CellGraph, shares: Shares, score: Floats, judgement: Judgement | None
    ) -> Clusters:
        found = (graph, shares.cell, shares.cluster, shares.weight, score)
        return clusters_of(*found, self._there, self.frame, self.config.error, judgement)

    def tally(self, event: Event, clusters: Clusters) -> dict[str, int]:
        """What became of the hits: how many lie in no cell, are not above zero, or belong to no cluster."""
        hits = event.hits
        mine = np.append(self.frame.group, -1)[hits.sensor] >= 0
        nowhere = mine & (hit_cells(self.detector, hits) < 0)
        dead = mine & ~nowhere & ~(hits.energy > 0) if hits.energy is not None else nowhere
        loose = mine & ~nowhere & ~dead
        loose[clusters.hit_index] = False
        counts = {"hits_without_cell": nowhere, "hits_not_positive": dead, "hits_unclustered": loose}
        return {name: int(np.count_nonzero(rows)) for name, rows in counts.items()}

    def explainer(self) -> ShowerExplainer:
        """What runs its network on changed features."""
        from .explain import ShowerExplainer

        return ShowerExplainer(self)

    def baseline(self, events: Sequence[Event]) -> tuple[str, ClusteringTask]:
        """Clusters of density, which learn nothing."""
        simple = replace(self.config, finder="density", frozen=False, identity_only=False, calibration=None)
        return "peaks of the energy density, each with the cells that climb to it", ClusteringTask(
            simple, self.detector
        )

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers by name."""
        if self.config.finder == "density":
            return {}
        if self._weights and "network" not in vars(self):
            return {f"network.{k}": v for k, v in self._weights.items()}
        return {f"network.{k}": v.detach().cpu().numpy() for k, v in self.network.state_dict().items()}

    def load_state(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Take the numbers that `state` gave."""
        if self.config.finder == "density":
            if state:
                raise ValueError(f"knows no weight '{next(iter(state))}'")
            return
        given = {k.removeprefix("network."): v for k, v in state.items()}
        self._weights = of_today(self.config, given)
        if "network" in vars(self):
            load_network(self.network, self._weights)
