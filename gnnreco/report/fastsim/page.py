"""The page of the report on a fast simulation: showers in space, and the figures on flat pages behind them."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Event, Floats
from gnnreco.display import show_event
from gnnreco.display.drawing.frame import Frame, draw_axes
from gnnreco.display.drawing.svg import Drawing, closed_path, hue
from gnnreco.evaluate.fastsim.figures import LABELS
from gnnreco.evaluate.fastsim.table import figure_rows
from gnnreco.files.json_types import JsonMapping
from gnnreco.geometry import Detector
from gnnreco.summary import counted

from .scene import Row, scene

WIDTH, HEIGHT, GAP, TOP, IN_ROW = 320.0, 220.0, 96.0, 60.0, 3  # pixels of a plot, and plots in a row
COLOURS = {"full simulation": "var(--soft)", "network": hue(0), "parametrisation": hue(7)}


def write_page(
    path: str | Path,
    told: JsonMapping,
    rows: Sequence[Row],
    makers: Mapping[str, Mapping[int, Event]],
    detector: Detector,
) -> Path:
    """Write the page of what `report_showers` found.

    Parameters
    ----------
    rows : sequence of Row
        The particles that are drawn.
    makers : mapping
        Events by their number, by the name of what made them: the full simulation, the bundle, the parametrisation.
    """
    name = told["bundle"]["name"]
    made = scene(rows, makers, detector, f"{counted(told['events'], 'event')} in {detector.name}")
    sheets = [
        ("Showers", _showers(rows, made.particles, tuple(makers))),
        ("Figures", _figures(told, name)),
        ("Plots", _plots(told, name)),
        ("Training", _training(told)),
        ("Words", _words(told)),
    ]
    title = f"{name} beside a full simulation in {detector.name}"
    return show_event(made.event, made.detector, None, path, None, sheets, told["command"], title=title)


def _showers(
    rows: Sequence[Row], particles: Sequence[tuple[int | None, ...]], makers: tuple[str, ...]
) -> str:
    """The particles that are drawn; a click on a row leads there."""
    lines = []
    for i, (row, mine) in enumerate(zip(rows, particles, strict=True), 1):
        cells = (
            f"{i}",
            row.why,
            {22: "photon", 11: "electron", -11: "positron"}.get(row.pdg, str(row.pdg)),
            f"{row.energy:.3g}",
            "–" if row.odds is None else f"{row.odds:+.1f}",
            f"{row.event}",
            f"{row.particle}",
        )
        near = ",".join(str(number) for number in mine if number is not None)
        lines.append(f'<tr data-near="{near}" title="Show these showers">{_cells(cells, 3)}</tr>')
    head = ("row", "why", "particle", "energy [GeV]", "log odds: generated", "event", "particle id")
    columns = ", ".join(makers)
    return (
        "<h2>Showers to look at</h2>"
        + _soft(
            f"From left to right {columns}; each row is one particle, its axis horizontal. Click on a row to go there; "
            "colour: energy of a cell. Cells are drawn thicker than they are. The log odds are of a classifier that never "
            "saw the shower: above 0 it takes it for generated."
        )
        + _table(head, lines)
    )


def _figures(told: JsonMapping, name: str) -> str:
    """The table of `gnnreco evaluate`, with the floor and the parametrisation beside it."""
    result = told["generated"]
    sides = (result, told["parametrisation"], result["floor"] or {})
    lines = []
    for title, rows in figure_rows(sides):
        lines.append(f"<tr><th colspan='4'>{html.escape(title)}</th></tr>")
        lines += [f"<tr>{_cells(row, 1)}</tr>" for row in rows]
    warnings = "".join(f"<p>{html.escape(line)}</p>" for line in (*told["warnings"], *told["left_out"]))
    showers = result["showers"]
    return (
        "<h2>How close the showers are</h2>"
        + _soft(
            f"{showers['generated']:,} showers of the bundle, of the same particles as the {showers['truth']:,} of the full "
            f"simulation; compared: {showers['compared']:,} a side. Floor: the full simulation against itself."
        )
        + warnings
        + _table(("figure", name, "parametrisation", "floor"), lines)
    )


def _plots(told: JsonMapping, name: str) -> str:
    """Profiles and histograms of all three."""
    mine, other = told["generated"], told["parametrisation"]
    drawn = [("profiles", key) for key in ("longitudinal", "radial")]
    drawn += [("histograms", key) for key in mine["histograms"]]
    lines = -(-len(drawn) // IN_ROW)
    sheet = Drawing(IN_ROW * (WIDTH + GAP) + 10, TOP + lines * (HEIGHT + GAP))
    for i, (label, colour) in enumerate(COLOURS.items()):
        x = GAP + 170 * i
        sheet.path(f"M{x:g} 14h14v9h-14z", fill=colour)
        sheet.text(x + 20, 23, name if label == "network" else label)
    for i, (kind, key) in enumerate(drawn):
        spot = (GAP + i % IN_ROW * (WIDTH + GAP), TOP + i // IN_ROW * (HEIGHT + GAP))
        curves = {
            "full simulation": _density(mine[kind].get(key), "truth", kind),
            "network": _density(mine[kind].get(key), "generated", kind),
            "parametrisation": _density(other[kind].get(key), "generated", kind),
        }
        second = "MIP/GeV" if kind == "profiles" else "density"
        _plot(sheet, spot, {k: c for k, c in curves.items() if c is not None}, LABELS[key], second)
    return "<h2>Profiles and distributions</h2>" + sheet.embedded()


def _density(drawn: JsonMapping | None, side: str, kind: str) -> tuple[Floats, Floats] | None:
    """Edges and heights; of histograms over the width of a bin, as the edges of two comparisons differ."""
    if drawn is None:
        return None
    edges, values = np.array(drawn["edges"], float), np.array(drawn[side], float)
    return edges, values / np.diff(edges) if kind == "histograms" else values


def _plot(
    sheet: Drawing,
    spot: tuple[float, float],
    curves: Mapping[str, tuple[Floats, Floats]],
    label: str,
    second: str,
) -> None:
    """Steps of each, that of the full simulation filled."""
    low = min(float(edges[0]) for edges, _ in curves.values())
    high = max(float(edges[-1]) for edges, _ in curves.values())
    most = 1.08 * max(1e-30, *(float(values.max()) for _, values in curves.values()))
    frame = Frame(*spot, WIDTH, HEIGHT, np.array([low, 0.0]), np.array([high, most]))
    for name, (edges, values) in curves.items():
        steps = np.stack([np.repeat(edges, 2)[1:-1], np.repeat(values, 2)], axis=1)
        if name == "full simulation":
            area = np.concatenate([[[edges[0], 0.0]], steps, [[edges[-1], 0.0]]])
            sheet.path(closed_path(frame.map(area)[None]), fill=COLOURS[name], more="fill-opacity:.3")
        sheet.line(frame.map(steps), COLOURS[name], 1.6)
    draw_axes(sheet, frame, label, second)


def _training(told: JsonMapping) -> str:
    """What it was trained on, beside what is here."""
    lines = []
    for row in told["trained_on"]:
        known, here = ("{:.4g} to {:.4g}".format(*row[side]) for side in ("trained", "here"))
        cells = (row["what"], known, here, "in part outside: check these showers" if row["outside"] else "")
        lines.append(f"<tr>{_cells(cells, 1)}</tr>")
    about = told["bundle"]
    facts = (
        ("bundle", f"{about['name']}, {about['parameters']:,} numbers"),
        ("sha256 of the manifest", about["sha256"]),
        ("particles", "photons, electrons, positrons; others keep their parametrisation"),
        ("detectors", f"{told['stacks']:,}"),
        ("training command", about["training"] or "–"),
    )
    return (
        "<h2>What it was trained on</h2>"
        + _table(("quantity", "in training", f"in {told['detector']}", ""), lines)
        + _table(("", ""), [f"<tr>{_cells(fact, 2)}</tr>" for fact in facts])
    )


def _words(told: JsonMapping) -> str:
    lines = [f"<tr>{_cells(pair, 2)}</tr>" for pair in told["definitions"].items()]
    return "<h2>What the figures mean</h2>" + _table(("figure", "definition"), lines)


def _table(head: Sequence[str], lines: Sequence[str]) -> str:
    return (
        f"<table><tr>{''.join(f'<th>{html.escape(name)}</th>' for name in head)}</tr>{''.join(lines)}</table>"
    )


def _cells(values: Sequence[Any], words: int) -> str:
    """Cells of a row; from column `words` on they are numbers."""
    return "".join(
        f"<td{' class=n' if i >= words else ''}>{html.escape(str(value))}</td>"
        for i, value in enumerate(values)
    )


def _soft(text: str) -> str:
    return f'<p class="s">{html.escape(text)}</p>'
