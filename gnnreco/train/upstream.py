"""Events in which other bundles have found what a task builds on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

from gnnreco.bundle import default_bundles, load_bundle
from gnnreco.columns import Event, ReconstructedParticles
from gnnreco.columns.table import Columns
from gnnreco.events import EventSource
from gnnreco.geometry import Detector
from gnnreco.pipeline import Reconstructor


class FoundWhenAsked(Mapping[type, Columns]):
    """What a chain of bundles finds in an event: `Event.found` that is worked out when it is first read.

    A sample that was kept needs it no more, so that a training that starts again does not reconstruct all events again.

    Parameters
    ----------
    event : Event
    reconstruct : Reconstructor
    """

    def __init__(self, event: Event, reconstruct: Reconstructor) -> None:
        self._event, self._reconstruct = event, reconstruct
        self._kinds = {stage.kind.gives for stage in reconstruct.stages}

    @property
    def identity(self) -> bytes:
        """The sums of the bundles."""
        return " ".join(stage.bundle.manifest["sha256"] for stage in self._reconstruct.stages).encode()

    @cached_property
    def _found(self) -> Mapping[type, Columns]:
        found = self._reconstruct(self._event)
        return {kind: found.of(kind) for kind in self._kinds}

    def __getitem__(self, kind: type) -> Columns:
        return self._found[kind]

    def __iter__(self) -> Iterator[type]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)


class Upstream(Sequence[Event]):
    """Events as a task in a chain sees them.

    Parameters
    ----------
    events : sequence of Event
    reconstruct : Reconstructor
        Of the bundles before it.
    """

    def __init__(self, events: Sequence[Event], reconstruct: Reconstructor) -> None:
        self.events, self.reconstruct = events, reconstruct

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, i: int) -> Event:  # type: ignore[override]  # one event at a time
        event = self.events[i]
        return replace(event, found=FoundWhenAsked(event, self.reconstruct))


def found_before(
    events: Sequence[Event], needs: Sequence[type], detector: Detector | None, bundles: Sequence[str]
) -> Sequence[Event]:
    """The events with what a task needs found in them; themselves where it needs nothing, or they bring it along.

    Parameters
    ----------
    events : sequence of Event
    needs : sequence of type
        Columns that other tasks find.
    detector : Detector or None
    bundles : sequence of str
        Shipped names or folders; none: those that ship for the detector, with particle flow only where particles are
        needed. Where several are for one task, those that were made for this very detector are taken.
    """
    if not needs or detector is None:
        return events
    if isinstance(events, EventSource) and set(needs) <= set(events.brings):
        return events
    names = _of_detector(bundles, detector) or default_bundles(
        detector, build_on=ReconstructedParticles in needs
    )
    return Upstream(events, Reconstructor(detector, names, any_detector=True))


def _of_detector(bundles: Sequence[str], detector: Detector) -> list[str]:
    """The bundles without those that were made for another detector where one for this detector does the same."""
    made = [
        (name, bundle.task, bundle.manifest["detector"]["hash"])
        for name in bundles
        for bundle in [load_bundle(name)]
    ]
    here = detector.at_source().hash
    own = {task for _, task, hash_ in made if hash_ == here}
    return [name for name, task, hash_ in made if hash_ == here or task not in own]
