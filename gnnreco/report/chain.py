"""Events in which the bundles before that of a report have found what it builds on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from gnnreco.bundle import ANY_DETECTOR, Bundle
from gnnreco.columns import Event
from gnnreco.columns.table import Columns
from gnnreco.errors import BadBundle, GnnrecoError
from gnnreco.geometry import Detector
from gnnreco.pipeline import Stage
from gnnreco.tasks.contract import AnyTask
from gnnreco.train.upstream import Upstream, found_before


class Kept(Sequence[Event]):
    """Events of a chain; what was found is kept, since a report reads each event several times, and hits are read again.

    Parameters
    ----------
    upstream : Upstream
    """

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self._found: dict[int, Mapping[type, Columns]] = {}

    def __len__(self) -> int:
        return len(self.upstream)

    def __getitem__(self, i: int) -> Event:  # type: ignore[override]  # one event at a time
        event = self.upstream[i]
        if i not in self._found:
            try:
                self._found[i] = dict(event.found)
            except GnnrecoError:  # raised again where somebody asks what was found
                return event
        return replace(event, found=self._found[i])


class Before:
    """The bundles before that of a report; none where its task reads hits alone.

    Parameters
    ----------
    bundle : Bundle
        That of the report.
    task : Task
        Of it.
    detector : Detector or None
    named : sequence of str or path
        Bundles to take; none: those that it was trained with, or else those that ship for the detector.
    """

    def __init__(
        self, bundle: Bundle, task: AnyTask, detector: Detector | None, named: Sequence[str | Path]
    ) -> None:
        self.needs, self.detector, self.task = task.needs.found, detector, task.name
        self.trained_with: list[str] = _trained_with(bundle)
        self.named = [str(name) for name in named]
        self.stages: tuple[Stage, ...] = ()

    def events(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events with what the task needs found in them; as they are where they hold it already and no bundle is named.

        Raises
        ------
        BadBundle
            If a bundle is not there, or none gives what is needed.
        """
        if not self.needs or not len(events):
            return events
        if not self.named and events[0].found.keys() >= {*self.needs}:
            return events
        try:
            there = found_before(events, self.needs, self.detector, self.named or self.trained_with)
        except BadBundle as error:
            if self.named or not self.trained_with:
                raise
            why = f"{self.task} builds on bundles that it was trained with ({', '.join(self.trained_with)})"
            raise BadBundle(
                error.bundle, f"{why}; name each of them, where it lies now, with bundles="
            ) from error
        if not isinstance(there, Upstream):
            return there
        self.stages = there.reconstruct.stages
        given = {stage.kind.gives for stage in self.stages}
        missing = [kind.__name__.lower() for kind in self.needs if kind not in given]
        if missing:
            why = (
                f"{self.task} needs {' and '.join(missing)}, and none gives them; name one more with bundles="
            )
            raise BadBundle(", ".join(stage.given for stage in self.stages), why)
        return Kept(there)

    @property
    def given(self) -> list[str]:
        """The bundles that ran, as the user or the manifest named them."""
        return [stage.given for stage in self.stages]


def _trained_with(bundle: Bundle) -> list[str]:
    """The bundles before it that a manifest names; of one for any detector, trained in several, none: each has its own."""
    if bundle.manifest["detector"] == ANY_DETECTOR:
        return []
    data = bundle.manifest["training"].get("data")
    sample = (
        data.get("sample") or {} if isinstance(data, Mapping) else {}
    )  # in words where nothing was learned
    return [str(name) for name in sample.get("bundles", ())]
