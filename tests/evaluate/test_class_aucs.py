"""Area under the ROC curve of each class: perfect, reversed, at random, absent, not told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gnnreco.columns import CLUSTER_CLASSES
from gnnreco.evaluate.clustering import class_aucs

N = len(CLUSTER_CLASSES)


def table(kind: np.ndarray, said: np.ndarray) -> np.ndarray:
    return np.column_stack([kind, said]).astype(np.float64)


def test_perfect_and_reversed() -> None:
    kind = np.repeat(np.arange(N), 5)
    right = np.eye(N)[kind]
    for said, area in ((right, 1.0), (1 - right, 0.0), (np.ones_like(right), 0.5)):
        out = class_aucs(table(kind, said))
        assert out["class_auc"] == area
        assert out["class_auc_by_class"] == dict.fromkeys(CLUSTER_CLASSES, area)


def test_at_random_it_is_a_half() -> None:
    rng = np.random.default_rng(0)
    out = class_aucs(table(rng.integers(0, N, 6000), rng.random((6000, N))))
    assert out["class_auc"] == pytest.approx(0.5, abs=0.02)


def test_by_hand_with_ties() -> None:
    kind, said = np.array([0] * 5 + [1] * 5), np.zeros((10, N))
    said[:, 0] = [5, 4, 3, 2, 1, 4.5, 3, 0, 0, 0]
    # Pairs won by the first class: 5, 4, 3.5, 3, 3 of 5 each.
    assert class_aucs(table(kind, said))["class_auc_by_class"]["electromagnetic"] == pytest.approx(18.5 / 25)


def test_absent_and_rare_classes_have_none() -> None:
    kind = np.array([0] * 6 + [1] * 6 + [2] * 4)
    out = class_aucs(table(kind, np.eye(N)[kind]))
    told = {name: area for name, area in out["class_auc_by_class"].items() if area is not None}
    assert told == {"electromagnetic": 1.0, "charged_hadron": 1.0}
    assert out["class_auc"] == 1.0
    for few in (table(kind, np.eye(N)[kind])[:0], table(kind * 0, np.eye(N)[kind])):
        assert class_aucs(few)["class_auc"] is None


def test_what_is_unknown_or_not_told_does_not_count() -> None:
    kind = np.repeat([0, 1, -1], 6)
    said = np.eye(N)[np.abs(kind)]
    said[kind < 0] = np.eye(N)[3]
    plain = class_aucs(table(kind, said))
    assert plain["class_auc"] == 1.0
    said[5] = np.nan
    assert class_aucs(table(kind, said)) == plain
    assert class_aucs(table(kind, np.full_like(said, np.nan)))["class_auc"] is None


@given(st.integers(0, 2**32))
@settings(max_examples=20)
def test_only_the_order_of_what_is_said_matters(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kind, said = rng.integers(-1, 3, 60), rng.random((60, N)).round(2)
    one, order = class_aucs(table(kind, said)), rng.permutation(60)
    two = class_aucs(table(kind, np.exp(3 * said))[order])
    for name, area in one["class_auc_by_class"].items():
        other = two["class_auc_by_class"][name]
        assert (area is None) == (other is None)
        assert area is None or area == pytest.approx(other)
        assert area is None or 0 <= area <= 1
