"""Panels that figures of several tasks share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gnnreco.files.json_types import JsonMapping

PANEL = (4.6, 3.9)  # inches


def panels(count: int) -> tuple[Figure, list[Axes]]:
    """A figure of so many panels, three in a row."""
    columns, rows = min(count, 3), -(-count // 3)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows))
    figure.subplots_adjust(0.2 / columns, 0.17 / rows, 1 - 0.04 / columns, 1 - 0.04 / rows, 0.32, 0.25)
    return figure, [figure.add_subplot(rows, columns, i + 1) for i in range(count)]


def calibration_panel(axes: Axes, curves: Mapping[str, JsonMapping | None]) -> None:
    """Which part is right against the probability, by name of the result; on the diagonal a probability is what it says."""
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1)
    for name, curve in curves.items():
        if curve:
            filled = np.array(curve["count"]) > 0
            x, y = (np.array(curve[key], float)[filled] for key in ("score_mean", "matched"))
            low, high = np.array(curve["matched_interval"], float)[filled].T
            bars = np.maximum([y - low, high - y], 0.0)
            label = f"{name}: error {100 * curve['ece']:.1f} %"
            axes.errorbar(x, y, bars, fmt="o", markersize=5, label=label)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("score")
    axes.set_ylabel("matched")
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=9)
