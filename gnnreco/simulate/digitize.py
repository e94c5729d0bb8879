"""From crossings to hits: charge shared among cells, noise, threshold, clusters of touching cells, and who made them."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Deposits, Floats, Hits, Ints
from gnnreco.geometry import Detector, GridTemplate
from gnnreco.geometry.adjacency.connected import connected_parts

from .clusters import across_grids, grid_pairs
from .options import SimulationOptions
from .transport import Crossings

MIP_PER_MM = 2.7e-4  # GeV: the most probable signal of a minimum-ionising particle in a millimetre of silicon
SAMPLES = 16  # points along a track for each cell width, where cells are no rectangles


class Shares(NamedTuple):
    """Signal of single crossings in single cells.

    Attributes
    ----------
    crossing : int64 (n,)
    cell : int64 (n,)
        ``sensor << 32 | cell``, as an int64: sorts by sensor.
    energy : float64 (n,)
        GeV.
    """

    crossing: Ints
    cell: Ints
    energy: Floats


def digitize(
    detector: Detector, crossings: Crossings, options: SimulationOptions, rng: np.random.Generator
) -> tuple[Hits, Ints, Ints, Floats]:
    """Read out the trackers of an event.

    Returns
    -------
    hits : Hits
        Sorted by sensor and cell, with deposits; positions are the charge-weighted mean of the cells.
    hit, particle, energy : int64, int64, float64 (m,)
        Which particle (row) left how much (GeV) in which hit (row), sorted; noise has none.
    """
    shares = sorted_shares(
        share_charge(detector, crossings), noise_cells(detector, len(crossings.u), options, rng)
    )
    cell, first = np.unique(shares.cell, return_index=True)
    energy = np.add.reduceat(shares.energy, first) if len(cell) else np.zeros(0)
    mip = MIP_PER_MM * detector.thickness[cell >> 32]
    energy = energy + options.noise * mip * rng.standard_normal(len(cell))
    if options.saturation is not None:
        energy = np.minimum(energy, options.saturation * mip)
    fired = energy > options.threshold * mip
    share_cell = np.repeat(
        np.where(fired, np.cumsum(fired) - 1, -1), np.diff(np.append(first, len(shares.cell)))
    )
    cell, energy = cell[fired], energy[fired]
    label, n_hits = clusters(detector, cell)
    hits = measure(detector, cell, energy, label, n_hits)
    seen = (share_cell >= 0) & (shares.crossing >= 0)
    hit, crossing = label[share_cell[seen]], shares.crossing[seen]
    links, link = np.unique(hit << 32 | crossings.particle[crossing], return_inverse=True)
    return (
        with_time(detector, hits, hit, crossings.time[crossing], options, rng),
        links >> 32,
        links & 0xFFFFFFFF,
        summed(link, shares.energy[seen], len(links)),
    )


def share_charge(detector: Detector, crossings: Crossings) -> Shares:
    """Split the energy of each crossing among the cells under its path, by length; what leaves the sensor is lost."""
    kind = detector.template[crossings.sensor]
    half = detector.thickness[crossings.sensor] / 2
    ends = [
        np.stack([crossings.u + w * crossings.slope_u, crossings.v + w * crossings.slope_v, w], axis=1)
        for w in (-half, half)
    ]
    path = np.concatenate([detector.to_plane(crossings.sensor, end) for end in ends], axis=1)
    grids = np.array(
        [
            (t.pitch_u, t.pitch_v, t.n_u, t.n_v) if isinstance(t, GridTemplate) else (0.0,) * 4
            for t in detector.templates
        ],
        np.float64,
    )
    on_grid = np.flatnonzero(grids[kind, 0] > 0)
    row, cell, part = across_grids(path[on_grid], grids[kind[on_grid]])
    parts = [(on_grid[row], cell, part)]
    for number in np.unique(kind[grids[kind, 0] == 0]):
        rows = np.flatnonzero(kind == number)
        pitch = min(detector.templates[number].pitch)
        count = 1 + (np.hypot(*(path[rows, 2:] - path[rows, :2]).T) / pitch * SAMPLES).astype(np.int64)
        row = np.repeat(rows, count)
        step = (np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + 0.5) / np.repeat(
            count, count
        )
        point = path[row, :2] + step[:, None] * (path[row, 2:] - path[row, :2])
        parts.append(
            (row, detector.templates[number].cell_at(*point.T).astype(np.int64), 1 / np.repeat(count, count))
        )
    row, cell, part = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    real = cell >= 0
    for number in np.unique(kind):
        of_kind = kind[row] == number
        real[of_kind] &= detector.templates[number].exists(np.maximum(cell[of_kind], 0))
    row, cell, part = row[real], cell[real], part[real]
    return Shares(row, crossings.sensor[row].astype(np.int64) << 32 | cell, part * crossings.energy[row])


def sorted_shares(one: Shares, two: Shares) -> Shares:
    """Both tables as one, by cell."""
    cell = np.concatenate([one.cell, two.cell])
    order = np.argsort(cell, kind="stable")
    crossing, energy = np.concatenate([one.crossing, two.crossing]), np.concatenate([one.energy, two.energy])
    return Shares(crossing[order], cell[order], energy[order])


def noise_cells(
    detector: Detector, n_crossings: int, options: SimulationOptions, rng: np.random.Generator
) -> Shares:
    """Cells that fire on their own, anywhere in the trackers with the same chance."""
    if not (options.noise_hits and n_crossings):
        return Shares(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
    tracker = np.array(["position" in s.measures for s in detector.subsystems], np.bool_)[detector.subsystem]
    count = rng.poisson(options.noise_hits * n_crossings) if tracker.any() else 0
    cells = np.array([t.n_cells for t in detector.templates], np.float64)[detector.template] * tracker
    sensor = rng.choice(detector.n_sensors, count, p=cells / cells.sum()) if count else np.zeros(0, np.int64)
    cell = (rng.random(count) * cells[sensor]).astype(np.int64)
    real = np.zeros(count, np.bool_)
    for number in np.unique(detector.template[sensor]):
        of_kind = detector.template[sensor] == number
        real[of_kind] = detector.templates[number].exists(cell[of_kind])
    signal = options.threshold + 4 * options.noise + rng.exponential(0.3, count)
    energy = MIP_PER_MM * detector.thickness[sensor] * signal
    return Shares(np.full(real.sum(), -1), (sensor.astype(np.int64) << 32 | cell)[real], energy[real])


def clusters(detector: Detector, cell: Ints) -> tuple[Ints, int]:
    """Number of the cluster of each fired cell (sorted), and how many there are; cells join that touch."""
    sensor, number = cell >> 32, cell & 0xFFFFFFFF
    kind = detector.template[sensor]
    columns = np.array([t.n_v if isinstance(t, GridTemplate) else 0 for t in detector.templates], np.int64)[
        kind
    ]
    pairs = [grid_pairs(cell, columns)]
    for template in np.unique(kind[columns == 0]):
        rows = np.flatnonzero(kind == template)
        offsets, near = detector.templates[template].neighbours_of(number[rows])
        one = np.repeat(rows, np.diff(offsets))
        other = np.searchsorted(cell, sensor[one] << 32 | near)
        found = (other < len(cell)) & (cell[np.minimum(other, len(cell) - 1)] == (sensor[one] << 32 | near))
        pairs.append(np.stack([one[found], other[found]], axis=1))
    label, count = connected_parts(np.concatenate(pairs), len(cell))
    return label.astype(np.int64), count


def measure(detector: Detector, cell: Ints, energy: Floats, label: Ints, n_hits: int) -> Hits:
    """Position, variance and energy of each cluster."""
    order = np.argsort(label, kind="stable")
    cell, energy, label = cell[order], energy[order], label[order]
    sensor, number = (cell >> 32).astype(np.int32), (cell & 0xFFFFFFFF).astype(np.int32)
    total = summed(label, energy, n_hits)
    weight = energy / total[label]
    xyz = detector.cell_position(sensor, number) if n_hits else np.zeros((0, 3))
    x, y, z = (summed(label, weight * column, n_hits) for column in xyz.T)
    channel_u, channel_v = channels(detector, sensor, number)
    in_cell = detector.cell_variance(sensor, number) if n_hits else np.zeros((0, 2))
    offsets = np.searchsorted(label, np.arange(n_hits + 1)).astype(np.int64)
    return Hits(
        np.arange(1, n_hits + 1),
        x,
        y,
        z,
        sensor[offsets[:-1]],
        variance(label, channel_u, weight, in_cell[:, 0], n_hits),
        variance(label, channel_v, weight, in_cell[:, 1], n_hits),
        energy=total,
        deposits=Deposits(offsets, channel_u, channel_v, energy.astype(np.float32)),
    )


def summed(label: Ints, value: Floats, n: int) -> Floats:
    """Sum of the values under each label."""
    return np.bincount(label, value, n).astype(np.float64, copy=False)


def channels(
    detector: Detector, sensor: NDArray[np.int32], cell: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Channel numbers along u and v of cells."""
    u, v = np.zeros(len(cell), np.int32), np.zeros(len(cell), np.int32)
    kind = detector.template[sensor]
    for number in np.unique(kind):
        u[kind == number], v[kind == number] = detector.templates[number].channel(cell[kind == number])
    return u, v


def variance(label: Ints, channel: NDArray[np.int32], weight: Floats, in_cell: Floats, n_hits: int) -> Floats:
    """Variance (mm^2) along one axis: that inside a cell (n_cells,), less as the signal is shared among more columns."""
    column = label << 32 | channel.astype(np.int64)
    order = np.argsort(column, kind="stable")
    first = np.flatnonzero(np.diff(column[order], prepend=-1))
    share = np.add.reduceat(weight[order], first) if len(first) else np.zeros(0)
    return summed(label[order][first], share**2 * in_cell[order][first], n_hits)


def with_time(
    detector: Detector,
    hits: Hits,
    hit: Ints,
    time: Floats,
    options: SimulationOptions,
    rng: np.random.Generator,
) -> Hits:
    """Add the time of the first particle where any subsystem measures time; NaN where this one does not."""
    measures = np.array(["time" in s.measures for s in detector.subsystems], np.bool_)
    if not measures.any():
        return hits
    first = np.full(len(hits), np.inf)
    np.minimum.at(first, hit, time)
    first += rng.standard_normal(len(hits)) * options.time_resolution
    known = measures[detector.subsystem[hits.sensor]] & np.isfinite(first)
    return replace(hits, time=np.where(known, first, np.nan))
