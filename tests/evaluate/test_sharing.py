"""Shared energy of clusters and particles, against loops over all hits; how alike two groupings are, against all pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gnnreco.columns import Clusters, Event, Hits, Particles, Truth
from gnnreco.evaluate.sharing import adjusted_rand, hit_labels, link_energies, share, v_measure

LABELS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=30)


def clusters(lists: list[list[tuple[int, float]]]) -> Clusters:
    """Clusters of (hit, weight)."""
    n, zero = len(lists), np.zeros(len(lists))
    flat = [row for rows in lists for row in rows]
    return Clusters(
        np.cumsum([0, *map(len, lists)]).astype(np.int64),
        np.array([h for h, _ in flat], np.int64),
        np.array([w for _, w in flat], np.float64),
        zero,
        zero,
        zero,
        zero,
        zero,
        np.zeros((n, 3)),
        np.zeros((n, 4)),
        zero,
    )


def event(
    energy: np.ndarray | None, links: list[tuple[int, int, float]], n_hits: int, n: int, told: bool = True
) -> Event:
    links = sorted(links)
    zero, hits = np.zeros(n_hits), np.arange(n_hits)
    p = np.zeros(n)
    particles = Particles(np.arange(n) + 1, np.full(n, 22, np.int32), p, p, p, p, p, p, p + 1)
    truth = Truth(
        particles,
        np.array([h for h, _, _ in links], np.int64),
        np.array([k for _, k, _ in links], np.int64),
        energy=np.array([e for _, _, e in links]) if told else None,
    )
    return Event(0, "made", Hits(hits, zero, zero, zero, np.zeros(n_hits, np.int32), energy=energy), truth)


@given(st.integers(0, 999))
@settings(max_examples=40)
def test_what_is_shared_is_what_a_loop_over_hits_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n_hits, n_particles, n_clusters = 15, 4, 3
    pairs = [(int(h), int(k)) for h in range(n_hits) for k in range(n_particles) if rng.random() < 0.4]
    links = [(h, k, float(rng.uniform(0.1, 2))) for h, k in pairs]
    rows = [
        [(int(h), float(rng.uniform(0.1, 1))) for h in rng.permutation(n_hits)[: rng.integers(0, 8)]]
        for _ in range(n_clusters)
    ]
    energy, fraction = rng.uniform(1, 3, n_hits), rng.uniform(0.1, 1, n_hits)
    found = share(event(energy, links, n_hits, n_particles), clusters(rows), fraction)
    table = np.zeros((n_clusters, n_particles))
    for c, members in enumerate(rows):
        for hit, weight in members:
            for h, k, e in links:
                table[c, k] += weight * e / fraction[h] * (h == hit)
    np.testing.assert_allclose(found.table.toarray(), table, atol=1e-12)
    np.testing.assert_allclose(
        found.cluster_energy, [sum(w * energy[h] / fraction[h] for h, w in row) for row in rows]
    )
    np.testing.assert_allclose(
        found.particle_energy,
        [sum(e / fraction[h] for h, k, e in links if k == p) for p in range(n_particles)],
    )
    for largest, amount, matrix in (
        (found.main, found.main_share, table),
        (found.holder, found.held, table.T),
    ):
        np.testing.assert_array_equal(largest, np.where(matrix.max(axis=1) > 0, matrix.argmax(axis=1), -1))
        np.testing.assert_allclose(amount, matrix.max(axis=1))
    main = found.main
    enough = [
        m >= 0
        and table[c, m] >= 0.5 * found.cluster_energy[c]
        and table[c, m] >= 0.5 * found.particle_energy[m]
        for c, m in enumerate(main)
    ]
    assert found.matched.tolist() == enough


def test_half_is_enough_and_less_is_not() -> None:
    one = np.ones(4)
    made = event(one, [(h, 0, 1.0) for h in range(4)], 4, 1)
    both = share(made, clusters([[(0, 1.0), (1, 1.0)], [(2, 1.0)]]), one)
    assert both.matched.tolist() == [True, False]
    assert (both.holder.tolist(), both.held.tolist()) == ([0], [2.0])


def test_what_a_link_stands_for() -> None:
    links = [(0, 0, 1.5), (0, 1, 0.5), (2, 1, 7.0)]
    energy = np.array([3.0, 1.0, 5.0])
    told, untold = (event(energy, links, 3, 2, told).truth for told in (True, False))
    assert told is not None
    assert untold is not None
    assert link_energies(told, energy).tolist() == [1.5, 0.5, 7.0]
    assert link_energies(untold, energy).tolist() == [1.5, 1.5, 5.0]  # equal shares


def test_hits_are_labelled_by_who_has_most_of_them() -> None:
    made = event(np.ones(4), [(0, 0, 1.0), (0, 1, 2.0), (1, 0, 1.0), (3, 1, 0.0)], 4, 2)
    true, found = hit_labels(made, clusters([[(0, 0.4), (1, 1.0)], [(0, 0.6), (2, 1.0)]]), np.ones(4))
    assert true.tolist() == [1, 0, 1]  # hit 2 is noise
    assert found[:2].tolist() == [1, 0]
    assert found[2] >= 2  # in no cluster: one of its own


def test_no_clusters_no_particles_no_hits() -> None:
    nothing = share(event(np.zeros(0), [], 0, 0), clusters([]), np.zeros(0))
    assert len(nothing.matched) == len(nothing.main) == len(nothing.holder) == 0
    alone = share(event(np.ones(1), [(0, 0, 1.0)], 1, 1), clusters([]), np.ones(1))
    assert (alone.holder.tolist(), alone.held.tolist()) == ([-1], [0.0])
    noise = share(event(np.ones(1), [], 1, 0), clusters([[(0, 1.0)]]), np.ones(1))
    assert (noise.main.tolist(), noise.matched.tolist()) == ([-1], [False])


@given(LABELS)
def test_the_rand_index_counts_pairs(labels: list[tuple[int, int]]) -> None:
    one, two = np.array(labels).T
    together = [(one[i] == one[j], two[i] == two[j]) for i, j in itertools.combinations(range(len(one)), 2)]
    both, first, second = (sum(x) for x in zip(*((a and b, a, b) for a, b in together), strict=True))
    expected = first * second / len(together)
    most = (first + second) / 2
    found = adjusted_rand(one, two)
    assert found == pytest.approx(1.0 if most == expected else (both - expected) / (most - expected))


@given(LABELS)
def test_v_measure_is_one_for_the_same_grouping_and_falls_when_one_is_split(
    labels: list[tuple[int, int]],
) -> None:
    one, two = np.array(labels).T
    assert v_measure(one, one * 7 - 3) == pytest.approx(1.0)
    assume(len(np.unique(one)) > 1)
    split = one * 100 + np.arange(len(one))
    whole = v_measure(one, split)
    assert whole is not None
    assert whole < 1.0 or len(np.unique(one)) == len(one)
    # All completeness is lost where nothing is together: homogeneity stays one.
    mine = v_measure(one, two)
    assert mine is not None
    assert -1e-12 <= mine <= 1 + 1e-12


def test_no_agreement_of_nothing() -> None:
    assert adjusted_rand(np.zeros(1, int), np.zeros(1, int)) is None
    assert v_measure(np.zeros(0, int), np.zeros(0, int)) is None
