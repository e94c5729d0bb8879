"""How often sensors and cells fire in a sample of events."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector

from .pack import Pack
from .sensors import add_cells, cells_under

MOST_CELLS = 200_000  # that are drawn: those that fire most


def add_occupancy(pack: Pack, detector: Detector, events: Iterable[Event]) -> JsonDict:
    """Pack hits and energy of each sensor for each event, and the cells that fired."""
    n_events, hits, energy = 0, np.zeros(detector.n_sensors), np.zeros(detector.n_sensors)
    fired: list[NDArray[np.uint64]] = []
    spent: list[Floats] = []
    for event in events:
        n_events += 1
        sensor = event.hits.sensor.astype(np.int64)
        known = sensor >= 0
        value = np.zeros(len(sensor)) if event.hits.energy is None else np.nan_to_num(event.hits.energy)
        hits += np.bincount(sensor[known], minlength=detector.n_sensors)
        energy += np.bincount(sensor[known], value[known], minlength=detector.n_sensors)
        cell = cells_under(detector, sensor, event.hits.xyz)
        fired.append(detector.cell_id(sensor, cell)[cell >= 0])
        spent.append(value[cell >= 0])
    ids, row, count = np.unique(
        np.concatenate([np.zeros(0, np.uint64), *fired]), return_inverse=True, return_counts=True
    )
    left = np.bincount(row.reshape(-1), np.concatenate([np.zeros(0), *spent]), minlength=len(ids))
    best = np.sort(np.argsort(-count, kind="stable")[:MOST_CELLS])
    of, cells = (part.astype(np.int64) for part in detector.split_cell_id(ids[best]))
    about = add_cells(pack, detector, of, cells)
    per_event = 1 / max(n_events, 1)
    pack.add("c_count", count[best] * per_event, "float32")
    pack.add("c_energy", left[best] * per_event, "float32")
    order = np.argsort(detector.template, kind="stable")
    pack.add("s_hits", hits[order] * per_event, "float32")
    pack.add("s_energy", energy[order] * per_event, "float32")
    area = np.array([_area(t.outline) for t in detector.templates])[detector.template]
    pack.add("s_density", hits[order] * per_event / area[order] * 100, "float32")
    return {**about, "events": n_events, "fired": len(ids), "hits": float(hits.sum() * per_event)}


def _area(outline: Floats) -> float:
    """Area of a polygon (k, 2)."""
    x, y = outline.T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)
