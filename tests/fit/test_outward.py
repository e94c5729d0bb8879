"""Tracks followed outwards: on their helix, shifted onto their last hit, and told apart from what lies before it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import Floats, Tracks
from gnnreco.fit.helix import BEND
from gnnreco.fit.outward import FARTHEST, outward
from gnnreco.geometry import ConstantField

ANGLES = st.tuples(st.floats(0.3, 2.8), st.floats(-3.1, 3.1))
NOWHERE = np.full((1, 3), np.nan)


def track(theta: float, phi: float, q_over_p: float, d0: float = 0.0, z0: float = 0.0) -> Tracks:
    one, none = np.ones(1), np.zeros(0, np.int64)
    return Tracks(
        np.zeros(2, np.int64),
        none,
        *(d0 * one, z0 * one, phi * one, theta * one, q_over_p * one),
        np.zeros((1, 15)),
        *(one, one, one),
    )


def unit(theta: float, phi: float) -> Floats:
    return np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])


@given(ANGLES, st.floats(-20, 20), st.floats(-200, 200))
@settings(max_examples=25)
def test_without_a_field_the_path_is_a_line_from_the_perigee(
    angles: tuple[float, float], d0: float, z0: float
) -> None:
    paths = outward(track(*angles, 0.2, d0, z0), ConstantField(0.0), NOWHERE, 50.0, 9)
    phi = angles[1]
    start = np.array([-d0 * np.sin(phi), d0 * np.cos(phi), z0])
    wanted = start + 50.0 * np.arange(9)[:, None] * unit(*angles)
    np.testing.assert_allclose(paths.points[0], wanted, atol=1e-6)
    np.testing.assert_allclose(paths.directions[0], np.tile(unit(*angles), (9, 1)), atol=1e-9)
    assert paths.beyond.all(), "without a last hit every point counts"


@given(ANGLES, st.sampled_from([-1.0, 1.0]), st.floats(0.5, 20.0))
@settings(max_examples=25)
def test_in_a_field_all_points_lie_on_the_circle(
    angles: tuple[float, float], charge: float, p: float
) -> None:
    theta, phi = angles
    paths = outward(track(theta, phi, charge / p), ConstantField(2.0), NOWHERE, 40.0, 12)
    radius = np.sin(theta) / abs(BEND * 2.0 / p)
    side = charge * np.array([np.sin(phi), -np.cos(phi)])  # a positive particle turns clockwise
    away = np.linalg.norm(paths.points[0, :, :2] - radius * side, axis=1)
    np.testing.assert_allclose(away, radius, rtol=1e-4)
    np.testing.assert_allclose(paths.points[0, :, 2], 40.0 * np.arange(12) * np.cos(theta), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(paths.directions, axis=2), 1.0, atol=1e-9)


@given(ANGLES, st.floats(-30, 30), st.floats(-30, 30))
@settings(max_examples=25)
def test_the_path_is_shifted_sideways_onto_its_last_hit(
    angles: tuple[float, float], one: float, two: float
) -> None:
    """What is left of the miss lies along the path."""
    way = unit(*angles)
    across = np.linalg.svd(way[None])[2][1:]
    hit = 400.0 * way + one * across[0] + two * across[1]
    if np.hypot(one, two) > 0.98 * FARTHEST:
        return
    paths = outward(track(*angles, 0.2), ConstantField(0.0), hit[None], 50.0, 20)
    np.testing.assert_allclose(paths.points[0, 8], hit, atol=1e-6)
    assert paths.beyond[0].tolist() == [False] * 9 + [True] * 11
    np.testing.assert_allclose(np.diff(paths.points[0], axis=0), np.tile(50.0 * way, (19, 1)), atol=1e-6)


def test_a_last_hit_far_from_the_path_is_none() -> None:
    hit = np.array([[400.0, FARTHEST + 10.0, 0.0]])
    paths = outward(track(np.pi / 2, 0.0, 0.2), ConstantField(0.0), hit, 50.0, 20)
    np.testing.assert_allclose(paths.points[0, :, 1], 0, atol=1e-9)
    assert paths.beyond.all()


def test_each_track_has_its_own_last_hit() -> None:
    one, two = track(np.pi / 2, 0.0, 0.2), track(np.pi / 2, np.pi / 2, 0.2)
    both = Tracks(
        np.zeros(3, np.int64),
        np.zeros(0, np.int64),
        *(
            np.concatenate([getattr(one, name), getattr(two, name)])
            for name in ("d0", "z0", "phi", "theta", "q_over_p", "covariance", "chi2", "ndf", "score")
        ),
    )
    last = np.array([[300.0, 5.0, 0.0], [np.nan] * 3])
    paths = outward(both, ConstantField(0.0), last, 100.0, 6)
    assert paths.beyond.tolist() == [[False] * 4 + [True] * 2, [True] * 6]
    assert paths.points[0, :, 1] == pytest.approx(5.0)
    assert paths.points[1, :, 0] == pytest.approx(0.0, abs=1e-9)


def test_no_track_and_a_single_point() -> None:
    none = outward(Tracks(), ConstantField(2.0), np.zeros((0, 3)), 20.0, 5)
    assert none.points.shape == none.directions.shape == (0, 5, 3)
    alone = outward(track(1.0, 0.5, 0.2, z0=7.0), ConstantField(2.0), NOWHERE, 20.0, 1)
    assert alone.points[0, 0].tolist() == pytest.approx([0, 0, 7.0])
    assert alone.directions.tolist() == [[[0.0, 0.0, 0.0]]]
