"""Curves pass through their hits, bend with the field, and survive whatever a fit may give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import Tracks
from gnnreco.display.event.curves import Helices, curves
from gnnreco.display.event.traced import Traced, particle_curves, track_curves
from gnnreco.fit.helix import BEND
from gnnreco.geometry import ConstantField

BOX = np.full(3, -2000.0), np.full(3, 2000.0)


def helix(phi=0.3, theta=1.2, omega=-1e-3, start=(0.0, 0.0, 0.0)):
    return Helices(np.array([start]), np.array([phi]), np.array([theta]), np.array([omega]))


def test_radius_and_turning_sense():
    """A positive particle of 1 GeV in 2 T turns clockwise on a circle of 1.668 m."""
    h = helix(phi=0.0, theta=np.pi / 2, omega=-BEND * 2.0 / 1.0)
    line = h.at(np.zeros(100, int), np.linspace(0, 3000, 100))
    center = np.array([0.0, -1667.82])
    assert np.hypot(*(line[:, :2] - center).T) == pytest.approx(1667.82, rel=1e-4)


@given(
    phi=st.floats(-3, 3),
    theta=st.floats(0.05, 3.09),
    omega=st.floats(-4e-3, 4e-3),
    share=st.floats(0.01, 0.98),
)
def test_way_to_undoes_at(phi, theta, omega, share):
    """Up to 7/8 of a turn the path length to a point of the helix is exact."""
    h, period = helix(phi, theta, omega), 2 * np.pi / max(abs(omega), 1e-6)
    way = np.array([share * min(1500.0, 0.85 * period)])
    assert h.way_to(np.zeros(1, int), h.at(np.zeros(1, int), way)) == pytest.approx(way, rel=1e-6, abs=1e-5)


def test_loopers_are_ordered_by_their_turns():
    h = helix(theta=1.0, omega=8e-3)
    way = np.linspace(50, 3 * 2 * np.pi / 8e-3, 40)
    assert h.way_to(np.zeros(40, int), h.at(np.zeros(40, int), way)) == pytest.approx(way, rel=1e-6)


def test_curves_meet_every_hit_even_off_the_helix(made):
    rng = np.random.default_rng(5)
    h = Helices(
        np.zeros((3, 3)), np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.5, 0.2]), np.array([1e-3, -2e-3, 0.0])
    )
    row = np.repeat(np.arange(3), 6)
    hits = h.at(row, np.tile(np.linspace(100, 900, 6), 3)) + rng.normal(0, 2.0, (18, 3))
    line, vertices = curves(h, np.array([0, 6, 12, 18]), hits, *BOX)
    assert np.all(np.diff(line) >= 0)
    for hit, track in zip(hits, row, strict=True):
        assert np.linalg.norm(vertices[line == track] - hit, axis=1).min() < 1e-9
    assert np.all(vertices[np.searchsorted(line, [0, 1, 2])] == 0)  # each begins at its start


def test_start_outside_the_picture_is_left_out():
    h = helix(start=(0.0, 0.0, 9000.0), theta=3.0, omega=0.0)
    hits = h.at(np.zeros(3, int), np.array([8000.0, 9000.0, 10000.0]))
    _, vertices = curves(h, np.array([0, 3]), hits, *BOX)
    assert len(vertices) == 3


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_failed_fit_becomes_a_line_from_hit_to_hit(bad):
    hits = np.array([[10.0, 0, 0], [20.0, 1, 5], [30.0, 0, 9]])
    for h in (
        helix(phi=bad),
        helix(theta=bad),
        helix(omega=bad),
        helix(start=(0.0, bad, 0.0)),
        helix(theta=0.0),
    ):
        line, vertices = curves(h, np.array([0, 3]), hits, *BOX)
        assert line.tolist() == [0, 0, 0]
        assert vertices == pytest.approx(hits, abs=1e-6)


def test_nothing_and_one_hit():
    none = Helices(np.zeros((0, 3)), np.zeros(0), np.zeros(0), np.zeros(0))
    line, vertices = curves(none, np.zeros(1, int), np.zeros((0, 3)), *BOX)
    assert line.shape == (0,)
    assert vertices.shape == (0, 3)
    line, vertices = curves(helix(), np.array([0, 1]), helix().at(np.zeros(1, int), np.array([50.0])), *BOX)
    assert len(line) == 2


@pytest.mark.parametrize("aside", [0.0, 1e-9], ids=["helix", "traced"])
def test_truth_and_fit_agree_on_one_curve(made, aside):
    event, tracks = made.event(), made.tracks()
    field, xyz = ConstantField(made.field, bx=aside), event.hits.xyz
    table = np.zeros(len(event.truth.particles) + 1, int)
    true, found = (
        particle_curves(event.truth.particles, field, table, xyz[:0]),
        track_curves(tracks, field, xyz),
    )
    assert isinstance(found, Traced) == (aside > 0)
    assert abs(found.omega[0]) == pytest.approx(abs(true.omega[0]), rel=1e-3)
    assert found.phi[0] == pytest.approx(true.phi[0])
    assert found.theta[0] == pytest.approx(true.theta[0])


def test_a_traced_curve_is_the_helix_where_that_is_right(made):
    event, tracks = made.event(), made.tracks()
    xyz = event.hits.xyz
    helices, traced = (track_curves(tracks, ConstantField(made.field, bx=x), xyz) for x in (0.0, 1e-9))
    row, way = np.zeros(20, int), np.linspace(0, 0.6 * 200 * traced.step[0], 20)
    assert np.abs(helices.at(row, way) - traced.at(row, way)).max() < 0.02
    assert traced.way_to(row, helices.at(row, way)) == pytest.approx(way, abs=0.02)
    one = curves(helices, tracks.offsets, xyz[tracks.hit_index], *BOX)
    two = curves(traced, tracks.offsets, xyz[tracks.hit_index], *BOX)
    assert np.isfinite(two[1]).all()
    assert abs(len(one[0]) - len(two[0])) < 0.1 * len(one[0]) + 5


def test_a_failed_fit_is_straight_in_any_field():
    hits = np.array([[10.0, 0, 0], [20.0, 1, 5], [30.0, 0, 9]])
    tracks = Tracks(np.array([0, 3]), np.arange(3), *[np.array([x]) for x in (0.0, 0, 0.3, 1.2, np.nan)])
    line, vertices = curves(
        track_curves(tracks, ConstantField(1.0, bx=1.0), hits), tracks.offsets, hits, *BOX
    )
    assert line.tolist() == [0, 0, 0]
    assert vertices == pytest.approx(hits, abs=1e-6)
