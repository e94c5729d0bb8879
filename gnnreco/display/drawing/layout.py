"""A drawing of a detector on one sheet: its profile in z and rho, its layers along z, its sensors with their cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gnnreco.columns import Floats
from gnnreco.files.atomic import write_file
from gnnreco.geometry import Detector, along_z
from gnnreco.summary import counted

from .frame import Frame, draw_axes, plain
from .panels import draw_panels, short
from .shapes import cell_outlines, fill, hue_rows, outlines
from .solids import to_rz
from .svg import Drawing, closed_path, hue, number

WIDTH, MARGIN = 1200.0, 56.0
ETAS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0)


def draw_detector(detector: Detector, path: str | Path) -> Path:
    """Draw a detector as one SVG file that suits a light and a dark background.

    Parameters
    ----------
    detector : Detector
    path : path
        The file to write; an existing one is replaced.

    Returns
    -------
    Path
        `path`. Layers of many sensors are drawn as the outline they make together, so the file stays small.
    """
    path = Path(path)
    write_file(path, drawing(detector).standalone())
    return path


def drawing(detector: Detector, panels: bool = True) -> Drawing:
    """The sheet of `draw_detector`, or its upper part alone."""
    sheet = Drawing(WIDTH, 0)
    top = _head(sheet, detector)
    top = _profile(sheet, detector, top) + 54
    sheet.height = draw_panels(sheet, detector, MARGIN - 20, top) + 8 if panels else top - 12
    return sheet


def _head(sheet: Drawing, detector: Detector) -> float:
    """Title and the legend of subsystems; returns where it ends."""
    cells = np.array([t.n_cells for t in detector.templates], np.int64)[detector.template]
    sheet.text(MARGIN, 30, detector.name, "h")
    about = f"{counted(detector.n_sensors, 'sensor')}, {short(int(cells.sum()))} cells"
    about = f"{about}, {counted(detector.n_layers, 'layer')}, {_strength(detector)}"
    sheet.text(MARGIN, 48, about, "s")
    x, y, hues = MARGIN, 70.0, hue_rows(detector)
    for row, subsystem in enumerate(detector.subsystems):
        mine = detector.subsystem == row
        if not mine.any():
            continue
        label = f"{subsystem.name} ({', '.join(subsystem.measures)}; {short(int(cells[mine].sum()))} cells)"
        width = 6.1 * len(label) + 34
        if x + width > WIDTH - 20 and x > MARGIN:
            x, y = MARGIN, y + 18
        sheet.path(f"M{number(x)} {number(y - 9)}h10v10h-10z", fill=hue(hues[row]))
        sheet.text(x + 16, y, label)
        x += width
    return y + 34


def _strength(detector: Detector) -> str:
    """The field at the sensors, in words."""
    bz = along_z(detector.field)
    strength = np.linalg.norm(detector.field.at(detector.center), axis=1)
    low, high = float(strength.min(initial=np.inf)), float(strength.max(initial=0.0))
    if high == 0:
        return "no field"
    if bz is not None:
        return f"{bz:g} T"
    return f"{high:.3g} T" if high - low < 0.005 * high else f"{low:.2g} to {high:.2g} T"


def _profile(sheet: Drawing, detector: Detector, top: float) -> float:
    """The profile in z and rho with lines of equal pseudorapidity."""
    rows = np.arange(detector.n_sensors)
    shadow = outlines(detector, rows, to_rz)
    low = np.array([shadow[..., 0].min(), 0.0])
    high = shadow.reshape(-1, 2).max(axis=0)
    span = high[0] - low[0]
    if low[0] > 0 and low[0] < 2 * span:
        low[0] = 0.0
    if high[0] < 0 and -high[0] < 2 * span:
        high[0] = 0.0
    edge = np.array([0.02 * (high[0] - low[0]), 0.0])
    low, high = low - edge, high + edge + [0, 0.04 * high[1]]
    width = WIDTH - 2 * MARGIN - 14
    height = float(np.clip(width * high[1] / (high[0] - low[0]), 240, 470))
    if 0.4 < height / (width * high[1] / (high[0] - low[0])) < 1:  # keep equal scales: widen what is seen
        extra = (high[1] * width / height - (high[0] - low[0])) / 2
        low[0], high[0] = low[0] - extra, high[0] + extra
    frame = Frame(MARGIN + 8, top, width, height, low, high)
    labels = _etas(sheet, frame)
    for row, shade in enumerate(hue_rows(detector)):
        mine = rows[detector.subsystem == row]
        shapes = frame.map(shadow[mine])
        cells = cell_outlines(detector, mine, to_rz, frame)
        fill(sheet, shapes, hue(shade), 0.14 if len(cells) else 0.4)
        if len(cells):
            sheet.path(closed_path(cells), hue(shade), "none", 0.5)
    for eta, (x, y) in labels:
        side = y > frame.y + 1
        text = "η = 0" if eta == 0 else plain(eta)
        sheet.text(x + 5 * side, y + (4 if side else -5), text, "e", "start" if side else "middle")
    draw_axes(sheet, frame, "z [mm]", "ρ [mm]")
    return top + height


def _etas(sheet: Drawing, frame: Frame) -> list[tuple[float, Floats]]:
    """Draw lines of equal pseudorapidity from the origin to the frame; returns those with room for a label."""
    taken: list[tuple[float, Floats]] = []
    for eta in sorted({s * e for e in ETAS for s in (-1, 1)}, key=abs):
        slope = np.sinh(eta)  # z over rho
        far = frame.high[0] if slope > 0 else frame.low[0]
        reach = min(frame.high[1], far / slope) if slope else frame.high[1]
        behind = abs(far) < 0.05 * (frame.high[0] - frame.low[0])  # nothing of the detector is on that side
        if not reach > 0 or not frame.low[0] <= 0 <= frame.high[0] or (slope and behind):
            continue
        ends = frame.map(np.array([[0.0, 0.0], [reach * slope, reach]]))
        sheet.line(ends, "var(--line)", 1, "stroke-dasharray:3 4")
        room = all(np.abs(ends[1] - other).max() > 22 for _, other in taken)
        if room and ends[1, 1] < frame.y + frame.height - 8:
            taken.append((eta, ends[1]))
    return taken
