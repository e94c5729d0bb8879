"""Showers as another calorimeter, or another year of it, might have read them out: domain randomisation.

One simulation has one readout: its cut, its gain, the noise that passes it. A network that saw only these takes the noise of
another for showers. Each event of a training gets a readout of its own.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Deposits, Event, Floats, Ints, Truth
from gnnreco.columns.table import concatenate
from gnnreco.events.select import select_hits
from gnnreco.geometry import Detector, neighbours_of
from gnnreco.graphs.showers.cells import CellGraphConfig, hit_cells, visible_fraction
from gnnreco.simulate.digitize import channels
from gnnreco.simulate.showers.hits import random_cells
from gnnreco.simulate.showers.shower import showering

UNCHANGED = 0.25  # chance that the readout is that of the simulation
MOST_DEAD = 0.05  # of the cells of an event
MOST_TALK = 0.05  # of a cell's energy, to each neighbour that fired
MOST_MERGED = 0.05  # of the cells of an event, read out with a neighbour
CUT = (0.25, 1.0)  # of the readout, in units of `CellGraphConfig.mip`
NOISE = (0.01, 100.0)  # hits without a particle for each hit of one
NOISE_SLOPE = (0.1, 0.6)  # by how much noise exceeds the cut on average, in units of it
GATHERED = (
    1.0,
    12.0,
)  # how much denser noise lies around one angle to the beam than everywhere: where sensors aged
MOST_CELLS, MOST_OCCUPIED = 30_000, 0.01  # noise stops there: hits of an event, and the fraction of all cells
GAIN = 0.3  # of a layer, this much up or down
MISMATCH, HIGHEST_GAIN = 0.05, 4.0  # chance that a layer's gain is off by up to this factor


def randomized_showers(event: Event, detector: Detector, rng: np.random.Generator) -> Event:
    """The event with another readout of its calorimeters: lost and merged cells, cross-talk, cut, noise and gain.

    The truth follows: what a particle left in a hit is what the readout says of it. An event without hits in calorimeters
    stays as it is.
    """
    if event.hits.energy is None or not in_calorimeter(event, detector).any():
        return event
    if rng.random() < UNCHANGED:
        return event
    event = _lost(event, detector, rng.uniform(0, MOST_DEAD), rng)
    event = _merged(event, detector, rng.uniform(0, MOST_MERGED), rng)
    event = _crosstalk(event, detector, rng.uniform(0, MOST_TALK))
    cut = rng.uniform(*CUT)
    event = _over(event, detector, cut)
    event = _with_noise(event, detector, cut, rng)
    return _with_gain(event, detector, rng)


def in_calorimeter(event: Event, detector: Detector) -> NDArray[np.bool_]:
    """Which hits (n,) lie in sensors that measure energy."""
    return np.append(showering(detector), False)[event.hits.sensor]


def _mip(detector: Detector, sensor: NDArray[np.int32]) -> Floats:
    """Visible energy of a minimum-ionising particle (n,), GeV: the unit that the network sees."""
    thickness = np.nan_to_num(detector.radiation_lengths[sensor])
    return CellGraphConfig.mip * np.where(thickness > 0, thickness, 1.0) * visible_fraction(detector, sensor)


def _lost(event: Event, detector: Detector, fraction: float, rng: np.random.Generator) -> Event:
    dead = in_calorimeter(event, detector) & (rng.random(len(event.hits)) < fraction)
    return select_hits(event, ~dead)


def _over(event: Event, detector: Detector, cut: float) -> Event:
    """The event with the cells over the readout's cut."""
    assert event.hits.energy is not None
    lost = in_calorimeter(event, detector)
    lost[lost] = event.hits.energy[lost] <= cut * _mip(detector, event.hits.sensor[lost])
    return select_hits(event, ~lost)


def _merged(event: Event, detector: Detector, fraction: float, rng: np.random.Generator) -> Event:
    """Some cells are read out with one that touches them: both energies in one place."""
    one, two = _touching(event, detector)
    chosen = (one < two) & (rng.random(len(one)) < fraction)
    one, two = one[chosen], two[chosen]
    _, first = np.unique(one, return_index=True)  # a cell goes to one other, which itself stays
    one, two = one[first], two[first]
    stays = ~np.isin(two, one)
    one, two = one[stays], two[stays]
    keep = np.ones(len(event.hits), bool)
    keep[one] = False
    return select_hits(_moved(event, one, two, 1.0), keep)


def _crosstalk(event: Event, detector: Detector, share: float) -> Event:
    """Each cell gives this share of its energy to each that touches it and fired too."""
    return _moved(event, *_touching(event, detector), share)


def _touching(event: Event, detector: Detector) -> tuple[Ints, Ints]:
    """Hits (rows) whose cells touch in one sensor: each pair both ways."""
    cell = hit_cells(detector, event.hits)
    rows = np.flatnonzero(in_calorimeter(event, detector) & (cell >= 0))
    name = detector.cell_id(event.hits.sensor[rows], cell[rows])
    names, first = np.unique(name, return_index=True)
    offsets, near = neighbours_of(detector, names, across=False)
    one = np.repeat(np.arange(len(names)), np.diff(offsets))
    two = np.minimum(np.searchsorted(names, near), max(len(names) - 1, 0))
    fired = names[two] == near
    return rows[first[one[fired]]], rows[first[two[fired]]]


def _moved(event: Event, source: Ints, target: Ints, share: float) -> Event:
    """The event with a share of the energy of the hits `source` (m,) in the hits `target` (m,), truth with it."""
    if not len(source) or share == 0:
        return event
    assert event.hits.energy is not None
    energy, n = event.hits.energy, len(event.hits)
    gone = share * np.bincount(source, minlength=n).astype(np.float64)
    came = np.bincount(target, share * energy[source], n)
    truth = event.truth
    if truth is not None and truth.energy is not None:
        truth = _links_moved(truth, source, target, share, 1 - gone)
    return _with_energy(replace(event, truth=truth), energy * (1 - gone) + came)


