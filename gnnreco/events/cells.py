"""Several deposits of one cell are one hit: calorimeters read out cells, many files hold what each step left in them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from gnnreco.columns import Event, Floats, Hits, Ints, Truth

if TYPE_CHECKING:
    from gnnreco.geometry import Detector


def sum_cells(event: Event, detector: Detector) -> Event:
    """The event with the deposits of each cell summed.

    Cells of subsystems that measure energy are read out once an event. Where charge drifts a hit is one time sample of
    a cell, so only hits of the same time are summed there. Hits of trackers are points found in clusters of cells:
    two in one cell are two, and stay.

    Parameters
    ----------
    event : Event
        As its file holds it.
    detector : Detector

    Returns
    -------
    Event
        The event itself where each cell was hit once. Else a cell's hit has the smallest `hit_id` of its deposits and
        stands at its place, with the sum of the energies, and means of positions and times weighted with these; what
        a particle left in the deposits is summed too. `hits_summed` counts the deposits that are no hit any more. The
        order of the deposits in the file changes nothing.
    """
    first = _first_of_cell(event.hits, detector)
    kept = first == np.arange(len(first))
    if kept.all():
        return event
    row = np.cumsum(kept) - 1
    collections = event.collections
    if collections is not None:
        collections = replace(collections, of=collections.of[kept], edges=collections.edges[kept])
    return replace(
        event,
        hits=_summed(event.hits, first),
        truth=None if event.truth is None else _linked(event.truth, event.hits.hit_id, row[first]),
        collections=collections,
        hits_summed=int(np.count_nonzero(~kept)),
    )


def _first_of_cell(hits: Hits, detector: Detector) -> Ints:
    """Row of the deposit with the smallest `hit_id` in the cell of each hit (n,); its own row where nothing is summed."""
    first = np.arange(len(hits))
    measured = [set(s.measures) for s in detector.subsystems]
    drifts = np.array([*("charge" in what for what in measured), False])
    cells = np.array([*("energy" in what for what in measured), False]) | drifts
    if hits.energy is None or not cells.any():
        return first
    part = np.append(detector.subsystem, -1)[hits.sensor]
    rows = np.flatnonzero(cells[part] & np.isfinite(hits.xyz).all(axis=1))
    sensor = hits.sensor[rows]
    local = detector.to_local(sensor, hits.xyz[rows])
    uv = detector.to_plane(sensor, local)
    cell = detector.cell_at(sensor, uv[:, 0], uv[:, 1])
    sample = np.where(drifts[part[rows]], local[:, 2] if hits.time is None else hits.time[rows], 0.0)
    inside = cell >= 0
    rows, key, sample = rows[inside], detector.cell_id(sensor, cell)[inside], sample[inside]
    order = np.lexsort((hits.hit_id[rows], sample, key))
    same = (np.diff(key[order]) == 0) & (np.diff(sample[order]) == 0)
    start = np.flatnonzero(np.append(True, ~same)[: len(order)])
    first[rows[order]] = np.repeat(rows[order[start]], np.diff(start, append=len(order)))
    return first


def _summed(hits: Hits, first: Ints) -> Hits:
    """One hit a cell, in the order of their first deposits."""
    assert hits.energy is not None
    order = np.lexsort((hits.hit_id, first))
    start = np.flatnonzero(np.diff(first[order], prepend=-1))
    kept, count = order[start], np.diff(start, append=len(order))
    weight = np.maximum(np.nan_to_num(hits.energy[order]), 0.0)
    weight[np.repeat(np.add.reduceat(weight, start) == 0, count)] = 1.0
    total = np.add.reduceat(weight, start)

    def mean(values: Floats) -> Floats:
        # Of the distances to the first, so that the mean of equal values is that value to the last bit.
        away = (values[order] - np.repeat(values[kept], count)) * weight
        return values[kept] + np.add.reduceat(away, start) / total

    deposits = hits.deposits
    if deposits is not None:
        deposits = deposits[order]
        deposits = replace(deposits, offsets=deposits.offsets[np.append(start, len(order))])
    return Hits(
        hits.hit_id[kept],
        mean(hits.x),
        mean(hits.y),
        mean(hits.z),
        hits.sensor[kept],
        None if hits.var_u is None else hits.var_u[kept],
        None if hits.var_v is None else hits.var_v[kept],
        None if hits.time is None else mean(hits.time),
        np.add.reduceat(hits.energy[order], start),
        deposits,
    )


def _linked(truth: Truth, hit_id: Ints, row: Ints) -> Truth:
    """The truth of hits of which `row` (n_hits,) says what they became: a link for each cell and particle."""
    order = np.lexsort((hit_id[truth.hit], truth.particle, row[truth.hit]))
    hit, particle = row[truth.hit[order]], truth.particle[order]
    again = (np.diff(hit, prepend=-1) == 0) & (np.diff(particle, prepend=-1) == 0)
    start = np.flatnonzero(~again)
    energy = truth.energy
    if energy is not None:
        energy = np.add.reduceat(energy[order], start) if len(start) else energy
    weight = truth.weight
    if weight is not None:
        weight = np.bincount(row, weight).astype(np.float64)
    return replace(truth, hit=hit[start], particle=particle[start], weight=weight, energy=energy)
