"""What is near a shower: the companion of a pi0's photon tells the pi0's mass, and nobody far away counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gnnreco.graphs.showers.cells import CellGraph
from gnnreco.tasks.showers.company import ALONE, COMPANY, shower_company
from gnnreco.tasks.showers.edges import whole_shares
from gnnreco.tasks.showers.targets import PI0_MASS
from tests.tasks.toy import cell_graph

#: A shower in the middle, one of half its energy 20 mm beside it, a faint one nearer, a loud one far away.
PLACES = np.array([[0.0, 0, 1000], [20, 0, 1000], [0, 5, 1000], [400, 0, 1000]])
ENERGY = np.array([4.0, 2.0, 0.1, 50.0])


def company(graph: CellGraph, cluster: np.ndarray) -> dict[str, np.ndarray]:
    table = shower_company(graph, whole_shares(cluster))
    assert table.dtype == np.float32
    return dict(zip(COMPANY, table.T, strict=True))


def test_the_companion_is_the_loudest_within_reach() -> None:
    c = company(cell_graph(PLACES, ENERGY, np.array([6.0, 8, 6, 6])), np.arange(4))
    assert c["any"].tolist() == [1, 1, 1, 0]
    assert np.exp(3 * c["energy_ratio"][:3]) == pytest.approx([0.5, 2, 40], rel=1e-5)
    assert c["distance"][0] == pytest.approx(2 / 8, rel=0.01)  # 20 mm are two units
    assert c["depth"][:2] == pytest.approx([0.2, -0.2])
    assert np.expm1(c["energy_around"][:3]) == pytest.approx([2.1 / 4, 4.1 / 2, 6 / 0.1], rel=1e-5)
    assert [c[name][3] for name in COMPANY] == list(ALONE)


@pytest.mark.parametrize("asymmetry", [0.0, 0.5])
def test_two_photons_of_a_pi0_have_its_mass(asymmetry: float) -> None:
    total, share = 20.0, np.array([1 + asymmetry, 1 - asymmetry]) / 2
    angle = PI0_MASS / total / np.sqrt(share.prod())
    xyz = 3000 * np.array([[0, 0, 1.0], [np.sin(angle), 0, np.cos(angle)]])
    graph = cell_graph(xyz, total * share)
    graph.unit[:] = 30.0
    mass = np.exp(company(graph, np.arange(2))["mass"]) - 0.05
    np.testing.assert_allclose(mass, 1.0, rtol=1e-3)


def test_turning_everything_changes_nothing() -> None:
    turn = Rotation.random(rng=np.random.default_rng(4)).as_matrix()
    plain, turned = (company(cell_graph(xyz, ENERGY), np.arange(4)) for xyz in (PLACES, PLACES @ turn.T))
    for name in COMPANY:
        np.testing.assert_allclose(turned[name], plain[name], atol=1e-5)


def test_no_shower_and_one() -> None:
    graph = cell_graph(PLACES, ENERGY)
    assert shower_company(graph, whole_shares(np.full(4, -1))).shape == (0, len(COMPANY))
    assert shower_company(graph, whole_shares(np.zeros(4, np.int64))).tolist() == [list(ALONE)]
    far = shower_company(graph, whole_shares(np.array([0, -1, -1, 1])))  # two, and nobody near
    assert far.tolist() == [list(ALONE)] * 2