def _links_moved(truth: Truth, source: Ints, target: Ints, share: float, left: Floats) -> Truth:
    """The links with those of `source` in `target` too."""
    assert truth.energy is not None
    first = np.searchsorted(truth.hit, np.arange(len(left) + 1))
    count = np.diff(first)[source]
    move = np.repeat(np.arange(len(source)), count)
    link = first[source][move] + np.arange(len(move)) - np.repeat(np.cumsum(count) - count, count)
    hit = np.concatenate([truth.hit, target[move]])
    particle = np.concatenate([truth.particle, truth.particle[link]])
    energy = np.concatenate([truth.energy * left[truth.hit], share * truth.energy[link]])
    n = max(len(truth.particles), 1)
    key, back = np.unique(hit * n + particle, return_inverse=True)
    summed = np.bincount(back.ravel(), energy, len(key)).astype(np.float64)
    return replace(truth, hit=key // n, particle=key % n, energy=summed)


def _with_energy(event: Event, energy: Floats) -> Event:
    """The event with other energies of hits (n,); the channels of one hit keep their shares of it."""
    hits = event.hits
    assert hits.energy is not None
    factor = energy / np.where(hits.energy > 0, hits.energy, 1.0)
    deposits = hits.deposits
    if deposits is not None:
        by_channel = np.repeat(factor, np.diff(deposits.offsets))
        deposits = replace(deposits, value=(deposits.value * by_channel).astype(deposits.value.dtype))
    return replace(event, hits=replace(hits, energy=energy, deposits=deposits))


def _with_noise(event: Event, detector: Detector, cut: float, rng: np.random.Generator) -> Event:
    """Cells without a particle, at random places, with energies that fall steeply from the cut."""
    hits = event.hits
    signal = np.flatnonzero(in_calorimeter(event, detector))
    ratio = float(np.exp(rng.uniform(*np.log(NOISE))))
    sensor, cell = _gathered_cells(detector, _noise_count(detector, len(signal), ratio), rng)
    height = cut * (1 + rng.uniform(*NOISE_SLOPE) * rng.exponential(size=len(sensor)))
    name = detector.cell_id(sensor, cell)
    fired = detector.cell_id(hits.sensor[signal], np.maximum(hit_cells(detector, hits)[signal], 0))
    free = np.unique(name, return_index=True)[1]
    free = free[~np.isin(name[free], fired)]
    if not len(free):
        return event
    sensor, cell, height = sensor[free], cell[free], height[free]
    x, y, z = detector.cell_position(sensor, cell).T
    energy = height * _mip(detector, sensor)
    like = hits[rng.choice(signal, len(free))]  # for columns that noise has too, such as the time
    noise = replace(
        like,
        hit_id=int(hits.hit_id.max()) + 1 + np.arange(len(free)),
        x=x,
        y=y,
        z=z,
        sensor=sensor,
        energy=energy,
    )
    if hits.var_u is not None:
        var_u, var_v = (detector.cell_size(sensor, cell) ** 2 / 12).T
        noise = replace(noise, var_u=var_u, var_v=var_v)
    if hits.deposits is not None:
        u, v = channels(detector, sensor, cell)
        value = energy.astype(hits.deposits.value.dtype)
        noise = replace(noise, deposits=Deposits(np.arange(len(free) + 1), u, v, value))
    truth = event.truth
    if truth is not None and truth.weight is not None:
        truth = replace(truth, weight=np.append(truth.weight, np.zeros(len(free))))
    return replace(event, hits=concatenate([hits, noise]), truth=truth, collections=None)


def _gathered_cells(
    detector: Detector, n: int, rng: np.random.Generator
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Sensor and number of n cells at random: of more of them everywhere, those nearest in abs(eta) to one."""
    sensor, cell = random_cells(detector, int(n * rng.uniform(*GATHERED)), rng)
    if not len(sensor):
        return sensor.astype(np.int32), cell.astype(np.int32)
    x, y, z = detector.cell_position(sensor, cell).T
    eta = np.arcsinh(np.abs(z) / np.maximum(np.hypot(x, y), 1e-9))
    near = np.argsort(np.abs(eta - eta[rng.integers(len(eta))]), kind="stable")[:n]
    return sensor[near].astype(np.int32), cell[near].astype(np.int32)


def _noise_count(detector: Detector, signal: int, ratio: float) -> int:
    """Noise hits for so many of particles, within the budget of cells."""
    cells = np.array([t.n_cells for t in detector.templates])[detector.template] * showering(detector)
    return int(min(ratio * signal, max(MOST_CELLS - signal, 0), MOST_OCCUPIED * cells.sum()))


def _with_gain(event: Event, detector: Detector, rng: np.random.Generator) -> Event:
    """The event as layers with a gain of their own tell it; the cut was made before."""
    gain: Floats = rng.uniform(1 - GAIN, 1 + GAIN, int(detector.layer.max(initial=-1)) + 1)
    off = rng.random(len(gain)) < MISMATCH
    gain = np.where(off, np.exp(rng.uniform(0, np.log(HIGHEST_GAIN), len(gain))), gain)
    mine = in_calorimeter(event, detector)
    factor = np.where(mine, gain[detector.layer[np.maximum(event.hits.sensor, 0)]], 1.0)
    assert event.hits.energy is not None
    truth = event.truth
    if truth is not None and truth.energy is not None:
        truth = replace(truth, energy=truth.energy * factor[truth.hit])
    return _with_energy(replace(event, truth=truth), event.hits.energy * factor)
