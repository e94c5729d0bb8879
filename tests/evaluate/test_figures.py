"""Figures of an evaluation as objects of matplotlib."""

from __future__ import annotations

from matplotlib.figure import Figure

from gnnreco.evaluate import figures


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
