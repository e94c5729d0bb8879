"""Draws scores of normal and anomalous events, what a cut gains, and whether p-values hold."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gnnreco.files.json_types import JsonMapping

PANEL = (4.6, 3.9)  # inches
MOST_DRAWN = 8  # sources


def anomaly_figures(result: JsonMapping, prefix: str = "") -> Iterator[tuple[str, Figure]]:
    """Figures of what `score_anomalies` returned: ``anomaly_scores``, ``significance_improvement``, ``coverage``."""
    figure, axes = _panel()
    _scores(axes, result["histogram"])
    yield f"{prefix}anomaly_scores", figure
    if result["anomalous"]:
        figure, axes = _panel()
        _gain(axes, result)
        yield f"{prefix}significance_improvement", figure
    if result["coverage"]:
        figure, axes = _panel()
        _coverage(axes, result["coverage"])
        yield f"{prefix}coverage", figure


def _panel() -> tuple[Figure, Axes]:
    figure = Figure(figsize=PANEL)
    figure.subplots_adjust(0.18, 0.16, 0.97, 0.97)
    return figure, figure.add_subplot()


def _scores(axes: Axes, histogram: JsonMapping) -> None:
    """The distribution of each kind of events, of area 1."""
    edges = np.array(histogram["edges"])
    sides = {"normal": histogram["normal"], **dict(list(histogram["anomalous"].items())[:MOST_DRAWN])}
    for i, (name, counts) in enumerate(sides.items()):
        total = sum(counts)
        if not total:
            continue
        density = np.array(counts) / total / np.diff(edges)
        colour = "0.6" if i == 0 else f"C{i - 1}"
        axes.stairs(density, edges, label=f"{name} ({total:,})", color=colour, fill=i == 0)
    axes.set_yscale("log")
    axes.set_xlabel("score")
    axes.set_ylabel("density")
    _finish(axes)


def _gain(axes: Axes, result: JsonMapping) -> None:
    """Significance improvement against the efficiency, for all anomalous events and for each source."""
    sources = result["sources"]
    rows = {"all": result} | (sources if len(sources) > 1 else {})
    for name, row in list(rows.items())[: MOST_DRAWN + 1]:
        if row["sic"]:
            x, y = (
                np.array([point[key] for point in row["sic"]]) for key in ("tpr", "significance_improvement")
            )
            label = f"{name}: {row['max_significance_improvement']:.2f}, AUC {row['auc']:.3f}"
            axes.plot(x, y, label=label)
    axes.axhline(1, color="0.6", linewidth=1)
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("efficiency of anomalous events, TPR")
    axes.set_ylabel("TPR / sqrt(FPR)")
    _finish(axes)


def _coverage(axes: Axes, coverage: JsonMapping) -> None:
    """The part of normal events below each level over the level: 1 where p-values are what they say."""
    sides = {"all normal": coverage, **dict(list(coverage["by_source"].items())[:MOST_DRAWN])}
    for i, (name, row) in enumerate(sides.items()):
        if row:
            level, below = np.array(row["level"]), np.array(row["below"])
            low, high = np.array(row["interval"]).T
            bars = np.maximum([below - low, high - below], 0.0) / level
            axes.errorbar(level * 1.04**i, below / level, bars, fmt="o", markersize=5, label=name)
    axes.axhline(1, color="0.6", linewidth=1)
    axes.set_xscale("log")
    axes.set_ylim(0, 2)
    axes.set_xlabel("p")
    axes.set_ylabel("part of normal events below p, over p")
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=9)
