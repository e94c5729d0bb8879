"""Features against plain formulas on helices, and their symmetry about the beam."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.graphs.dense import LANES, dense, packed
from gnnreco.graphs.order import by_key
from gnnreco.graphs.tracking.features import DOUBLET_FEATURES, TRIPLET_FEATURES, doublet_features
from gnnreco.graphs.tracking.gate import Gate
from gnnreco.graphs.tracking.triplets import in_order, join_doublets

OPEN = np.tile([-np.inf, np.inf], (len(TRIPLET_FEATURES), 1))
KAPPA = 0.6e-3  # 1/mm for 1 GeV in two tesla


def soft(x):
    return x / (1 + abs(x) / 4)


def helix(pt=1.0, d0=0.0, z0=5.0, cot=0.5, phi=0.3, radii=(50.0, 90.0, 150.0)):
    """Points at given path lengths (mm) on a helix that passes the origin at `d0`; turning left for pt > 0. Shape (n, 3)."""
    kappa, s = KAPPA / pt, np.asarray(radii)
    normal = np.array([-math.sin(phi), math.cos(phi)])
    turned = phi + kappa * s
    x = d0 * normal[0] + (np.sin(turned) - math.sin(phi)) / kappa
    y = d0 * normal[1] - (np.cos(turned) - math.cos(phi)) / kappa
    return np.stack([x, y, z0 + cot * s], axis=1)


def points_at(xyz, width=0, signal=0.0):
    """Points that each lie on a sensor of their own, facing the beam line, and the frame of these sensors."""
    n, phi = len(xyz), np.arctan2(xyz[:, 1], xyz[:, 0])
    zero, one = np.zeros(n), np.ones(n)
    u, v, w = (
        np.stack([-np.sin(phi), np.cos(phi), zero], 1),
        np.stack([zero, zero, one], 1),
        np.stack([np.cos(phi), np.sin(phi), zero], 1),
    )
    points = SimpleNamespace(
        x=xyz[:, 0],
        y=xyz[:, 1],
        z=xyz[:, 2],
        r=np.hypot(xyz[:, 0], xyz[:, 1]),
        phi=phi,
        sensor=np.arange(n, dtype=np.int32),
        sigma_u=0.01 * one,
        sigma_v=0.02 * one,
        width_u=np.full(n, width, np.int32),
        width_v=np.full(n, width, np.int32),
        signal=np.full(n, signal),
        __len__=lambda: n,
    )
    frame = SimpleNamespace(
        axes=np.stack([u, v, w], axis=2),
        depth_in_cells=np.ones((n, 2)),
        thickness=0.3 * one,
        radiation_lengths=0.02 * one,
        kappa_per_gev=KAPPA,
    )
    return SizedPoints(points), frame


class SizedPoints:
    """What kernels read of `Points`, with a length."""

    def __init__(self, columns):
        self.__dict__.update(columns.__dict__)

    def __len__(self):
        return len(self.x)


def triplet_of(xyz):
    points, frame = points_at(xyz)
    pairs = np.array([[0, 1], [1, 2]], np.int32)
    parts, needed = join_doublets(points, frame, pairs, OPEN, 10)
    triplets, features = in_order(parts, len(pairs))
    assert triplets.tolist() == [[0, 1]]
    assert needed == 1
    return dict(zip(TRIPLET_FEATURES, features[0], strict=True))


def doublet_of(xyz, **cluster):
    points, frame = points_at(xyz, **cluster)
    return dict(
        zip(
            DOUBLET_FEATURES,
            doublet_features(points, frame, np.array([[0, 1]], np.int32))[0],
            strict=True,
        )
    )


@given(
    st.floats(0.3, 20),
    st.sampled_from([-1, 1]),
    st.floats(-3, 3),
    st.floats(-100, 100),
    st.floats(-4, 4),
    st.floats(-3.1, 3.1),
)
@settings(max_examples=60)
def test_triplet_knows_the_helix_it_lies_on(pt, charge, d0, z0, cot, phi):
    f = triplet_of(helix(charge * pt, d0, z0, cot, phi))
    assert f["q_over_pt"] == pytest.approx(soft(charge / pt), abs=2e-4)
    assert f["d0"] == pytest.approx(soft(d0 / 0.1), abs=5e-3)
    assert f["cot_theta"] == pytest.approx(soft(cot), abs=1e-4)
    assert abs(f["kink_pull"]) < 0.02
    if abs(d0) < 1e-9:
        assert abs(f["beam_pull"]) < 0.02


@pytest.mark.parametrize("pt", [0.06, 0.12])
def test_triplet_on_an_arc_that_turns_far(pt):
    f = triplet_of(helix(pt, radii=(40.0, 130.0, 210.0)))
    assert f["q_over_pt"] == pytest.approx(soft(1 / pt), abs=1e-3)
    assert abs(f["kink_pull"]) < 0.02


def test_kink_is_in_units_of_its_error():
    xyz = helix(10.0)
    straight, xyz[2, 2] = triplet_of(xyz), xyz[2, 2] + 0.05
    bent = triplet_of(xyz)
    assert abs(straight["kink_pull"]) < 0.01
    along = math.exp(bent["kink_error"]) * 60  # error of z at the third point, the other two included
    assert bent["kink_pull"] == pytest.approx(soft(0.05 / along), rel=0.02)


@given(st.floats(-3.1, 3.1), st.floats(0.3, 5), st.floats(-2, 2))
@settings(max_examples=40)
def test_features_do_not_depend_on_the_azimuth(turn, pt, d0):
    rotation = np.array(
        [[math.cos(turn), -math.sin(turn), 0], [math.sin(turn), math.cos(turn), 0], [0, 0, 1]]
    )
    xyz = helix(pt, d0)
    for one, two in (
        (triplet_of(xyz), triplet_of(xyz @ rotation.T)),
        (doublet_of(xyz, width=3, signal=0.5), doublet_of(xyz @ rotation.T, width=3, signal=0.5)),
    ):
        np.testing.assert_allclose(list(one.values()), list(two.values()), atol=2e-3)


def test_doublet_through_the_origin():
    xyz = np.array([[30.0, 0, 10], [60.0, 0, 20]])
    f = doublet_of(xyz, width=2, signal=0.6)
    slope, length = 1 / 3, math.hypot(30, 10)
    assert f["q_over_pt_beam"] == pytest.approx(0, abs=1e-6)
    assert f["impact"] == pytest.approx(0, abs=1e-6)
    assert f["cot_theta"] == pytest.approx(soft(slope))
    assert f["length"] == pytest.approx(soft(length / 100))
    assert f["incidence_first"] == pytest.approx(30 / length)
    assert f["excess_u_first"] == pytest.approx(soft(1.0))  # straight along u, yet two channels
    assert f["excess_v_first"] == pytest.approx(soft(1 - slope))
    assert f["width_u_second"] == pytest.approx(soft(1.0))
    assert f["signal_first"] == pytest.approx(soft(0.6 * 30 / length / 0.3))


def test_unknown_clusters_are_those_that_the_passage_would_leave():
    f = doublet_of(np.array([[30.0, 0, 10], [60.0, 0, 20]]))
    assert f["width_u_first"] == pytest.approx(soft(1 / 2))
    assert f["width_v_first"] == pytest.approx(soft((1 / 3 + 1) / 2))
    for name, value in f.items():
        if name.startswith("excess"):
            assert value == 0
        elif name.startswith("signal"):
            assert value == pytest.approx(soft(1.0))


@pytest.mark.parametrize("inputs", [3, 8, 10])
def test_dense_layer_is_a_matrix_product(inputs):
    rng = np.random.default_rng(inputs)
    weight, bias = rng.normal(size=(inputs, 5)).astype(np.float32), rng.normal(size=5).astype(np.float32)
    w, out = packed(weight), np.empty(5 * LANES, np.float32)
    x = np.zeros((w.shape[1], LANES), np.float32)
    x[:inputs] = rng.normal(size=(inputs, LANES))
    expected = weight.T @ x[:inputs] + bias[:, None]
    for rectify in (False, True):
        dense(x.ravel(), w, bias, out, rectify)
        wanted = np.maximum(expected, 0) if rectify else expected
        np.testing.assert_allclose(out.reshape(5, LANES), wanted, atol=1e-5)


@given(st.integers(0, 400))
@settings(max_examples=10)
def test_gate_gives_one_logit_a_row(n):
    rng = np.random.default_rng(n)
    shapes = (10, 32), 32, (32, 16), 16, 16, 1, 1
    gate = Gate(*(rng.normal(size=s).astype(np.float32) for s in shapes))
    x = rng.normal(size=(n, 10)).astype(np.float32)
    h = np.maximum(np.maximum(x @ gate.w1 + gate.b1, 0) @ gate.w2 + gate.b2, 0)
    np.testing.assert_allclose(gate.logits(x), h @ gate.w3 + gate.b3, atol=1e-3)


@given(st.lists(st.integers(0, 9)))
def test_sorting_by_key_is_stable(keys):
    order, start = by_key(np.array(keys, np.int64), 10)
    assert order.tolist() == np.argsort(keys, kind="stable").tolist()
    assert start.tolist() == np.searchsorted(np.sort(keys), np.arange(11)).tolist()
