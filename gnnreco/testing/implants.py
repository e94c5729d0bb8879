"""Faults of a detector put into events, hit by hit known: what an anomaly search must find, and an explanation point at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Deposits, Event, Floats, Hits, Ints, concatenate
from gnnreco.errors import BadInput
from gnnreco.events.select import select_hits
from gnnreco.geometry import Detector
from gnnreco.simulate.digitize import channels

RAYS = 5  # a side, across a tower
NEAR = 4  # sensors that share a burst of noise


@dataclass(frozen=True, slots=True)
class Implanted:
    """An event with a fault in it.

    Attributes
    ----------
    event : Event
    hits : int64 (n,)
        `hit_id` of those that the fault made or changed.
    gone : int64 (m,)
        `hit_id` of those that it took away.
    """

    event: Event
    hits: Ints
    gone: Ints


def hot_tower(
    event: Event, detector: Detector, seed: int, energy: float = 5.0, radius: float = 0.01
) -> Implanted:
    """Cells of calorimeters around one direction from the source, through all layers, read out much energy.

    Parameters
    ----------
    seed : int
        The direction is that of one of the calorimeters' hits; it depends on this and on the event's number.
    energy : float
        Visible energy that is added, GeV; the cells share it at random, by an exponential law.
    radius : float
        Half width of the tower, rad.
    """
    random = np.random.default_rng((seed, event.number))
    kinds = _measuring(detector, "energy")
    axis = _one_of(event, detector, kinds, random)
    sensor, cell = _tower(detector, np.flatnonzero(kinds[detector.subsystem]), axis, radius)
    share = random.exponential(1.0, len(cell))
    return _lit(event, detector, sensor, cell, energy * share / share.sum(), random)


def noise_burst(event: Event, detector: Detector, seed: int, count: int = 300) -> Implanted:
    """Cells of a few neighbouring sensors, chosen at random, fire with signals as that part of the detector has them.

    Parameters
    ----------
    seed : int
        The place is that of one of the hits; it depends on this and on the event's number.
    count : int
        Cells that fire, at most.
    """
    random = np.random.default_rng((seed, event.number))
    first = event.hits.sensor[_known(event, random)]
    same = np.flatnonzero(detector.subsystem == detector.subsystem[first])
    away = np.linalg.norm(detector.center[same] - detector.center[first], axis=1)
    sensor = random.choice(same[np.argsort(away, kind="stable")[:NEAR]], count)
    u, v = random.uniform(-1, 1, (2, count)) * [detector.half_u[sensor], detector.half_v[sensor]]
    cell = detector.cell_at(sensor, u, v)
    packed = np.unique(sensor[cell >= 0].astype(np.int64) << 32 | cell[cell >= 0])
    energy = event.hits.energy
    alike = np.flatnonzero(detector.subsystem[event.hits.sensor] == detector.subsystem[first])
    signal = np.zeros(len(packed)) if energy is None else energy[random.choice(alike, len(packed))]
    return _lit(
        event,
        detector,
        (packed >> 32).astype(np.int32),
        (packed & 0xFFFFFFFF).astype(np.int32),
        signal,
        random,
    )


def dead_region(event: Event, detector: Detector, seed: int, radius: float = 0.2) -> Implanted:
    """One part of the detector sees nothing around one direction from the source.

    Parameters
    ----------
    seed : int
        Part and direction are those of one of the hits; they depend on this and on the event's number.
    radius : float
        Half opening angle of the cone, rad.
    """
    random = np.random.default_rng((seed, event.number))
    row = _known(event, random)
    way = event.hits.xyz - detector.source.position
    way /= np.maximum(np.linalg.norm(way, axis=1), 1e-9)[:, None]
    same = detector.subsystem[event.hits.sensor] == detector.subsystem[event.hits.sensor[row]]
    dead = same & (event.hits.sensor >= 0) & (way @ way[row] > np.cos(radius))
    return Implanted(select_hits(event, ~dead), np.zeros(0, np.int64), event.hits.hit_id[dead])


#: The faults by name.
FAULTS: dict[str, Callable[[Event, Detector, int], Implanted]] = {
    "hot-tower": hot_tower,
    "noise-burst": noise_burst,
    "dead-region": dead_region,
}


def _measuring(detector: Detector, what: str) -> np.ndarray:
    return np.array([what in part.measures for part in detector.subsystems], np.bool_)


def _known(event: Event, random: np.random.Generator, wanted: np.ndarray | None = None) -> int:
    """Row of a random hit in a sensor."""
    rows = np.flatnonzero((event.hits.sensor >= 0) & (True if wanted is None else wanted))
    if not len(rows):
        raise BadInput(event.source, f"event {event.number}", "has no hit there: a fault lies where hits are")
    return int(random.choice(rows))


def _one_of(event: Event, detector: Detector, kinds: np.ndarray, random: np.random.Generator) -> Floats:
    """Unit vector from the source to a random hit of these subsystems."""
    row = _known(event, random, kinds[detector.subsystem[event.hits.sensor]])
    way = event.hits.xyz[row] - detector.source.position
    return np.asarray(way / np.linalg.norm(way))


def _tower(detector: Detector, sensors: Ints, axis: Floats, radius: float) -> tuple[Ints, Ints]:
    """Sensors and cells (n,), each once, that rays near an axis from the source cross."""
    across = np.linalg.svd(axis[None])[2][1:]
    steps = np.tan(np.linspace(-radius, radius, RAYS))
    found = [np.zeros(0, np.int64)]
    for one in steps:
        for other in steps:
            way = axis + one * across[0] + other * across[1]
            normal = detector.rotation[sensors, :, 2]
            start = detector.source.position
            with np.errstate(divide="ignore", invalid="ignore"):
                path = np.einsum("ni,ni->n", detector.center[sensors] - start, normal) / (normal @ way)
            ahead = sensors[np.isfinite(path) & (path > 0)]
            point = start + path[np.isfinite(path) & (path > 0), None] * way
            u, v, _ = detector.to_local(ahead, point).T
            cell = detector.cell_at(ahead, u, v)
            found.append(ahead[cell >= 0].astype(np.int64) << 32 | cell[cell >= 0])
    packed = np.unique(np.concatenate(found))
    return packed >> 32, packed & 0xFFFFFFFF


def _lit(
    event: Event, detector: Detector, sensor: Ints, cell: Ints, energy: Floats, random: np.random.Generator
) -> Implanted:
    """The event with this energy in these cells, each once: a hit more, or more in the hit of one cell that is there."""
    hits = event.hits
    inside = np.flatnonzero(hits.sensor >= 0)
    u, v, _ = detector.to_local(hits.sensor[inside], hits.xyz[inside]).T
    held = hits.sensor[inside].astype(np.int64) << 32 | detector.cell_at(hits.sensor[inside], u, v)
    order = np.argsort(held, kind="stable")
    packed = sensor.astype(np.int64) << 32 | cell
    place = np.minimum(np.searchsorted(held[order], packed), len(held) - 1)
    there = held[order][place] == packed
    old = inside[order][place[there]]
    made = _new_hits(
        hits, detector, sensor[~there].astype(np.int32), cell[~there].astype(np.int32), energy[~there], random
    )
    truth = event.truth
    if truth is not None and truth.weight is not None:
        truth = replace(truth, weight=np.concatenate([truth.weight, np.zeros(len(made))]))
    both: Hits = concatenate([_with_more(hits, old, energy[there]), made])
    changed = np.concatenate([hits.hit_id[old], made.hit_id])
    return Implanted(replace(event, hits=both, truth=truth, collections=None), changed, np.zeros(0, np.int64))


def _with_more(hits: Hits, rows: Ints, energy: Floats) -> Hits:
    """The hits with more energy in these rows; one of several cells gets it in its first."""
    if hits.energy is None:
        return hits
    total, table = hits.energy.copy(), hits.deposits
    total[rows] += energy
    if table is None:
        return replace(hits, energy=total)
    value = table.value.copy()
    value[table.offsets[rows]] += energy.astype(np.float32)
    return replace(hits, energy=total, deposits=replace(table, value=value))


def _new_hits(
    hits: Hits,
    detector: Detector,
    sensor: NDArray[np.int32],
    cell: NDArray[np.int32],
    energy: Floats,
    random: np.random.Generator,
) -> Hits:
    """Hits of one cell each, with the times of hits in the same parts of the detector."""
    n, parts = len(sensor), detector.subsystem
    alike = np.flatnonzero((hits.sensor >= 0) & np.isin(parts[hits.sensor], parts[sensor]))
    like = hits[random.choice(alike, n) if n else np.zeros(0, np.int64)]
    x, y, z = np.ascontiguousarray(detector.cell_position(sensor, cell).T) if n else np.zeros((3, 0))
    size = detector.cell_size(sensor, cell) if n else np.zeros((0, 2))
    u, v = channels(detector, sensor, cell)
    deposits = Deposits(np.arange(n + 1), u, v, energy.astype(np.float32))
    return replace(
        like,
        hit_id=hits.hit_id.max(initial=0) + 1 + np.arange(n),
        x=x,
        y=y,
        z=z,
        sensor=sensor,
        var_u=None if hits.var_u is None else size[:, 0] ** 2 / 12,
        var_v=None if hits.var_v is None else size[:, 1] ** 2 / 12,
        energy=None if hits.energy is None else energy,
        deposits=None if hits.deposits is None else deposits,
    )
