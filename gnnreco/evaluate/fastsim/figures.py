"""Draws generated showers over true ones: histograms of features and profiles, each with the ratio below it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonMapping

PANEL = (4.6, 4.6)  # inches
RATIO = (0.5, 1.5)  # range of the ratio that is drawn
LABELS = {
    "response": "visible / true energy",
    "sparsity": "share of empty squares",
    "layer_energy": "log10 energy of a layer [MIP]",
    "hits": "cells of a layer",
    "centre_a": "centre of a layer along a [mm]",
    "centre_b": "centre of a layer along b [mm]",
    "width_a": "width of a layer along a [mm]",
    "width_b": "width of a layer along b [mm]",
    "largest": "log10 largest cell of a layer [MIP]",
    "hit_energy": "log10 energy of a cell [MIP]",
    "longitudinal": "layer along the axis",
    "radial": "distance from the axis [mm]",
}
SIDES = {"truth": "0.4", "generated": "C1", "weighted": "C0"}


def fastsim_figures(result: JsonMapping, prefix: str = "") -> Iterator[tuple[str, Figure]]:
    """Figures of what `compare` returned, by name: ``showers``, ``profiles``."""
    histograms, weighted = result["histograms"], result.get("weighted") or {}
    if histograms:
        figure, panels = _panels(len(histograms))
        for (name, drawn), (top, below) in zip(histograms.items(), panels, strict=True):
            shares, entries = _sides(drawn, weighted.get("histograms", {}).get(name), "")
            counts = {**entries, **dict(zip(("generated", "truth"), drawn["entries"], strict=True))}
            # Of a share p of n entries, as of counts.
            errors = {side: np.sqrt(shares[side] / max(counts[side], 1)) for side in shares}
            _draw(top, below, np.array(drawn["edges"]), shares, errors)
            top.set_ylabel("share of entries")
            below.set_xlabel(LABELS[name])
        yield f"{prefix}showers", figure
    figure, panels = _panels(2)
    for name, (top, below) in zip(("longitudinal", "radial"), panels, strict=True):
        profile, other = result["profiles"][name], weighted.get("profiles", {}).get(name)
        values, errors = (_sides(profile, other, ending)[0] for ending in ("", "_error"))
        _draw(top, below, np.array(profile["edges"]), values, errors)
        top.set_ylabel("energy / particle's [MIP/GeV]")
        top.set_yscale("log" if any(v.max(initial=0) > 0 for v in values.values()) else "linear")
        below.set_xlabel(LABELS[name])
    yield f"{prefix}profiles", figure


def _sides(
    plain: JsonMapping, weighted: JsonMapping | None, ending: str
) -> tuple[dict[str, Floats], dict[str, int]]:
    """Columns of all that is drawn, and of the weighted showers how many entries they are worth."""
    found = {side: np.array(plain[f"{side}{ending}"]) for side in ("truth", "generated")}
    if weighted is None:
        return found, {}
    worth = {"weighted": weighted["entries"][0]} if "entries" in weighted else {}
    return found | {"weighted": np.array(weighted[f"generated{ending}"])}, worth


def _panels(count: int) -> tuple[Figure, list[tuple[Axes, Axes]]]:
    """A figure of so many panels, three in a row, each with a lower one for a ratio."""
    columns, rows = min(count, 3), -(-count // 3)
    figure = Figure(figsize=(PANEL[0] * columns, PANEL[1] * rows))
    found = []
    grid = figure.add_gridspec(
        rows, columns, left=0.2 / columns, bottom=0.14 / rows, right=0.98, top=0.98, wspace=0.32, hspace=0.25
    )
    for i in range(count):
        pair = grid[i // columns, i % columns].subgridspec(2, 1, height_ratios=(3, 1), hspace=0.06)
        top = figure.add_subplot(pair[0])
        found.append((top, figure.add_subplot(pair[1], sharex=top)))
    return figure, found


def _draw(
    top: Axes, below: Axes, edges: Floats, values: dict[str, Floats], errors: dict[str, Floats]
) -> None:
    """All sides, and each over the truth where that has anything."""
    below.axhline(1, color="0.6", linewidth=1)
    for side in values:
        top.stairs(values[side], edges, color=SIDES[side], label=side, fill=side == "truth", alpha=0.8)
        if side == "truth":
            continue
        known = (values["truth"] > 0) & (values[side] > 0)
        middle = (edges[1:] + edges[:-1])[known] / 2
        one, other = values[side][known], values["truth"][known]
        spread = np.hypot(errors[side][known] / one, errors["truth"][known] / other)
        below.errorbar(middle, one / other, spread * one / other, fmt="o", color=SIDES[side], markersize=3)
    top.legend(fontsize=9)
    top.tick_params(labelbottom=False)
    below.set_ylim(*RATIO)
    below.set_ylabel("ratio")
    below.grid(alpha=0.3)
