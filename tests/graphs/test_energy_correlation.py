"""Energy correlation functions against sums written out, and what must not change them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.graphs.energy_correlation import HARDEST, SUBSTRUCTURE, substructure


def one(pt: np.ndarray, eta: np.ndarray, phi: np.ndarray) -> dict[str, float]:
    return dict(zip(SUBSTRUCTURE, substructure(np.array([0, len(pt)]), pt, eta, phi)[0]))


def written_out(pt: np.ndarray, eta: np.ndarray, phi: np.ndarray) -> dict[str, float]:
    """The definitions of the papers, one sum after the other."""
    z = pt / pt.sum()

    def angles(group: tuple[int, ...]) -> list[float]:
        turns = [(i, j, (phi[i] - phi[j] + np.pi) % (2 * np.pi) - np.pi) for i, j in combinations(group, 2)]
        return sorted(float(np.hypot(eta[i] - eta[j], turn)) for i, j, turn in turns)

    def e(points: int, beta: float, least: int) -> float:
        groups = combinations(range(len(pt)), points)
        return float(sum(np.prod(z[list(g)]) * np.prod(angles(g)[:least]) ** beta for g in groups))

    out = {"c1_b0": e(2, 0, 1)}
    for beta in (1, 2):
        e2, e3 = e(2, beta, 1), e(3, beta, 3)
        out |= {f"c1_b{beta}": e2, f"c2_b{beta}": e3 / e2**2, f"d2_b{beta}": e3 / e2**3}
        out |= {f"d2_a1_b{beta}": e(3, 1, 3) / e2 ** (3 / beta)}
        out |= {f"m2_b{beta}": e(3, beta, 1) / e2, f"n2_b{beta}": e(3, beta, 2) / e2**2}
    return out


def jet(seed: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.exponential(30, n) + 0.5, *rng.normal(0, 0.3, (2, n))


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 12), turn=st.floats(-7, 7))
def test_agrees_with_the_sums_of_the_papers(seed: int, n: int, turn: float) -> None:
    pt, eta, phi = jet(seed, n)
    found, expected = one(pt, eta, phi + turn), written_out(pt, eta, phi)
    assert set(found) == set(expected)
    assert found == pytest.approx(expected, rel=1e-8)


@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10))
def test_neither_the_order_nor_the_unit_matters(seed: int, scale: float) -> None:
    pt, eta, phi = jet(seed, 20)
    order = np.random.default_rng(seed).permutation(20)
    assert one(scale * pt[order], eta[order], phi[order]) == pytest.approx(one(pt, eta, phi), rel=1e-9)


def test_three_equal_corners_of_a_triangle() -> None:
    corners = np.exp(2j * np.pi * np.arange(3) / 3) / np.sqrt(3)  # sides of 1
    found = one(np.ones(3), corners.real, corners.imag)
    assert found["c1_b1"] == pytest.approx(1 / 3)
    assert found["n2_b1"] == pytest.approx((1 / 27) / (1 / 3) ** 2)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_jets_of_hardly_a_constituent_are_finite(n: int) -> None:
    pt, eta, phi = jet(1, n)
    found = one(pt, eta, phi)
    assert all(np.isfinite(v) for v in found.values())
    assert found["c2_b1"] == found["d2_b2"] == found["n2_b1"] == 0
    assert (found["c1_b1"] > 0) == (n == 2)


def test_constituents_of_one_place_are_finite() -> None:
    found = one(np.array([3.0, 2.0, 1.0]), np.zeros(3), np.zeros(3))
    assert all(np.isfinite(v) for v in found.values())


def test_jets_do_not_mix_and_only_the_hardest_count() -> None:
    pt, eta, phi = jet(2, HARDEST + 20)
    hard = np.argsort(-pt)[:HARDEST]
    few = jet(3, 7)
    both = [np.concatenate(pair) for pair in zip(few, (pt, eta, phi))]
    rows = substructure(np.array([0, 7, 7, 7 + len(pt)]), *both)
    assert dict(zip(SUBSTRUCTURE, rows[0])) == pytest.approx(one(*few))
    assert not rows[1].any()
    assert dict(zip(SUBSTRUCTURE, rows[2])) == pytest.approx(one(pt[hard], eta[hard], phi[hard]))
