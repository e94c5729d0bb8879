"""The page of a first look at unknown data: the event in space, its clusters, spectra, and what is odd."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnnreco.columns import Anomalies, Floats, Ints
from gnnreco.display.drawing.frame import Frame, draw_axes, plain
from gnnreco.display.drawing.svg import Drawing, hue, number, ticks
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector
from gnnreco.tasks.explore import Exploration, Ranking, anomalies_of, measure

from .ranking_sheet import ranking_sheet
from .show import Scene, event_scene, write_scenes
from .stand_in import stand_in

MOST_ROWS = 300  # of the table of clusters
WIDTH, HEIGHT, GAP = 560.0, 300.0, 84.0
BINS = 48
UNITS = {"_gev": "GeV", "_mm": "mm"}  # by the end of a column's name


def explore_page(view: Exploration, detector: Detector | None, path: str | Path) -> Path:
    """Draw what `explore` found as one HTML page.

    Parameters
    ----------
    view : Exploration
    detector : Detector, optional
        The one that `view` was made with. Without one the cells of the file are drawn.
    path : path
        The page to write; an existing one is replaced.
    """
    return write_scenes(path, [_scene(view, detector)])


def ranked_page(
    ranking: Ranking, views: Mapping[int, Exploration], detector: Detector | None, path: str | Path
) -> Path:
    """Draw some events of a ranking as one HTML page, with what makes each strange lit up and the table of all.

    Parameters
    ----------
    ranking : Ranking
    views : mapping of int to Exploration
        What `explore` found in some events, by their row in the ranking; the first opens.
    detector, path
        As of `explore_page`.
    """
    table = ("Ranking", ranking_sheet(ranking, list(views)))
    scenes = []
    for i, view in views.items():
        strange = anomalies_of(ranking, i, measure(view.event, detector))
        scenes.append(_scene(view, detector, strange, [table]))
    return write_scenes(path, scenes)


def _scene(
    view: Exploration,
    detector: Detector | None,
    anomalies: Anomalies | None = None,
    before: Sequence[tuple[str, str]] = (),
) -> Scene:
    """What is drawn of one event; sheets that come before its own are given."""
    event = view.event
    if detector is None:
        detector, sensor = stand_in(view)
        event = replace(event, hits=replace(event.hits, sensor=sensor))
    clusters = cluster_rows(view)
    sheets = [
        *before,
        ("Clusters", _table(clusters[:MOST_ROWS], "cluster") if clusters else _none("No cluster was found.")),
        ("Spectra", _spectra(view).embedded()),
        (
            "Data",
            "<h2>What the event holds</h2>"
            + _table(part_rows(view))
            + "<h2>What is odd</h2>"
            + _table(odd_rows(view)),
        ),
    ]
    return event_scene(event, detector, None, view.clusters, sheets, anomalies=anomalies)


def cluster_rows(view: Exploration) -> list[JsonDict]:
    """A row for each cluster, the highest energy first."""
    c, part, eta, phi = view.clusters, _parts(view), *_directions(view)
    size = np.diff(c.offsets)
    return [
        {
            "cluster": i,
            "part": view.parts[part[i]],
            "energy_gev": float(c.energy[i]),
            "hits": int(size[i]),
            "eta": float(eta[i]),
            "phi": float(phi[i]),
            "x_mm": float(c.x[i]),
            "y_mm": float(c.y[i]),
            "z_mm": float(c.z[i]),
            "extent_mm": float(view.extent[i]),
            "score": float(c.score[i]),
        }
        for i in range(len(c))
    ]


def part_rows(view: Exploration) -> list[JsonDict]:
    """A row for each part of the detector, or collection of the file."""
    energy = np.zeros(len(view.part)) if view.event.hits.energy is None else view.event.hits.energy
    energy = np.where(np.isfinite(energy), energy, 0.0)  # those that are no number are counted as odd
    length = np.linalg.norm(view.edges, axis=2)
    found, rows = _parts(view), []
    for row, name in enumerate(view.parts):
        mine = view.part == row
        told = mine & np.isfinite(length).all(axis=1)
        measured = bool((mine & view.with_energy).any())
        cell = (
            " x ".join(f"{v:.3g}" if v < 1000 else f"{v:.0f}" for v in np.median(length[told], axis=0))
            if told.any()
            else None
        )
        rows.append(
            {
                "part": name,
                "hits": int(mine.sum()),
                "energy_gev": float(energy[mine].sum()) if measured else None,
                "highest_hit_gev": float(energy[mine].max()) if measured else None,
                "cell_mm": cell,
                "clusters": int((found == row).sum()) if measured else None,
            }
        )
    return rows


def odd_rows(view: Exploration) -> list[JsonDict]:
    """A row for each thing that was counted."""
    return [{"what": what, "count": count} for what, count in view.odd.items()]


def _parts(view: Exploration) -> Ints:
    """The part (n_clusters,) of each cluster's first hit."""
    c = view.clusters
    return view.part[c.hit_index[c.offsets[:-1]]].astype(np.int64)


