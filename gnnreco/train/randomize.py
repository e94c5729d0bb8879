"""Events as another simulation, or another year of a real detector, might have left them: domain randomisation.

What a network learns from one simulation's habits (its clusters, sensors that stand where the description says) does not
hold on events of another. Each event of a training gets habits of its own (J. Tobin et al., arXiv 1703.06907).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gnnreco.columns import Event, Floats, Ints
from gnnreco.columns.table import concatenate
from gnnreco.events.select import select_hits
from gnnreco.geometry import Detector
from gnnreco.simulate.showers.shower import showering

from .randomize_showers import in_calorimeter, randomized_showers

MOST_LOST = 0.03  # of the hits of an event
MOST_NOISE = 0.2  # hits without a particle for each hit of one
MOST_SHIFT = 0.1  # mm; spread of the sensors' places in their planes
SHIFTED = 0.3  # chance that they do not stand in their places
CLUSTERS = (0.45, 0.25, 0.3)  # chances that clusters stay as they are, lose their signal, are unknown


class Randomized(Sequence[Event]):
    """Events, each changed at random when it is read: the same change at every reading.

    Of trackers: hits are lost and added, sensors stand beside their places, clusters lose their signal or are unknown. Of
    calorimeters: see `gnnreco.train.randomize_showers`.

    Parameters
    ----------
    events : sequence of Event
        With truth.
    detector : Detector
    seed : int
    """

    def __init__(self, events: Sequence[Event], detector: Detector, seed: int) -> None:
        self.events, self.detector, self.seed = events, detector, seed

    def __len__(self) -> int:
        return len(self.events)

    def __getitem__(self, i: int) -> Event:  # type: ignore[override]  # one event at a time
        return randomized(self.events[i], self.detector, np.random.default_rng([self.seed, i]))


def randomized(event: Event, detector: Detector, rng: np.random.Generator) -> Event:
    """The event with lost hits, noise, sensors beside their places, clusters that say less, and other calorimeters."""
    lost = rng.random(len(event.hits)) <= rng.uniform(0, MOST_LOST)
    event = select_hits(event, ~lost | in_calorimeter(event, detector))
    event = _with_noise(event, detector, rng.uniform(0, MOST_NOISE), rng)
    if rng.random() < SHIFTED:
        event = _shifted(event, detector, MOST_SHIFT * rng.uniform() ** 2, rng)
    deposits = event.hits.deposits
    kind = rng.choice(len(CLUSTERS), p=CLUSTERS)
    if deposits is not None and kind == 1:  # as digital sensors read out: a channel fired or not
        analogue = np.repeat(in_calorimeter(event, detector), np.diff(deposits.offsets))
        deposits = replace(deposits, value=np.where(analogue, deposits.value, np.ones_like(deposits.value)))
    event = replace(event, hits=replace(event.hits, deposits=None if kind == 2 else deposits))
    return randomized_showers(event, detector, rng)


def _with_noise(event: Event, detector: Detector, fraction: float, rng: np.random.Generator) -> Event:
    """Copies of some hits at random places of their sensors: as dense as the hits are, with clusters like theirs."""
    hits = event.hits
    rows = np.flatnonzero((hits.sensor >= 0) & ~in_calorimeter(event, detector))
    rows = rng.choice(rows, rng.poisson(fraction * len(rows))) if len(rows) else rows
    if not len(rows):
        return event
    sensor = hits.sensor[rows]
    half = np.stack([detector.half_u[sensor], detector.half_v[sensor]], axis=1)
    uv = rng.uniform(-1, 1, half.shape) * half
    inside = detector.cell_at(sensor, uv[:, 0], uv[:, 1]) >= 0
    rows, sensor, uv = rows[inside], sensor[inside], uv[inside]
    x, y, z = detector.to_global(sensor, uv).T
    number = int(hits.hit_id.max()) + 1 + np.arange(len(rows))
    noise = replace(hits[rows], hit_id=number, x=x, y=y, z=z)
    truth = event.truth
    if truth is not None and truth.weight is not None:
        truth = replace(truth, weight=np.append(truth.weight, np.zeros(len(rows))))
    return replace(event, hits=concatenate([hits, noise]), truth=truth, collections=None)


def _shifted(event: Event, detector: Detector, spread: float, rng: np.random.Generator) -> Event:
    """Every sensor's hits moved together in its plane."""
    shift: Floats = rng.normal(0.0, spread, (detector.n_sensors, 2))
    sensor: Ints = np.maximum(event.hits.sensor, 0)
    shift[showering(detector)] = 0.0
    x, y, z = (event.hits.xyz + detector.to_global(sensor, shift[sensor]) - detector.center[sensor]).T
    return replace(event, hits=replace(event.hits, x=x, y=y, z=z))
