"""Draws rates and resolutions against pt, eta and production radius, and one page that holds them all."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import hist
import matplotlib
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gnnreco.evaluate.rates import EDGES
from gnnreco.evaluate.report import table

AXES = {
    "pt": ("$p_T$ [GeV]", "log"),
    "eta": (r"$\eta$", "linear"),
    "production_radius": ("production radius [mm]", "symlog"),
}
LABELS = {"efficiency": "efficiency", "fake_rate": "fake rate", "duplicate_rate": "duplicate rate"}
RESOLUTIONS = {
    "d0_mm": "$d_0$ [mm]",
    "z0_mm": "$z_0$ [mm]",
    "phi": r"$\phi$ [rad]",
    "theta": r"$\theta$ [rad]",
    "q_over_p_relative": r"$(q/p)\,/\,(q/p)_{true}$",
}
Results = Mapping[str, Mapping[str, Any]]


def plots(
    results: Results, folder: str | Path, rule: str = "acts", formats: Sequence[str] = ("png", "svg")
) -> Path:
    """Draw every figure and write ``report.html``, which holds them all and the tables.

    Parameters
    ----------
    results : mapping of name to result
        What `evaluate` returned, by the name in the legend: one entry, or several to compare.
    folder : path
        Made where it is missing.
    rule : str
        Matching rule of the rates.
    formats : sequence of {"png", "svg", "pdf"}

    Returns
    -------
    Path
        Of the page; it needs no other file and no network.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context({**mplhep.style.CMS, "font.size": 14, "svg.hashsalt": "gnnreco"}):
        figures = {
            f"{rate}_{variable}": _rate_figure(results, rule, rate, variable)
            for rate in LABELS
            for variable in AXES
            if any(rate in r[rule]["bins"][variable] for r in results.values())
        }
        if any(r.get("resolutions") for r in results.values()):
            figures |= {
                f"resolution_{variable}": _resolution_figure(results, variable) for variable in ("pt", "eta")
            }
        for name, figure in figures.items():
            for suffix in formats:
                figure.savefig(
                    folder / f"{name}.{suffix}", dpi=90, metadata={"Date": None} if suffix == "svg" else {}
                )
        page = folder / "report.html"
        page.write_text(_page(results, figures), encoding="utf-8")
    return page


def _rate_figure(results: Results, rule: str, rate: str, variable: str) -> Figure:
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name, result in results.items():
        bins = result[rule]["bins"][variable]
        if rate in bins:
            low, high = np.array(bins[f"{rate}_interval"]).T
            _points(axes, variable, bins[rate], (low, high), name)
    if rate == "efficiency":
        axes.set_ylim(0, 1.05)
    else:
        axes.set_ylim(bottom=0)
    axes.set_ylabel(LABELS[rate])
    _finish(axes, variable, f"matching: {rule}")
    return figure


def _resolution_figure(results: Results, variable: str) -> Figure:
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    for i, (parameter, label) in enumerate(RESOLUTIONS.items()):
        axes = figure.add_subplot(2, 3, i + 1)
        drawn = False
        for name, result in results.items():
            if result.get("resolutions"):
                widths = result["resolutions"][parameter]["bins"][variable]["core"]
                _points(axes, variable, widths, None, name)
                drawn |= any(widths)
        axes.set_yscale("log" if drawn else "linear")
        axes.set_ylabel(f"core width {label}")
        _finish(axes, variable, "")
    return figure


def _points(axes: Axes, variable: str, values: Sequence[float | None], bounds: Any, name: str) -> None:
    """Draw the bins that have a value as points, with their interval where there is one."""
    content: hist.Hist = hist.Hist(hist.axis.Variable(EDGES[variable], name=variable))
    y = np.array([np.nan if v is None else v for v in values], float)
    content[...] = np.nan_to_num(y)
    filled = np.isfinite(y)
    errors: Any = np.zeros((2, len(y)))
    if bounds is not None:
        errors = np.where(filled, np.maximum([y - bounds[0], bounds[1] - y], 0.0), 0.0)
    drawn = mplhep.histplot(
        content, yerr=errors, ax=axes, histtype="errorbar", label=name, markersize=5, xerr=True
    )
    # empty bins must not look like a measured zero
    for artist in drawn:
        line = artist.errorbar.lines[0]
        line.set_ydata(np.where(filled, line.get_ydata(), np.nan))
        for bars in artist.errorbar.lines[2]:
            bars.set_segments(
                [s if keep else s * np.nan for s, keep in zip(bars.get_segments(), filled, strict=True)]
            )


def _finish(axes: Axes, variable: str, title: str) -> None:
    label, scale = AXES[variable]
    axes.set_xlabel(label)
    axes.set_xscale(scale, **({"linthresh": 0.1} if scale == "symlog" else {}))
    axes.set_xlim(EDGES[variable][0], EDGES[variable][-1])
    axes.grid(alpha=0.3)
    axes.legend(title=title or None, fontsize=11, title_fontsize=11)


def _page(results: Results, figures: Mapping[str, Figure]) -> str:
    parts = []
    for name, result in results.items():
        parts.append(f"<h2>{html.escape(name)}</h2><pre>{html.escape(table(result))}</pre>")
    for name, figure in figures.items():
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=80)
        data = base64.b64encode(buffer.getvalue()).decode()
        parts.append(f'<img alt="{name}" src="data:image/png;base64,{data}">')
    first = next(iter(results.values()))
    rows = "".join(
        f"<dt>{html.escape(key)}</dt><dd>{html.escape(str(text))}</dd>"
        for key, text in first["definitions"].items()
    )
    style = "body{font-family:sans-serif;margin:2em;max-width:72em}img{max-width:100%}dt{font-weight:bold}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>gnnreco: evaluation</title>'
        f"<style>{style}</style>"
        f"<h1>Evaluation</h1>{''.join(parts)}<h2>Definitions</h2><dl>{rows}</dl></html>\n"
    )
