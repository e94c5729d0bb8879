"""Shapes of toy showers: round or long, their depth, and nothing that depends on where they fly or on their order."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gnnreco.tasks.showers.edges import Shares, whole_shares
from gnnreco.tasks.showers.moments import MOMENTS, shower_moments
from tests.tasks.toy import blob, cell_graph, loud_of, together


def moments(graph, cluster: np.ndarray | None = None, shares: Shares | None = None) -> dict[str, np.ndarray]:
    cluster = np.zeros(len(graph), np.int64) if cluster is None else cluster
    table = shower_moments(graph, loud_of(graph), shares or whole_shares(cluster))
    assert table.dtype == np.float32
    return dict(zip(MOMENTS, table.T, strict=True))


def test_a_round_and_a_long_shower() -> None:
    ball, cigar = (blob((0, 0), 85, widths=w) for w in ((10, 10), (20, 4)))
    ball, cigar = (moments(cell_graph(xyz, np.ones(85), depth)) for xyz, _, depth in (ball, cigar))
    for name in ("roundness", "log_roundness"):
        assert ball[name][0] > 0.5
        assert cigar[name][0] < 0.15
    assert np.exp(ball["width"][0]) - 0.1 == pytest.approx(1.0, rel=0.2)  # 10 mm are a unit
    assert np.exp(cigar["width"][0]) - 0.1 == pytest.approx(2.0, rel=0.2)


def test_depth_start_and_end_of_a_ladder() -> None:
    depth = np.arange(1, 101) * 0.2  # a cell each fifth of a radiation length, all with the same energy
    xyz = np.stack([0 * depth, 0 * depth, 1000 + 5 * depth], axis=1)
    m = moments(cell_graph(xyz, np.ones(100), depth))
    assert m["depth"][0] * 20 == pytest.approx(depth.mean())
    assert m["depth_spread"][0] * 8 == pytest.approx(depth.std())
    assert m["log_depth_spread"][0] == pytest.approx(m["depth_spread"][0])  # all weights are equal
    assert m["start"][0] * 20 == pytest.approx(1.0, abs=0.21)
    assert m["end"][0] * 30 == pytest.approx(19.0, abs=0.21)
    assert [m[name][0] for name in ("front", "middle", "back")] == pytest.approx([0.39, 0.4, 0.21])
    assert np.exp(3 * m["energy"][0]) == pytest.approx(100, rel=1e-4)
    assert m["loudest"][0] == pytest.approx(0.01)


def test_fractions_lie_between_none_and_all_and_add_up() -> None:
    graph = together(blob((0, 0)), blob((15, 0), seed=1), blob((300, 0), seed=2))
    m = moments(graph, np.repeat([0, 1, 2], 60))
    np.testing.assert_allclose(m["front"] + m["middle"] + m["back"], 1, atol=1e-6)
    cores = np.stack([m[name] for name in ("core_half", "core_one", "core_two", "core_four")])
    assert (np.diff(cores, axis=0) >= 0).all()
    for name in ("leaving", "mip_energy", "mip_hits", "loudest", "foreign", "roundness", "log_roundness"):
        assert (m[name] >= 0).all()
        assert (m[name] <= 1).all()
    assert m["foreign"][2] == 0  # alone
    assert (m["foreign"][:2] > 0.1).all()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_turning_everything_and_another_order_change_nothing(seed: int) -> None:
    xyz, energy, depth = (np.concatenate(c) for c in zip(blob((0, 0)), blob((18, 5), seed=1), strict=True))
    cluster = np.repeat([0, 1], 60)
    plain = moments(cell_graph(xyz, energy, depth), cluster)
    turn = Rotation.random(rng=np.random.default_rng(seed)).as_matrix()
    turned = moments(cell_graph(xyz @ turn.T, energy, depth), cluster)
    order = np.random.default_rng(seed).permutation(120)
    shuffled = moments(cell_graph(xyz[order], energy[order], depth[order]), cluster[order])
    for name in MOMENTS:
        np.testing.assert_allclose(turned[name], plain[name], atol=1e-4, err_msg=name)
        np.testing.assert_allclose(shuffled[name], plain[name], atol=1e-5, err_msg=name)


def test_a_shared_cell_counts_by_its_share() -> None:
    graph = cell_graph(np.array([[0, 0, 1000.0], [5, 0, 1000], [10, 0, 1000]]), np.array([4.0, 2.0, 1.0]))
    shares = Shares(np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1]), np.array([1.0, 0.75, 0.25, 1.0]), 2)
    m = moments(graph, shares=shares)
    np.testing.assert_allclose(np.exp(3 * m["energy"]), [5.5, 1.5], rtol=1e-5)
    np.testing.assert_allclose(np.exp(4 * m["hits"]), [1.75, 1.25], rtol=1e-5)


def test_no_shower_and_a_shower_of_one_cell() -> None:
    graph = cell_graph(np.array([[3.0, 4, 1000]]), np.array([2.0]))
    none = shower_moments(graph, loud_of(graph), whole_shares(np.array([-1])))
    assert none.shape == (0, len(MOMENTS))
    one = moments(graph)
    assert all(np.isfinite(column).all() for column in one.values())
    assert one["loudest"][0] == 1
