"""One page that sets detectors side by side: what they are, what they see, how well they are reconstructed."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TypeGuard

from gnnreco.display.drawing.layout import drawing
from gnnreco.display.drawing.svg import Drawing, hue, style
from gnnreco.errors import BadGeometry
from gnnreco.files.atomic import write_file
from gnnreco.files.json_types import JsonMapping
from gnnreco.geometry import load_detector
from gnnreco.summary import cell_text

Row = JsonMapping
HOW = {"trained": "trained on it", "zero_shot": "zero-shot", "fine_tuned": "zero-shot, then tuned"}
#: Units of the columns of the coverage.
UNITS = {"radiation_lengths_mean": "X0", "covered": "fraction of the lines"}
DEFINITIONS = {
    "sensors, cells, layers": "pieces that are placed; parts of all of them that can have a signal each; surfaces of all "
    "subsystems",
    "layers mean, radiation lengths mean": "along straight lines from the source that meet a layer; of sensors, and of "
    "passive cylinders within them. Lines lie evenly in pseudorapidity (eta) and azimuth over what the sensors cover, or "
    "evenly in x and y (mm) along a beam",
    "covered, reach": "part of these lines that meet a layer; between which eta, or x, they lie",
    "hits an event": "mean number of hits in an event of the sample, those of noise included",
    "occupancy": "hits an event over cells",
    "samples": "particles from the source, or of a beam along its line where the sensors lie across it; ttbar: top pairs of "
    "proton-proton collisions",
    "target": "the particles that should be found: those that gnnreco evaluate asks this detector to find where no option "
    "says it, since a tracker of six layers cannot give nine hits",
    "efficiency of tracks (muons, ttbar)": "target particles that a track of any length matches (half of the hits of both "
    "are common) over target particles",
    "efficiency of showers (photons, pions)": "target particles with a cluster that shares half of the energy of both over "
    "target particles; the bundle clusters-density, which has no training",
    "fakes": "tracks, or clusters with at least half of the least energy of a target, that are mainly of no particle, over "
    "all of these",
    "response": "found energy over true energy of matched showers, mean: 1 is right",
    "trained on it": "the bundle that ships for the detector",
    "zero-shot": "the network of another detector; it learned only where to look, from simulated events of this one",
    "zero-shot, then tuned": "the same, trained on a few simulated events of this detector besides",
    "intervals": "68 %, Clopper and Pearson",
}
HUES = (0, 1, 3)
BAR, STEP = 220.0, 15.0  # pixels: length of a whole bar, height of one


def compare_page(report: Row, path: str | Path) -> Path:
    """Draw what `gnnreco compare-detectors` measured as one HTML page without scripts.

    Parameters
    ----------
    report : mapping
        ``sample``: what was run; ``detectors``: for each ``name, sensors, cells, layers, measures, coverage,
        samples``, and in each of these ``hits_per_event, occupancy, target, efficiency, response``; any of them may be
        missing.
    path : path
        The page to write; an existing one is replaced.

    Returns
    -------
    Path
        `path`.
    """
    detectors: Sequence[Row] = report.get("detectors") or []
    samples = list(dict.fromkeys(name for d in detectors for name in d.get("samples") or {}))
    told = ", ".join(f"{k.replace('_', ' ')}: {v}" for k, v in (report.get("sample") or {}).items())
    body = [
        "<h1>The same particles in every detector</h1>",
        f"<p class='s'>{html.escape(told)}</p>" if told else "",
        _table(detectors),
        *(_sample(name, detectors) for name in samples),
        "<h2>Definitions</h2><dl>",
        *(f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in DEFINITIONS.items()),
        "</dl><h2>Drawings</h2><div class='cards'>",
        *(_card(d) for d in detectors),
        "</div>",
    ]
    path = Path(path)
    page = (files("gnnreco.display") / "page" / "compare.html").read_text("utf-8")
    before, between, after = re.split("%%STYLE%%|%%BODY%%", page)
    write_file(path, "".join([before, style(":root"), between, *body, after]))
    return path


def _table(detectors: Sequence[Row]) -> str:
    """What each detector is."""
    coverage = list(dict.fromkeys(key for d in detectors for key in d.get("coverage") or {}))
    columns: list[tuple[str, Callable[[Row], object]]] = [
        ("detector", lambda d: d.get("name")),
        ("sensors", lambda d: d.get("sensors")),
        ("cells", lambda d: d.get("cells")),
        ("layers", lambda d: d.get("layers")),
        ("measures", lambda d: ", ".join(d.get("measures") or [])),
        *((_with_unit(k), lambda d, k=k: (d.get("coverage") or {}).get(k)) for k in coverage),
    ]
    head = "".join(f"<th>{html.escape(name)}</th>" for name, _ in columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{cell_text(ask(d))}</td>" for _, ask in columns) + "</tr>" for d in detectors
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _with_unit(column: str) -> str:
    """The heading of a column of the coverage."""
    return column.replace("_", " ") + (f" [{UNITS[column]}]" if column in UNITS else "")


def _sample(name: str, detectors: Sequence[Row]) -> str:
    """Bars of one sample: hits, occupancy, efficiencies with their intervals."""
    mine = [(d, s) for d in detectors if (s := (d.get("samples") or {}).get(name))]
    panels = [
        _bars("hits an event", [(d, s.get("hits_per_event")) for d, s in mine], logarithmic=True),
        _bars(
            "occupancy (cells with a signal)", [(d, s.get("occupancy")) for d, s in mine], logarithmic=True
        ),
        _efficiencies([(d, s.get("efficiency") or {}) for d, s in mine]),
        _bars("response (found / true energy)", [(d, s.get("response")) for d, s in mine], logarithmic=False),
    ]
    if not any(panels):
        return ""
    targets: dict[str, list[str]] = {}
    for d, s in mine:
        if s.get("target"):
            targets.setdefault(str(s["target"]), []).append(str(d.get("name", "")))
    told = "; ".join(f"{target} ({', '.join(names)})" for target, names in targets.items())
    note = f"<p class='s'>Target: {html.escape(told)}.</p>" if told else ""
    return f"<h2>{html.escape(name.replace('_', ' '))}</h2>{note}<div class='row'>{''.join(panels)}</div>"


def _bars(title: str, values: Sequence[tuple[Row, object]], logarithmic: bool) -> str:
    """One bar for each detector that has the number; logarithmic ones span the decades that are needed."""
    known = [(str(d.get("name", "")), float(v)) for d, v in values if _number(v) and v > 0]
    if not known:
        return ""
    most = max(v for _, v in known)
    floor = 10.0 ** math.floor(math.log10(min(v for _, v in known)) - 0.3)
    sheet = Drawing(BAR + 260, 34 + (STEP + 6) * len(known))
    sheet.text(0, 14, title + (" (log scale)" if logarithmic else ""), "b")
    for i, (name, value) in enumerate(known):
        y = 26 + i * (STEP + 6)
        share = math.log(value / floor) / math.log(most / floor) if logarithmic else value / most
        sheet.text(150, y + 11, name, "t", "end")
        sheet.raw(_box(158, y, BAR * share, STEP, hue(0)))
        sheet.text(164 + BAR * share, y + 11, f"{value:.3g}", "s")
    return sheet.embedded()


def _efficiencies(values: Sequence[tuple[Row, Row]]) -> str:
    """Up to three bars for each detector, from 0 to 1, with 68 % intervals."""
    rows = [
        (str(d.get("name", "")), how, entry)
        for d, efficiency in values
        for how in HOW
        if isinstance(entry := efficiency.get(how), Mapping) and _number(entry.get("value"))
    ]
    if not rows:
        return ""
    sheet = Drawing(BAR + 330, 58 + (STEP - 1) * len(rows) + 8 * len({r[0] for r in rows}))
    sheet.text(0, 14, "efficiency", "b")
    for i, text in enumerate(HOW.values()):
        sheet.raw(_box(80 + 140 * i, 5, 10, 10, hue(HUES[i])))
        sheet.text(94 + 140 * i, 14, text, "s")
    y, last = 26.0, ""
    for name, how, entry in rows:
        if name != last:
            y += 8
            sheet.text(150, y + 11, name, "t", "end")
        last, value = name, min(max(float(entry["value"]), 0.0), 1.0)
        sheet.raw(_box(158, y, BAR * value, STEP - 3, hue(HUES[list(HOW).index(how)])))
        low, high = _interval(entry, value)
        sheet.line([[158 + BAR * x, y + STEP / 2 - 1.5] for x in (low, high)], "var(--ink)", 1.5)
        fakes = f", fakes {entry['fake_rate']:.3f}" if _number(entry.get("fake_rate")) else ""
        sheet.text(166 + BAR * max(value, high), y + 10, f"{value:.3f}{fakes}", "s")
        y += STEP - 1
    return sheet.embedded()


def _card(detector: Row) -> str:
    """The drawing of a detector, where it is at hand."""
    name = str(detector.get("name", ""))
    try:
        picture = drawing(load_detector(detector.get("folder") or name), panels=False).embedded()
    except (BadGeometry, OSError):
        picture = "<p class='s'>not installed here</p>"
    return f"<figure>{picture}</figure>"


def _box(x: float, y: float, width: float, height: float, colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" style="fill:{colour}"/>'


def _interval(entry: Row, value: float) -> tuple[float, float]:
    """Ends of the interval of an efficiency; the value itself where one is not told."""
    low, high = entry.get("low"), entry.get("high")
    return (float(low) if _number(low) else value), (float(high) if _number(high) else value)


def _number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
