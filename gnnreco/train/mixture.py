"""Training on several detectors at once: each event is prepared by its own detector's task, one network learns from all."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any

from torch import Tensor

from gnnreco.columns import Event
from gnnreco.progress import Progress


@dataclass(frozen=True, slots=True)
class Elsewhere(Event):
    """An event of another detector: the one in this `place` of a mixture."""

    place: int = 0


def elsewhere(event: Event, place: int) -> Elsewhere:
    """The event, marked with the place of its detector."""
    return Elsewhere(**{f.name: getattr(event, f.name) for f in fields(Event)}, place=place)


class Mixture:
    """A task for the training loop made of one task for each detector; all use the network of the first.

    Parameters
    ----------
    tasks : sequence of Task
        Their samples must not need the detector any more.
    """

    def __init__(self, tasks: Sequence[Any]) -> None:
        self.tasks = list(tasks)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tasks[0], name)

    def prepare(self, events: Iterable[Event], progress: Progress | None = None) -> None:
        """Let the first task prepare: what it learns must hold for all."""
        self.tasks[0].prepare(events, progress)

    def sample(self, event: Event) -> dict[str, Tensor]:
        """What the task of the event's detector makes of it."""
        out: dict[str, Tensor] = self.tasks[getattr(event, "place", 0)].sample(event)
        return out
