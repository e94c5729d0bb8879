"""From scored triplets to owners of points: links are mutual, chains claim whole or not at all, no point has two owners."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gnnreco.columns import Ints
from gnnreco.tasks.tracking.chains import best_links, claim, group_by_owner, hand_out, walk_chains


class Scored(NamedTuple):
    """A segment graph with logits."""

    n_points: int
    doublets: NDArray[np.int32]
    inner: NDArray[np.int32]
    outer: NDArray[np.int32]
    logit: NDArray[np.float32]

    def links(self, threshold: float = 0.0) -> Ints:
        links: Ints = best_links(self.inner, self.outer, self.logit, len(self.doublets), threshold)
        return links

    def chains(self) -> tuple[list[list[int]], list[float]]:
        offsets, points, quality = walk_chains(
            self.doublets, self.inner, self.outer, self.logit, self.links()
        )
        assert offsets[-1] == len(points)
        return [points[a:b].tolist() for a, b in itertools.pairwise(offsets)], quality.tolist()


def scored(doublets: list[tuple[int, int]], triplets: list[tuple[int, int, float]]) -> Scored:
    """`triplets` are (inner doublet, outer doublet, logit)."""
    table = np.array(doublets, np.int32).reshape(-1, 2)
    i, j, logit = ([t[k] for t in triplets] for k in range(3))
    return Scored(
        int(table.max(initial=-1)) + 1,
        table,
        np.array(i, np.int32),
        np.array(j, np.int32),
        np.array(logit, np.float32),
    )


def owners(chains: list[list[int]], n_points: int, min_hits: int = 3) -> list[int]:
    """Owner of each point when the chains claim in the order given."""
    offsets = np.append(0, np.cumsum([len(c) for c in chains]))
    points = np.array([p for c in chains for p in c], np.int64)
    result: list[int] = claim(offsets, points, np.arange(len(chains)), n_points, min_hits).tolist()
    return result


LINE = [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_a_link_must_be_the_best_of_both_its_ends() -> None:
    # 0-1-2 and 5-1-2 end in the same doublet (1, 2): it follows the better one, and the other has no next.
    graph = scored([(0, 1), (5, 1), (1, 2)], [(0, 2, 1.0), (1, 2, 3.0)])
    assert graph.links().tolist() == [-1, 1, -1]
    # The best next of (0, 1) is (1, 2), which is better reached from (5, 1); (1, 3) is not taken as second best.
    graph = scored([(0, 1), (5, 1), (1, 2), (1, 3)], [(0, 2, 2.0), (1, 2, 3.0), (0, 3, 1.0)])
    assert graph.links().tolist() == [-1, 1, -1, -1]


def test_no_link_below_the_threshold() -> None:
    graph = scored(LINE[:3], [(0, 1, -1.0), (1, 2, 0.5)])
    assert graph.links(0.0).tolist() == [-1, 1, -1]
    assert graph.links(-2.0).tolist() == [0, 1, -1]
    assert graph.links(1.0).tolist() == [-1, -1, -1]


def test_a_chain_runs_from_its_first_point_to_its_last() -> None:
    graph = scored([(7, 8), *LINE], [(1, 2, 0.0), (2, 3, 0.0), (3, 4, 0.0)])
    chains, quality = graph.chains()
    assert chains == [[0, 1, 2, 3, 4]]  # (7, 8) is in no triplet, so in no chain
    assert np.allclose(quality, 1.5)  # three triplets, each with a probability of one half


def test_a_ring_of_links_ends() -> None:
    graph = scored([(0, 1), (1, 2), (2, 0)], [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 1.0)])
    assert graph.chains() == ([], [])


def test_a_chain_that_runs_over_two_points_of_another_gives_it_the_rest() -> None:
    # 7 lies on the layer of 2, where two modules overlap: the second chain is the same track seen through it.
    assert owners([[0, 1, 2, 3, 4], [0, 1, 7, 3, 4]], 8) == [0, 0, 0, 0, 0, -1, -1, 0]
    # Of two earlier chains the one with more points in common gets the rest.
    assert owners([[0, 1, 2], [3, 4, 5, 6], [1, 2, 4, 5, 6, 7]], 8) == [0, 0, 0, 1, 1, 1, 1, 1]


def test_a_chain_that_crosses_another_in_one_point_keeps_its_own() -> None:
    assert owners([[0, 1, 2], [3, 1, 4, 5]], 6) == [0, 0, 0, 1, 1, 1]


def test_what_is_too_short_claims_nothing() -> None:
    assert owners([[0, 1], [2, 3, 4]], 5) == [-1, -1, 1, 1, 1]
    assert owners([[0, 1, 2], [2, 3, 4]], 5) == [0, 0, 0, -1, -1]  # only two of its points are free
    assert owners([[0, 1, 2]], 3, min_hits=4) == [-1, -1, -1]
    assert owners([], 2) == [-1, -1]


def test_the_third_point_of_a_triplet_goes_to_the_owner_of_the_two_others() -> None:
    graph = scored([(0, 1), (1, 2), (3, 1), (2, 4)], [(0, 1, 3.0), (2, 1, 2.0), (1, 3, 1.0)])
    for owner, expected in (
        ([-1, 5, 5, -1, -1], [5, 5, 5, 5, 5]),
        ([5, -1, 5, -1, -1], [5, 5, 5, 5, 5]),
        ([5, 5, -1, -1, -1], [5, 5, 5, 5, 5]),
        ([5, 6, -1, -1, -1], [5, 6, -1, -1, -1]),  # of two owners, neither
        ([-1, -1, 5, -1, -1], [-1, -1, 5, -1, -1]),  # one point is not enough
    ):
        table = np.array(owner, np.int64)
        while hand_out(graph.doublets, graph.inner, graph.outer, np.arange(3), table):
            pass
        assert table.tolist() == expected


def test_points_are_given_in_the_order_of_the_triplets() -> None:
    # Point 2 fits between 0 and 1 of one owner and 3 and 4 of another: the better triplet decides.
    graph = scored([(0, 1), (1, 2), (4, 3), (3, 2)], [(0, 1, 1.0), (2, 3, 2.0)])
    for order, winner in (([0, 1], 8), ([1, 0], 9)):
        table = np.array([8, 8, -1, 9, 9], np.int64)
        assert hand_out(graph.doublets, graph.inner, graph.outer, np.array(order), table) == 1
        assert table[2] == winner


def test_points_are_grouped_by_owner_from_the_inside_outwards() -> None:
    owner = np.array([4, -1, 2, 4, 2, 2])
    distance = np.array([9.0, 0.0, 3.0, 1.0, 2.0, 3.0])
    chains, offsets, points = group_by_owner(owner, distance)
    assert chains.tolist() == [2, 4]
    assert [points[a:b].tolist() for a, b in itertools.pairwise(offsets)] == [[4, 2, 5], [3, 0]]
    chains, offsets, points = group_by_owner(np.full(3, -1), np.zeros(3))
    assert (chains.tolist(), offsets.tolist(), points.tolist()) == ([], [0], [])


@st.composite
def graphs(draw: st.DrawFn) -> Scored:
    """Points on layers, doublets outwards, some of the triplets they form; no two logits are the same."""
    n = draw(st.integers(3, 14))
    pair = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).map(lambda p: (min(p), max(p)))
    doublets = sorted(draw(st.sets(pair.filter(lambda p: p[0] < p[1]), min_size=1, max_size=30)))
    possible = [(i, j) for i, a in enumerate(doublets) for j, b in enumerate(doublets) if a[1] == b[0]]
    kept = [t for t in possible if draw(st.booleans())]
    ranks = draw(st.permutations(range(len(kept))))
    return scored(doublets, [(i, j, r - len(kept) / 3) for (i, j), r in zip(kept, ranks, strict=True)])


@given(graphs())
def test_chains_are_made_of_linked_doublets_and_share_none(graph: Scored) -> None:
    chains, quality = graph.chains()
    following = graph.links()
    row = {tuple(d): i for i, d in enumerate(graph.doublets.tolist())}
    used: list[int] = []
    for chain in chains:
        doublets = [row[pair] for pair in itertools.pairwise(chain)]
        assert len(doublets) >= 2
        for a, b in itertools.pairwise(doublets):
            link = following[a]
            assert (graph.inner[link], graph.outer[link]) == (a, b)
            assert graph.logit[link] >= 0
        used += doublets
    assert len(set(used)) == len(used)
    assert len(used) - len(chains) == np.count_nonzero(following >= 0)  # every link is walked once
    assert all(0 < q <= len(c) - 2 for q, c in zip(quality, chains, strict=True))


def owner_of(graph: Scored, min_hits: int) -> tuple[list[list[int]], Ints, Ints]:
    """Chains, the owner of each point after they claimed, and after the rest was handed out; as `decode` does it."""
    offsets, points, quality = walk_chains(
        graph.doublets, graph.inner, graph.outer, graph.logit, graph.links()
    )
    chains = [points[a:b].tolist() for a, b in itertools.pairwise(offsets)]
    claimed = claim(offsets, points, np.argsort(-quality, kind="stable"), graph.n_points, min_hits)
    owner = claimed.copy()
    best = np.argsort(-graph.logit, kind="stable")
    while hand_out(graph.doublets, graph.inner, graph.outer, best, owner):
        pass
    return chains, claimed, owner


@given(graphs(), st.integers(2, 4))
def test_an_owner_has_a_track_and_no_point_changes_hands(graph: Scored, min_hits: int) -> None:
    chains, claimed, owner = owner_of(graph, min_hits)
    for chain in np.unique(owner[owner >= 0]):
        assert np.count_nonzero(claimed == chain) >= min_hits
        assert set(np.flatnonzero(claimed == chain)) & set(chains[chain])
    assert np.array_equal(owner[claimed >= 0], claimed[claimed >= 0])
    named, offsets, points = group_by_owner(owner, np.arange(graph.n_points, dtype=np.float64))
    assert len(set(points.tolist())) == len(points) == offsets[-1] == np.count_nonzero(owner >= 0)
    assert np.array_equal(owner[points], np.repeat(named, np.diff(offsets)))
    # Whatever is left over has no triplet whose two others belong to one track.
    for i, j in zip(graph.inner, graph.outer, strict=True):
        triplet = owner[[*graph.doublets[i], graph.doublets[j, 1]]]
        assert np.count_nonzero(triplet < 0) != 1 or len(set(triplet[triplet >= 0])) == 2


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_the_triplets_does_not_matter(graph: Scored, random: object) -> None:
    order = np.arange(len(graph.inner))
    random.shuffle(order)  # type: ignore[attr-defined]
    other = graph._replace(inner=graph.inner[order], outer=graph.outer[order], logit=graph.logit[order])
    assert other.chains() == graph.chains()
    assert np.array_equal(owner_of(other, 3)[2], owner_of(graph, 3)[2])
