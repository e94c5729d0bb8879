"""What holds for every head: what a score may depend on, what a bundle keeps, what is refused, and that strange rows are found."""

from __future__ import annotations

import random
import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gnnreco.errors import BadConfig
from gnnreco.models.anomaly import HEADS, Head, find_head, fit_head

Rows = NDArray[np.float32]
NAMES = sorted(HEADS)
#: Those to which a number may also be too small.
BOTH_WAYS = sorted(set(NAMES) - {"tails"})
#: Trainings as short as will do, since many heads are fitted here.
SHORT: dict[str, dict[str, int]] = {
    "autoencoder": {"hidden": 24, "steps": 250},
    "normalised": {"hidden": 24, "steps": 200, "contrasts": 40},
    "flow": {"hidden": 16, "steps": 150},
    "oneclass": {"hidden": 24, "steps": 200},
}


def normal(n: int, seed: int = 1) -> Rows:
    """Rows of four columns in unlike units; the second follows the first, the last never varies."""
    draw = np.random.default_rng(seed)
    a, b, c = draw.standard_normal((3, n))
    return np.stack([50 + 9 * a, a + 0.1 * b, 1e-3 * c, np.full(n, 7.0)], axis=1).astype(np.float32)


def ring(n: int, seed: int = 2) -> Rows:
    """Rows on a circle of radius 1, a tenth thick."""
    draw = np.random.default_rng(seed)
    angle, radius = draw.uniform(0, 2 * np.pi, n), 1 + 0.1 * draw.standard_normal(n)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).astype(np.float32)


def blob(n: int, seed: int = 3) -> Rows:
    """Rows around the centre of that circle."""
    return (0.15 * np.random.default_rng(seed).standard_normal((n, 2))).astype(np.float32)


def short(name: str, x: Rows, seed: int, weights: NDArray[np.float64] | None = None, steps: int = 0) -> Head:
    """A head after a short training, or one of so many steps."""
    known: dict[str, Any] = SHORT.get(name, {})
    head = find_head(name)(**({**known, "steps": steps} if steps and known else known))
    head.fit(x, seed, weights)
    return head


@cache
def fitted(name: str) -> Head:
    return short(name, normal(600), seed=5)


