"""Figures of an evaluation as objects of matplotlib."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from gnnreco.evaluate import figures, score_tracks
from gnnreco.evaluate.rates import EDGES
from gnnreco.evaluate.report.plots import _limits, _points, page_of
from tests.evaluate.test_target import low_and_high


def test_figures_come_as_objects_too() -> None:
    curve = {
        "count": [5, 0, 9],
        "score_mean": [0.2, None, 0.8],
        "matched": [0.25, None, 0.75],
        "matched_interval": [[0.1, 0.4], [None, None], [0.6, 0.9]],
        "ece": 0.05,
    }
    results = {"ours": {"calibration": curve, "definitions": {}}}
    drawn = figures(results)
    assert list(drawn) == ["calibration"]
    assert isinstance(drawn["calibration"], Figure)
    assert drawn["calibration"].axes[0].get_xlabel() == "score"


def test_a_bin_without_fakes_is_an_upper_limit_and_no_point() -> None:
    n = len(EDGES["eta"]) - 1
    values: list[float | None] = [None] * n
    values[3], values[4] = 0.0, 0.2
    low, high = np.full(n, np.nan), np.full(n, np.nan)
    low[[3, 4]], high[[3, 4]] = [0.0, 0.1], [0.05, 0.3]
    axes = Figure().add_subplot()
    colour = _points(axes, "eta", values, (low, high), "ours", limits=True)
    assert _limits(axes, "eta", values, high, colour) == 0.05
    points, marks = axes.lines[0], axes.lines[-1]
    assert np.flatnonzero(np.isfinite(points.get_ydata())).tolist() == [4]
    assert marks.get_ydata().tolist() == [0.05]
    assert marks.get_xdata().tolist() == [(EDGES["eta"][3] + EDGES["eta"][4]) / 2]


def test_the_page_names_what_was_reconstructed_and_by_what() -> None:
    about = {"detector": "odd", "bundle": "tracking-odd", "files": [f"{k}.parquet" for k in range(7)]}
    result = score_tracks([low_and_high()]) | {"reconstructed": {**about, "versions": {"gnnreco": "0.1.0"}}}
    page = page_of({"ours": result})
    assert "detector: odd; bundle: tracking-odd; files: 0.parquet, 1.parquet" in page
    assert "4.parquet and 2 more; versions: gnnreco 0.1.0" in page
