"""Errors that clusters tell: the formula against a digitiser, the noise of channels, and fits in simulated events."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Deposits, Event, Floats, Hits
from gnnreco.fit.clusters import (
    CELL,
    CHANNELS,
    DIGITAL,
    ENOUGH,
    IN_HEXAGON,
    SHAKEN,
    cell_variance,
    clusters_of,
    hexagon_variance,
)
from gnnreco.fit.propagate import perigee
from gnnreco.fit.trackfit import FitResult, fit_tracks
from gnnreco.geometry import Detector, HexTemplate, load_detector
from gnnreco.simulate import SimulationOptions, simulate

DIAGONAL = [0, 2, 5, 9, 14]


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("trackml")


def digitised(way: Floats, digital: bool, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Off by how much, and how many channels: paths of these lengths at random places of a row of cells of width 1."""
    start = rng.random(len(way))
    inner = np.minimum(start[:, None] + way[:, None], np.arange(1, 13)) - np.maximum(
        start[:, None], np.arange(12)
    )
    signal = np.maximum(inner, 0)
    if digital:
        signal = (signal > 0).astype(float)
    middle = (signal * (np.arange(12) + 0.5)).sum(1) / signal.sum(1)
    return middle - start - way / 2, (signal > 0).sum(1)


@pytest.mark.parametrize("digital", [False, True], ids=["signals", "digital"])
@pytest.mark.parametrize(("low", "high"), [(0.1, 0.15), (0.4, 0.45), (0.7, 0.75), (1.0, 2.0), (4.0, 7.0)])
def test_the_variance_is_that_of_a_digitiser(low: float, high: float, digital: bool) -> None:
    rng = np.random.default_rng(1)
    way = rng.uniform(low, high, 40_000)
    off, channels = digitised(way, digital, rng)
    told = np.array([cell_variance(q, n, digital) for q, n in zip(way, channels, strict=True)])
    assert np.mean(off**2) == pytest.approx(np.mean(told), rel=0.25 if low == 1 else 0.05)


@pytest.mark.parametrize("length", [0.05, 0.3, 0.6, 0.9, 1.5, 3.0])
def test_the_variance_in_hexagons_is_that_of_a_digitiser(length: float) -> None:
    edge = 40 * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    cells, rng = HexTemplate("pad", 1.0, 1.0, edge), np.random.default_rng(1)
    angle, middle = rng.uniform(0, np.pi / 2, 4_000), rng.uniform(-9, 9, (4_000, 2))
    towards = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    points = middle + length * towards * (np.arange(40)[:, None, None] - 19.5) / 40
    held = cells.position(cells.cell_at(*points.reshape(-1, 2).T)).reshape(points.shape)
    off = held.mean(axis=0) - middle
    told = np.array([[hexagon_variance(length * c, length, 1 + length * c) for c in row] for row in towards])
    # The error of a long way along a row hangs on its direction; the formula knows the mean.
    for steep in (angle < 0.4, angle > 1.1) if length < 1 else (angle >= 0,):
        assert np.sqrt(np.mean(off[steep] ** 2, 0)) == pytest.approx(
            np.sqrt(np.mean(told[steep], 0)), abs=0.1 * np.sqrt(IN_HEXAGON)
        )


def test_a_cluster_that_its_track_does_not_explain_is_off_by_the_rest() -> None:
    usual = cell_variance(2.5, 4, False)
    assert cell_variance(2.5, 3, False) == usual
    assert cell_variance(2.5, 8, False) == pytest.approx(usual + 3.5**2 / 12)
    assert cell_variance(2.5, 1, False) == pytest.approx(usual + 1.5**2 / 12)


def wide(n: int, noise: float, sensor: int, width: int = 6) -> Hits:
    """`n` straight clusters along v; a channel reads 1 plus noise, the outer ones half."""
    rng = np.random.default_rng(2)
    value = np.ones((n, width)) + noise * rng.standard_normal((n, width))
    value[:, [0, -1]] /= 2
    v = np.tile(np.arange(width, dtype=np.int32), n)
    deposits = Deposits(
        np.arange(n + 1) * width, np.full(n * width, 7, np.int32), v, value.ravel().astype(np.float32)
    )
    zero = np.zeros(n)
    return Hits(np.arange(n), zero, zero, zero, np.full(n, sensor, np.int32), deposits=deposits)


