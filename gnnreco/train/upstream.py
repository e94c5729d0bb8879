"""Events in which other bundles have found what a task builds on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gnnreco.bundle import default_bundles
from gnnreco.columns import Event
from gnnreco.geometry import Detector
from gnnreco.pipeline import Reconstructor


class Upstream(Sequence[Event]):
    """Events as a task in a chain sees them: reconstructed when they are asked for, by the bundles before it.

    Parameters
    ----------
    events : sequence of Event
    reconstruct : Reconstructor
    """

    def __init__(self, events: Sequence[Event], reconstruct: Reconstructor) -> None:
        self.events, self.reconstruct = events, reconstruct

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, i: int) -> Event:  # type: ignore[override]  # one event at a time
        event = self.events[i]
        found = self.reconstruct(event)
        kinds = {stage.kind.gives for stage in self.reconstruct.stages}
        return replace(event, found={kind: found.of(kind) for kind in kinds})


def found_before(
    events: Sequence[Event], needs: Sequence[type], detector: Detector | None, bundles: Sequence[str]
) -> Sequence[Event]:
    """The events with what a task needs found in them; themselves where it needs nothing.

    Parameters
    ----------
    events : sequence of Event
    needs : sequence of type
        Columns that other tasks find.
    detector : Detector or None
    bundles : sequence of str
        Shipped names or folders; none: those that ship for the detector, without what builds on them.
    """
    if not needs or detector is None:
        return events
    names = list(bundles) or default_bundles(detector, build_on=False)
    return Upstream(events, Reconstructor(detector, names, any_detector=True))
