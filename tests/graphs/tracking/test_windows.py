"""Windows by themselves: stretching, and a window in azimuth that spans the whole turn."""

from dataclasses import replace

import numpy as np

from gnnreco.graphs import Frame, Targets, points_of, true_segments
from gnnreco.graphs.tracking.learn_windows import _stretched, learn_windows, with_cells


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
