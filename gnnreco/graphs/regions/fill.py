"""From hits to what each region holds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits, Ints
from gnnreco.kernels import X, Y, Z, njit

from .places import FARTHEST, SHOWERING, TRACKING, RegionFrame

FEATURES = (
    *("hits in shell 1", "hits in shell 2", "hits in shell 3", "hits in shell 4"),
    *("mean ionisation", "largest ionisation", "hits of high ionisation", "hits of very high ionisation"),
    *(
        "energy in depth 1",
        "energy in depth 2",
        "energy in depth 3",
        "energy in depth 4",
        "energy in depth 5",
    ),
    *("largest cell", "cells", "late energy"),
)
#: What features speak of, in words, and their columns.
KINDS = {
    "tracks": slice(0, 4),
    "ionisation": slice(4, 8),
    "electromagnetic energy": slice(8, 11),
    "hadronic energy": slice(11, 13),
    "cells": slice(13, 16),
}
HITS, MEAN, LARGEST, HIGH, VERY_HIGH = 0, 4, 5, 6, 7
ENERGY, CELL, CELLS, LATE = 8, 13, 14, 15
HIGH_FROM, VERY_HIGH_FROM = 4.0, 12.0  # of the ionisation of most hits
LEAST = 0.05  # of the same: what is below counts as this
UNIT = 0.1  # GeV: energies are logarithms of one plus their multiple of it
LIGHT = 299.792458  # mm/ns
LATE_FROM = 2.0  # ns after light from the source
FLATTEST = 0.2  # cosine to the sensor's normal below which a path is taken to be no longer


@dataclass(frozen=True, slots=True)
class Regions:
    """What each region of an event holds.

    Attributes
    ----------
    features : float32 (n_regions, 16)
        By `FEATURES`: logarithms of one plus a number a layer, or an energy in units of 0.1 GeV; of the ionisation plain
        logarithms of multiples of that of most hits.
    energy : float64 (n_regions, 2)
        Electromagnetic and hadronic energy, GeV.
    transverse : float64 (n_regions,)
        Energy of both kinds, as if it flew to the middle of the region, across the axis of the source.
    region : int32 (n_hits,)
        Of each hit; -1: it lies in no sensor.
    ionisation : float64 (n_hits,)
        Charge for each mm on its way, over that of most hits of the event; 0 where unknown.
    deposit : float64 (n_hits,)
        Energy over the sampling fraction, GeV; 0 for hits of a tracker.
    late : bool (n_hits,)
    """

    features: NDArray[np.float32]
    energy: Floats
    transverse: Floats
    region: NDArray[np.int32]
    ionisation: Floats
    deposit: Floats
    late: NDArray[np.bool_]


def regions_of(frame: RegionFrame, hits: Hits) -> Regions:
    """What each region holds of the hits of an event, in the source's frame."""
    n = len(hits)
    signal = _signals(hits)
    signal = _per_path(hits.xyz, hits.sensor, signal, frame.normal, frame.thickness, frame.part)
    lit = signal[signal > 0]
    ionisation = signal / np.median(lit) if len(lit) else signal
    energy = np.zeros(n) if hits.energy is None else np.nan_to_num(hits.energy)
    time = np.zeros(n) if hits.time is None else np.nan_to_num(hits.time)
    region, deposit, late, sums, total = _fill(
        *(hits.xyz, hits.sensor, ionisation, energy, time, frame.part, frame.fraction, frame.layer),
        *(frame.shell, frame.first, frame.width, frame.around, frame.belts),
    )
    transverse = total.sum(1) / np.cosh(frame.middles()[0])
    return Regions(_scaled(sums, frame), total, transverse, region, ionisation, deposit, late)


def _signals(hits: Hits) -> Floats:
    """Summed charge of each hit; 0 where unknown."""
    if hits.deposits is None:
        return np.zeros(len(hits))
    ends = np.append(0.0, np.cumsum(hits.deposits.value, dtype=np.float64))[hits.deposits.offsets]
    return np.diff(ends)


