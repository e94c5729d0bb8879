"""The pictures of a report: calibration, bars with intervals, and objects in the colours of what made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.display.drawing.frame import Frame, draw_axes
from gnnreco.display.drawing.svg import Drawing, hue, number
from gnnreco.files.json_types import JsonMapping

FOR, AGAINST = hue(0), hue(7)  # what speaks for an answer and what against it
SIDE, GAP = 300.0, 70.0  # pixels
BAR, STEP = 260.0, 17.0  # pixels: the longest bar, and from one bar to the next
NEAR = 1.6  # other hits are drawn in a box so many times as large as the object
MOST_HITS = 1500  # of the others
MOST_ROWS = 16  # bars of an object that has no hits


def calibration(curves: Mapping[str, JsonMapping]) -> Drawing:
    """What a score promises against what happens; on the diagonal it is what it says."""
    sheet = Drawing(SIDE + 2 * GAP + 60, SIDE + 2 * GAP)
    frame = Frame(GAP, 40, SIDE, SIDE)
    sheet.line(frame.map(np.array([[0.0, 0.0], [1.0, 1.0]])), "var(--line)", 1.5)
    for line, (name, curve) in enumerate(curves.items()):
        some = np.flatnonzero(curve["count"])
        x, y = (np.array([curve[key][i] for i in some], float) for key in ("score_mean", "matched"))
        bounds = np.array([curve["matched_interval"][i] for i in some], float).reshape(-1, 2)
        for at, value, (low, high) in zip(x, y, bounds, strict=True):
            sheet.line(frame.map(np.array([[at, low], [at, high]])), hue(line), 1.5)
            _disk(sheet, frame.map(np.array([at, value])), 3.5, hue(line))
        text = f"{name.replace('_', ' ')}: expected error {100 * curve['ece']:.1f} %"
        sheet.text(GAP + 10, 56 + 15 * line, text, "t", fill=hue(line))
    draw_axes(sheet, frame, "what it says", "what happens")
    return sheet


def bars(title: str, rows: Sequence[JsonMapping], value: str, label: str) -> Drawing:
    """A bar for each row, to either side of zero, with its interval where there is one."""
    sheet = Drawing(BAR + 420, 36 + STEP * len(rows))
    sheet.text(0, 14, title, "b")
    ends = [v for row in rows for v in (row[value], *(row.get("interval") or ()))]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    scale = BAR / max(high - low, 1e-30)
    zero = 260 - low * scale
    for i, row in enumerate(rows):
        y, length = 26 + STEP * i, row[value] * scale
        left, colour = zero + min(length, 0.0), FOR if length >= 0 else AGAINST
        width = number(max(abs(length), 0.5))
        sheet.path(f"M{number(left)} {number(y)}h{width}v{STEP - 5:g}h-{width}z", fill=colour)
        if row.get("interval"):
            points = [[zero + v * scale, y + (STEP - 5) / 2] for v in row["interval"]]
            sheet.line(points, "var(--ink)", 1.5)
        sheet.text(250, y + 10, str(row[label]), "t", "end")
        sheet.text(270 + BAR, y + 10, f"{row[value]:+.3g}", "s")
    sheet.line([[zero, 22], [zero, 26 + STEP * len(rows)]], "var(--soft)")
    return sheet


def seen(view: JsonMapping) -> Drawing:
    """One object: its hits from two sides, or the rows of what the network read where there are no hits."""
    if "xyz" not in view:
        return _rows(view["rows"])
    xyz: Floats = view["xyz"]
    mine: Ints = view["mine"]
    flat = {"x [mm], y [mm]": xyz[:, :2], "z [mm], r [mm]": np.stack([xyz[:, 2], np.hypot(*xyz[:, :2].T)], 1)}
    sheet = Drawing(2 * (SIDE + GAP) + 30, SIDE + GAP + 40)
    for i, (names, points) in enumerate(flat.items()):
        frame = _around(points[mine], GAP + i * (SIDE + GAP), 24)
        _others(sheet, frame, points, mine)
        _mine(sheet, frame, points[mine], view["part"])
        draw_axes(sheet, frame, *names.split(", "))
    return sheet


def _around(points: Floats, x: float, y: float) -> Frame:
    """A square panel around points, of the same scale along both axes."""
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    half = NEAR * max(float(np.ptp(points, axis=0).max()) / 2, 1.0)
    return Frame(x, y, SIDE, SIDE, middle - half, middle + half)


def _others(sheet: Drawing, frame: Frame, points: Floats, mine: Ints) -> None:
    """Hits of nothing and of others that lie in the panel, small; every k-th where there are too many."""
    inside = np.asarray(((points > frame.low) & (points < frame.high)).all(axis=1))
    inside[mine] = False
    rows = np.flatnonzero(inside)
    rows = rows[:: -(-len(rows) // MOST_HITS) or 1]
    dots = "".join(f"M{number(x)} {number(y)}h1.6v1.6h-1.6z" for x, y in frame.map(points[rows]) - 0.8)
    sheet.path(dots, fill="var(--soft)", more="fill-opacity:.45")


def _mine(sheet: Drawing, frame: Frame, points: Floats, part: Floats) -> None:
    """The hits of the object: area as what each has of the answer, colour by its sign."""
    most = max(float(np.abs(part).max(initial=0.0)), 1e-30)
    for row in np.argsort(-np.abs(part), kind="stable").tolist():
        size = 2.0 + 8.0 * float(np.sqrt(abs(part[row]) / most))
        _disk(sheet, frame.map(points[row]), size, FOR if part[row] >= 0 else AGAINST)


def _disk(sheet: Drawing, at: Floats, r: float, colour: str) -> None:
    x, y = at
    data = f"M{number(x - r)} {number(y)}a{r:.1f} {r:.1f} 0 1 0 {2 * r:.1f} 0a{r:.1f} {r:.1f} 0 1 0 {-2 * r:.1f} 0z"
    sheet.path(data, colour, colour, 1, "fill-opacity:.55")


def _rows(by_kind: Mapping[str, Floats]) -> Drawing:
    """The rows that have most of the answer."""
    found = [
        (kind, i, float(values[i]))
        for kind, values in by_kind.items()
        for i in np.flatnonzero(values).tolist()
    ]
    found.sort(key=lambda one: -abs(one[2]))
    found = found[:MOST_ROWS]
    # Numbers in a block of many buffers mean nothing to a reader: those of this object count from one.
    place = {one: i for i, one in enumerate(sorted(one[:2] for one in found), 1)}
    rows = [{"row": f"{kind} {place[kind, i]}", "part": part} for kind, i, part in found]
    return bars("what was read, row by row", rows, "part", "row")
