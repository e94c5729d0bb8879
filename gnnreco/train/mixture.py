"""Training on several detectors at once: each event is prepared by its own detector's task, one network learns from all."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gnnreco.columns import Event
from gnnreco.errors import BadConfig
from gnnreco.events import open_events
from gnnreco.events.parquet.reader import made_for
from gnnreco.geometry import Detector
from gnnreco.progress import Progress
from gnnreco.tasks.contract import Learner, PreparesFromSamples, State

if TYPE_CHECKING:
    from .settings import SampleConfig

Sample = TypeVar("Sample")


@dataclass(frozen=True, slots=True)
class Elsewhere(Event):
    """An event of another detector: the one in this `place` of a mixture."""

    place: int = 0


def elsewhere(event: Event, place: int) -> Elsewhere:
    """The event, marked with the place of its detector."""
    return Elsewhere(**{f.name: getattr(event, f.name) for f in fields(Event)}, place=place)


def place_of(event: Event) -> int:
    """The place of its detector: 0 where the event is not marked."""
    return event.place if isinstance(event, Elsewhere) else 0


def apart(sample: SampleConfig, detectors: Sequence[Detector]) -> list[SampleConfig]:
    """The sample of each detector: the files that say they were made for it; the first also has those that do not say.

    Raises `BadConfig` for a detector with files to validate with but none to learn from: in their place `sample.events`
    would be simulated.
    """
    inputs, validation = (_by_detector(names, detectors) for names in (sample.inputs, sample.validation))
    for k, detector in enumerate(detectors):
        if validation[k] and not inputs[k]:
            files = ", ".join(Path(name).name for name in validation[k])
            why = "stands alone: name events of that detector in sample.inputs too, or leave it out"
            raise BadConfig(f"sample.validation: {files} of {detector.name} {why}")
    return [replace(sample, inputs=inputs[k], validation=validation[k]) for k in range(len(detectors))]


def _by_detector(names: Sequence[str], detectors: Sequence[Detector]) -> list[tuple[str, ...]]:
    """Files for each detector."""
    places = {detector.hash: place for place, detector in enumerate(detectors)}
    files: list[list[str]] = [[] for _ in detectors]
    for file in open_events(names, None).files if names else ():
        files[places.get(made_for(file), 0)].append(str(file))
    return [tuple(mine) for mine in files]


class Everywhere(Sequence[Event]):
    """The events of several detectors one after the other, each marked with the place of its detector when it is read.

    Parameters
    ----------
    parts : sequence of sequences of Event
        Those of the first detector, of the second, ...
    """

    def __init__(self, parts: Sequence[Sequence[Event]]) -> None:
        self.parts = parts
        self._ends = list(accumulate(map(len, parts)))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, i: int) -> Event:  # type: ignore[override]  # one event at a time
        if not 0 <= i < len(self):
            raise IndexError(i)
        place = bisect_right(self._ends, i)
        event = self.parts[place][i - (self._ends[place] - len(self.parts[place]))]
        return elsewhere(event, place) if place else event


class Mixture(Learner[Event, Sample], Generic[Sample]):
    """A task for the training loop made of one task for each detector; all use the network of the first.

    Parameters
    ----------
    tasks : sequence of Learner
        Their samples must not need the detector any more.
    """

    def __init__(self, tasks: Sequence[Learner[Event, Sample]]) -> None:
        self.tasks, self._first = list(tasks), tasks[0]
        self.name, self.config, self.detector = self._first.name, self._first.config, self._first.detector
        self.network = self._first.network

    @property
    def sample_kind(self) -> type[Sample]:
        """The same for all."""
        return self._first.sample_kind

    @property
    def sample_settings(self) -> Mapping[str, object]:
        """The same for all."""
        return self._first.sample_settings

    @property
    def sample_state(self) -> State:
        """The same for all."""
        return self._first.sample_state

    @property
    def needs_truth(self) -> bool:
        """The same for all."""
        return self._first.needs_truth

    @property
    def adversarial(self) -> bool:
        """The same for all."""
        return self._first.adversarial

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Let the first task prepare: what it learns must hold for all; where it can, from samples of all detectors."""
        if isinstance(self._first, PreparesFromSamples):
            self._first.prepare_from(self.sample(event) for event in events)
        else:
            self._first.prepare(events, progress)

    def sample(self, event: Event) -> Sample:
        """What the task of the event's detector makes of it."""
        return self.tasks[place_of(event)].sample(event)

    def loss(self, sample: Sample) -> tuple[Tensor, dict[str, float]]:
        """That of the first task."""
        return self._first.loss(sample)

    def finish(self, samples: Iterable[Sample]) -> Mapping[str, float] | None:
        """Let the first task finish."""
        return self._first.finish(samples)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """What the first task has learned."""
        return self._first.state()

    def load_state(self, state: State) -> None:
        """Give it to the first task."""
        self._first.load_state(state)