@njit(cache=True)
def _per_path(
    xyz: Floats,
    sensor: NDArray[np.int32],
    signal: Floats,
    normal: Floats,
    thickness: Floats,
    part: NDArray[np.int8],
) -> Floats:
    """Charge over the way that a straight line from the source has in the sensor; 0 in calorimeters."""
    out = np.zeros(len(signal))
    for i in range(len(signal)):
        s = sensor[i]
        if s < 0 or part[s] >= 0 or signal[i] <= 0:
            continue
        r = np.sqrt(xyz[i, X] ** 2 + xyz[i, Y] ** 2 + xyz[i, Z] ** 2)
        along = xyz[i, X] * normal[s, X] + xyz[i, Y] * normal[s, Y] + xyz[i, Z] * normal[s, Z]
        out[i] = signal[i] * max(abs(along) / max(r, 1e-9), FLATTEST) / thickness[s]
    return out


@njit(cache=True)
def _fill(
    xyz: Floats,
    sensor: NDArray[np.int32],
    ionisation: Floats,
    energy: Floats,
    time: Floats,
    part: NDArray[np.int8],
    fraction: Floats,
    layer: NDArray[np.int32],
    shell: NDArray[np.int8],
    first: float,
    width: float,
    around: int,
    belts: int,
) -> tuple[NDArray[np.int32], Floats, NDArray[np.bool_], Floats, Floats]:
    n = len(sensor)
    region, deposit, late = np.full(n, -1, np.int32), np.zeros(n), np.zeros(n, np.bool_)
    sums, total, lit = np.zeros((around * belts, 16)), np.zeros((around * belts, 2)), np.zeros(around * belts)
    for i in range(n):
        s = sensor[i]
        if s < 0:
            continue
        x, y, z = xyz[i, X], xyz[i, Y], xyz[i, Z]
        r = np.sqrt(x * x + y * y)
        eta = min(max(np.arcsinh(z / max(r, 1e-3)), -FARTHEST), FARTHEST)
        belt = min(max(int(np.floor((eta - first) / width)), 0), belts - 1)
        turn = min(int((np.arctan2(y, x) / (2 * np.pi) + 0.5) * around), around - 1)
        k = belt * around + turn
        region[i] = k
        if part[s] >= 0:
            e = energy[i] / fraction[s]
            deposit[i] = e
            sums[k, ENERGY + part[s]] += e
            sums[k, CELL] = max(sums[k, CELL], e)
            sums[k, CELLS] += 1
            late[i] = time[i] - np.sqrt(r * r + z * z) / LIGHT > LATE_FROM
            if late[i]:
                sums[k, LATE] += e
            total[k, 0 if part[s] < 3 else 1] += e
            continue
        depth = shell[belt, layer[s]]
        sums[k, HITS + max(depth, 0)] += 1
        if ionisation[i] > 0:
            lit[k] += 1
            strength = np.log(max(ionisation[i], LEAST))
            sums[k, MEAN] += strength
            sums[k, LARGEST] = strength if lit[k] == 1 else max(sums[k, LARGEST], strength)
            sums[k, HIGH] += ionisation[i] > HIGH_FROM
            sums[k, VERY_HIGH] += ionisation[i] > VERY_HIGH_FROM
    for k in range(len(sums)):
        sums[k, MEAN] /= max(lit[k], 1.0)
    return region, deposit, late, sums, total


def _scaled(sums: Floats, frame: RegionFrame) -> NDArray[np.float32]:
    """Features of what was summed."""
    out = sums.copy()
    layers = np.repeat(np.maximum(frame.layers, 1.0), frame.around, axis=0)
    out[:, HITS : HITS + TRACKING] = np.log1p(sums[:, HITS : HITS + TRACKING] / layers)
    for column in (HIGH, VERY_HIGH, CELLS):
        out[:, column] = np.log1p(sums[:, column])
    energies: Ints = np.r_[ENERGY : ENERGY + SHOWERING, CELL, LATE]
    out[:, energies] = np.log1p(np.maximum(sums[:, energies], 0.0) / UNIT)
    return out.astype(np.float32)
