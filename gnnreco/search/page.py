"""A search as one HTML page: what was done, what was found, and how sure that is."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gnnreco.display.drawing.frame import Frame, draw_axes
from gnnreco.display.drawing.svg import Drawing, hue
from gnnreco.display.flat_page import write_flat_page
from gnnreco.summary import counted

from .hunt import Result
from .regions import inside

WIDTH, HEIGHT, GAP = 420.0, 260.0, 70.0  # pixels
DATA, SMOOTH, MARK = "var(--ink)", hue(0), hue(7)
LEAST_P = 1e-16  # below it a p-value is drawn at the bottom
SHOWN = 12  # events of the excess in the page


def write_page(path: str | Path, result: Result) -> Path:
    """Write the page of a search."""
    told = result.told
    title = f"Search in {told['resonance']} by {told['method']}"
    body = [
        f"<h1>{html.escape(title)}</h1>",
        _soft(f"{counted(told['events'], 'event')}; {told['command'] or 'no command was told'}"),
        f"<p>{html.escape(_found(told))}</p>",
        _soft(f"Learned from {told['learned_from']}."),
        f"<div class='row'>{_spectrum(result).embedded()}{_scan(told).embedded()}</div>",
        "<h2>Windows</h2>",
        _table([_row(row) for row in told["scan"]]),
    ]
    if told["max_significance_improvement"] is not None:
        body += [
            "<h2>What the score gains</h2>",
            _soft(
                f"Where labels tell the truth: {told['judged_on']}. {told['rule']}; interval: {told['interval']}."
            ),
            _table(_gain(told)),
            f"<div class='row'>{_gains(told).embedded()}</div>",
        ]
    body += ["<h2>Events in excess</h2>", *_events(result), "<h2>Definitions</h2><dl>"]
    body += [f"<dt>{html.escape(k)}</dt><dd>{html.escape(v)}</dd>" for k, v in told["definitions"].items()]
    return write_flat_page(path, title, [*body, "</dl>"])


def _found(told: Mapping) -> str:
    low, high = told["window"]
    return (
        f"Most surprising window: {low:g} to {high:g}, {told['observed']:,} events where {told['expected']:.1f} ± "
        f"{told['expected_error']:.1f} are expected. Local p-value {told['p_value_local']:.3g} "
        f"({told['significance_local']:.1f} standard deviations); of the whole search {told['p_value']:.3g} "
        f"({told['significance']:.1f}), by {told['p_value_from']} over {told['windows']} windows."
    )


def _spectrum(result: Result) -> Drawing:
    """Events that the score of the window keeps, and the background beneath them."""
    edges, counts = result.spectrum.edges, result.look.counts
    smooth = result.look.background.whole(counts[None])[0]
    per = np.diff(edges)
    height = np.stack([counts, smooth]) / per
    error = np.sqrt(counts) / per
    top = float((height[0] + error).max()) * 1.1 or 1.0
    sheet, frame = _panel((float(edges[0]), float(edges[-1])), (0.0, top), "events that are kept")
    low, high = result.told["window"]
    for at in (low, high):
        sheet.line(frame.map(np.array([[at, 0.0], [at, top]])), MARK, 1, "stroke-dasharray:4 3")
    middle = (edges[1:] + edges[:-1]) / 2
    sheet.line(frame.map(np.stack([middle, height[1]], axis=1)), SMOOTH, 2)
    for x, y, e in zip(middle, height[0], error, strict=True):
        sheet.line(frame.map(np.array([[x, max(y - e, 0.0)], [x, y + e]])), DATA, 1)
        sheet.line(frame.map(np.array([[x, y]])) + np.array([[-3.0, 0.0], [3.0, 0.0]]), DATA, 2)
    draw_axes(sheet, frame, result.told["resonance"], "events a unit")
    return sheet


def _scan(told: Mapping) -> Drawing:
    """Local p-values along the mass."""
    rows = told["scan"]
    low, high = told["mass_range"]
    p = np.log10([max(row["p_value_local"], LEAST_P) for row in rows])
    sheet, frame = _panel((low, high), (float(min(p.min() * 1.1, -2.0)), 0.0), "local p-value of each window")
    for row, value in zip(rows, p, strict=True):
        sheet.line(frame.map(np.array([[row["window"][0], value], [row["window"][1], value]])), SMOOTH, 2)
    level = float(np.log10(0.05))
    sheet.line(frame.map(np.array([[low, level], [high, level]])), "var(--line)", 1)
    draw_axes(sheet, frame, told["resonance"], "log10 p")
    return sheet


def _gains(told: Mapping) -> Drawing:
    """The curve of significance improvement."""
    points = np.array([[one["tpr"], one["significance_improvement"]] for one in told["sic"]])
    sheet, frame = _panel((0.0, 1.0), (0.0, float(points[:, 1].max()) * 1.1), "significance improvement")
    sheet.line(frame.map(points), SMOOTH, 2)
    draw_axes(sheet, frame, "efficiency of signal", "TPR / sqrt(FPR)")
    return sheet


def _panel(x: tuple[float, float], y: tuple[float, float], title: str) -> tuple[Drawing, Frame]:
    sheet = Drawing(WIDTH + 2 * GAP, HEIGHT + 2 * GAP)
    sheet.text(GAP, 22, title, "b")
    return sheet, Frame(GAP, 40, WIDTH, HEIGHT, np.array([x[0], y[0]]), np.array([x[1], y[1]]))


def _row(row: Mapping) -> dict[str, str]:
    low, high = row["window"]
    return {
        "window": f"{low:.4g} to {high:.4g}",
        "observed": f"{row['observed']:,}",
        "expected": f"{row['expected']:.1f} ± {row['expected_error']:.1f}",
        "local p": f"{row['p_value_local']:.3g}",
        "standard deviations": f"{row['significance_local']:.2f}",
    }


def _gain(told: Mapping) -> list[dict[str, str]]:
    rows = []
    for name in ("max_significance_improvement", "auc"):
        low, high = told[f"{name}_interval"]
        words = name.replace("_", " ")
        rows.append({"figure": words, "value": f"{told[name]:.4g}", "68 %": f"{low:.4g} to {high:.4g}"})
    return rows


def _events(result: Result) -> list[str]:
    """The highest scores in the window."""
    data, rows = result.data, result.excess
    best = rows[np.argsort(-result.scores.data[rows], kind="stable")][:SHOWN]
    if not len(best):
        return [_soft("None.")]
    name = result.told["resonance"]
    lines = [
        {"row": str(i), "score": f"{result.scores.data[i]:.4g}", name: f"{data.mass[i]:.4g}"}
        | {key: f"{value:.4g}" for key, value in zip(data.names, data.features[i], strict=True)}
        for i in best
    ]
    inner = int(inside(data.mass[rows], tuple(result.told["window"])).sum())
    return [_soft(f"The highest scores of {inner:,} events that are kept in the window."), _table(lines)]


def _table(rows: Sequence[Mapping[str, str]]) -> str:
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    lines = ["".join(f"<td>{html.escape(value)}</td>" for value in row.values()) for row in rows]
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _soft(text: str) -> str:
    return f"<p class='s'>{html.escape(text)}</p>"
