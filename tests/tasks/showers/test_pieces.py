"""Pieces of showers: which have a border, which numbers of a pair change sign with its order, and few pieces."""

from __future__ import annotations

import numpy as np
import pytest

from gnnreco.tasks.showers.edges import whole_shares
from gnnreco.tasks.showers.pieces import PIECE_FEATURES, Pieces, piece_features, pieces_of
from tests.tasks.toy import blob, cell_graph, loud_of, together

LATERAL, DEPTH, NUCLEAR, RATIO, MEAN, BEST, BORDER, TOUCHING, SADDLE = range(len(PIECE_FEATURES))


def pieces(*showers, k: int = 3, score: float = 1.0) -> Pieces:
    graph = together(*showers)
    loud = loud_of(graph)
    shares = whole_shares(np.repeat(np.arange(len(showers)), [len(s[1]) for s in showers]))
    return pieces_of(graph, loud, np.full(loud.real.shape, score, np.float32), shares, k)


def test_side_by_side_is_a_border_far_away_is_none() -> None:
    out = pieces(blob((-12, 0)), blob((12, 0), seed=1), blob((400, 0), seed=2), score=2.0)
    pair = {
        (i, int(j)): out.pairs[i, m]
        for i in range(3)
        for m, j in enumerate(out.neighbour[i])
        if out.real[i, m]
    }
    assert set(pair) == {(i, j) for i in range(3) for j in range(3) if i != j}
    assert pair[0, 1][TOUCHING] == 1
    assert pair[0, 1][BORDER] > 0
    assert 0 < pair[0, 1][SADDLE] <= 1
    assert pair[0, 1][MEAN] == pytest.approx(0.5)  # a score of 2 on all pairs, over 4
    assert pair[0, 1][BEST] == pytest.approx(0.5)
    assert (pair[0, 2][MEAN:] == 0).all()
    assert pair[0, 2][LATERAL] > pair[0, 1][LATERAL]
    assert out.neighbour[0].tolist()[:2] == [1, 2]  # the near one speaks louder


def test_a_border_is_what_all_pairs_over_it_say() -> None:
    rng = np.random.default_rng(7)
    graph = together(*[blob((x, 0), seed=int(x)) for x in (0.0, 12.0, 24.0, 400.0)])
    loud, shares = loud_of(graph), whole_shares(np.repeat(np.arange(4), 60))
    logit = rng.normal(0, 2, loud.real.shape).astype(np.float32)
    out = pieces_of(graph, loud, logit, shares, 3)
    piece = np.repeat(np.arange(4), 60)
    total = np.bincount(piece, graph.energy)
    for a in range(4):
        for m, b in enumerate(out.neighbour[a]):
            over = np.isin(piece[loud.neighbour], [a, b]) & np.isin(piece, [a, b])[:, None] & loud.real
            i, at = np.nonzero(over & (piece[loud.neighbour] != piece[:, None]))
            weight = np.minimum(graph.energy[i], graph.energy[loud.neighbour[i, at]])
            assert out.pairs[a, m, TOUCHING] == bool(len(i))
            if len(i):
                assert out.pairs[a, m, MEAN] == pytest.approx(np.average(logit[i, at], weights=weight) / 4)
                assert out.pairs[a, m, BEST] == pytest.approx(logit[i, at].max() / 4)
                wanted = np.log1p(weight.sum() / min(total[a], total[b]))
                assert out.pairs[a, m, BORDER] == pytest.approx(wanted)
    assert out.pairs[:, :, TOUCHING].any()
    assert not out.pairs[:, :, TOUCHING].all()


def test_what_changes_sign_with_the_order_of_a_pair() -> None:
    out = pieces(blob((-12, 0)), blob((12, 0), seed=1, mean=14.0), k=1)
    assert out.neighbour.tolist() == [[1], [0]]
    one, two = out.pairs[0, 0], out.pairs[1, 0]
    turned = [DEPTH, NUCLEAR, RATIO]
    assert (np.abs(one[turned]) > 1e-3).all()
    np.testing.assert_allclose(one[turned], -two[turned], atol=1e-6)
    rest = [i for i in range(len(PIECE_FEATURES)) if i not in turned]
    np.testing.assert_allclose(one[rest], two[rest], atol=1e-6)
    assert one[DEPTH] > 0  # the other one lies deeper


def test_energies_are_those_of_the_cells_and_order_does_not_matter() -> None:
    parts = [blob((20.0 * i, 0), seed=i) for i in range(4)]
    one, two = pieces(*parts), pieces(*parts[::-1])
    np.testing.assert_allclose(one.energy, [e.sum() for _, e, _ in parts])
    np.testing.assert_allclose(one.energy, two.energy[::-1])
    assert (one.neighbour == 3 - two.neighbour[::-1]).all()
    np.testing.assert_allclose(one.pairs, two.pairs[::-1], atol=1e-5)


def test_one_piece_has_no_other_and_no_piece_is_nothing() -> None:
    out = pieces(blob((0, 0)), k=4)
    assert not out.real.any()
    assert out.neighbour.tolist() == [[0, 0, 0, 0]]
    assert (out.pairs == 0).all()
    graph = cell_graph(np.zeros((0, 3)), np.zeros(0))
    none = pieces_of(
        graph, loud_of(graph), np.zeros((0, 6), np.float32), whole_shares(np.zeros(0, np.int64)), 4
    )
    assert (none.energy.shape, none.neighbour.shape, none.pairs.shape) == (
        (0,),
        (0, 4),
        (0, 4, len(PIECE_FEATURES)),
    )


def test_axes_come_after_the_other_numbers_and_change_none_of_them() -> None:
    graph = together(blob((-12, 0)), blob((12, 0), seed=1), blob((60, 0), seed=2))
    loud, shares = loud_of(graph), whole_shares(np.repeat(np.arange(3), 60))
    logit = np.ones(loud.real.shape, np.float32)
    plain, more = (pieces_of(graph, loud, logit, shares, 4, axes) for axes in (False, True))
    assert more.pairs.shape == (3, 4, len(piece_features(True)))
    np.testing.assert_array_equal(more.pairs[:, :, : len(PIECE_FEATURES)], plain.pairs)
    assert (more.pairs[more.real][:, len(PIECE_FEATURES) :] != 0).any(axis=0).all()
    assert (more.pairs[~more.real] == 0).all()
