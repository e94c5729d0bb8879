"""The track fit against helices whose truth is known: pulls, chi2, outliers, and everything that can go wrong."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from gnnreco.columns import Floats, Hits
from gnnreco.fit.helix import BEND, extrapolate, path_to_axis, step
from gnnreco.fit.propagate import perigee
from gnnreco.fit.trackfit import (
    FITTED,
    MAX_PASSES,
    NOT_FINITE,
    TOO_FEW_HITS,
    UNMEASURED,
    FitResult,
    fit_tracks,
)
from gnnreco.geometry import ConstantField

DIAGONAL = [0, 2, 5, 9, 14]


@dataclass
class Sensors:
    """As much of a Detector as the fit asks for: one plane a hit."""

    field: ConstantField
    rotation: Floats
    radiation_lengths: Floats
    resolution_u: Floats
    resolution_v: Floats


@dataclass
class Sample:
    sensors: Sensors
    hits: Hits
    offsets: np.ndarray
    index: np.ndarray
    truth: Floats

    def fit(self, **options: object) -> FitResult:
        return fit_tracks(self.sensors, self.hits, self.offsets, self.index, **options)  # type: ignore[arg-type]


def turned(axis: Floats, angle: float) -> Floats:
    """Rotation matrix by `angle` about `axis` (Rodrigues)."""
    x, y, z = axis / np.linalg.norm(axis)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def sample(
    n: int = 400,
    layers: int = 8,
    bz: float = 2.0,
    depth: float = 0.02,
    sigma: tuple[float, float] = (0.02, 0.06),
    forward: bool = False,
    tilt: float = 0.0,
    pt: tuple[float, float] = (0.5, 5.0),
    seed: int = 1,
) -> Sample:
    """Particles from near the origin through planes: tangent to cylinders, or square to z (`forward`), or tilted."""
    rng = np.random.default_rng(seed)
    points, rotations, truth = [], [], np.zeros((n, 5))
    for i in range(n):
        phi, charge = rng.uniform(-np.pi, np.pi), rng.choice([-1.0, 1.0])
        eta = rng.uniform(2.0, 3.0) * rng.choice([-1, 1]) if forward else rng.uniform(-1.2, 1.2)
        p = rng.uniform(*pt) * np.cosh(eta)
        start = np.append(rng.normal(0, 2, 2), rng.normal(0, 30))
        direction = np.array([np.cos(phi) / np.cosh(eta), np.sin(phi) / np.cosh(eta), np.tanh(eta)])
        truth[i] = perigee(start[None], p * direction[None], np.array([charge]), ConstantField(bz))[0]
        k, x, t = BEND * bz * charge / p, start, direction
        for distance in np.linspace(40, 900, layers):
            if forward:
                u, v, w = np.eye(3)
                origin = w * np.sign(eta) * (300 + 2 * distance)
            else:
                side = np.arctan2(x[1], x[0]) if distance > 100 else phi
                w, v = np.array([np.cos(side), np.sin(side), 0]), np.array([0, 0, 1.0])
                u = np.cross(v, w)
                origin = w * distance
            axes = turned(rng.normal(size=3), tilt) @ np.stack([u, v, w], axis=1)
            *state, _, crossed = extrapolate(*x, *t, k, *origin, *axes[:, 2])
            assert crossed
            x, t = np.array(state[:3]), np.array(state[3:])
            points.append(x + axes[:, 0] * rng.normal(0, sigma[0]) + axes[:, 1] * rng.normal(0, sigma[1]))
            rotations.append(axes)
            if depth > 0:
                slant, beta = depth / abs(t @ axes[:, 2]), p / np.hypot(p, 0.13957)
                theta = 0.0136 / (beta * p) * np.sqrt(slant) * (1 + 0.038 * np.log(slant / beta**2))
                a = np.cross(t, [0.3, 0.5, 0.8])
                a /= np.linalg.norm(a)
                t = t + a * rng.normal(0, theta) + np.cross(t, a) * rng.normal(0, theta)
                t /= np.linalg.norm(t)
    m, xyz = n * layers, np.array(points)
    sensors = Sensors(
        ConstantField(bz), np.array(rotations), np.full(m, depth), np.full(m, sigma[0]), np.full(m, sigma[1])
    )
    hits = Hits(np.arange(m), xyz[:, 0], xyz[:, 1], xyz[:, 2], np.arange(m, dtype=np.int32))
    return Sample(sensors, hits, np.arange(0, m + 1, layers), np.arange(m), truth)


def pulls(result: FitResult, truth: Floats) -> Floats:
    difference = result.parameters - truth
    difference[:, 2] = (difference[:, 2] + np.pi) % (2 * np.pi) - np.pi
    return difference / np.sqrt(result.covariance[:, DIAGONAL])


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"forward": True},
        {"tilt": 0.25, "pt": (1.0, 5.0)},
        {"sigma": (0.03, 5.0)},
        {"depth": 0.0, "pt": (1.0, 50.0)},
        {"bz": -1.0},
        {"pt": (0.5, 0.7), "layers": 12},
        {"layers": 4},
    ],
    ids=["barrel", "forward", "tilted", "strips", "no material", "reversed field", "low pt", "four hits"],
)
def test_pulls_are_unit_gaussians_and_chi2_is_chi2(shape: dict[str, object]) -> None:
    s = sample(**shape)  # type: ignore[arg-type]
    result = s.fit()
    assert result.valid.all()
    found = pulls(result, s.truth)
    # Mean and width of 400 unit Gaussians: within four standard errors.
    assert np.abs(np.mean(found, axis=0)).max() < 4 / 20
    assert np.abs(np.std(found, axis=0) - 1).max() < 4 / np.sqrt(800)
    assert stats.kstest(stats.chi2.sf(result.chi2, result.ndf), "uniform").pvalue > 1e-3
    # Each hit's own chi2 has two degrees of freedom, given all the others (four hits leave three in all).
    if len(s.hits) // 400 >= 8:
        assert stats.kstest(stats.chi2.sf(result.chi2_hit, 2)[::5], "uniform").pvalue > 1e-3
    # The whole 5 x 5 matrix, not its diagonal alone: d^T C^-1 d of five parameters.
    difference = found * np.sqrt(result.covariance[:, DIAGONAL])
    full = np.zeros((len(found), 5, 5))
    full[:, *np.tril_indices(5)] = result.covariance
    full = full + np.tril(full, -1).transpose(0, 2, 1)
    total = np.einsum("ni,nij,nj->n", difference, np.linalg.inv(full), difference)
    assert stats.kstest(stats.chi2.sf(total, 5), "uniform").pvalue > 1e-3


def test_straight_lines_without_a_field() -> None:
    s = sample(bz=0.0, depth=0.0, layers=4)
    result = s.fit()
    assert result.valid.all()
    assert (result.ndf == 4).all()
    assert (result.parameters[:, 4] == 0).all()
    assert (result.covariance[:, 14] == UNMEASURED).all()
    found = pulls(result, s.truth)[:, :4]
    assert np.abs(np.std(found, axis=0) - 1).max() < 4 / np.sqrt(800)
    assert stats.kstest(stats.chi2.sf(result.chi2, 4), "uniform").pvalue > 1e-3


def test_beam_along_z_keeps_to_its_first_plane() -> None:
    rng = np.random.default_rng(3)
    n, planes = 200, np.arange(6) * 50.0 + 10.0
    spot = rng.normal(0, 5, (n, 2))
    x = spot[:, None, :] + rng.normal(0, 0.01, (n, 6, 2))
    m = 6 * n
    sensors = Sensors(
        ConstantField(0.0), np.tile(np.eye(3), (m, 1, 1)), np.zeros(m), np.full(m, 0.01), np.full(m, 0.01)
    )
    hits = Hits(
        np.arange(m), x[..., 0].ravel(), x[..., 1].ravel(), np.tile(planes, n), np.arange(m, dtype=np.int32)
    )
    result = fit_tracks(sensors, hits, np.arange(0, m + 1, 6), np.arange(m))  # type: ignore[arg-type]
    assert result.valid.all()
    assert np.isfinite(result.covariance).all()
    assert result.at_first_hit.mean() > 0.95
    assert (result.parameters[result.at_first_hit, 1] == 10.0).all()
    assert np.abs(result.first[:, :2] - spot).max() < 0.05
    assert stats.kstest(stats.chi2.sf(result.chi2, result.ndf), "uniform").pvalue > 1e-3


def test_a_track_along_z_has_no_error_of_z0_on_a_tilted_plane_either() -> None:
    axes, z = np.tile(np.eye(3), (6, 1, 1)), np.arange(6) * 50.0 + 10.0
    axes[0, :, 0], axes[0, :, 2] = [0.8, 0.0, -0.6], [0.6, 0.0, 0.8]
    sensors = Sensors(ConstantField(0.0), axes, np.zeros(6), np.full(6, 0.01), np.full(6, 0.01))
    hits = Hits(np.arange(6), 2 + 1e-5 * z, np.full(6, 3.0), z, np.arange(6, dtype=np.int32))
    result = fit_tracks(sensors, hits, np.array([0, 6]), np.arange(6))  # type: ignore[arg-type]
    matrix = np.zeros((5, 5))
    matrix[np.tril_indices(5)] = result.covariance[0]
    assert result.at_first_hit.all()
    assert result.parameters[0, 1] == pytest.approx(10.0)
    assert not matrix[1].any()
    assert not matrix[:, 1].any()
    assert (np.diag(matrix)[[0, 2, 3]] > 0).all()


def test_turning_everything_about_the_beam_turns_phi_only() -> None:
    s = sample(n=100, tilt=0.3, pt=(1.0, 5.0))
    before = s.fit()
    r = turned(np.array([0, 0, 1.0]), 1.234)
    x, y, z = r @ s.hits.xyz.T
    s.sensors.rotation = r @ s.sensors.rotation
    s.hits = Hits(s.hits.hit_id, x, y, z, s.hits.sensor)
    after = s.fit()
    change = after.parameters - before.parameters
    change[:, 2] = (change[:, 2] - 1.234 + np.pi) % (2 * np.pi) - np.pi
    # Rounding may tip a track into one more pass, whose effect is far below its errors.
    assert np.abs(change / np.sqrt(before.covariance[:, DIAGONAL])).max() < 0.05
    assert np.median(np.abs(change)) < 1e-9
    assert np.quantile(np.abs(after.chi2 - before.chi2), 0.95) < 0.01


def test_dropping_a_hit_lowers_chi2_by_what_it_added() -> None:
    s = sample(n=400)
    kept_all, dropped = s.fit(), s.fit(max_chi2_hit=9.0, max_drops=1)
    rows, places = np.nonzero(~dropped.kept.reshape(400, 8))
    assert len(rows) > 5
    assert len(np.unique(rows)) == len(rows)
    added = dropped.chi2_hit.reshape(400, 8)[rows, places]
    assert (added > 9).all()
    np.testing.assert_allclose(kept_all.chi2[rows] - dropped.chi2[rows], added, rtol=0.06)


@pytest.mark.parametrize("place", [0, 3, 4, 7], ids=["innermost", "third", "seed", "outermost"])
def test_outlier_is_dropped(place: int) -> None:
    s = sample(n=200, pt=(1.5, 5.0))
    clean = s.fit()
    moved = s.hits.xyz + 0.0
    moved[place::8] += 1.5 * s.sensors.rotation[place::8, :, 0]
    s.hits = Hits(s.hits.hit_id, *np.ascontiguousarray(moved.T), s.hits.sensor)
    result = s.fit(max_chi2_hit=25.0)
    assert result.valid.all()
    kept = result.kept.reshape(200, 8)
    assert (~kept[:, place]).mean() > 0.98
    assert kept.sum(axis=1).min() >= 6
    assert (result.ndf == 2 * kept.sum(axis=1) - 5).all()
    found = pulls(result, s.truth)[~kept[:, place]]
    assert np.abs(np.std(found, axis=0) - 1).max() < 0.2
    assert np.median(clean.chi2 / clean.ndf) == pytest.approx(np.median(result.chi2 / result.ndf), rel=0.2)
    tracks = result.tracks(s.offsets, s.index, np.ones(200))
    assert len(tracks.hit_index) == kept.sum() == tracks.offsets[-1]
    assert (tracks.hit_index[tracks.offsets[5] : tracks.offsets[6]] == (40 + np.flatnonzero(kept[5]))).all()


def test_few_hits_and_none() -> None:
    s = sample(n=4, layers=8)
    s.offsets = np.array([0, 3, 5, 6, 6])
    s.index = np.array([0, 3, 7, 8, 9, 16])
    result = s.fit()
    assert result.status.tolist() == [FITTED, TOO_FEW_HITS, TOO_FEW_HITS, TOO_FEW_HITS]
    assert result.ndf.tolist() == [1, 0, 0, 0]
    assert not result.parameters[1:].any()
    assert not result.covariance[1:].any()
    nothing = fit_tracks(s.sensors, s.hits, np.zeros(1, np.int64), np.zeros(0, np.int64))  # type: ignore[arg-type]
    assert len(nothing.chi2) == 0
    assert len(nothing.tracks(np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0))) == 0


def test_no_nan_comes_out_unflagged() -> None:
    s = sample(n=6)
    xyz, sensor = s.hits.xyz + 0.0, s.hits.sensor.copy()
    xyz[0, 1] = np.nan  # one hit of the first track
    xyz[8:16] = np.inf  # all of the second
    xyz[16:24] = xyz[16]  # the third: eight hits in one point
    xyz[24:32] = np.random.default_rng(0).uniform(-900, 900, (8, 3))  # the fourth: no track at all
    sensor[32:34] = -1, 10_000  # two hits of the fifth: sensors that are not there
    s.hits = Hits(s.hits.hit_id, *np.ascontiguousarray(xyz.T), sensor)
    result = s.fit(max_chi2_hit=25.0)
    for column in result[:4] + result[-3:]:
        assert np.isfinite(column).all()
    assert result.valid[[0, 4, 5]].all()
    assert not result.valid[[1, 2]].any()
    assert result.status[1] == TOO_FEW_HITS
    assert not result.kept[[0, *range(8, 16), 32, 33]].any()
    assert not result.parameters[~result.valid].any()


def test_candidates_that_are_no_candidates_are_refused() -> None:
    s = sample(n=2)
    with pytest.raises(ValueError, match="do not describe"):
        fit_tracks(s.sensors, s.hits, np.array([0, 3]), np.array([0, 1, 99]))  # type: ignore[arg-type]


def test_threads_change_nothing() -> None:
    s = sample(n=101)
    one, three = s.fit(), s.fit(threads=3)
    for a, b in zip(one, three, strict=True):
        assert (a == b).all()


def test_energy_loss_raises_the_momentum_at_the_origin() -> None:
    s = sample(n=50, pt=(0.5, 0.6))
    plain, corrected = s.fit(), s.fit(energy_loss=True)
    gained = 1 / np.abs(corrected.parameters[:, 4]) - 1 / np.abs(plain.parameters[:, 4])
    # Eight layers of 0.02 radiation lengths of silicon, each 0.8 MeV for a minimum-ionising track.
    assert 0.002 < np.median(gained) < 0.012


def test_state_on_the_last_sensor_finds_the_next() -> None:
    s = sample(n=100, layers=9, depth=0.0, pt=(1.0, 5.0))
    inner = np.arange(900).reshape(100, 9)[:, :8].ravel()
    result = fit_tracks(s.sensors, s.hits, np.arange(101) * 8, inner)  # type: ignore[arg-type]
    for i in range(100):
        j = 9 * i + 8
        *found, _, _, _, path, crossed = extrapolate(
            *result.last[i, :6], BEND * 2.0 * result.last[i, 6], *s.hits.xyz[j], *s.sensors.rotation[j, :, 2]
        )
        assert crossed
        assert 90 < path < 300
        assert np.abs(np.array(found) - s.hits.xyz[j]).max() < 1.0


def test_steps_along_a_helix() -> None:
    k = 1e-3
    x = step(10.0, 5.0, 0.0, 0.6, 0.0, 0.8, k, 2 * np.pi / k)
    np.testing.assert_allclose(x, (10, 5, 0.8 * 2 * np.pi / k, 0.6, 0, 0.8), atol=1e-9)
    there = step(10.0, 5.0, 0.0, 0.6, 0.0, 0.8, k, 300.0)
    np.testing.assert_allclose(step(*there, k, -300.0), (10, 5, 0, 0.6, 0, 0.8), atol=1e-10)
    # Either side of where the series takes over.
    for angle in (0.999e-2, 1.001e-2):
        there = step(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, angle, -1.0)
        np.testing.assert_allclose(there[0], -np.sin(angle) / angle, rtol=1e-13)
        np.testing.assert_allclose(there[1], -(1 - np.cos(angle)) / angle, rtol=1e-9)
    assert not extrapolate(0, 0, 0, 1.0, 0, 0, 0.01, 300.0, 0, 0, 1.0, 0, 0)[-1]  # a curl of radius 100 mm
    assert not extrapolate(0, 0, 0, 1.0, 0, 0, 0.0, 0, 5.0, 0, 0, 1.0, 0)[-1]  # parallel to the plane
    assert path_to_axis(3.0, 4.0, 0.0, 0.0, 0.0) == 0.0


def test_perigee_has_the_signs_of_acts() -> None:
    # Flying along +x at y = 2 without a field: phi 0, d0 = y cos(phi) = +2; ACTS's d0 is x * -sin(phi) + y * cos(phi).
    line = perigee(
        np.array([[5.0, 2.0, 7.0]]), np.array([[1.0, 0.0, 1.0]]), np.array([1.0]), ConstantField(0.0)
    )
    np.testing.assert_allclose(line[0], [2.0, 2.0, 0.0, np.pi / 4, 1 / np.sqrt(2)], atol=1e-12)
    # A positive charge in a field along +z turns clockwise.
    later = step(0.0, 0.0, 0.0, 1.0, 0.0, 0.0, BEND * 2.0 * 1.0, 100.0)
    assert later[4] < 0
    assert MAX_PASSES > 2
    assert NOT_FINITE != FITTED