def _directions(view: Exploration) -> tuple[Floats, Floats]:
    """Pseudorapidity and azimuth of each cluster, seen from the origin."""
    c = view.clusters
    return np.arcsinh(c.z / np.maximum(np.hypot(c.x, c.y), 1e-9)), np.arctan2(c.y, c.x)


def _none(text: str) -> str:
    return f'<p class="none">{html.escape(text)}</p>'


def _table(rows: Sequence[JsonDict], pointer: str = "") -> str:
    """Rows as a table; the number named `pointer` is the cluster that a click on the row shows."""
    numeric = {name: not any(isinstance(row[name], str) for row in rows) for name in rows[0]}
    kind = {name: ' class="n"' if right else "" for name, right in numeric.items()}
    head = "".join(f"<th{kind[name]}>{html.escape(_heading(name))}</th>" for name in rows[0])
    lines = []
    for row in rows:
        mark = f' data-cluster="{int(row[pointer])}" title="Show this cluster"' if pointer else ""
        cells = "".join(
            f"<td{kind[name]}>{html.escape(_text(name, value))}</td>" for name, value in row.items()
        )
        lines.append(f"<tr{mark}>{cells}</tr>")
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"


def _heading(name: str) -> str:
    """A column's name for people: the unit in brackets."""
    for ending, unit in UNITS.items():
        if name.endswith(ending):
            return f"{name.removesuffix(ending).replace('_', ' ')} [{unit}]"
    return {"eta": "η", "phi": "φ"}.get(name, name.replace("_", " "))


