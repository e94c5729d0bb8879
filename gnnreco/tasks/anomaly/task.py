"""The anomaly task: it learns what normal events look like, and says how strange an event is, with a p-value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Anomalies, Event, Floats, Ints
from gnnreco.errors import BadConfig
from gnnreco.events.select import seen
from gnnreco.geometry import Detector
from gnnreco.graphs.regions import FEATURES, RegionConfig, RegionFrame
from gnnreco.graphs.regions.places import TRACKING
from gnnreco.graphs.regions.totals import TOTALS
from gnnreco.models.anomaly.heads import Head, find_head, fit_head
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

from .explain import attribution_of
from .samples import AnomalySample, sample_of
from .summary import COLUMNS, of_regions, parts_of, summary_of, surprises_of

if TYPE_CHECKING:
    from torch import Tensor

    from gnnreco.models.anomaly.surprise_network import SurpriseNetwork

HEADS = ("gaussian", "forest", "flow", "autoencoder", "normalised", "oneclass")
NUISANCE = TOTALS.index("transverse energy")
FEWEST = 20  # events that a head learns from, and as many for the calibration
DEEP = 3  # from this shell of depth on a deposit counts as hadronic
OWN = ("network.", "head.", "calibration.")


@dataclass(frozen=True)
class AnomalyConfig:
    """Everything that defines an anomaly task but its learned numbers.

    Attributes
    ----------
    regions : RegionConfig
    hidden, width, mixtures : int
        Of the graph network: see `SurpriseSizes`.
    head
        What says how far the row of an event is from those of normal ones.
    fitted : float
        Part of the validation events that the head learns from; the others calibrate p-values.
    bins : int
        Bins of the transverse energy in which p-values are calibrated apart; 1: all together.
    explained : int
        At most so many hits of an event are named as what makes it strange.
    """

    regions: RegionConfig = field(default_factory=RegionConfig)
    hidden: int = 32
    width: int = 64
    mixtures: int = 4
    head: Literal["gaussian", "forest", "flow", "autoencoder", "normalised", "oneclass"] = "gaussian"
    fitted: float = 0.6
    bins: int = 1
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

    @property
    def sizes(self) -> SurpriseSizes:
        """Of the network."""
        return SurpriseSizes(len(FEATURES), 1 + TRACKING, self.hidden, self.width, self.mixtures)


class AnomalyTask(Task[AnomalySample, Anomalies]):
    """How strange an event is.

    A graph network learns to expect what each region of the detector holds from what lies around it; a head learns where
    normal events lie in what an event holds as a whole and how surprising its regions are; a calibration on normal events
    that neither saw turns the score into a p-value. It learns from normal events alone and reads no truth.
    """

    name = "anomaly"
    needs = Needs(("position", "energy"))
    gives = Anomalies
    any_detector = True
    head: Head | None = None
    calibration: Calibration | None = None

    def __init__(self, config: AnomalyConfig, detector: Detector | None) -> None:
        self.config: AnomalyConfig = config
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
        head = find_head(config.head).expected(len(COLUMNS))
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
        """Only the regions shape samples."""
        return {"regions": self.config.regions}

    @property
    def sample_state(self) -> State:
        """Nothing learned shapes samples."""
        return {}

    @property
    def calibration_events(self) -> int:
        """Normal events that the p-values were calibrated with; none before the training has ended."""
        return 0 if self.calibration is None else len(self.calibration)

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Learn the scales of the features."""
        self.prepare_from(self.sample(event) for event in events)

    def prepare_from(self, samples: Iterable[AnomalySample]) -> None:
        """The same from samples, of one detector or of several."""
        import torch

        held = [sample.features[(sample.features != 0).any(1)] for sample in samples]
        if not sum(map(len, held)):
            raise BadConfig("no hit lies in a region of the events to learn from: is it their detector?")
        self.network.scale_to(torch.from_numpy(np.concatenate(held)))

    def sample(self, event: Event) -> AnomalySample:
        """The regions of an event."""
        return sample_of(self.frame, self._seen(event))[0]

    def loss(self, sample: AnomalySample) -> tuple[Tensor, dict[str, float]]:
        """Minus the logarithm of the density of all features, a region."""
        import torch

        belts, around = sample.grid
        features, static = (torch.as_tensor(x) for x in (sample.features, sample.static))
        nll, expected = self.network(
            features,
            static.repeat_interleave(around, 0),
            torch.from_numpy(neighbours_of(belts, around)).to(features.device),
            torch.from_numpy(way_classes()).to(features.device),
        )
        loss = nll.sum(1).mean()
        return loss, {"surprise": float((nll - expected).detach().sum(1).mean())}

    def finish(self, samples: Iterable[AnomalySample]) -> None:
        """Fit the head and calibrate p-values with validation events, each with events of its own."""
        samples = [sample for sample in samples if sample.features.any()]  # without hits there is no score
        rows = np.stack([self._row(sample)[0] for sample in samples]) if samples else np.zeros((0, 1))
        n = round(len(rows) * self.config.fitted)
        if min(n, len(rows) - n) < FEWEST:
            why = f"{n} and {len(rows) - n} events of validation to fit the head and to calibrate p-values"
            raise BadConfig(
                f"{why}: {FEWEST} of each are the least; ask for more with sample.validation_events"
            )
        self.head = fit_head(self.config.head, rows[:n], self.config.seed, columns=COLUMNS)
        nuisance = rows[n:, NUISANCE].astype(np.float64) if self.config.bins > 1 else None
        self.calibration = calibrate(self.head.score(rows[n:]), nuisance, self.config.bins)

    def reconstruct(self, event: Event) -> Anomalies:
        """How strange an event is, and which hits make it so; nothing of an event without hits."""
        if not len(event.hits):
            return Anomalies()
        mine = seen(event, needed(self.detector, self.name), self.needs.measures)
        sample, regions = sample_of(self.frame, mine.event)
        row, surprises, order = self._row(sample)
        head, calibration = self._fitted()
        score, contributions = head.score(row[None]), head.contributions(row[None])[0]
        nuisance = row[NUISANCE : NUISANCE + 1].astype(np.float64) if self.config.bins > 1 else None
        sensor = mine.event.hits.sensor
        part = np.append(self.frame.part, -1)[sensor]
        attribution = attribution_of(
            *(regions, of_regions(contributions, surprises, order), contributions),
            *(part >= DEEP, (part < 0) & (sensor >= 0)),
        )
        rows = self._loudest(attribution)
        found = Anomalies(
            np.array([0, len(rows)]),
            rows,
            attribution[rows],
            score,
            calibration.p_value(score, nuisance),
            parts_of(contributions)[None],
        )
        return mine.restore(found)

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
            self.head = find_head(self.config.head).of_arrays(parts["head."], COLUMNS)
            self.calibration = Calibration.from_arrays(parts["calibration."])

    @cached_property
    def frame(self) -> RegionFrame:
        """The regions of the detector."""
        return RegionFrame.of(needed(self.detector, self.name).at_source(), self.config.regions)

    @cached_property
    def _surprise(self) -> Surprise:
        return Surprise(self._network_arrays(), self.config.sizes)

    def _network_arrays(self) -> dict[str, NDArray[np.generic]]:
        if "network" not in self.__dict__ and self._learned is not None:
            return self._learned
        return {name: value.detach().cpu().numpy() for name, value in self.network.state_dict().items()}

    def _row(self, sample: AnomalySample) -> tuple[NDArray[np.float32], Floats, Ints]:
        """The row of an event, the surprises of its regions, and the most surprising ones."""
        surprises = surprises_of(self._surprise(sample.features, sample.static, *sample.grid))
        row, order = summary_of(sample.totals, surprises)
        return row, surprises, order

    def _seen(self, event: Event) -> Event:
        return seen(event, needed(self.detector, self.name), self.needs.measures).event

    def _fitted(self) -> tuple[Head, Calibration]:
        if self.head is None or self.calibration is None:
            raise BadConfig("the anomaly task has not learned what is normal yet: train it")
        return self.head, self.calibration


def _load(network: SurpriseNetwork, arrays: Mapping[str, NDArray[np.generic]]) -> None:
    import torch

    network.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})
