"""What every task offers: the rest of the program knows tasks by this contract alone.

A task is a class that inherits from `Task`, a dataclass of its settings, and a `Kind` that announces both (see
`gnnreco.tasks.registry`). What only some tasks can do is a protocol of its own: `Calibratable`, `ReadsJets`, `Teachable`,
`Scorable`. `gnnreco.testing.check_task` tells whether a task keeps to it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

from gnnreco.columns import Event
from gnnreco.errors import BadConfig, BadInput
from gnnreco.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from gnnreco.columns import Clusters, Floats, Tracks, Truth
    from gnnreco.geometry import Detector
    from gnnreco.models.segment_model import Scorer
    from gnnreco.models.state import Numbers

#: Learned numbers by name; those of the network are called ``network.<parameter>``.
State = Mapping[str, "NDArray[np.generic]"]
#: What it learns from: an `Event`, or a `JetBlock` where the task reads jets.
Read = TypeVar("Read", contravariant=True)
Sample = TypeVar("Sample")
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Needs:
    """What a task reads of an event.

    Attributes
    ----------
    measures : tuple of str
        The hits of subsystems that measure one of these (``position, energy, charge, time``).
    found : tuple of type
        Columns that other tasks found in the same event, such as `Tracks`.
    """

    measures: tuple[str, ...] = ()
    found: tuple[type, ...] = ()


class Learner(Protocol[Read, Sample]):
    """What the training loop asks for: see `gnnreco.train.train`. Every task is one.

    A task that learns nothing leaves `network`, `sample_kind`, `sample` and `loss` out; to train it is then an error.

    Attributes
    ----------
    name : str
        Of the task, as in the manifest of its bundles.
    config : dataclass
        Its settings.
    detector : Detector or None
        As it was loaded.
    network : torch.nn.Module
        What gradients train.
    """

    name: str
    config: Any
    detector: Detector | None
    network: nn.Module

    @property
    def sample_kind(self) -> type[Sample]:
        """The class of what `sample` returns: a frozen dataclass of tensors, of arrays, and of such dataclasses."""
        raise _learns_nothing(self.name)

    @property
    def samples_hold_answers(self) -> bool:
        """Whether `sample` uses the network: its samples then belong to one state of it, which no training changes."""
        return False

    @property
    def adversarial(self) -> bool:
        """Whether the loss is that of a game, so that the last epoch is the best and not that with the lowest loss."""
        return False

    def prepare(self, events: Iterable[Read], progress: Progress | None = None) -> None:
        """Learn what is not learned by gradients from events with truth; by default nothing."""

    def sample(self, event: Read) -> Sample:
        """Inputs and targets of one event with truth."""
        raise _learns_nothing(self.name)

    def loss(self, sample: Sample) -> tuple[Tensor, dict[str, float]]:
        """Loss to go down, and numbers to write beside it, always of the same names."""
        raise _learns_nothing(self.name)

    def finish(self, samples: Iterable[Sample]) -> None:
        """Learn from validation samples what needs the trained network, such as the scale of errors; by default nothing."""

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers: see `State`; by default none."""
        return {}

    @abstractmethod
    def load_state(self, state: State) -> None:
        """Take the numbers that `state` gave."""


class Task(Learner[Event, Sample], Protocol[Sample, Found]):
    """A task that was built for a detector: it learns from events with truth, and reconstructs any.

    Attributes
    ----------
    needs : Needs
    gives : type
        Columns that `reconstruct` returns, such as `Tracks`; ``NoneType`` where a task is only deployed.
    any_detector : bool
        Whether its samples do not need the detector any more, so that one network can learn from several.
    """

    needs: Needs
    gives: type[Found]
    any_detector: bool = False

    @classmethod
    @abstractmethod
    def from_config(cls, config: Any, detector: Detector | None) -> Self:
        """A task that has learned nothing yet.

        Raises
        ------
        BadConfig
            Settings that contradict each other, or no detector where one is needed (see `needed`).
        """

    @classmethod
    def arrays(cls, config: Any, detector: Detector | None) -> Mapping[str, Numbers] | None:
        """What each array of `state` must be, checked before a bundle is used; None: whatever `load_state` takes.

        Without a detector a bundle is verified in all that does not depend on one.
        """
        return None

    @abstractmethod
    def reconstruct(self, event: Event) -> Found:
        """What is found in one event, as it was read; hits by their rows in it."""

    def tally(self, event: Event, found: Found) -> dict[str, int]:
        """What became of the hits, by name; by default nothing is told."""
        return {}


#: A task of which nobody here knows what it samples and gives.
AnyTask: TypeAlias = Task[Any, Any]
#: The same of what the training loop sees of it.
AnyLearner: TypeAlias = Learner[Any, Any]


@runtime_checkable
class Calibratable(Protocol):
    """A task whose `score` can be made a probability: see `gnnreco.evaluate.calibrate`."""

    confidence_features: tuple[str, ...]

    def found(self, event: Event) -> tuple[Tracks | Clusters, Floats]:
        """What is found with the network's own confidence, and the features (n, k) that the calibration reads."""


@runtime_checkable
class ReadsJets(Protocol):
    """A task that also takes blocks of jets: its `prepare` and `sample` accept a `JetBlock` in place of an event."""

    @property
    def reads_jets(self) -> bool:
        """Whether its settings ask for jets, and not for events."""


@runtime_checkable
class Teachable(Protocol):
    """A task that can also learn the answers of a larger network of its kind."""

    teacher: nn.Module | None

    @property
    def teacher_bundle(self) -> str:
        """Bundle of that network, as the settings name it; empty: none."""


@runtime_checkable
class Scorable(Protocol):
    """A task whose network is run by whatever gives its edges their logits, such as ONNX Runtime."""

    scorer: Scorer


def _learns_nothing(task: str) -> BadConfig:
    return BadConfig(f"the task '{task}' learns nothing: there is nothing to train")


def needed(detector: Detector | None, task: str) -> Detector:
    """The detector, where a task cannot do without one; raises `BadConfig` if there is none."""
    if detector is None:
        raise BadConfig(f"the task '{task}' needs a detector: name one with detector=")
    return detector


def truth_of(event: Event) -> Truth:
    """The truth of an event to learn from; raises `BadInput` if there is none."""
    if event.truth is None:
        why = "has no truth: nothing to learn from; leave it out"
        raise BadInput(event.source, f"event {event.number}", why)
    return event.truth