def test_the_noise_of_channels_is_that_of_the_inner_ones(detector: Detector) -> None:
    hits = wide(400, 0.1, sensor=0)
    found = clusters_of(detector, hits, np.arange(400))
    assert (found[:, 1, CHANNELS] == 6).all()
    assert (found[:, 0, CHANNELS] == 1).all()
    assert (found[:, 0, SHAKEN] == 0).all()
    spread = 2 * (2.5**2 + 1.5**2 + 0.5**2) / 5**2
    assert np.median(found[:, 1, SHAKEN]) == pytest.approx(0.1**2 * spread, rel=0.15)
    assert (found[:, :, CELL] == [detector.pitch_u[0], detector.pitch_v[0]]).all()
    assert (found[:, :, DIGITAL] == 0).all()


def test_wide_clusters_of_unknown_noise_keep_the_errors_they_came_with(detector: Detector) -> None:
    few = wide(ENOUGH // 4, 0.1, sensor=0)
    assert (clusters_of(detector, few, np.arange(len(few)))[:, 1, CELL] == 0).all()
    alike = wide(ENOUGH // 4, 0.0, sensor=0)
    assert alike.deposits is not None
    same = replace(
        alike, deposits=replace(alike.deposits, value=np.ones(len(alike.deposits.value), np.float32))
    )
    assert (clusters_of(detector, same, np.arange(len(same)))[:, :, DIGITAL] == 1).all()
    assert (clusters_of(detector, same, np.arange(len(same)))[:, 1, CELL] > 0).all()


def test_hits_without_channels_tell_nothing(detector: Detector) -> None:
    assert len(clusters_of(detector, replace(wide(30, 0.1, 0), deposits=None), np.arange(30))) == 0


def muons(detector: Detector) -> Event:
    """Straight muons through a detector without matter: hits alone set the errors."""
    options = SimulationOptions(
        count=600,
        energy=(20, 60),
        eta=(-2, 2),
        scattering=False,
        energy_loss=False,
        radiation=False,
        nuclear=False,
    )
    return next(iter(simulate(detector, "gun", seed=5, options=options)))


def fitted(detector: Detector, event: Event) -> tuple[FitResult, Floats]:
    assert event.truth is not None
    truth, p = event.truth, event.truth.particles
    alone = np.bincount(truth.hit, minlength=len(event.hits)) == 1
    good = alone[truth.hit] & (np.bincount(truth.particle, minlength=len(p)) >= 8)[truth.particle]
    hit, particle = truth.hit[good], truth.particle[good]
    order = np.lexsort((np.linalg.norm(event.hits.xyz[hit], axis=1), particle))
    rows, counts = np.unique(particle, return_counts=True)
    empty = replace(detector, radiation_lengths=np.zeros(detector.n_sensors), passive=())
    result = fit_tracks(empty, event.hits, np.append(0, np.cumsum(counts)), hit[order])
    true = perigee(
        np.stack([p.vx, p.vy, p.vz], 1), np.stack([p.px, p.py, p.pz], 1), p.charge, detector.field
    )[rows]
    return result, (result.parameters - true) / np.sqrt(result.covariance[:, DIAGONAL])


def width(values: Floats) -> Floats:
    """Half the width of the central 68 %, of each column."""
    low, high = np.percentile(values, [15.87, 84.13], axis=0)
    return np.asarray((high - low) / 2)


def test_pulls_in_simulated_events_are_of_width_one(detector: Detector) -> None:
    event = muons(detector)
    result, pulls = fitted(detector, event)
    assert result.valid.mean() > 0.97
    assert np.abs(width(pulls[result.valid]) - 1).max() < 0.15
    without, worse = fitted(detector, replace(event, hits=replace(event.hits, deposits=None)))
    assert np.abs(width(worse[without.valid]) - 1).max() > 0.2
    off = width((result.parameters - without.parameters)[result.valid & without.valid])
    assert (off > 0).all()
