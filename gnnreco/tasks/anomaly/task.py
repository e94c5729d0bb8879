"""The anomaly task: it learns what normal events look like, and says how strange an event is, with a p-value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Anomalies, Event, Floats, Ints, JetBlock
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.graphs.regions import RegionConfig
from gnnreco.models.anomaly.heads import HEADS, Head, find_head, fit_head
from gnnreco.models.anomaly.surprise import (
    Surprise,
    SurpriseSizes,
    neighbours_of,
    surprise_arrays,
    way_classes,
)
from gnnreco.models.state import Numbers
from gnnreco.progress import Progress
from gnnreco.statistics.conformal import Calibration, calibrate
from gnnreco.tasks.contract import Needs, State, Task, needed

from .levels import HITS, JETS, PARTICLES, HitsLevel, JetConfig, JetsLevel, Level, ParticlesLevel, Terms
from .levels.hits import NEEDS as OF_HITS
from .levels.particles import NEEDS as OF_PARTICLES
from .samples import AnomalySample
from .summary import of_regions, parts_of, summary_of, surprises_of

if TYPE_CHECKING:
    from torch import Tensor

    from gnnreco.models.anomaly.surprise_network import SurpriseNetwork

TERMS = {"hits": HITS, "particles": PARTICLES, "jets": JETS}
FEWEST = 20  # rows that a head learns from, and as many for the calibration
DRAWN = 256  # jets of a block that a step of training sees, at most
#: What the network says of a row: the row, the surprises of its regions, and the most surprising ones.
Row = tuple[NDArray[np.float32], Floats, Ints]
OWN = ("network.", "head.", "calibration.")


@dataclass(frozen=True)
class AnomalyConfig:
    """Everything that defines an anomaly task but its learned numbers.

    Attributes
    ----------
    level
        What it looks at: the ``hits`` of an event, the ``particles`` that particle flow found in it, or its ``jets``.
    regions : RegionConfig
        Of the detector, for hits and particles.
    jets : JetConfig
    hidden : int
        Width of the messages and of the context of the graph network.
    width : int
        Width of its layers after these.
    mixtures : int
        Logistic distributions in each density that it gives.
    head
        What says how far the row of an event is from those of normal ones.
    fitted : float
        Part of the validation events that the head learns from; the others calibrate p-values.
    bins : int
        Bins of the nuisance in which p-values are calibrated apart; 1: all together.
    nuisance : str
        One of the totals of the level (see `gnnreco.tasks.anomaly.levels`); without it the transverse energy of hits, the
        sum of pt of particles, the mass of jets.
    explained : int
        At most so many hits of an event are named as what makes it strange.
    seed : int
        Seed of the random weights that a training begins with.
    """

    level: Literal["hits", "particles", "jets"] = "hits"
    regions: RegionConfig = field(default_factory=RegionConfig)
    jets: JetConfig = field(default_factory=JetConfig)
    hidden: int = 32
    width: int = 64
    mixtures: int = 4
    head: Literal["tails", "gaussian", "forest", "flow", "autoencoder", "normalised", "oneclass"] = "tails"
    fitted: float = 0.6
    bins: int = 1
    nuisance: str = ""
    explained: int = 500
    seed: int = 0

    def __post_init__(self) -> None:
        if not min(self.hidden, self.width, self.mixtures, self.bins, self.explained) > 0:
            raise BadConfig(
                "hidden, width, mixtures, bins and explained of the anomaly task must be positive"
            )
        if not 0 < self.fitted < 1:
            raise BadConfig(f"task.fitted must lie between 0 and 1, not {self.fitted}")
        if self.head not in HEADS:
            raise BadConfig(f"task.head must be one of {', '.join(HEADS)}, not '{self.head}'")
        if self.level not in TERMS:
            raise BadConfig(f"task.level must be one of {', '.join(TERMS)}, not '{self.level}'")
        if self.nuisance and self.nuisance not in self.terms.totals:
            names = ", ".join(self.terms.totals)
            raise BadConfig(f"task.nuisance of {self.level} must be one of {names}, not '{self.nuisance}'")

    @property
    def terms(self) -> Terms:
        """The numbers of its level."""
        return TERMS[self.level]

    @property
    def needs(self) -> Needs:
        """What it reads of an event; nothing where it reads files of jets."""
        if self.level == "hits":
            return OF_HITS
        return Needs() if self.reads_jets else OF_PARTICLES

    @property
    def reads_jets(self) -> bool:
        """Whether it reads files of jets, and not events."""
        return self.level == "jets" and self.jets.files

    @property
    def sizes(self) -> SurpriseSizes:
        """Of the network."""
        terms = self.terms
        return SurpriseSizes(len(terms.features), terms.static, self.hidden, self.width, self.mixtures)


class AnomalyTask(Task[AnomalySample, Anomalies]):
    """How strange an event is, or each of its jets.

    A graph network learns to expect what each region of the detector (or of a jet) holds from what lies around it; a head
    learns where normal events lie in what an event holds as a whole and how surprising its regions are; a calibration on
    normal events that neither saw turns the score into a p-value. It learns from normal events alone and reads no truth.
    """

    name = "anomaly"
    needs = OF_HITS
    gives = Anomalies
    any_detector = True
    head: Head | None = None
    calibration: Calibration | None = None

    def __init__(self, config: AnomalyConfig, detector: Detector | None) -> None:
        self.config: AnomalyConfig = config
        self.needs = config.needs
        self.detector = detector
        self._learned: dict[str, NDArray[np.generic]] | None = None

    @classmethod
    def from_config(cls, config: AnomalyConfig, detector: Detector | None) -> AnomalyTask:
        """A task that has learned nothing yet."""
        return cls(config, detector)

    @classmethod
    def arrays(cls, config: AnomalyConfig, detector: Detector | None) -> Mapping[str, Numbers]:
        """What each learned array must be, by name."""
        network = {f"network.{name}": numbers for name, numbers in surprise_arrays(config.sizes).items()}
        head = find_head(config.head).expected(len(config.terms.columns))
        return {
            **network,
            **{f"head.{name}": numbers for name, numbers in head.items()},
            "calibration.score": Numbers(("events",), np.float64),
            "calibration.weight": Numbers((0,), np.float64),
            "calibration.start": Numbers(("starts",), np.int64, low=0),
            "calibration.edges": Numbers(("edges",), np.float64),
        }

    @cached_property
    def network(self) -> SurpriseNetwork:  # type: ignore[override]
        """What gradients train; whoever only reconstructs does without torch."""
        import torch

        from gnnreco.models.anomaly.surprise_network import SurpriseNetwork

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.config.seed)
            network = SurpriseNetwork(self.config.sizes)
        if self._learned is not None:
            _load(network, self._learned)
        return network

    @property
    def sample_kind(self) -> type[AnomalySample]:
        """The class of its samples."""
        return AnomalySample

    @property
    def sample_settings(self) -> Mapping[str, object]:
        """Only the level and its regions shape samples."""
        return {name: getattr(self.config, name) for name in ("level", "regions", "jets")}

    @property
    def sample_state(self) -> State:
        """Nothing learned shapes samples."""
        return {}

    @property
    def reads_jets(self) -> bool:
        """Whether it reads files of jets, and not events."""
        return self.config.reads_jets

    @property
    def needs_truth(self) -> bool:
        """Whether some classes of jets are named as normal."""
        return self.reads_jets and bool(self.config.jets.normal)

    @property
    def calibration_events(self) -> int:
        """Normal events, or jets, that the p-values were calibrated with; none before the training has ended."""
        return 0 if self.calibration is None else len(self.calibration)

    def prepare(self, events: Iterable[Event | JetBlock], progress: Progress | None = None) -> None:
        """Learn the scales of the features."""
        self.prepare_from(self.sample(event) for event in events)

    def prepare_from(self, samples: Iterable[AnomalySample]) -> None:
        """The same from samples, of one detector or of several."""
        import torch

        held = [sample.features[(sample.features != 0).any(1)] for sample in samples]
        if not sum(map(len, held)):
            piece = self.config.terms.piece
            raise BadConfig(f"no {piece} lies in a region of the events to learn from: is it their detector?")
        self.network.scale_to(torch.from_numpy(np.concatenate(held)))

    def sample(self, event: Event | JetBlock) -> AnomalySample:
        """The regions of an event, or of its jets; of a block of jets the normal ones."""
        if isinstance(event, JetBlock) and isinstance(self.level, JetsLevel):
            event = replace(event, jets=self.level.normal(event))
        return self.level.look(event).sample

    def loss(self, sample: AnomalySample) -> tuple[Tensor, dict[str, float]]:
        """Minus the logarithm of the density of all features, a region."""
        import torch

        (belts, around), rows = sample.grid, len(sample)
        features, static = (torch.as_tensor(x) for x in (sample.features, sample.static))
        if self.network.training and rows > DRAWN:
            some = torch.randperm(rows)[:DRAWN].to(features.device)
            features = features.reshape(rows, belts * around, -1)[some].flatten(0, 1)
            rows = DRAWN
        nll, expected = self.network(
            features,
            static.repeat_interleave(around, 0).repeat(rows, 1),
            torch.from_numpy(neighbours_of(belts, around, rows)).to(features.device),
            torch.from_numpy(way_classes()).to(features.device),
        )
        n = max(len(nll), 1)  # an event may hold no jet
        return nll.sum() / n, {"surprise": float((nll - expected).detach().sum() / n)}

    def finish(self, samples: Iterable[AnomalySample]) -> None:
        """Fit the head and calibrate p-values with validation events, each with rows of its own."""
        terms = self.config.terms
        found = [row for sample in samples for row, _, _ in self._rows(sample)]
        rows = np.stack(found) if found else np.zeros((0, 1), np.float32)
        n = round(len(rows) * self.config.fitted)
        if min(n, len(rows) - n) < FEWEST:
            why = f"{n} and {len(rows) - n} {terms.row}s of validation to fit the head and to calibrate p-values"
            raise BadConfig(
                f"{why}: {FEWEST} of each are the least; ask for more with sample.validation_events"
            )
        self.head = fit_head(self.config.head, rows[:n], self.config.seed, columns=terms.columns)
        self.calibration = calibrate(self.head.score(rows[n:]), self._nuisance(rows[n:]), self.config.bins)

    def reconstruct(self, event: Event | JetBlock) -> Anomalies:
        """How strange an event is, and which hits make it so; of an event in which there is nothing to see it says nothing.

        At the level of jets there is a row for each jet, the hardest first; of a block of jets, a row for each as it lies
        there, and constituents by their rows in the block in place of hits.
        """
        head, calibration = self._fitted()
        look, terms = self.level.look(event), self.config.terms
        seen = self._rows(look.sample)
        if not seen:
            return Anomalies()
        rows = np.stack([row for row, _, _ in seen])
        score, contributions = head.score(rows), head.contributions(rows)
        shares = [
            look.attribution(i, of_regions(contributions[i], surprises, order), contributions[i])
            for i, (_, surprises, order) in enumerate(seen)
        ]
        named = [self._loudest(share) for share in shares]
        return Anomalies(
            np.cumsum([0, *map(len, named)]).astype(np.int64),
            np.concatenate(named),
            np.concatenate([share[rows] for share, rows in zip(shares, named, strict=True)]),
            score,
            calibration.p_value(score, self._nuisance(rows)),
            np.stack([parts_of(terms, each) for each in contributions]),
        )

    def _loudest(self, attribution: Floats) -> Ints:
        """Rows of the hits that give most, in the order of the event."""
        order = np.argsort(-attribution, kind="stable")[: self.config.explained]
        return np.sort(order[attribution[order] > 0]).astype(np.int64)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers by name."""
        network = self._network_arrays()
        state = {f"network.{name}": array.copy() for name, array in network.items()}
        if self.head is not None and self.calibration is not None:
            state |= {f"head.{name}": array for name, array in self.head.arrays().items()}
            state |= {f"calibration.{name}": array for name, array in self.calibration.arrays().items()}
        return state

    def load_state(self, state: State) -> None:
        """Take the numbers that `state` gave."""
        parts = {
            own: {name.removeprefix(own): array for name, array in state.items() if name.startswith(own)}
            for own in OWN
        }
        self._learned = parts["network."]
        self.__dict__.pop("_surprise", None)
        if "network" in self.__dict__:  # an optimizer may hold its parameters
            _load(self.network, self._learned)
        if parts["head."]:
            self.head = find_head(self.config.head).of_arrays(parts["head."], self.config.terms.columns)
            self.calibration = Calibration.from_arrays(parts["calibration."])

    @cached_property
    def level(self) -> Level:
        """What makes regions of events."""
        if self.config.level == "jets":
            return JetsLevel(self.config.jets)
        kind = HitsLevel if self.config.level == "hits" else ParticlesLevel
        return kind(needed(self.detector, self.name), self.config.regions)

    @cached_property
    def _surprise(self) -> Surprise:
        return Surprise(self._network_arrays(), self.config.sizes)

    def _network_arrays(self) -> dict[str, NDArray[np.generic]]:
        if "network" not in self.__dict__ and self._learned is not None:
            return self._learned
        return {name: value.detach().cpu().numpy() for name, value in self.network.state_dict().items()}

    def _rows(self, sample: AnomalySample) -> list[Row]:
        """Each row of a sample."""
        if not len(sample):
            return []
        surprise = self._surprise(sample.features, sample.static, *sample.grid)
        surprises = np.split(surprises_of(self.config.terms, surprise), len(sample))
        summaries = [summary_of(total, each) for total, each in zip(sample.totals, surprises, strict=True)]
        return [(row, each, order) for (row, order), each in zip(summaries, surprises, strict=True)]

    def _nuisance(self, rows: NDArray[np.float32]) -> Floats | None:
        """What p-values are calibrated in bins of; None where there is one bin."""
        if self.config.bins == 1:
            return None
        terms = self.config.terms
        return rows[:, terms.totals.index(self.config.nuisance or terms.nuisance)].astype(np.float64)

    def _fitted(self) -> tuple[Head, Calibration]:
        if self.head is None or self.calibration is None:
            raise BadConfig("the anomaly task has not learned what is normal yet: train it")
        return self.head, self.calibration


def _load(network: SurpriseNetwork, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    import torch

    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