def found(head: Head, usual: Rows, strange: Rows) -> float:
    """Area under the curve: how often a strange row has the higher score of a pair."""
    return float((head.score(strange)[:, None] > head.score(usual)).mean())


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10)
@given(st.permutations(range(9)), st.integers(0, 9))
def test_a_score_is_of_its_row_alone(name: str, order: list[int], cut: int) -> None:
    head, rows = fitted(name), normal(9, seed=8)
    score, parts = head.score(rows), head.contributions(rows)
    np.testing.assert_allclose(head.score(rows[order]), score[order], rtol=1e-9)
    np.testing.assert_allclose(head.contributions(rows[order]), parts[order], rtol=1e-9, atol=1e-9)
    cut_up = np.concatenate([head.score(rows[:cut]), head.score(rows[cut:])])
    np.testing.assert_allclose(cut_up, score, rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_none_and_one_row(name: str) -> None:
    head, rows = fitted(name), normal(5, seed=8)
    assert head.score(rows[:0]).shape == (0,)
    assert head.contributions(rows[:0]).shape == (0, 4)
    score = head.score(rows[:1])
    assert (score.shape, score.dtype) == ((1,), np.float64)
    np.testing.assert_allclose(score, head.score(rows)[:1], rtol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_contributions_add_up_to_the_score(name: str) -> None:
    head, rows = fitted(name), np.concatenate([normal(50, seed=8), normal(50, seed=9) * 1.5])
    score, total = head.score(rows) - head.base, head.contributions(rows).sum(axis=1)
    if head.exact:
        np.testing.assert_allclose(total, score, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_allclose(total, score, rtol=0.05, atol=0.02 * score.std())


@pytest.mark.parametrize("name", NAMES)
def test_the_column_that_is_off_adds_most(name: str) -> None:
    head = fitted(name)
    for column, step in ((0, 90.0), (2, 0.01)):
        rows = normal(60, seed=8)
        rows[:, column] += np.float32(step)
        worst = int(np.median(head.contributions(rows), axis=0).argmax())
        # A change of the first breaks its tie with the second, which is as strange.
        assert worst == column or (column, worst) == (0, 1)


@pytest.mark.parametrize("name", NAMES)
def test_a_column_that_never_varied_adds_nothing(name: str) -> None:
    head, rows = fitted(name), normal(20, seed=8)
    changed = rows + np.array([0, 0, 0, 1], np.float32)
    assert (head.score(changed) == head.score(rows)).all()
    assert (head.contributions(changed)[:, 3] == 0).all()


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_what_is_far_has_a_finite_score_that_is_higher(name: str) -> None:
    head = fitted(name)
    far = np.full((3, 4), 3e38, np.float32) * np.array([[1], [-1], [0.5]], np.float32)
    score = head.score(far)
    assert np.isfinite(score).all()
    assert np.isfinite(head.contributions(far)).all()
    assert score.min() > np.median(head.score(normal(100, seed=8)))


@pytest.mark.parametrize("name", NAMES)
def test_arrays_bring_the_same_scores_back_bit_by_bit(name: str) -> None:
    head, rows = fitted(name), normal(50, seed=8)
    kept = {name: array.copy() for name, array in head.arrays().items()}
    again = find_head(name).of_arrays(kept)
    assert (again.score(rows) == head.score(rows)).all()
    assert (again.contributions(rows) == head.contributions(rows)).all()
    for what, array in again.arrays().items():
        assert array.dtype == kept[what].dtype
        assert array.tobytes() == kept[what].tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_damaged_arrays_are_refused(name: str) -> None:
    kept = fitted(name).arrays()
    for what, array in kept.items():
        rest = {other: array for other, array in kept.items() if other != what}
        with pytest.raises(ValueError, match=f"lacks the weight '{what}'|has shape"):
            find_head(name).of_arrays(rest)
        with pytest.raises(ValueError, match="has shape"):
            find_head(name).of_arrays({**rest, what: array[None]})
        if array.dtype.kind == "f":
            with pytest.raises(ValueError, match="holds nan"):
                find_head(name).of_arrays({**rest, what: np.full_like(array, np.nan)})
    with pytest.raises(ValueError, match="knows no weight 'more'"):
        find_head(name).of_arrays({**kept, "more": np.zeros(1)})


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_gives_the_same_bytes_and_no_global_generator_moves(name: str) -> None:
    before: Any = (random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().tolist())  # noqa: NPY002
    rows = normal(120)
    one, two = (short(name, rows, seed=3, steps=9).arrays() for _ in range(2))
    assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in two.items()}
    after: Any = (random.getstate(), np.random.get_state()[1].tobytes(), torch.get_rng_state().tolist())  # noqa: NPY002
    assert before == after


@pytest.mark.parametrize("name", NAMES)
def test_units_do_not_matter(name: str) -> None:
    """In units that are powers of two all rounds alike, so every bit of what is learned stays."""
    rows, more = normal(200), normal(30, seed=8)
    units = np.array([4, 0.125, 1024, 2], np.float32)
    plain, scaled = (short(name, x, seed=3, steps=9) for x in (rows, rows * units))
    assert (scaled.score(more * units) == plain.score(more)).all()


@settings(max_examples=20)
@given(st.lists(st.floats(-100, 100).filter(lambda x: abs(x) > 0.01), min_size=8, max_size=8))
def test_columns_turned_and_shifted_are_as_far_in_a_normal_distribution(numbers: list[float]) -> None:
    rows, more = normal(200).astype(np.float64), normal(30, seed=8).astype(np.float64)
    units, shift = np.array(numbers).reshape(2, 4)
    plain, turned = (short("gaussian", x, seed=3) for x in (rows, rows * units + shift))
    one, two = plain.score(more) - plain.base, turned.score(more * units + shift) - turned.base
    np.testing.assert_allclose(two, one, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_rows_of_no_weight_are_not_learned(name: str) -> None:
    usual, strange = blob(500), ring(500)
    rows = np.concatenate([usual, strange])
    weights = np.repeat([2.0, 0.0], 500)
    assert found(short(name, rows, 4, weights), blob(200, seed=12), ring(200, seed=13)) > 0.9


@pytest.mark.parametrize("name", BOTH_WAYS)
def test_what_lies_around_is_found(name: str) -> None:
    assert found(short(name, blob(800), 4), blob(300, seed=12), ring(300, seed=13)) > 0.95


@pytest.mark.parametrize("name", ["flow", "forest", "oneclass"])
def test_what_lies_in_the_hole_of_a_ring_is_found(name: str) -> None:
    least = 0.85 if name == "forest" else 0.9  # cuts along the columns do not see a circle well
    assert found(short(name, ring(800), 4), ring(300, seed=12), blob(300, seed=13)) > least


def test_a_normalised_autoencoder_finds_that_hole_where_a_plain_one_gives_the_centre_back() -> None:
    rows, hole = ring(300, seed=12), blob(300, seed=13)
    head = find_head("normalised")(hidden=32, steps=300, contrasts=300)  # type: ignore[call-arg]
    head.fit(ring(800), seed=4)
    assert found(head, rows, hole) > 0.9
    assert found(short("autoencoder", ring(800), 4), rows, hole) < 0.5


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_is_named(name: str, wrong: float) -> None:
    rows = normal(30)
    rows[4, 2] = wrong
    with pytest.raises(ValueError, match=rf"column 2 holds {wrong} in row 4: leave such rows out"):
        fitted(name).score(rows)
    with pytest.raises(ValueError, match=rf"column 'mass' holds {wrong} in row 4"):
        fit_head(name, rows, seed=1, columns=("pt", "eta", "mass", "layer"))


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_learned_from_is_refused(name: str) -> None:
    rows = normal(30)
    for bad, why in (
        (rows[:0], "no rows"),
        (rows[:1], "no column varies in the 1 rows"),
        (np.repeat(rows[:1], 9, axis=0), "no column varies"),
        (rows[0], r"shape \(4,\); it must have rows and columns"),
    ):
        with pytest.raises(ValueError, match=why):
            fit_head(name, bad, seed=1)
    for weights, why in (
        (np.ones(3), r"shape \(3,\), not \(30,\)"),
        (np.zeros(30), "some positive"),
        (np.full(30, -1.0), "not negative"),
        (np.full(30, np.nan), "finite"),
    ):
        with pytest.raises(ValueError, match=why):
            fit_head(name, rows, seed=1, weights=weights)
    with pytest.raises(ValueError, match=r"shape \(30, 3\); it must have 4 columns"):
        fitted(name).score(rows[:, :3])
    with pytest.raises(ValueError, match="has learned nothing yet"):
        find_head(name)().score(rows)


@pytest.mark.parametrize("name", NAMES)
def test_two_rows_are_enough_to_begin(name: str) -> None:
    assert np.isfinite(short(name, normal(2), seed=1, steps=9).score(normal(5, seed=8))).all()


def test_a_wrong_name_gets_the_nearest() -> None:
    with pytest.raises(BadConfig, match="unknown head 'forrest'; did you mean 'forest'"):
        find_head("forrest")


def test_a_bundle_is_scored_without_what_it_was_trained_with() -> None:
    code = "import sys; from gnnreco.models.anomaly import HEADS; [load() for load in HEADS.values()]"
    code += "; assert not {'torch', 'zuko', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
