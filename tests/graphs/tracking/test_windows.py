"""Windows by themselves: stretching, what is closed, and a window in azimuth that spans the whole turn."""

from dataclasses import replace

import numpy as np

from gnnreco.graphs import Frame, Targets, points_of, true_segments
from gnnreco.graphs.tracking import windows as windows_module
from gnnreco.graphs.tracking.learn_windows import (
    FEW,
    _dear,
    _stretched,
    _window,
    learn_windows,
    with_cells,
)


def learned(tracker, events, n=20):
    frame = Frame.of(tracker)
    samples = []
    for event in events[:n]:
        points = points_of(event.hits, tracker, frame)
        samples.append((points, true_segments(event, points, Targets(), frame)))
    return frame, samples, learn_windows(samples, frame)


def keys(pairs):
    return pairs[:, 0].astype(np.int64) << 32 | pairs[:, 1]


def test_a_window_of_more_than_a_turn_gives_each_pair_once(tracker, events):
    frame, samples, windows = learned(tracker, events)
    wide = replace(windows, phi_low=windows.phi_low - 4, phi_high=windows.phi_high + 4)
    pairs, needed = wide.pairs(samples[0][0], frame, 10**6)
    assert len(np.unique(keys(pairs))) == len(pairs) == needed


def test_wider_windows_find_all_that_narrower_ones_find(tracker, events):
    frame, samples, windows = learned(tracker, events)
    same, wider = _stretched(windows, 1.0), _stretched(windows, 1.5)
    for points, _ in samples[:3]:
        found, more = (keys(w.pairs(points, frame, 10**6)[0]) for w in (windows, wider))
        assert (keys(same.pairs(points, frame, 10**6)[0]) == found).all()
        assert np.isin(found, more).all()
        assert len(more) > len(found)


def test_closed_windows_stay_closed(tracker, events):
    _, _, windows = learned(tracker, events)
    wider = _stretched(windows, 2.0)
    for name in ("s", "phi"):
        closed = getattr(windows, f"{name}_low") > getattr(windows, f"{name}_high")
        assert closed.any()
        assert (getattr(wider, f"{name}_low") > getattr(wider, f"{name}_high"))[closed].all()


def test_a_budget_of_nothing_counts_all_the_same(tracker, events):
    frame, samples, windows = learned(tracker, events)
    pairs, needed = windows.pairs(samples[0][0], frame, 10**6)
    none, counted = windows.pairs(samples[0][0], frame, 0)
    assert len(none) == 0
    assert counted == needed == len(pairs)


def test_more_pairs_than_there_is_room_for_are_found_all_the_same(tracker, events, monkeypatch):
    frame, samples, learnt = learned(tracker, events)
    pairs, needed = learnt.pairs(samples[0][0], frame, 10**6)
    monkeypatch.setattr(windows_module, "USUAL", 1)
    assert len(samples[0][0]) < needed
    again, counted = learnt.pairs(samples[0][0], frame, 10**6)
    assert counted == needed
    assert again.tolist() == pairs.tolist()
    assert len(learnt.pairs(samples[0][0], frame, needed - 1)[0]) < needed


def test_cells_drop_many_pairs_and_few_true_ones(tracker, events):
    frame, samples, windows = learned(tracker, events)
    cut = with_cells(windows, samples, frame, 0.99, 16)
    all_pairs = kept_pairs = true = kept = 0
    for points, segments in samples[:8]:
        before, after = (keys(w.pairs(points, frame, 10**6)[0]) for w in (windows, cut))
        assert np.isin(after, before).all()
        all_pairs, kept_pairs = all_pairs + len(before), kept_pairs + len(after)
        found = np.isin(keys(segments), before)
        true, kept = true + found.sum(), kept + np.isin(keys(segments)[found], after).sum()
    assert kept_pairs < 0.97 * all_pairs
    assert kept > 0.97 * true


def test_cells_that_are_all_open_cut_nothing(tracker, events):
    frame, samples, windows = learned(tracker, events, 4)
    cut = with_cells(windows, samples, frame, 1.0, 8)
    open_ = replace(cut, cells=np.ones_like(cut.cells))
    points = samples[0][0]
    assert np.array_equal(open_.pairs(points, frame, 10**6)[0], windows.pairs(points, frame, 10**6)[0])


def test_nothing_is_closed_where_candidates_are_few(tracker, events):
    frame, samples, _ = learned(tracker, events)
    windows, wide = (learn_windows(samples, frame, 0.97, cheap=cheap) for cheap in (0.0, 1e9))
    new = [points_of(event.hits, tracker, frame) for event in events[20:30]]
    true = [
        true_segments(event, points, Targets(), frame)
        for event, points in zip(events[20:30], new, strict=True)
    ]
    kept = []
    for table in (windows, wide):
        pairs = [keys(table.pairs(points, frame, 10**6)[0]) for points in new]
        kept.append(np.mean([np.isin(keys(t), p).mean() for t, p in zip(true, pairs, strict=True)]))
    assert (wide.s_low <= wide.s_high).sum() > (windows.s_low <= windows.s_high).sum()
    assert kept[1] > kept[0] + 0.001
    points = samples[0][0]
    all_open, cut = with_cells(wide, samples, frame, 0.9, 16, 1e9), with_cells(wide, samples, frame, 0.9, 16)
    assert all_open.cells.all()
    assert cut.pairs(points, frame, 0)[1] < all_open.pairs(points, frame, 0)[1]


def test_the_dearest_is_closed_first_and_only_while_there_is_too_much():
    count, candidates = np.array([[100, 1, 1, 0]]), np.array([[1000.0, 500.0, 50.0, 10.0]])
    assert _dear(count, candidates, 0.05, 0.0).tolist() == [[False, True, True, True]]
    assert _dear(count, candidates, 0.05, 1100.0).tolist() == [[False, True, False, True]]
    assert _dear(count, candidates, 0.005, 0.0).tolist() == [[False, False, False, True]]
    assert not _dear(count, candidates, 0.05, 1e4).any()


def test_a_bin_with_few_segments_borrows_from_the_nearest_until_it_has_enough():
    random, bins = np.random.default_rng(2), 24
    few, many = np.full(20, 10), np.full(2 * FEW, 12)
    value = np.concatenate([random.uniform(-1, 1, 20), random.uniform(4, 5, 2 * FEW)])
    alone = _window(np.zeros(20, int), few, value[:20], 1, bins, 0.0)
    opened = np.flatnonzero(alone[0][0] <= alone[1][0])
    assert opened.tolist() == list(range(4, 17))  # a quarter of the layer on either side
    low, high = _window(np.zeros(len(value), int), np.concatenate([few, many]), value, 1, bins, 0.0)
    assert low[0, 12] > 3.9  # it has enough of its own
    assert (low[0, 10] < 0, high[0, 10] > 4) == (True, True)
    assert low[0, 14] > 3.9  # enough within two bins
    assert low[0, 19] > high[0, 19]  # too far from both: closed
