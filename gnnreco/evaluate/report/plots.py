"""Draws rates and resolutions against pt, eta and production radius, and one page that holds them all."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import hist
import matplotlib
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from gnnreco.files.atomic import write_file
from gnnreco.files.json_types import JsonMapping

from ..anomaly import anomaly_figures
from ..fastsim import fastsim_figures
from ..rates import EDGES
from .panels import calibration_panel, panels
from .particle_plots import particle_figures
from .table import table

# plain text, not mathematics: the parser of the latter takes most of the time of a figure
AXES = {
    "pt": ("pT [GeV]", "log"),
    "eta": ("η", "linear"),
    "production_radius": ("production radius [mm]", "symlog"),
}
LABELS = {"efficiency": "efficiency", "fake_rate": "fake rate", "duplicate_rate": "duplicate rate"}
RESOLUTIONS = {
    "d0_mm": "d0 [mm]",
    "z0_mm": "z0 [mm]",
    "phi": "φ [rad]",
    "theta": "θ [rad]",
    "q_over_p_relative": "q/p, relative",
}
PULLS = {"d0_mm": "d0", "z0_mm": "z0", "phi": "φ", "theta": "θ", "q_over_p": "q/p"}
STYLE = {**mplhep.style.CMS, "font.size": 12, "svg.hashsalt": "gnnreco"}
MOST_FILES = 5  # that are named
Results = Mapping[str, JsonMapping]


def figures(results: Results, rule: str = "acts") -> dict[str, Figure]:
    """Every figure that `plots` writes, by its name, to be changed or shown in a notebook.

    Parameters
    ----------
    results : mapping of name to result
        What `evaluate` returned, by the name in the legend: one entry, or several to compare.
    rule : str
        Matching rule of the rates.
    """
    with matplotlib.rc_context(STYLE):
        return dict(_figures(results, rule))


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
    page = folder / "report.html"
    write_file(page, page_of(results, folder, rule, formats))
    return page


def page_of(
    results: Results, folder: Path | None = None, rule: str = "acts", formats: Sequence[str] = ()
) -> str:
    """The page that `plots` writes; files of the figures lie in `folder`, by the formats asked for."""
    pictures: dict[str, bytes] = {}
    with matplotlib.rc_context(STYLE):
        for name, figure in _figures(results, rule):
            for suffix in dict.fromkeys(("png", *formats)):
                buffer = io.BytesIO()
                figure.savefig(
                    buffer, format=suffix, dpi=80, metadata={"Date": None} if suffix == "svg" else {}
                )
                if folder is not None and suffix in formats:
                    write_file(folder / f"{name}.{suffix}", buffer.getvalue())
                if suffix == "png":
                    pictures[name] = buffer.getvalue()
    return _page(results, pictures)


def _figures(results: Results, rule: str) -> Iterator[tuple[str, Figure]]:
    if any(r.get("calibration") for r in results.values()):
        figure, (axes,) = panels(1)
        calibration_panel(axes, {name: r.get("calibration") for name, r in results.items()})
        yield "calibration", figure
    yield from particle_figures(results)
    for name, result in results.items():
        prefix = "" if len(results) == 1 else f"{name}_"
        if result.get("task") == "fastsim":
            yield from fastsim_figures(result, prefix)
        if "strangest" in result:
            yield from anomaly_figures(result, prefix)
    # Rates in bins are those of tracks.
    results = {name: r for name, r in results.items() if rule in r}
    for variable in AXES if results else ():
        shown = [rate for rate in LABELS if any(rate in r[rule]["bins"][variable] for r in results.values())]
        figure, some = panels(len(shown))
        for rate, axes in zip(shown, some, strict=True):
            _rate_panel(axes, results, rule, rate, variable)
        yield f"rates_{variable}", figure
    if any(r.get("resolutions") for r in results.values()):
        for variable in ("pt", "eta"):
            figure, some = panels(len(RESOLUTIONS))
            for parameter, axes in zip(RESOLUTIONS, some, strict=True):
                _resolution_panel(axes, results, parameter, variable)
            yield f"resolution_{variable}", figure
    if any("pull_histogram" in (r.get("resolutions") or {}).get("phi", {}) for r in results.values()):
        figure, some = panels(len(PULLS))
        for parameter, axes in zip(PULLS, some, strict=True):
            _pull_panel(axes, results, parameter)
        yield "pulls", figure


def _rate_panel(axes: Axes, results: Results, rule: str, rate: str, variable: str) -> None:
    top = 0.01
    for name, result in results.items():
        bins = result[rule]["bins"][variable]
        if rate in bins:
            low, high = np.array(bins[f"{rate}_interval"]).T
            colour = _points(axes, variable, bins[rate], (low, high), name, limits=rate != "efficiency")
            top = max(top, *(value or 0 for value in bins[rate]))
            if rate != "efficiency":
                top = max(top, _limits(axes, variable, bins[rate], high, colour))
    # a bin of three tracks has an interval of half the axis: the values set the scale
    axes.set_ylim(0, 1.05 if rate == "efficiency" else 1.5 * top)
    axes.set_ylabel(LABELS[rate])
    _finish(axes, variable, f"matching: {rule}")


def _resolution_panel(axes: Axes, results: Results, parameter: str, variable: str) -> None:
    drawn = False
    for name, result in results.items():
        if result.get("resolutions"):
            bins = result["resolutions"][parameter]["bins"][variable]
            widths, told = bins["core"], bins.get("core_interval")
            nothing = [np.nan, np.nan]
            bounds = None if told is None else np.array([b or nothing for b in told], float).T
            _points(axes, variable, widths, bounds, name)
            drawn |= any(widths)
    if drawn:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylabel(f"core width of {RESOLUTIONS[parameter]}")
    _finish(axes, variable, "")


def _pull_panel(axes: Axes, results: Results, parameter: str) -> None:
    """How often each pull occurs, beside the normal distribution of width 1 that it should be."""
    for name, result in results.items():
        row = (result.get("resolutions") or {}).get(parameter, {})
        histogram = row.get("pull_histogram")
        if histogram and sum(histogram["counts"]):
            edges, total = np.array(histogram["edges"]), row["pull_tracks"]
            density = np.array(histogram["counts"]) / (total * np.diff(edges))
            beyond = histogram["below"] + histogram["above"]
            label = f"{name}: core {row['pull_core']:.2f}, {100 * beyond / total:.1f} % beyond"
            axes.stairs(density, edges, label=label)
    x = np.linspace(-5, 5, 201)
    axes.plot(x, np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi), color="0.6", linewidth=1, label="width 1")
    axes.set_xlim(-5, 5)
    axes.set_xlabel(f"pull of {PULLS[parameter]}: (fitted - true) / stated error")
    axes.set_ylabel("tracks, to an area of 1")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=9)


def _limits(axes: Axes, variable: str, values: Sequence[float | None], high: Any, colour: Any) -> float:
    """Mark bins where nothing was seen by the upper end of their interval; returns the median of these ends."""
    edges = EDGES[variable]
    none = np.array([value == 0 for value in values])
    if not none.any():
        return 0.0
    middle = np.sqrt(edges[1:] * edges[:-1]) if AXES[variable][1] == "log" else (edges[1:] + edges[:-1]) / 2
    axes.plot(middle[none], high[none], "v", color=colour, fillstyle="none", markersize=6)
    return float(np.median(high[none]))


def _points(
    axes: Axes, variable: str, values: Sequence[float | None], bounds: Any, name: str, limits: bool = False
) -> Any:
    """Draw the bins that have a value as points, with their interval where there is one; returns the colour.

    With `limits` a bin of zero has no point: its upper limit is drawn instead.
    """
    content: hist.Hist = hist.Hist(hist.axis.Variable(EDGES[variable], name=variable))
    y = np.array([np.nan if v is None else v for v in values], float)
    content[...] = np.nan_to_num(y)
    filled = np.isfinite(y) & ~(limits & (y == 0))
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
    return drawn[0].errorbar.lines[0].get_color()


def _finish(axes: Axes, variable: str, title: str) -> None:
    label, scale = AXES[variable]
    axes.set_xlabel(label)
    axes.set_xscale(scale, **({"linthresh": 0.1} if scale == "symlog" else {}))
    axes.set_xlim(EDGES[variable][0], EDGES[variable][-1])
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(alpha=0.3)
    axes.legend(title=title or None, fontsize=9, title_fontsize=9)


def _made_by(result: JsonMapping) -> str:
    """What was reconstructed where and by what, in one paragraph."""
    about = result.get("reconstructed")
    if not about:
        return ""
    files = about["files"]
    more = f" and {len(files) - MOST_FILES:,} more" if len(files) > MOST_FILES else ""
    told = {
        "detector": about["detector"],
        "bundle": about["bundle"],
        "files": ", ".join(files[:MOST_FILES]) + more,
        "versions": ", ".join(f"{name} {version}" for name, version in (about["versions"] or {}).items()),
    }
    text = "; ".join(f"{name}: {value}" for name, value in told.items() if value)
    return f"<p>{html.escape(text)}. A triangle is the upper end of an interval where nothing was seen.</p>"


def _page(results: Results, pictures: Mapping[str, bytes]) -> str:
    parts = []
    for name, result in results.items():
        parts.append(f"<h2>{html.escape(name)}</h2>{_made_by(result)}<pre>{html.escape(table(result))}</pre>")
    for name, picture in pictures.items():
        data = base64.b64encode(picture).decode()
        parts.append(f'<img alt="{name}" src="data:image/png;base64,{data}">')
    definitions = {key: text for result in results.values() for key, text in result["definitions"].items()}
    rows = "".join(
        f"<dt>{html.escape(key)}</dt><dd>{html.escape(str(text))}</dd>" for key, text in definitions.items()
    )
    style = "body{font-family:sans-serif;margin:2em;max-width:72em}img{max-width:100%}dt{font-weight:bold}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>gnnreco: evaluation</title>'
        f"<style>{style}</style>"
        f"<h1>Evaluation</h1>{''.join(parts)}<h2>Definitions</h2><dl>{rows}</dl></html>\n"
    )
