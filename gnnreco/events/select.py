"""The part of an event that a task may see: the hits of subsystems that measure what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Deposits, Event, Hits, Ints, Truth
from gnnreco.errors import BadInput

if TYPE_CHECKING:
    from gnnreco.geometry import Detector


def measured(event: Event, detector: Detector, measures: Sequence[str]) -> tuple[Event, Ints | None]:
    """The event with the hits of subsystems that measure any of `measures`, and their rows in the whole event.

    Hits without a sensor stay where all of the detector measures it. Where nothing is to be left out, the event
    itself comes back, and None for the rows. Blocks of jets are for tasks that measure ``jets``, and nothing else is.
    """
    if "jets" in measures and event.jets is not None:
        return event, None
    require_hits(event)
    wanted = np.array([not set(measures).isdisjoint(s.measures) for s in detector.subsystems], bool)
    if wanted.all():
        return event, None
    keep = np.append(wanted[detector.subsystem], False)[event.hits.sensor]
    return select_hits(event, keep), np.flatnonzero(keep)


def require_hits(event: Event) -> None:
    """Refuse a block of jets.

    Raises
    ------
    BadInput
        The event has jets instead of hits.
    """
    if event.jets is not None:
        why = "holds jets, not hits: no detector can show, convert or reconstruct them; name a file of hits"
        raise BadInput(event.source, f"event {event.number}", why)


def select_hits(event: Event, keep: NDArray[np.bool_]) -> Event:
    """The event with the hits that `keep` (n,) marks; the particles stay."""
    rows = np.flatnonzero(keep)
    hits = event.hits
    columns: dict[str, Any] = {
        f.name: None if getattr(hits, f.name) is None else getattr(hits, f.name)[rows]
        for f in fields(Hits)
        if f.name != "deposits"
    }
    kept = Hits(**columns, deposits=rows_of(hits.deposits, rows) if hits.deposits is not None else None)
    told = event.collections
    return replace(
        event,
        hits=kept,
        truth=None if event.truth is None else _truth(event.truth, keep),
        collections=None if told is None else replace(told, of=told.of[rows], edges=told.edges[rows]),
    )


def rows_of(deposits: Deposits, rows: Ints) -> Deposits:
    """The channels under some hits, in that order."""
    start, count = deposits.offsets[rows], np.diff(deposits.offsets)[rows]
    offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
    flat = np.arange(offsets[-1]) + np.repeat(start - offsets[:-1], count)
    return Deposits(offsets, deposits.u[flat], deposits.v[flat], deposits.value[flat])


def _truth(truth: Truth, keep: NDArray[np.bool_]) -> Truth:
    links = keep[truth.hit]
    hit = (np.cumsum(keep) - 1)[truth.hit[links]].astype(np.int64)
    weight = None if truth.weight is None else truth.weight[keep]
    energy = None if truth.energy is None else truth.energy[links]
    return Truth(truth.particles, hit, truth.particle[links], weight, energy)
