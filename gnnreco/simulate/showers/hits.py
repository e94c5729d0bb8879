"""From the energy in cells to the hits of a calorimeter: noise, threshold, time; every cell is a hit of its own."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Deposits, Floats, Hits, Ints
from gnnreco.geometry import Detector
from gnnreco.simulate.digitize import channels, share_charge, with_time
from gnnreco.simulate.matter.medium import media
from gnnreco.simulate.options import SimulationOptions
from gnnreco.simulate.transport import Crossings

from .shower import Shares, gathered, showering


def ionised(detector: Detector, crossings: Crossings) -> Shares:
    """What charged particles that crossed calorimeters (muons) left in their cells."""
    shares = share_charge(detector, crossings)
    return gathered(
        Shares(
            crossings.particle[shares.crossing], shares.cell, shares.energy, crossings.time[shares.crossing]
        )
    )


def random_cells(detector: Detector, n: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Sensor and number of n random cells of the calorimeters; fewer where a number has no cell."""
    cells = np.array([t.n_cells for t in detector.templates])[detector.template] * showering(detector)
    sensor = np.searchsorted(np.cumsum(cells), rng.integers(cells.sum(), size=n), side="right")
    number = rng.integers(cells[sensor])
    real = np.ones(n, bool)
    for t in np.unique(detector.template[sensor]):
        mine = detector.template[sensor] == t
        real[mine] = detector.templates[t].exists(number[mine])
    return sensor[real], number[real]


def with_noise(
    detector: Detector, shares: Shares, options: SimulationOptions, rng: np.random.Generator
) -> Shares:
    """The shares and those of noise (particle -1): cells at random, over threshold by an exponential of half its height."""
    n = rng.poisson(options.noise_hits * len(np.unique(shares.cell))) if options.noise_hits else 0
    if n == 0:
        return shares
    chosen, number = random_cells(detector, n, rng)
    height = options.cell_threshold * (1 + 0.5 * rng.exponential(size=len(chosen)))
    energy = height * media(detector).mip[chosen]
    noise = Shares(
        np.full(len(chosen), -1), chosen.astype(np.int64) << 32 | number, energy, np.zeros(len(chosen))
    )
    return gathered(shares, noise)


def read_out(
    detector: Detector, shares: Shares, options: SimulationOptions, rng: np.random.Generator
) -> tuple[Hits, Ints, Ints, Floats]:
    """Read out the calorimeters of an event.

    Returns
    -------
    hits : Hits
        One for each cell over threshold, sorted by sensor and cell, at the cell's centre; `energy` is the visible energy
        with its noise, `deposits` its one channel.
    hit, particle, energy : int64, int64, float64 (m,)
        Which particle (row) left how much (GeV) in which hit (row), sorted.
    """
    shares = with_noise(detector, shares, options, rng)
    cell, first = np.unique(shares.cell, return_index=True)
    sensor, number = (cell >> 32).astype(np.int32), (cell & 0xFFFFFFFF).astype(np.int32)
    mip = media(detector).mip[sensor]
    energy = np.add.reduceat(shares.energy, first) if len(cell) else np.zeros(0)
    energy = energy + options.cell_noise * mip * rng.standard_normal(len(cell))
    fired = energy > options.cell_threshold * mip
    row = np.repeat(np.where(fired, np.cumsum(fired) - 1, -1), np.diff(np.append(first, len(shares.cell))))
    sensor, number, n_hits = sensor[fired], number[fired], int(fired.sum())
    position = detector.cell_position(sensor, number) if n_hits else np.zeros((0, 3))
    variance = detector.cell_size(sensor, number) ** 2 / 12 if n_hits else np.zeros((0, 2))
    u, v = channels(detector, sensor, number)
    x, y, z = np.ascontiguousarray(position.T)
    var_u, var_v = np.ascontiguousarray(variance.T)
    deposits = Deposits(np.arange(n_hits + 1), u, v, energy[fired].astype(np.float32))
    hits = Hits(
        np.arange(1, n_hits + 1), x, y, z, sensor, var_u, var_v, energy=energy[fired], deposits=deposits
    )
    seen = (row >= 0) & (shares.particle >= 0)
    return (
        with_time(detector, hits, row[seen], shares.time[seen], options, rng),
        row[seen],
        shares.particle[seen],
        shares.energy[seen],
    )
