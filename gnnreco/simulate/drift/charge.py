"""Drift chambers: from flight paths to the charge in every sample of every pad; the charge itself is the hit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from functools import lru_cache

import numpy as np

from gnnreco.columns import Deposits, Floats, Hits, Ints
from gnnreco.geometry import Detector
from gnnreco.simulate.digitize import channels
from gnnreco.simulate.options import SimulationOptions
from gnnreco.simulate.transport import Paths

from .gas import ionise
from .pads import CELL, SAMPLE, Chambers, Pads, chambers_of, collect, normal_table, pads_of

BATCH = 2e6  # mm of paths whose electrons are in memory together
INSIDE = 1e-6  # mm by which a hit stays away from the ends of its drift volume


def drift(
    detector: Detector, paths: Paths, options: SimulationOptions, rng: np.random.Generator
) -> tuple[Hits, Ints, Ints, Floats]:
    """Read out all drift chambers of an event.

    Electrons are set free along the paths (`ionise`), spread while they drift to the pads at ``w = -thickness / 2``, are
    multiplied, and give their charge to pads and samples as normal distributions do; noise is added to the samples that
    hold a charge, and what is under the threshold is left out. The readout is open for as long as the longest drift.

    Returns
    -------
    hits : Hits
        One a sample of a pad, sorted by sensor, pad and sample: the pad's centre moved by the drift, the time of the
        middle of the sample (ns), the energy that the charge stands for (GeV).
    hit, particle : int64 (m,)
        Which particle (row) gave charge to which hit (row), sorted; noise has none.
    energy : float64 (m,)
        What it gave, GeV.
    """
    chambers, pads = readout(detector)
    row = np.full(detector.n_sensors, -1, np.int64)
    row[chambers.sensor] = np.arange(len(chambers.sensor))
    nothing = np.zeros(0, np.int64)
    table, parts = normal_table(), [(nothing, nothing, np.zeros(0))]
    for some in batches(paths):
        clusters = ionise(detector, some, rng)
        parts.append(collect(rng, clusters, row[clusters.sensor], chambers, pads, table))
    if options.noise_hits:
        made = len(np.unique(np.concatenate([key for key, _, _ in parts])))
        parts.append(_noise(detector, chambers, options.noise_hits * made, rng))
    key, particle, charge = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.argsort(key, kind="stable")
    key, particle, charge = key[order], particle[order], charge[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    key, total = key[first], np.add.reduceat(charge, first) if len(first) else np.zeros(0)
    noise, threshold, pair = _electronics(detector, chambers, key)
    total += noise * rng.standard_normal(len(key))
    fired = total > threshold
    link = np.repeat(np.where(fired, np.cumsum(fired) - 1, -1), np.diff(np.append(first, len(charge))))
    seen = (link >= 0) & (particle >= 0)
    energy = total[fired] * pair[fired]
    hits = _hits(detector, chambers, key[fired], energy)
    return hits, link[seen], particle[seen], charge[seen] * pair[fired][link[seen]]


@lru_cache(maxsize=4)
def readout(detector: Detector) -> tuple[Chambers, Pads]:
    """What drifting needs to know of a detector, made once."""
    chambers = chambers_of(detector)
    return chambers, pads_of(detector, chambers)


def batches(paths: Paths, length: float = BATCH) -> Iterator[Paths]:
    """The paths by particle, in parts of about `length` mm; no particle is split."""
    order = np.argsort(paths.particle, kind="stable")
    particle, walked = paths.particle[order], np.cumsum(paths.length[order])
    part = np.floor(walked / length)
    # A particle's steps all go where its last one goes.
    last = np.searchsorted(particle, particle, side="right") - 1
    ends = np.flatnonzero(np.diff(part[last], append=np.inf)) + 1 if len(order) else np.zeros(0, np.int64)
    for begin, end in zip([0, *ends[:-1]], ends, strict=True) if len(ends) else ():
        yield Paths(*(getattr(paths, f.name)[order[begin:end]] for f in fields(Paths)))


def _noise(
    detector: Detector, chambers: Chambers, expected: float, rng: np.random.Generator
) -> tuple[Ints, Ints, Floats]:
    """Samples that fire on their own, anywhere with the same chance: key, -1 for the particle, charge in electrons."""
    n = int(rng.poisson(expected))
    cells = np.array([t.n_cells for t in detector.templates], np.float64)[chambers.template]
    row = rng.choice(len(cells), n, p=cells / cells.sum()) if n else np.zeros(0, np.int64)
    pad = (rng.random(n) * cells[row]).astype(np.int64)
    sample = (rng.random(n) * chambers.gas[row, 8]).astype(np.int64)
    real = np.zeros(n, np.bool_)
    for number in np.unique(chambers.template[row]):
        of_kind = chambers.template[row] == number
        real[of_kind] = detector.templates[number].exists(pad[of_kind])
    key = (row << (CELL + SAMPLE) | pad << SAMPLE | sample)[real]
    noise, threshold, _ = _electronics(detector, chambers, key)
    return key, np.full(len(key), -1), threshold + noise * (4 + rng.exponential(1.0, len(key)))


def _electronics(detector: Detector, chambers: Chambers, key: Ints) -> tuple[Floats, Floats, Floats]:
    """Noise and threshold (electrons) and energy per pair (GeV) of the samples in `key`."""
    told = [
        (s.drift.noise, s.drift.threshold, s.drift.pair_energy) if s.drift else (0.0, 0.0, 0.0)
        for s in detector.subsystems
    ]
    of_part = np.array(told, np.float64)[detector.subsystem[chambers.sensor[key >> (CELL + SAMPLE)]]]
    return of_part[:, 0], of_part[:, 1], of_part[:, 2]


def _hits(detector: Detector, chambers: Chambers, key: Ints, energy: Floats) -> Hits:
    """Hits of the samples in `key`, sorted."""
    row = key >> (CELL + SAMPLE)
    sensor, pad = chambers.sensor[row], (key >> SAMPLE & ((1 << CELL) - 1)).astype(np.int32)
    thickness, velocity, sample = chambers.gas[row, :3].T
    time = ((key & ((1 << SAMPLE) - 1)) + 0.5) * sample
    w = np.clip(time * velocity - thickness / 2, INSIDE - thickness / 2, thickness / 2 - INSIDE)
    empty: Floats = np.zeros((0, 3))
    place = detector.cell_position(sensor, pad) if len(key) else empty
    x, y, z = np.ascontiguousarray((place + detector.rotation[sensor, :, 2] * w[:, None]).T)
    size = detector.cell_size(sensor, pad) if len(key) else np.zeros((0, 2))
    channel_u, channel_v = channels(detector, sensor, pad)
    n = len(key)
    deposits = Deposits(np.arange(n + 1), channel_u, channel_v, energy.astype(np.float32))
    return Hits(
        np.arange(1, n + 1),
        x,
        y,
        z,
        sensor,
        size[:, 0] ** 2 / 12,
        size[:, 1] ** 2 / 12,
        time,
        energy,
        deposits,
    )