def _text(name: str, value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if name.endswith("_mm") else f"{value:,.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _spectra(view: Exploration) -> Drawing:
    """Energies of hits and of clusters by part, and where the clusters are."""
    sheet = Drawing(2 * WIDTH + 3 * GAP - 60, 2 * HEIGHT + 3 * GAP)
    spots = [(GAP + i * (WIDTH + GAP), 50 + j * (HEIGHT + GAP + 10)) for j in range(2) for i in range(2)]
    energy = np.zeros(len(view.part)) if view.event.hits.energy is None else view.event.hits.energy
    shown = np.flatnonzero(view.with_energy & (energy > 0) & (view.part >= 0))
    names = [view.parts[row] for row in range(len(view.parts))]
    _histogram(sheet, spots[0], "Energy of the hits", energy[shown], view.part[shown].astype(np.int64), names)
    _histogram(sheet, spots[1], "Energy of the clusters", view.clusters.energy, _parts(view), names)
    _map(sheet, spots[2], view)
    _sizes(sheet, spots[3], view)
    return sheet


def _histogram(
    sheet: Drawing, spot: tuple[float, float], title: str, energy: Floats, part: Ints, names: Sequence[str]
) -> None:
    """Counts in bins of the logarithm of the energy, a line for each part."""
    sheet.text(spot[0], spot[1] - 12, title, "b")
    if not len(energy):
        sheet.text(spot[0] + 12, spot[1] + 24, "none above zero", "s")
        return
    value = np.log10(energy)
    low, high = float(np.floor(value.min())), float(np.floor(value.max()) + 1)
    edges = np.linspace(low, high, BINS + 1)
    counts = {row: np.histogram(value[part == row], edges)[0] for row in np.unique(part).tolist()}
    most = max(float(count.max()) for count in counts.values())
    frame = Frame(*spot, WIDTH, HEIGHT, np.array([low, 0.0]), np.array([high, 1.15 * most]))
    for line, (row, count) in enumerate(counts.items()):
        steps = np.stack([np.repeat(edges, 2)[1:-1], np.repeat(count, 2)], axis=1)
        sheet.line(frame.map(steps), hue(row), 1.6)
        x, y = spot[0] + WIDTH - 8, spot[1] + 12 + 15 * line
        sheet.path(f"M{number(x)} {number(y - 8)}h9v9h-9z", fill=hue(row))
        sheet.text(x - 6, y, f"{names[row]}: {int(count.sum()):,}", "t", "end")
    _log_axis(sheet, frame)
    _linear_axis(sheet, frame, 0.0)


def _log_axis(sheet: Drawing, frame: Frame) -> None:
    """Lower axis in powers of ten of a GeV."""
    bottom = frame.y + frame.height
    sheet.line([[frame.x, bottom], [frame.x + frame.width, bottom]], "var(--soft)")
    for power in range(int(frame.low[0]), int(frame.high[0]) + 1):
        at = frame.map(np.array([power, frame.low[1]]))[0]
        unit, shift = next(
            ((u, k) for u, k in (("TeV", -3), ("GeV", 0), ("MeV", 3), ("keV", 6)) if power + k >= 0),
            ("eV", 9),
        )
        sheet.line([[at, bottom], [at, bottom + 4]], "var(--soft)")
        sheet.text(at, bottom + 16, f"{10.0 ** (power + shift):g} {unit}", "s", "middle")


def _linear_axis(sheet: Drawing, frame: Frame, first: float) -> None:
    """Left axis with round numbers from `first` on."""
    sheet.line([[frame.x, frame.y], [frame.x, frame.y + frame.height]], "var(--soft)")
    for v in ticks(first, float(frame.high[1]), frame.height / 60):
        at = frame.map(np.array([frame.low[0], v]))[1]
        sheet.line([[frame.x, at], [frame.x - 4, at]], "var(--soft)")
        sheet.text(frame.x - 8, at + 4, plain(float(v)), "s", "end")


def _sizes(sheet: Drawing, spot: tuple[float, float], view: Exploration) -> None:
    """How many hits clusters have, against their energy: one hit of much energy is a spike, or a coarse cell."""
    sheet.text(spot[0], spot[1] - 12, "Hits of the clusters, by energy", "b")
    energy, size = view.clusters.energy, np.diff(view.clusters.offsets)
    if not len(energy):
        sheet.text(spot[0] + 12, spot[1] + 24, "no cluster", "s")
        return
    value = np.log10(energy)
    low, high = np.floor(value.min()), np.floor(value.max()) + 1
    frame = Frame(*spot, WIDTH, HEIGHT, np.array([low, 0.0]), np.array([high, 1.1 * float(size.max())]))
    place = frame.map(np.stack([value, size], axis=1))
    for (x, y), row in zip(place.tolist(), _parts(view).tolist(), strict=True):
        sheet.path(_disk(x, y, 3.0), hue(row), hue(row), 1, "fill-opacity:.5")
    _log_axis(sheet, frame)
    _linear_axis(sheet, frame, 0.0)


def _disk(x: float, y: float, r: float) -> str:
    return f"M{number(x - r)} {number(y)}a{r:.1f} {r:.1f} 0 1 0 {2 * r:.1f} 0a{r:.1f} {r:.1f} 0 1 0 {-2 * r:.1f} 0z"


def _map(sheet: Drawing, spot: tuple[float, float], view: Exploration) -> None:
    """Clusters in pseudorapidity and azimuth; the area of a disk grows with the energy."""
    sheet.text(spot[0], spot[1] - 12, "Where the clusters are, seen from the origin: area as energy", "b")
    eta, phi = _directions(view)
    energy = view.clusters.energy
    low, high = (float(eta.min()), float(eta.max())) if len(eta) else (-1.0, 1.0)
    margin = 0.08 * max(high - low, 0.5)
    frame = Frame(*spot, WIDTH, HEIGHT, np.array([low - margin, -3.3]), np.array([high + margin, 3.3]))
    place = frame.map(np.stack([eta, phi], axis=1))
    radius = np.maximum(20 * np.sqrt(energy / max(float(energy.max(initial=0.0)), 1e-12)), 1.2)
    for (x, y), r, row in zip(place.tolist(), radius.tolist(), _parts(view).tolist(), strict=True):
        sheet.path(_disk(x, y, r), hue(row), hue(row), 1, "fill-opacity:.4")
    draw_axes(sheet, frame, "η", "φ [rad]")
