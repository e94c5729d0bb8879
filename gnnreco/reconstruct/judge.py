"""What a manifest tells of input, detector and bundle that do not belong together: lines for the user, and status 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gnnreco.columns import Event, Tracks
from gnnreco.errors import GnnrecoError
from gnnreco.events import EventSource
from gnnreco.events.source import no_events
from gnnreco.files.json_types import JsonMapping
from gnnreco.geometry import Detector, field_findings
from gnnreco.summary import counted
from gnnreco.tasks.registry import Kind, find_task

#: What a length in another unit is to be multiplied by to give mm.
UNITS = {"cm": 10.0, "m": 1000.0, "um": 0.001}
#: A smaller part of the hits outside of all sensors is not worth a line: a few lie at the rims.
SOME = 0.05
#: Hits of an event that fit a detector spread over more than this part of it.
NARROW = 0.05
#: Fewer hits are too few to tell.
MANY = 20


def warnings_of(manifest: JsonMapping) -> list[str]:
    """One line for each thing that makes the result of a task worth little, though no event failed.

    Parameters
    ----------
    manifest : mapping
        Of one task, as `gnnreco.reconstruct.manifest.describe` makes it.
    """
    return [line for judge in JUDGES if (line := judge(manifest))]


def notes_of(kind: Kind, detector: Detector) -> list[str]:
    """One line for each thing that a task cannot measure in this detector; no fault of the run."""
    if kind.gives is not Tracks:
        return []
    return [f"{detector.name}: {finding.message}" for finding in field_findings(detector)]


def notes_of_hits(manifest: JsonMapping) -> list[str]:
    """One line where a task found little because its hits are not there; a quiet detector is no fault of the run."""
    hits, outside, events = (manifest[name] for name in ("hits", "hits_outside", "events_out"))
    mine = hits - manifest.get("hits_of_other_tasks", 0)
    if events and not hits:
        return [
            f"no hit in {counted(events, 'event')}, so nothing is found: is it the right file? Tracks, clusters and "
            "particles that another program found are not taken in place of hits"
        ]
    if mostly_outside(manifest):
        return []
    lost = ""
    if outside >= MANY and 2 * outside > mine:
        lost = f"{manifest['task']}: {outside:,} of {mine:,} hits in no other subsystem lie in no sensor, and are lost to it"
    elif outside > SOME * hits:
        lost = f"{outside:,} of {hits:,} hits lie in no sensor, and are left out"
    question = f"does '{manifest['detector']['name']}' stand for the detector of these events?"
    return [f"{lost}: {question}"] if lost else []


def warnings_of_tasks(manifests: Sequence[JsonMapping]) -> list[str]:
    """The same for tasks that ran together: events need not have hits in every part of a detector."""
    lines = [
        line
        for manifest in manifests
        for line in manifest["warnings"]
        if line != hits_of_other_tasks(manifest) or not _has_part(manifest)
    ]
    return list(dict.fromkeys(lines))


def _has_part(manifest: JsonMapping) -> bool:
    """Whether the detector has a subsystem that the task works on."""
    measured = {what for each in manifest["detector"].get("measures", {}).values() for what in each}
    return not measured.isdisjoint(find_task(manifest["task"]).needs.measures)


def mostly_outside(counts: JsonMapping) -> bool:
    """Whether most hits lie in no sensor."""
    return bool(2 * counts["hits_outside"] > counts["hits"])


def hits_outside(manifest: JsonMapping) -> str | None:
    """Most hits lie in no sensor."""
    hits, outside = manifest["hits"], manifest["hits_outside"]
    if not mostly_outside(manifest):
        return None
    unit = manifest.get("hits_fit_in")
    fit = f" (they would fit if they are in {unit}: write mm)" if unit else ""
    return f"{outside:,} of {hits:,} hits lie in no sensor: other units or another detector?{fit}"


def hits_of_other_tasks(manifest: JsonMapping) -> str | None:
    """No hit at all lies in a subsystem that the task works on."""
    others, inside = manifest.get("hits_of_other_tasks", 0), manifest["hits"] - manifest["hits_outside"]
    if not others or others < inside:
        return None
    wanted = " or ".join(find_task(manifest["task"]).needs.measures)
    there = manifest["detector"].get("measures", {})
    told = "; ".join(f"{name}: {', '.join(what) or 'nothing'}" for name, what in there.items())
    return (
        f"{manifest['task']} works on {wanted}, but none of {inside:,} hits lies in a subsystem that measures that "
        f"({told}): another bundle?"
    )


def hits_without_pair(manifest: JsonMapping) -> str | None:
    """Most hits lie in events in which the bundle looks at no pair of hits."""
    alone = manifest.get("hits_without_pair", 0)
    inside = manifest["hits"] - manifest["hits_outside"] - manifest.get("hits_of_other_tasks", 0)
    if alone < MANY or 2 * alone <= inside:
        return None
    return (
        f"{alone:,} of {inside:,} hits lie in events in which the bundle meets no pair of hits where it looks for tracks: "
        "was the detector moved without its `source` in detector.yaml, or is it another one (make a bundle for it with "
        "`gnnreco bundle adapt`)?"
    )


def foreign_files(manifest: JsonMapping) -> str | None:
    """A glob or a folder has files that hold no events."""
    files = manifest.get("foreign_files", [])
    return no_events(files) if files else None


Judge = Callable[[JsonMapping], str | None]
JUDGES: tuple[Judge, ...] = (hits_outside, hits_of_other_tasks, hits_without_pair, foreign_files)


def fitting_unit(source: EventSource, detector: Detector) -> str | None:
    """The unit, other than mm, in which most hits of the first event that has hits would lie in sensors."""
    event = _first_with_hits(source)
    if event is None:
        return None
    low, high = detector.bounds
    extent = float((high.max(axis=0) - low.min(axis=0)).max())
    for unit, factor in UNITS.items():
        xyz = event.hits.xyz[np.isfinite(event.hits.xyz).all(axis=1)] * factor
        # Hits that shrink to one point of one sensor do not fit, they vanish.
        wide = len(xyz) > 0 and float(np.ptp(xyz, axis=0).max()) > NARROW * extent
        if wide and 2 * np.count_nonzero(detector.locate(xyz) >= 0) > len(xyz):
            return unit
    return None


def _first_with_hits(source: EventSource) -> Event | None:
    for index in range(len(source)):
        try:
            event = source[index]
        except GnnrecoError:  # it has failed already
            continue
        if len(event.hits):
            return event
    return None
