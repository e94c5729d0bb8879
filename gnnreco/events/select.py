"""The part of an event that a task may see: the hits of subsystems that measure what it needs, in the source's frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Anomalies, Clusters, Event, Floats, Ints, ReconstructedParticles, Tracks, Truth
from gnnreco.errors import BadInput

if TYPE_CHECKING:
    from gnnreco.geometry import Detector
    from gnnreco.geometry.source import Source

Motion = Callable[[Floats], Floats]
Found = TypeVar("Found", bound=Tracks | Clusters | ReconstructedParticles | Anomalies)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a task sees of an event.

    Attributes
    ----------
    event : Event
        The hits of the subsystems that measure what the task works on, and the particles, in the source's frame.
    rows : int64 (n,), optional
        Row of each of these hits in the whole event; None where nothing is left out.
    source : Source
    """

    event: Event
    rows: Ints | None
    source: Source

    def restore(self, found: Found) -> Found:
        """What was found, with hits by their rows in the whole event, clusters at their global place.

        Tracks and momenta of particles stay in the frame of the source.
        """
        if self.rows is not None:
            found = replace(found, hit_index=self.rows[found.hit_index])
        return self._placed(found, self.source.out_of, self.source.turn_out_of)

    def narrow(self, found: Found, n_hits: int) -> Found:
        """The inverse of `restore`: what was found in the whole event of `n_hits` hits, as the task saw it.

        Raises
        ------
        BadInput
            If a hit is none of those that the task sees.
        """
        if self.rows is not None:
            place = np.full(n_hits, -1, np.int64)
            place[self.rows] = np.arange(len(self.rows))
            found = replace(found, hit_index=place[found.hit_index])
            if (found.hit_index < 0).any():
                what = type(found).__name__.lower()
                why = f"{what} hold a hit of a subsystem that they are not made of; is it the same detector?"
                raise BadInput(self.event.source, f"event {self.event.number}", why)
        return self._placed(found, self.source.into, self.source.turn_into)

    def _placed(self, found: Found, place: Motion, turn: Motion) -> Found:
        if self.source.is_default or not isinstance(found, Clusters):
            return found
        x, y, z = place(np.stack([found.x, found.y, found.z], axis=1)).T
        return replace(found, x=x, y=y, z=z, axis=turn(found.axis))


def seen(event: Event, detector: Detector, measures: Sequence[str]) -> Seen:
    """The part of an event that a task may see, in the frame of the detector's source: see `Detector.at_source`.

    Parameters
    ----------
    event : Event
        As it was read.
    detector : Detector
        As it was loaded.
    measures : sequence of str
        The hits of subsystems that measure any of these are kept; hits without a sensor only where all of the
        detector measures it.
    """
    wanted = _wanted(detector, measures)
    rows = None
    if not wanted.all():
        keep = np.append(wanted[detector.subsystem], False)[event.hits.sensor]
        event, rows = select_hits(event, keep), np.flatnonzero(keep)
    return Seen(in_source_frame(event, detector.source), rows, detector.source)


def unseen(event: Event, detector: Detector, measures: Sequence[str]) -> int | None:
    """How many hits lie in sensors that measure none of these; None where there is no such sensor."""
    wanted = _wanted(detector, measures)
    if wanted.all():
        return None
    return int(np.count_nonzero(~np.append(wanted[detector.subsystem], True)[event.hits.sensor]))


def _wanted(detector: Detector, measures: Sequence[str]) -> NDArray[np.bool_]:
    """Which subsystems measure any of these."""
    return np.array([not set(measures).isdisjoint(s.measures) for s in detector.subsystems], bool)


def in_source_frame(event: Event, source: Source) -> Event:
    """The event as seen from the frame of a source; the event itself where that is the global frame."""
    return event if source.is_default else _moved(event, source.into, source.turn_into)


def out_of_source_frame(event: Event, source: Source) -> Event:
    """The inverse of `in_source_frame`."""
    return event if source.is_default else _moved(event, source.out_of, source.turn_out_of)


def _moved(event: Event, place: Motion, turn: Motion) -> Event:
    """The event with its positions through `place` and its directions through `turn`."""
    x, y, z = place(event.hits.xyz).T
    truth, told = event.truth, event.collections
    if truth is not None:
        p, fates = truth.particles, truth.fates
        vx, vy, vz = place(np.stack([p.vx, p.vy, p.vz], axis=1)).T
        px, py, pz = turn(np.stack([p.px, p.py, p.pz], axis=1)).T
        if fates is not None:
            ends = place(np.stack([fates.x, fates.y, fates.z], axis=1)).T
            fates = replace(fates, x=ends[0], y=ends[1], z=ends[2])
        truth = replace(truth, particles=replace(p, vx=vx, vy=vy, vz=vz, px=px, py=py, pz=pz), fates=fates)
    return replace(
        event,
        hits=replace(event.hits, x=x, y=y, z=z),
        truth=truth,
        collections=None if told is None else replace(told, edges=turn(told.edges)),
    )


def select_hits(event: Event, keep: NDArray[np.bool_]) -> Event:
    """The event with the hits that `keep` (n,) marks; the particles stay."""
    told = event.collections
    return replace(
        event,
        hits=event.hits[keep],
        truth=None if event.truth is None else _truth(event.truth, keep),
        collections=None if told is None else told[keep],
    )


def _truth(truth: Truth, keep: NDArray[np.bool_]) -> Truth:
    links = keep[truth.hit]
    hit = (np.cumsum(keep) - 1)[truth.hit[links]].astype(np.int64)
    weight = None if truth.weight is None else truth.weight[keep]
    energy = None if truth.energy is None else truth.energy[links]
    return replace(truth, hit=hit, particle=truth.particle[links], weight=weight, energy=energy)
