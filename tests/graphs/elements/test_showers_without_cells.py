"""Showers of clusters that no cell is kept of: they are where and what their finder says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gnnreco.columns import CLUSTER_CLASSES, Clusters, Floats
from gnnreco.graphs.elements.cells import Cells
from gnnreco.graphs.elements.showers import SHOWER_FEATURES, UNKNOWN, Showers, showers_of


def clusters_at(place: Floats, energy: Floats) -> Clusters:
    n = len(energy)
    away = np.maximum(np.linalg.norm(place, axis=1, keepdims=True), 1e-9)
    return Clusters(
        np.zeros(n + 1, np.int64),
        energy=energy,
        energy_sigma=np.full(n, np.nan),
        x=place[:, 0],
        y=place[:, 1],
        z=place[:, 2],
        axis=place / away,
        class_probability=np.full((n, len(CLUSTER_CLASSES)), np.nan),
        score=np.ones(n),
    )


def cells_at(place: Floats, energy: Floats) -> Cells:
    n, one = len(energy), np.ones(len(energy))
    return Cells(np.arange(n), energy, 0.01 * one, place, 5 * one, 0.3 * one, 20 * one, one, np.arange(n))


def column(showers: Showers, name: str) -> Floats:
    return showers.features[:, SHOWER_FEATURES.index(name)].astype(np.float64)


NONE = cells_at(np.zeros((0, 3)), np.zeros(0))


@given(st.lists(st.tuples(st.floats(1e-3, 200), st.floats(500, 4000)), max_size=5))
def test_they_are_what_the_finder_says(those: list[tuple[float, float]]) -> None:
    energy, away = np.array(those).reshape(-1, 2).T
    place = away[:, None] * np.array([[0.6, 0.0, 0.8]])
    showers = showers_of(clusters_at(place, energy), NONE, 0)
    np.testing.assert_allclose(showers.visible, energy)
    np.testing.assert_allclose(column(showers, "energy"), np.log(energy), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(column(showers, "given_over_visible"), 0, atol=1e-6)
    np.testing.assert_allclose(column(showers, "pointing"), 1, rtol=1e-6)
    for found in (showers.front, showers.middle, showers.back):
        np.testing.assert_allclose(found, place)
    for name, value in UNKNOWN.items():
        np.testing.assert_array_equal(column(showers, name), value)
    assert np.isfinite(showers.features).all()
    assert (showers.unit > 0).all()


def test_those_with_cells_do_not_change_beside_them() -> None:
    place, energy = np.array([[0.0, 500.0, 1500.0], [300.0, 0.0, 1500.0]]), np.array([2.0, 7.0])
    cells = cells_at(place[:1] + np.arange(3)[:, None] * [0.0, 5.0, 15.0], np.array([0.5, 1.0, 0.3]))
    both = replace(
        clusters_at(place, energy), offsets=np.array([0, 3, 3]), hit_index=np.arange(3), hit_weight=np.ones(3)
    )
    whole, first, second = (
        showers_of(clusters, cells if len(clusters.hit_index) else NONE, 3)
        for clusters in (both, both[np.array([0])], both[np.array([1])])
    )
    np.testing.assert_allclose(whole.features[:1], first.features, rtol=1e-6)
    np.testing.assert_allclose(whole.features[1:], second.features, rtol=1e-6)
    np.testing.assert_allclose(whole.visible, [1.8, 7.0])
