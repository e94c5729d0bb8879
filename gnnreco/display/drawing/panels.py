"""The squares of a detector's drawing: layers seen along z, and kinds of sensor with their cells."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from gnnreco.columns import Ints
from gnnreco.geometry import Detector

from .frame import Frame
from .shapes import GRAIN, MOST_SHAPES, cell_outlines, few, hue_rows, outlines
from .solids import distinct, to_xy
from .svg import Drawing, closed_path, hue, number, ticks

GAP = 18.0
MOST_CELLS = 400  # of the picture of one sensor


def draw_panels(sheet: Drawing, detector: Detector, left: float, top: float) -> float:
    """Draw a grid of squares, layers along z first, then kinds of sensor; returns where it ends."""
    layers, kinds = _groups(detector), _kinds(detector)
    count = len(layers) + len(kinds)
    columns = min((4, 5, 3), key=lambda n: (-count % n, n != 4)) if count > 2 else 3
    side = (sheet.width - left - 40 - (columns - 1) * GAP) / columns
    frames = [
        Frame(left + (i % columns) * (side + GAP), top + 34 + (i // columns) * (side + 60), side, side)
        for i in range(count)
    ]
    for frame, (title, parts) in zip(frames, layers):
        _layer(sheet, detector, frame, title, parts)
    for frame, like in zip(frames[len(layers) :], kinds, strict=True):
        _kind(sheet, detector, frame, like)
    return frames[-1].y + side + 16


def _layer(
    sheet: Drawing, detector: Detector, frame: Frame, title: str, parts: list[tuple[int, Ints]]
) -> None:
    """One layer of a subsystem seen along z, or the barrels."""
    shadow = [outlines(detector, rows, to_xy) for _, rows in parts]
    points = np.concatenate([o.reshape(-1, 2) for o in shadow])
    low, high = points.min(axis=0), points.max(axis=0)
    reach, middle = float((high - low).max()) * 0.51, (low + high) / 2
    frame = replace(frame, low=middle - reach, high=middle + reach)
    sheet.text(frame.x, frame.y - 22, title, "b")
    n_cells = int(sum(detector.templates[t].n_cells for _, rows in parts for t in detector.template[rows]))
    count = sum(len(rows) for _, rows in parts)
    sheet.text(
        frame.x,
        frame.y - 7,
        f"x–y, {count:,} {'sensors' if count > 1 else 'sensor'}, {short(n_cells)} cells",
        "s",
    )
    hues = hue_rows(detector)
    for (row, rows), outline in zip(parts, shadow, strict=True):
        shade = hue(hues[row])
        cells = cell_outlines(detector, rows, to_xy, frame)
        shapes = distinct(frame.map(outline), GRAIN)
        fill = f"fill-opacity:{0.12 if len(cells) else 0.25}"
        sheet.path(closed_path(few(shapes)), shade, shade, 0.7, fill)
        sheet.path(closed_path(cells), shade, "none", 0.4)
    _scale(sheet, frame)


def _groups(detector: Detector) -> list[tuple[str, list[tuple[int, Ints]]]]:
    """Panels: a title, and the subsystems with the sensors that are shown; mirror images only once."""
    around: list[tuple[int, Ints]] = []
    faces: dict[tuple[int, ...], tuple[list[str], tuple[int, Ints]]] = {}
    for row, subsystem in enumerate(detector.subsystems):
        mine = np.flatnonzero(detector.subsystem == row)
        if not len(mine):
            continue
        if np.median(np.abs(detector.rotation[mine, 2, 2])) < 0.7:
            around.append((row, mine))
            continue
        layers, count = np.unique(detector.layer[mine], return_counts=True)
        full = layers[count == count.max()]
        layer = int(full[len(full) // 2])
        rows = mine[detector.layer[mine] == layer]
        rho = np.hypot(*detector.center[rows, :2].T)
        key = (len(rows), round(float(rho.min())), round(float(rho.max())))
        faces.setdefault(key, ([], (row, rows)))[0].append(f"{subsystem.name}, layer {layer}")
    named = "barrels" if len(around) > 1 else detector.subsystems[around[0][0]].name if around else ""
    return [(named, around)] * bool(around) + [
        (titles[0] + (f" (and {len(titles) - 1} like it)" if len(titles) > 1 else ""), [part])
        for titles, part in faces.values()
    ]


def _kinds(detector: Detector) -> list[list[int]]:
    """The commonest kinds of sensor, those with cells of the same size together."""
    count = np.bincount(detector.template, minlength=len(detector.templates))
    kinds: dict[tuple[float, float], list[int]] = {}
    for i in np.argsort(-count, kind="stable"):
        if count[i]:
            u, v = detector.templates[i].pitch
            kinds.setdefault((round(u, 3), round(v, 3)), []).append(int(i))
    return list(kinds.values())[:4]


def _kind(sheet: Drawing, detector: Detector, frame: Frame, like: list[int]) -> None:
    """A sensor with its cells, or with some of them where they are many."""
    template = detector.templates[like[0]]
    shade = hue(hue_rows(detector)[int(detector.subsystem[detector.template == like[0]][0])])
    low, high = template.outline.min(axis=0), template.outline.max(axis=0)
    middle, reach = (low + high) / 2, float((high - low).max()) * 0.51
    narrow, wide = sorted(template.pitch)
    window = min(reach, max(0.8 * float((high - low).min()), 2 * wide))
    if template.n_cells > 900:
        window = min(window, max(10 * np.sqrt(narrow * wide), 1.1 * wide), 40 * narrow)
    frame = replace(frame, low=middle - window, high=middle + window)
    chosen = template.within(frame.low[None], frame.high[None])[1]
    if len(chosen) > MOST_CELLS:  # cells that are small in the middle
        window *= float(np.sqrt(MOST_CELLS / len(chosen)))
        frame = replace(frame, low=middle - window, high=middle + window)
        chosen = template.within(frame.low[None], frame.high[None])[1][:MOST_SHAPES]
    name = f"{re.sub('[^A-Za-z0-9]+', '-', detector.name)}-cut{like[0]}"  # a page may hold several drawings
    clip = f'x="{number(frame.x)}" y="{number(frame.y)}" width="{number(frame.width)}" height="{number(frame.height)}"'
    sheet.raw(f'<clipPath id="{name}"><rect {clip}/></clipPath><g clip-path="url(#{name})">')
    edge = frame.map(template.outline[None])
    sheet.path(closed_path(edge), shade, shade, 1.2, "fill-opacity:.12")
    sheet.path(closed_path(frame.map(template.corners(chosen))), shade, "none", 0.6)
    sheet.raw("</g>")
    total = int(np.isin(detector.template, like).sum())
    more = f" and {len(like) - 1} more" if len(like) > 1 else ""
    sheet.text(frame.x, frame.y - 22, f"sensor {template.name}{more}", "b")
    size = " × ".join(f"{v:.3g}" for v in template.pitch)
    part = "" if window == reach else ", part"
    sheet.text(frame.x, frame.y - 7, f"{total:,}, cells {size} mm{part}", "s")
    _scale(sheet, frame)


def _scale(sheet: Drawing, frame: Frame) -> None:
    span = float(frame.high[0] - frame.low[0])
    step = float(ticks(0, span, 4.5)[1])
    x, y, text = frame.x, frame.y + frame.height + 9, f"{step / 1000:g} m" if step >= 1000 else f"{step:g} mm"
    end = x + step / span * frame.width
    sheet.line([[x, y], [end, y]], "var(--soft)", 1.5)
    sheet.text(end + 6, y + 4, text, "s")


def short(n: int) -> str:
    """A count with three digits."""
    for unit, name in ((10**9, " G"), (10**6, " M")):
        if n >= unit:
            return f"{n / unit:.3g}{name}"
    return f"{n:,}"
