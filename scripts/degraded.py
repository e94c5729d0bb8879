"""Events as a worse detector would have seen them: dead sensors, wrong positions, noise. For robustness figures."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Deposits, Event, Hits, concatenate
from gnnreco.events.select import select_hits
from gnnreco.geometry import Detector


def without_sensors(event: Event, detector: Detector, fraction: float, seed: int) -> Event:
    """The hits of a random `fraction` of the sensors are gone; the same sensors for every event of a seed."""
    dead = np.random.default_rng(seed).random(detector.n_sensors) < fraction
    keep = ~dead[event.hits.sensor] | (event.hits.sensor < 0)
    return select_hits(event, keep)


def misaligned(event: Event, detector: Detector, shift: float, seed: int) -> Event:
    """Hits where they seem to be if every sensor stands `shift` mm (normal, each axis) from where we believe."""
    hits, true = event.hits, detector.misaligned(shift, seed)
    known = np.flatnonzero(hits.sensor >= 0)
    xyz = hits.xyz
    # the particle crossed the moved sensor: in its own plane the hit lies the other way
    local = true.to_local(hits.sensor[known], xyz[known])
    local[:, 2] = 0.0
    xyz[known] = detector.to_global(hits.sensor[known], local)
    x, y, z = xyz.T
    return replace(event, hits=replace(hits, x=x.copy(), y=y.copy(), z=z.copy()))


def with_noise(event: Event, detector: Detector, fraction: float, seed: int) -> Event:
    """Adds `fraction` times as many hits of one cell each, on sensors as busy as those of the event."""
    hits = event.hits
    random = np.random.default_rng((seed, event.number))
    count = round(fraction * len(hits))
    sensor = random.choice(hits.sensor[hits.sensor >= 0], 2 * count)  # a trapezoid does not fill its box
    u, v = random.uniform(-1, 1, (2, len(sensor))) * [detector.half_u[sensor], detector.half_v[sensor]]
    cell = detector.cell_at(sensor, u, v)
    sensor, cell = sensor[cell >= 0][:count], cell[cell >= 0][:count]
    x, y, z = detector.cell_position(sensor, cell).T
    n = len(sensor)
    variance = detector.pitch_u[sensor] ** 2 / 12, detector.pitch_v[sensor] ** 2 / 12
    noisy = Hits(
        hit_id=np.concatenate([hits.hit_id, hits.hit_id.max(initial=0) + 1 + np.arange(n)]),
        x=np.concatenate([hits.x, x]),
        y=np.concatenate([hits.y, y]),
        z=np.concatenate([hits.z, z]),
        sensor=np.concatenate([hits.sensor, sensor]),
        var_u=_extended(hits.var_u, variance[0]),
        var_v=_extended(hits.var_v, variance[1]),
        time=_extended(hits.time, np.zeros(n)),
        energy=_extended(hits.energy, np.zeros(n)),
        deposits=_with_single_cells(hits.deposits, n, random),
    )
    truth = event.truth
    if truth is not None and truth.weight is not None:
        truth = replace(truth, weight=np.concatenate([truth.weight, np.zeros(n)]))
    return replace(event, hits=noisy, truth=truth)


def overlaid(first: Event, second: Event, hits: int, seed: int) -> Event:
    """The hits of two events as one, thinned to exactly `hits`, without truth: for timing at a given size."""
    both = concatenate([first.hits, second.hits])
    both = replace(both, hit_id=np.arange(len(both)))
    keep = np.zeros(len(both), bool)
    keep[np.random.default_rng(seed).choice(len(keep), hits, replace=False)] = True
    return select_hits(Event(0, "overlaid", both), keep)


def _extended(column: NDArray[np.float64] | None, more: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return None if column is None else np.concatenate([column, more])


def _with_single_cells(cells: Deposits | None, n: int, random: np.random.Generator) -> Deposits | None:
    """A cell under each noise hit, with a signal drawn from those of the event."""
    if cells is None:
        return None
    offsets = np.concatenate([cells.offsets, cells.offsets[-1] + 1 + np.arange(n)])
    channel = np.zeros(n, np.int32)
    value = random.choice(cells.value, n) if len(cells.value) else np.ones(n, np.float32)
    return Deposits(
        offsets,
        np.concatenate([cells.u, channel]),
        np.concatenate([cells.v, channel]),
        np.concatenate([cells.value, value.astype(np.float32)]),
    )
