"""Steps through any field: they are helices where it is constant, go back where they came from, and know their slopes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from gnnreco.columns import Floats
from gnnreco.fit.helix import BEND, extrapolate
from gnnreco.fit.propagate import TOLERANCE, advance_by, perigee, to_axis, to_plane
from gnnreco.geometry import ConstantField, Field, MapField
from gnnreco.geometry.field.grid import FieldGrid

angle = st.floats(-3.1, 3.1)
directions = st.tuples(st.floats(0.2, 2.9), angle)
momenta = st.floats(0.2, 20.0).flatmap(lambda p: st.sampled_from([1 / p, -1 / p]))


def uneven(rotation: Floats | None = None) -> Field:
    """A solenoid that falls off, with the radial field that Maxwell asks for, on nodes 100 mm apart; maybe turned."""
    x, z = np.linspace(-2500, 2500, 51), np.linspace(-2500, 2500, 51)
    gx, gy, gz = np.meshgrid(x, x, z, indexing="ij")
    bz, slope = 2.0 / (1 + (gz / 2500) ** 2), -4.0 * gz / 2500**2 / (1 + (gz / 2500) ** 2) ** 2
    field = MapField((x, x, z), np.stack([-0.5 * gx * slope, -0.5 * gy * slope, bz], axis=-1))
    return field if rotation is None else field.in_frame(rotation, np.zeros(3))


MAP = uneven()


def ray(theta: float, phi: float, q_over_p: float) -> Floats:
    return np.array(
        [10.0, -20.0, 30.0, np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta), q_over_p]
    )


def walk(grid: FieldGrid, rays: Floats, path: float, tolerance: float = TOLERANCE) -> Floats:
    """Rays after a path, in as many steps as it takes."""
    rays, left = np.array(rays, ndmin=2), path
    most = 100.0
    while abs(left) > 1e-12:
        done, most = advance_by(grid, tolerance, rays, np.copysign(min(abs(left), most, 100.0), left))
        left -= done
    return rays


@settings(max_examples=30, deadline=None)
@given(directions, momenta, st.tuples(angle, angle, angle))
def test_a_constant_field_gives_the_helix(
    way: tuple[float, float], q_over_p: float, turned: tuple[float, ...]
) -> None:
    turn = Rotation.from_euler("xyz", turned).as_matrix()
    field = ConstantField(2.0).in_frame(turn.T, np.zeros(3))
    start = ray(*way, q_over_p)
    end = walk(field.grid, start, 1000.0, 1e-8)[0]
    axis, k = turn.T @ [0, 0, 1.0], BEND * 2.0 * q_over_p
    about = Rotation.from_rotvec(-k * 1000.0 * axis)
    t = start[3:6]
    along, across = axis * (axis @ t), np.cross(t, axis)
    plane = t - along
    exact = start[:3] + 1000 * along + plane * np.sin(k * 1000) / k + across * (1 - np.cos(k * 1000)) / k
    assert np.abs(end[:3] - exact).max() < 1e-6
    assert np.abs(end[3:6] - about.apply(t)).max() < 1e-9


@settings(max_examples=20, deadline=None)
@given(directions, momenta)
def test_forwards_and_back(way: tuple[float, float], q_over_p: float) -> None:
    start = ray(*way, q_over_p)
    there = walk(MAP.grid, start, 800.0)
    assert np.abs(walk(MAP.grid, there, -800.0)[0] - start)[:6].max() < 1e-3


@settings(max_examples=20, deadline=None)
@given(directions, momenta, st.tuples(angle, angle, angle))
def test_field_and_ray_turned_together(
    way: tuple[float, float], q_over_p: float, turned: tuple[float, ...]
) -> None:
    turn, start = Rotation.from_euler("xyz", turned).as_matrix(), ray(*way, q_over_p)
    other = np.concatenate([turn @ start[:3], turn @ start[3:6], start[6:]])
    one, two = walk(MAP.grid, start, 800.0)[0], walk(uneven(turn).grid, other, 800.0)[0]
    assert np.abs(turn @ one[:3] - two[:3]).max() < 1e-6
    assert np.abs(turn @ one[3:6] - two[3:6]).max() < 1e-9


@settings(max_examples=20, deadline=None)
@example((0.2796814051511035, 1.625), 0.2853957636566332)
@given(directions, momenta)
def test_the_changes_are_differences(way: tuple[float, float], q_over_p: float) -> None:
    start = ray(*way, q_over_p)
    u, v = np.linalg.svd(start[None, 3:6])[2][1:]
    changes = np.zeros((5, 7))
    changes[0, :3], changes[1, :3], changes[2, 3:6], changes[3, 3:6], changes[4, 6] = u, v, u, v, 1.0
    carried = walk(MAP.grid, np.concatenate([start[None], changes]), 600.0, 1e-6)[1:]
    for change, found in zip(changes, carried, strict=True):
        size = 1e-3 if change[:3].any() else 1e-5
        plus, minus = (walk(MAP.grid, start + sign * size * change, 600.0, 1e-6)[0] for sign in (1, -1))
        scale = np.abs(found[:3]).max() + 1.0
        # the slope of the field jumps from one cell of the map to the next
        assert np.abs((plus - minus)[:3] / (2 * size) - found[:3]).max() < 5e-4 * scale
        assert np.abs((plus - minus)[3:6] / (2 * size) - found[3:6]).max() < 5e-6 * scale


def test_the_error_of_a_step_is_kept_small() -> None:
    start = ray(1.3, 0.4, -1.0)
    fine, usual = walk(MAP.grid, start, 900.0, 1e-9)[0], walk(MAP.grid, start, 900.0)[0]
    assert 0 < np.abs(fine - usual).max() < TOLERANCE


def test_a_plane_is_met_as_by_the_helix() -> None:
    start, normal = ray(1.2, 0.3, 1.5), np.array([0.8, 0.6, 0.0])
    *there, s, crossed = extrapolate(*start[:6], BEND * 2.0 * 1.5, 400.0, 0, 0, *normal)
    rays = start[None].copy()
    path, met = to_plane(ConstantField(2.0).grid, TOLERANCE, rays, 400.0, 0.0, 0.0, *normal)
    assert crossed
    assert met
    assert path == pytest.approx(s, abs=1e-4)
    assert np.abs(rays[0, :6] - there).max() < 1e-4
    rays = start[None].copy()
    assert not to_plane(ConstantField(2.0).grid, TOLERANCE, rays, 9000.0, 0.0, 0.0, *normal)[1]


@settings(max_examples=30, deadline=None)
@given(directions, momenta, st.floats(0, 900))
def test_the_perigee_is_that_of_the_helix(way: tuple[float, float], q_over_p: float, path: float) -> None:
    turn = min(path, 2.5 / abs(BEND * 2.0 * q_over_p))
    start = walk(ConstantField(2.0).grid, ray(*way, q_over_p), turn, 1e-8)
    p = start[:, 3:6] / abs(q_over_p)
    exact = perigee(start[:, :3], p, np.sign(start[:, 6]), ConstantField(2.0))[0]
    # The nearest minimum of the distance from the axis; the helix names the one less than half a turn away.
    nearly = perigee(start[:, :3], p, np.sign(start[:, 6]), ConstantField(2.0, 1e-9))[0]
    assert np.abs((nearly - exact)[[0, 3, 4]]).max() < 1e-4
    assert np.abs(np.remainder(nearly[2] - exact[2] + np.pi, 2 * np.pi) - np.pi) < 1e-6


def test_where_the_map_ends_the_track_goes_straight() -> None:
    axes = np.array([-100.0, 100.0])
    field = MapField((axes, axes, axes), np.tile([0.0, 2.0, 0.0], (2, 2, 2, 1)))
    rays = np.array([[0, 0, -5000.0, 0, 0, 1.0, 1.0]])
    path, crossed = to_plane(field.grid, TOLERANCE, rays, 0.0, 0.0, 5000.0, 0.0, 0.0, 1.0)
    assert crossed
    # A kick of 0.3 B L: 200 mm of 2 T, half of it felt at either end within the shortest step.
    assert rays[0, 3] == pytest.approx(-BEND * 2.0 * 200.0, rel=5e-3)
    assert path > 10_000


def test_a_particle_at_rest_has_no_perigee() -> None:
    assert np.isnan(perigee(np.zeros((1, 3)), np.zeros((1, 3)), np.ones(1), MAP)).any()
    rays = np.array([[3.0, 4.0, 0, 0, 0, 1.0, 0.0]])
    assert to_axis(MAP.grid, TOLERANCE, rays) == 0.0
