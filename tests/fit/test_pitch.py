"""The pitch of an event's channels is read off its hits, where the description has another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.columns import Deposits, Hits
from gnnreco.fit.clusters import CELL, clusters_of
from gnnreco.fit.pitch import ENOUGH, pitches_of
from gnnreco.geometry import Detector, load_detector

SENSOR, PIXEL = 0, 0
U, V = 0, 1


@pytest.fixture(scope="module")
def detector() -> Detector:
    return load_detector("trackml")


def hits(detector: Detector, pitch: float, count: int = 60, seed: int = 1) -> Hits:
    """Single channels of a pixel module whose cells are so long (mm)."""
    rng = np.random.default_rng(seed)
    u, v = rng.integers(0, 336, count), rng.integers(0, 1200, count)
    local = np.stack([(u + 0.5) * 0.05 - 8.4, (v + 0.5) * pitch - 36.0], axis=1)
    xyz = detector.center[SENSOR] + local @ detector.rotation[SENSOR][:, :2].T
    sensor, variance = np.full(count, SENSOR, np.int32), np.full(count, 1e-4)
    deposits = Deposits(
        np.arange(count + 1), u.astype(np.int32), v.astype(np.int32), np.ones(count, np.float32)
    )
    return Hits(
        np.arange(1, count + 1), *np.ascontiguousarray(xyz.T), sensor, variance, variance, deposits=deposits
    )


@pytest.mark.parametrize("pitch", [0.05, 0.05625, 0.04])
def test_channels_tell_how_long_they_are(detector: Detector, pitch: float) -> None:
    made = hits(detector, pitch)
    assert pitches_of(detector, made)[PIXEL] == pytest.approx([0.05, pitch])
    assert clusters_of(detector, made, np.arange(5))[:, V, CELL] == pytest.approx(pitch)
    assert clusters_of(detector, made, np.arange(5))[:, U, CELL] == pytest.approx(0.05)


def test_the_description_stands_where_channels_tell_nothing(detector: Detector) -> None:
    made = hits(detector, 0.05)
    assert made.deposits is not None
    mixed = replace(made.deposits, v=np.random.default_rng(2).permutation(made.deposits.v))
    for some in (
        hits(detector, 0.05, count=ENOUGH - 1),
        replace(made, deposits=mixed),  # numbers that have nothing to do with places
        replace(made, deposits=replace(made.deposits, v=7 * made.deposits.v)),  # that count something else
        replace(made, sensor=np.full(len(made), -1, np.int32)),
    ):
        assert np.isnan(pitches_of(detector, some)[PIXEL, V])
    assert np.isnan(pitches_of(detector, replace(made, deposits=None))).all()
    few = clusters_of(detector, hits(detector, 0.05, count=3), np.arange(3))
    assert few[:, V, CELL] == pytest.approx(0.05625)


def test_other_templates_are_not_told(detector: Detector) -> None:
    assert np.isnan(pitches_of(detector, hits(detector, 0.05))[1:]).all()
