"""Figures of particle flow: rates and energies of classes, calibration of classes, jets, missing momentum, visible mass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gnnreco.columns import PARTICLE_CLASSES
from gnnreco.files.json_types import JsonMapping

from .panels import calibration_panel, panels

Results = Mapping[str, JsonMapping]
RATES = {"efficiency": "efficiency", "fake_rate": "fake rate", "wrong_class_rate": "wrong class"}
ENERGIES = {"response": "median of E / E true", "resolution": "IQR / median of E / E true"}


def particle_figures(results: Results) -> Iterator[tuple[str, Figure]]:
    """Each figure and its name; of results of other tasks there is none."""
    results = {name: r for name, r in results.items() if "classes" in r}
    if not results:
        return
    yield from _by_class(results, "particle_rates", RATES)
    yield from _by_class(results, "particle_energy", ENERGIES)
    if any(r.get("class_calibration") for r in results.values()):
        figure, some = panels(len(PARTICLE_CLASSES))
        for name, axes in zip(PARTICLE_CLASSES, some, strict=True):
            curves = {k: (r.get("class_calibration") or {}).get("by_class", {}) for k, r in results.items()}
            calibration_panel(axes, {k: c.get(name) for k, c in curves.items()})
            axes.set_xlabel(f"probability of {name.replace('_', ' ')}")
            axes.set_ylabel("part that is one")
        yield "class_calibration", figure
    for algorithm in dict.fromkeys(name for r in results.values() for name in r["jets"]):
        figure, (left, right) = panels(2)
        for axes, (key, label) in zip((left, right), ENERGIES.items(), strict=True):
            for name, result in results.items():
                if algorithm in result["jets"]:
                    _points(axes, result["jets"][algorithm]["bins"]["energy"], key, name)
            _finish(axes, f"{'pT' if algorithm == 'antikt' else 'energy'} of the jet [GeV]", label, algorithm)
        yield f"jets_{algorithm}", figure
    figure, (left, right) = panels(2)
    for name, result in results.items():
        _steps(left, result["histograms"]["met_component"], name)
        _steps(right, result["histograms"]["visible_mass"], name)
    for axes, label in ((left, "missing px, py: found - true [GeV]"), (right, "visible mass / true one")):
        axes.set_xlabel(label)
        axes.set_ylabel("events")
        _legend(axes)
    yield "missing_and_mass", figure


def _by_class(results: Results, title: str, what: Mapping[str, str]) -> Iterator[tuple[str, Figure]]:
    """A figure against energy with a panel for each quantity; one for each class."""
    for kind in PARTICLE_CLASSES:
        figure, some = panels(len(what))
        for (key, label), axes in zip(what.items(), some, strict=True):
            for name, result in results.items():
                _points(axes, result["classes"][kind]["bins"]["energy"], key, name)
            _finish(axes, "energy [GeV]", label, kind.replace("_", " "))
            if key in RATES:
                axes.set_ylim(0, 1.05)
        yield f"{title}_{kind}", figure


def _points(axes: Axes, bins: JsonMapping, key: str, name: str) -> None:
    """The bins that have a value, with their 68 % intervals."""
    filled = np.array([i for i, value in enumerate(bins[key]) if value is not None], np.int64)
    if not len(filled):
        return
    edges = np.array(bins["edges"])
    y = np.array([bins[key][i] for i in filled])
    bounds = np.array([bins[f"{key}_interval"][i] for i in filled], float)
    middle = np.sqrt(edges[:-1] * edges[1:])[filled]
    across = np.abs(edges[np.stack([filled, filled + 1])] - middle)
    bars = np.maximum([y - bounds[:, 0], bounds[:, 1] - y], 0.0)
    axes.errorbar(middle, y, bars, across, fmt="o", markersize=5, label=name)


def _steps(axes: Axes, histogram: JsonMapping, name: str) -> None:
    if histogram["counts"]:
        axes.stairs(histogram["counts"], histogram["edges"], label=name)


def _finish(axes: Axes, across: str, up: str, title: str) -> None:
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    _legend(axes, title)


def _legend(axes: Axes, title: str | None = None) -> None:
    axes.grid(alpha=0.3)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(title=title, fontsize=9, title_fontsize=9)
    elif title:
        axes.set_title(title, fontsize=9)
