"""A report as one HTML page without scripts: tables, and pictures that follow the reader's theme."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from gnnreco.display.flat_page import write_flat_page
from gnnreco.files.json_types import JsonMapping
from gnnreco.summary import cell_text, counted

from . import charts

Row = JsonMapping
SHOWN = 30  # columns in the ranking


def write_page(path: str | Path, told: Row, views: Sequence[Row]) -> Path:
    """Write the page of what `report` found; `views` are what is drawn of its objects."""
    about = told["bundle"]
    title = f"{about['name']}: {about['task']}, {cell_text(about['parameters'])} parameters"
    body = [
        f"<h1>{html.escape(title)}</h1>",
        _soft(f"{counted(told['events'], 'event')}; {told['command'] or 'no command was told'}"),
        *(f"<p>{html.escape(line)}</p>" for line in told["warnings"]),
        *_bundle(about),
        *_figures(told),
        *_gap(told),
        *_seeds(told["seeds"]),
        *_sure(told),
        *_ranking(told["ranking"]),
        *_objects(told["objects"], views),
        *_failures(told),
        "<h2>What this report leaves out</h2>" if told["left_out"] else "",
        *(f"<p>{html.escape(line)}</p>" for line in told["left_out"]),
        "<h2>Definitions</h2><dl>",
        *(f"<dt>{html.escape(k)}</dt><dd>{html.escape(str(v))}</dd>" for k, v in told["definitions"].items()),
        "</dl>",
    ]
    return write_flat_page(path, "Report on a trained model", body)


def _bundle(about: Row) -> list[str]:
    """What was trained, on what, by which command."""
    facts = {
        "task": about["task"],
        "detector": about["detector"],
        "sha256 of the manifest": about["sha256"],
        "size": f"{about['bytes']:,} bytes, {about['parameters']:,} parameters",
        "after": ", ".join(f"{one['name']} ({one['sha256'][:12]})" for one in about["before"]) or None,
        "made by": f"gnnreco {about['gnnreco']}",
        "training command": about["command"],
        "training data": _data(about["data"]),
    }
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td class='w'><code>{cell_text(value)}</code></td></tr>"
        for name, value in facts.items()
    )
    return ["<h2>What the bundle is</h2>", f"<table>{rows}</table>"]


def _data(data: JsonMapping | str | None) -> str | None:
    """What was trained on; of files how many, since their sums would fill pages."""
    if not isinstance(data, Mapping):
        return None if data is None else str(data)
    files = data.get("files")
    size = sum(file["bytes"] for file in files) if files else 0
    told = f"{counted(len(files), 'file')}, {size / 1e6:,.1f} MB, sums in the manifest; " if files else ""
    return told + json.dumps({k: v for k, v in data.items() if k != "files"}, sort_keys=True)


def _figures(told: Row) -> list[str]:
    """What it does on the events, beside the simple method."""
    baseline = told["baseline"]
    beside = {} if baseline is None else {row["figure"]: row for row in baseline["figures"]}
    rows = []
    for row in told["figures"]:
        cells = {"figure": row["figure"], "network": _value(row)}
        if beside:
            cells["simple method"] = _value(beside[row["figure"]]) if row["figure"] in beside else "–"
        rows.append(cells)
    lines = ["<h2>What it does on these events</h2>", _table(rows)]
    if baseline is not None:
        lines.append(_soft(f"Simple method: {baseline['what']}."))
    if told["events_failed"]:
        failed = [{"event": r["event"], "file": r["source"], "why": r["why"]} for r in told["events_failed"]]
        lines += [f"<h3>{counted(len(failed), 'event')} failed</h3>", _table(failed, words=("file", "why"))]
    return lines


def _gap(told: Row) -> list[str]:
    """Is it over-trained?"""
    lines = ["<h2>Is it over-trained?</h2>", _soft(f"Compared with {told['training']['what']}.")]
    rows = [
        {
            "figure": row["figure"],
            "training": cell_text(row["training"]),
            "test": cell_text(row["test"]),
            "test less training": _value({"value": row["difference"], "interval": row["interval"]}, True),
            "standard errors": "–" if row["sigma"] is None else f"{row['sigma']:+.1f}",
        }
        for row in told["gap"]
    ]
    lines.append(_table(rows) if rows else _soft("Nothing is known of the training that could be compared."))
    metrics = told["bundle"]["metrics"]
    epochs = [
        {
            "last epoch": name,
            "training": metrics[f"training_{name}"],
            "validation": metrics[f"validation_{name}"],
        }
        for name in (key.removeprefix("training_") for key in metrics if key.startswith("training_"))
        if f"validation_{name}" in metrics
    ]
    return lines + ([_table(epochs)] if epochs else [])


def _seeds(seeds: Sequence[Row]) -> list[str]:
    """Trainings side by side."""
    if not seeds:
        return []
    rows = []
    for place, row in enumerate(seeds[0]["figures"]):
        each = {
            f"{i}. {other['bundle']}": _value(other["figures"][place]) for i, other in enumerate(seeds, 1)
        }
        values = [other["figures"][place]["value"] for other in seeds]
        known = [value for value in values if value is not None]
        spread = cell_text(max(known) - min(known)) if known else "–"
        rows.append({"figure": row["figure"], **each, "largest less smallest": spread})
    return [f"<h2>{len(seeds)} trainings side by side</h2>", _table(rows)]


def _sure(told: Row) -> list[str]:
    """Calibration and pulls."""
    lines = ["<h2>How sure, and rightly so?</h2>"]
    if told["calibration"]:
        lines.append(f"<div class='row'>{charts.calibration(told['calibration']).embedded()}</div>")
    rows = [
        {
            "pull of": row["of"],
            "width": _value({"value": row["core"], "interval": row["interval"]}),
            "bias": cell_text(row["bias"]),
        }
        for row in told["pulls"]
    ]
    lines.append(
        _table(rows) if rows else _soft("Nothing here has an expected error, so there are no pulls.")
    )
    return lines


def _ranking(rows: Sequence[Row]) -> list[str]:
    """Which columns matter."""
    if not rows:
        return []
    shown = [{**row, "name": f"{row['kind']}: {row['feature'].replace('_', ' ')}"} for row in rows[:SHOWN]]
    more = f"; {len(rows) - SHOWN} more in the JSON" if len(rows) > SHOWN else ""
    picture = charts.bars("rise of the loss", shown, "rise", "name").embedded()
    return [
        "<h2>What it reads</h2>",
        _soft(f"Rise of the loss when a column of its input is shuffled, the largest first{more}."),
        f"<div class='row'>{picture}</div>",
    ]


def _objects(objects: Sequence[Row], views: Sequence[Row]) -> list[str]:
    """A few objects and what made them."""
    lines = ["<h2>Why it said so</h2>"] if objects else []
    for row, view in zip(objects, views, strict=True):
        right = "right" if row["right"] else "wrong"
        where = f"event {row['event']}, number {row['object']}, score {row['score']:.3f}, {right}"
        told = f"{row['answer_is']}: {row['answer']:.3g}; with average features {row['answer_average']:.3g}"
        named = [r | {"name": f"{r['kind']}: {r['feature'].replace('_', ' ')}"} for r in row["features"]]
        pictures = charts.seen(view).embedded() + charts.bars("by column", named, "part", "name").embedded()
        lines += [
            f"<h3>{html.escape(row['what'])}</h3>",
            _soft(f"{where}; {told}. Blue speaks for it, red against it."),
            f"<div class='row'>{pictures}</div>",
        ]
        if row["command"]:
            lines.append(f"<p><code>{html.escape(row['command'])}</code></p>")
    return lines


def _failures(told: Row) -> list[str]:
    """Where it went wrong, and how to look at it."""
    events, objects = told["failures"]["events"], told["failures"]["objects"]
    lines = ["<h2>Where it fails</h2>"]
    lines += [
        f"<p>Once, before any event is opened: <code>{html.escape(line)}</code></p>"
        for line in told["failures"]["first"]
    ]
    if not events and not objects:
        return [*lines, _soft("Nothing was missed in these events, and nothing found for nothing.")]
    for title, rows in (("Events with most losses", events), ("Surest mistakes", objects)):
        if rows:
            shown = [
                {k: v for k, v in row.items() if k != "source" or row["command"] is None} for row in rows
            ]
            lines += [f"<h3>{title}</h3>", _table(shown, words=("command", "source"))]
    return lines


def _table(rows: Sequence[Row], words: Sequence[str] = ()) -> str:
    """Rows as a table; columns of `words` are text."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in rows[0])
    lines = []
    for row in rows:
        cells = []
        for name, value in row.items():
            text = cell_text(value)
            cells.append(f"<td class='w'><code>{text}</code></td>" if name in words else f"<td>{text}</td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _value(row: Row, signed: bool = False) -> str:
    """A number with its interval."""
    value, bounds = row["value"], row["interval"]
    if value is None:
        return "–"
    text = f"{value:+.4g}" if signed else f"{value:.4g}"
    if bounds is None:
        return text
    return f"{text} +{bounds[1] - value:.2g} −{value - bounds[0]:.2g}"


def _soft(text: str) -> str:
    return f"<p class='s'>{html.escape(text)}</p>"
