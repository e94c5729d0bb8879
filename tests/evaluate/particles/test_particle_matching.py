"""Found particles and targets are paired one to one, as well as can be."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.evaluate.particles.matching import CHARGED_WINDOW, NEUTRAL, Window, assign, match_particles
from gnnreco.evaluate.particles.targets import four_vectors

from .made import some_targets

WIDE = Window(0.5, 5.0, 4.0)


def around(rng: np.random.Generator, n: int) -> np.ndarray:
    """Massless particles near one axis."""
    three = rng.normal([5.0, 0.0, 0.0], [1.0, 0.8, 0.8], (n, 3))
    return np.c_[three, np.linalg.norm(three, axis=1)]


def cost(one: np.ndarray, two: np.ndarray, window: Window) -> float:
    """Of one pair, the slow way; 1 or more where it is not possible."""
    eta, phi = ([np.arcsinh(v[2] / np.hypot(*v[:2])), np.arctan2(v[1], v[0])] for v in (one, two))
    turn = (eta[1] - phi[1] + np.pi) % (2 * np.pi) - np.pi
    cosine = one[:3] @ two[:3] / np.linalg.norm(one[:3]) / np.linalg.norm(two[:3])
    far = max(np.arccos(min(cosine, 1)) / window.angle, np.hypot(eta[0] - phi[0], turn) / window.delta_r)
    energy = abs(np.log(one[3] / two[3])) / np.log(window.factor)
    return (far**2 + energy**2) / 2 if far < 1 and energy < 1 else 1.0


@given(st.integers(0, 10_000), st.integers(0, 4), st.integers(0, 4))
def test_no_other_pairs_are_worth_more(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    ours, true = around(rng, n), around(rng, m)
    one, two = assign(ours, true, WIDE)
    assert len(set(one.tolist())) == len(one) == len(set(two.tolist()))
    gain = np.array([[1 - cost(a, b, WIDE) for b in true] for a in ours]).reshape(n, m)
    small, large = sorted((n, m))
    table = gain if n <= m else gain.T
    best = max(
        sum(max(table[i, j], 0) for i, j in enumerate(order)) for order in permutations(range(large), small)
    )
    np.testing.assert_allclose(gain[one, two].sum(), best, atol=1e-6)


@given(st.integers(0, 1000), st.integers(0, 40))
def test_what_is_found_as_it_is_finds_itself(seed: int, n: int) -> None:
    targets = some_targets(n, seed)
    order = np.random.default_rng(seed).permutation(n)
    four = four_vectors(targets)
    pairs = match_particles(four[order], targets.pdg_class[order], four, targets.pdg_class)
    np.testing.assert_array_equal(pairs.target, order)


def test_charge_is_told_first_and_confusion_afterwards() -> None:
    four = np.array([[10.0, 0, 0, 10], [0, 10.0, 0, 10]])
    charged, neutral = np.array([0, 0]), np.array([2, 0])
    pairs = match_particles(four, neutral, four, charged)
    assert NEUTRAL.tolist() == [False, True, True, False, False]
    assert pairs.target.tolist() == [-1, 1]
    assert pairs.other.tolist() == [0, -1]


def test_what_lies_outside_the_window_is_no_match() -> None:
    true = np.array([[10.0, 0, 0, 10]])
    for angle, scale, matched in ((0.029, 1, True), (0.031, 1, False), (0, 1.9, True), (0, 2.1, False)):
        ours = scale * np.array([[10 * np.cos(angle), 10 * np.sin(angle), 0, 10]])
        assert bool(len(assign(ours, true, CHARGED_WINDOW)[0])) == matched
    for odd in (np.zeros((1, 4)), np.full((1, 4), 1e-300), np.array([[10.0, 0, 0, -10]])):
        assert not len(assign(odd, true, CHARGED_WINDOW)[0])
