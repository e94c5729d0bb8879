"""What every task offers: the rest of the program knows tasks by this contract alone.

A task is a class that inherits from `Task`, a dataclass of its settings, and a `Kind` that announces both (see
`gnnreco.tasks.registry`). What only some tasks can do is a protocol of its own: `Calibratable`, `Teachable`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats
from gnnreco.geometry import Detector
from gnnreco.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor, nn

#: Learned numbers by name; those of the network are called ``network.<parameter>``.
State = Mapping[str, NDArray[np.generic]]
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


class Task(Protocol[Sample, Found]):
    """A task that was built for a detector: it learns from events with truth, and reconstructs any.

    Attributes
    ----------
    name : str
        As in the manifest of its bundles.
    needs : Needs
    gives : type
        Columns that `reconstruct` returns.
    any_detector : bool
        Whether its samples do not need the detector any more, so that one network can learn from several.
    adversarial : bool
        Whether its loss is that of a game, which the last epoch has played longest.
    config : dataclass
        Its settings.
    detector : Detector or None
        As it was loaded.
    """

    name: ClassVar[str]
    needs: ClassVar[Needs]
    gives: ClassVar[type]
    any_detector: ClassVar[bool] = False
    config: Any
    detector: Detector | None

    @classmethod
    def from_config(cls, config: Any, detector: Detector | None) -> Self:
        """A task that has learned nothing yet."""
        ...

    @property
    def network(self) -> nn.Module:
        """What gradients train."""
        ...

    @property
    def adversarial(self) -> bool:
        """False: the epoch with the lowest loss is the best."""
        return False

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Learn what is not learned by gradients."""

    def sample(self, event: Event) -> Sample:
        """Inputs and targets of one training event: a dataclass of tensors."""
        ...

    def loss(self, sample: Sample) -> tuple[Tensor, dict[str, float]]:
        """Loss to go down, and numbers to write beside it."""
        ...

    def finish(self, samples: Iterable[Sample]) -> None:
        """Learn from validation samples what needs the trained network, such as the scale of errors."""

    def reconstruct(self, event: Event) -> Found:
        """What is found in one event, as it was read; hits by their rows in it."""
        ...

    def tally(self, event: Event, found: Found) -> dict[str, int]:
        """What became of the hits, by name."""
        return {}

    def state(self) -> dict[str, NDArray[np.generic]]:
        """All learned numbers: see `State`."""
        ...

    def load_state(self, state: State) -> None:
        """Take the numbers that `state` gave."""
        ...


@runtime_checkable
class Calibratable(Protocol):
    """A task whose `score` can be made a probability: see `gnnreco.evaluate.calibrate`."""

    confidence_features: ClassVar[tuple[str, ...]]

    def found(self, event: Event) -> tuple[Any, Floats]:
        """What is found with the network's own confidence, and the features (n, k) that the calibration reads."""
        ...


@runtime_checkable
class Teachable(Protocol):
    """A task that also learns the answers of a larger network of its kind; its settings name the bundle as `teacher`."""

    teacher: nn.Module | None
