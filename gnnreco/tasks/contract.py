"""What every task offers: the rest of the program knows tasks by this contract alone.

A task is a class that inherits from `Task`, a dataclass of its settings, and a `Kind` that announces both (see
`gnnreco.tasks.registry`). What only some tasks can do is a protocol of its own: `Accustomed`, `Calibratable`,
`Calibrated`, `PreparesFromSamples`, `ReadsJets`, `Teachable`, `Scorable`, `Surveyed`, and for `gnnreco report`:
`Explainable`, `Classifying`, `Comparable`.
`gnnreco.testing.check_task` tells whether a task keeps to it.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeAlias, TypeVar, runtime_checkable

from gnnreco.columns import Event
from gnnreco.errors import BadConfig, BadInput
from gnnreco.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from _typeshed import DataclassInstance
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from gnnreco.columns import Clusters, Floats, Ints, ReconstructedParticles, Tracks, Truth
    from gnnreco.files.json_types import JsonDict
    from gnnreco.geometry import Detector
    from gnnreco.models.calibration import Ratio
    from gnnreco.models.segment_model import Scorer
    from gnnreco.models.state import Numbers

#: Learned numbers by name; those of the network are called ``network.<parameter>``.
State = Mapping[str, "NDArray[np.generic]"]
#: What it learns from: an `Event`, or a `JetBlock` where the task reads jets.
Read = TypeVar("Read", contravariant=True)
Sample = TypeVar("Sample")
Taken = TypeVar("Taken", contravariant=True)
Found = TypeVar("Found")
#: What an explainer keeps of an event: each has a class of its own for it.
Work = TypeVar("Work")


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
    config: DataclassInstance
    detector: Detector | None
    network: nn.Module

    @property
    def sample_kind(self) -> type[Sample]:
        """The class of what `sample` returns: a frozen dataclass of tensors, of arrays, and of such dataclasses."""
        raise _learns_nothing(self.name)

    @property
    def sample_settings(self) -> Mapping[str, object]:
        """Parts of the settings that shape samples, by name: kept samples serve as long as these are the same."""
        return {"all": self.config}

    @property
    def sample_state(self) -> State:
        """Learned numbers that shape samples: by default those that gradients do not train.

        A task whose `sample` uses its network gives all: its samples then belong to one state of it.
        """
        trained = {f"network.{name}" for name, _ in self.network.named_parameters()}
        return {name: array for name, array in self.state().items() if name not in trained}

    @property
    def needs_truth(self) -> bool:
        """Whether it learns from true particles or classes: events and jets without are then refused."""
        return True

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

    def finish(self, samples: Iterable[Sample]) -> Mapping[str, float] | None:
        """Learn from validation samples what needs the trained network, such as the scale of errors; by default nothing.

        What it returns, by name, is written to the manifest beside the metrics of the best epoch.
        """
        return None

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
class Accustomed(Protocol[Taken]):
    """A task with a setting ``usual``, a `gnnreco.models.calibration.Usual` that `gnnreco.evaluate.calibrate` learns.

    With it, `Task.tally` gives the counts that it reads as well, and `gnnreco.reconstruct` says where they are unusual.
    """

    ratios: tuple[Ratio, ...]

    def counts(self, event: Event, found: Taken) -> dict[str, int]:
        """The counts of one event that `ratios` are made of, by name; none is one that `reconstruct` tells by itself."""


@runtime_checkable
class Calibrated(Protocol):
    """A task whose p-values were calibrated with normal events."""

    @property
    def calibration_events(self) -> int:
        """How many they were."""


@runtime_checkable
class Surveyed(Protocol):
    """A task whose `prepare` builds something that loses part of what it should keep, and that can say what and where."""

    def survey(self, events: Iterable[Event]) -> JsonDict:
        """What is kept of the truth of events, in plain values; stands in the manifest under ``survey``."""


@runtime_checkable
class PreparesFromSamples(Protocol[Taken]):
    """A task whose `prepare` needs samples alone, and can so learn from those of several detectors."""

    def prepare_from(self, samples: Iterable[Taken]) -> None:
        """Learn what is not learned by gradients from samples of all detectors."""


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


@dataclass(frozen=True, slots=True)
class Reading(Generic[Work]):
    """What a network reads of one event, as `Explainer.read` gives it.

    Attributes
    ----------
    features : dict of float32 (rows, f)
        By kind of row, such as ``cell``: what real rows of the network's input hold; none of them is padding.
    names : dict of tuple of str
        By kind, the name of each of the f columns.
    hits : dict of int64 (k, 2)
        By kind, which rows describe which hits (by their row in the event as it was read). A kind whose rows describe no
        single hits, such as whole showers, is left out.
    work
        What the explainer needs besides to compute with other features.
    """

    features: Mapping[str, Tensor]
    names: Mapping[str, tuple[str, ...]]
    hits: Mapping[str, Ints]
    work: Work


class Explainer(Protocol[Work]):
    """Runs the network of a task on features that somebody changed: see `gnnreco.report`.

    Which objects are there, and which hits they have, stays as it was found with the features of the event.

    Attributes
    ----------
    answer : str
        What `answers` gives, in words.
    """

    answer: str

    def read(self, event: Event) -> Reading[Work]:
        """What the network reads of an event; raises `BadInput` where it has no truth."""

    def loss(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """The loss of the task, with these features in place of those of `reading`."""

    def answers(self, reading: Reading[Work], features: Mapping[str, Tensor]) -> Tensor:
        """One number for each object that was found, in the order of what the task gives; gradients flow to the features."""


@runtime_checkable
class Explainable(Protocol):
    """A task that tells what its network reads, by name."""

    def explainer(self) -> Explainer:
        """What runs its network on changed features."""


@dataclass(frozen=True, slots=True)
class Classified:
    """Answers of a task that names classes.

    Attributes
    ----------
    probability : float64 (n, classes)
    label : int64 (n,)
        The true class; -1: unknown.
    classes : tuple of str
    """

    probability: Floats
    label: Ints
    classes: tuple[str, ...]


@runtime_checkable
class Classifying(Protocol):
    """A task that answers with a class for each thing it reads, and gives no columns."""

    def classified(self, event: Event) -> Classified:
        """What it says of one event, and the truth where it is known."""


@runtime_checkable
class Reconstructs(Protocol):
    """What finds something in an event: a task, or a simple method to compare it with."""

    def reconstruct(self, event: Event) -> Tracks | Clusters | ReconstructedParticles | None:
        """What is found in one event; hits by their rows in it."""


@runtime_checkable
class Comparable(Protocol):
    """A task that has a simple method for the same, to be set beside its network."""

    def baseline(self, events: Sequence[Event]) -> tuple[str, Reconstructs | Classifying]:
        """What the method is, in words, and what reconstructs or classifies with it.

        Parameters
        ----------
        events : sequence of Event
            With truth, to learn from where the method learns; may be empty.
        """


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
