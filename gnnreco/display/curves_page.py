"""A page with the curves of a training: the loss, and each number beside it, epoch by epoch."""

from __future__ import annotations

import csv
import html
from pathlib import Path

import numpy as np

from gnnreco.columns import Floats
from gnnreco.errors import BadInput

from .drawing.frame import Frame, draw_axes
from .drawing.svg import Drawing, hue
from .flat_page import write_flat_page

PARTS = ("training", "validation")
WIDTH, HEIGHT = 460.0, 240.0
GAP_X, GAP_Y = 96.0, 84.0
COLUMNS = 2
PAGE = "curves.html"


def curves_page(training: str | Path, page: str | Path | None = None) -> Path:
    """Draw ``metrics.csv`` of a training as one page; the circle is the epoch that the bundle keeps.

    Parameters
    ----------
    training : path
        The folder ``training`` of a bundle.
    page : path, optional
        By default ``curves.html`` there.

    Raises
    ------
    BadInput
        If there are no metrics.

    Examples
    --------
    >>> from gnnreco.display import curves_page
    >>> curves_page("my_bundle/training")  # doctest: +SKIP
    PosixPath('my_bundle/training/curves.html')
    """
    folder = Path(training)
    columns = _columns(folder / "metrics.csv")
    epoch = columns.pop("epoch")
    names = [name.removeprefix("training_") for name in columns if name.startswith("training_")]
    names.sort(key=lambda name: name != "loss")
    best = int(np.argmin(columns["validation_loss"]))
    sheet = _drawn(epoch, columns, names, best)
    body = [
        f"<h1>{html.escape(folder.resolve().parent.name)}: {len(epoch)} epochs</h1>",
        f"<p class='s'>lowest validation loss {columns['validation_loss'][best]:.4g} in epoch {epoch[best]:g}; "
        f"training loss there {columns['training_loss'][best]:.4g}</p>",
        sheet.embedded(),
        "<p>Both curves still fall at the end: train longer. The validation loss rises while the training loss falls: "
        "more events help. The learning rate falls to zero at the end, so that a flat end proves nothing.</p>",
    ]
    return write_flat_page(page or folder / PAGE, "Curves of a training", body)


def _columns(file: Path) -> dict[str, Floats]:
    """The metrics by name; float64 (epochs,)."""
    try:
        with file.open(encoding="utf-8") as text:
            rows = list(csv.DictReader(text))
        found = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
        needed = found["epoch"], found["training_loss"], found["validation_loss"]
    except (OSError, ValueError, TypeError, KeyError, IndexError) as error:
        why = f"holds no rows of a training ({error}); name the folder training of a bundle"
        raise BadInput(file, "", why) from error
    assert len(needed[0])
    return found


def _drawn(epoch: Floats, columns: dict[str, Floats], names: list[str], best: int) -> Drawing:
    panels = [*names, "learning_rate"] if "learning_rate" in columns else names
    rows = -(-len(panels) // COLUMNS)
    sheet = Drawing(COLUMNS * (WIDTH + GAP_X) + 30, rows * (HEIGHT + GAP_Y) + 20)
    for i, name in enumerate(panels):
        x, y = GAP_X + i % COLUMNS * (WIDTH + GAP_X), 40 + i // COLUMNS * (HEIGHT + GAP_Y)
        own = {part: columns[f"{part}_{name}"] for part in PARTS if f"{part}_{name}" in columns}
        _panel(sheet, (x, y), name, epoch, own or {name: columns[name]}, best)
    return sheet


def _panel(
    sheet: Drawing, spot: tuple[float, float], name: str, epoch: Floats, curves: dict[str, Floats], best: int
) -> None:
    """One number against the epoch; on a logarithmic axis where all of it is positive and spans a factor of ten."""
    values = np.concatenate(list(curves.values()))
    log = bool((values > 0).all() and values.max() > 10 * values.min())
    low, high = (np.log10(values) if log else values).min(), (np.log10(values) if log else values).max()
    room = 0.06 * (high - low) or max(abs(high), 1.0) * 0.1
    frame = Frame(
        *spot, WIDTH, HEIGHT, np.array([epoch[0] - 0.5, low - room]), np.array([epoch[-1] + 0.5, high + room])
    )
    for line, (part, curve) in enumerate(curves.items()):
        at = np.log10(curve) if log else curve
        points = frame.map(np.stack([epoch, at], axis=1))
        sheet.line(points, hue(7 * line), 1.8)
        _disks(sheet, points, 2.2, hue(7 * line))
        sheet.text(
            spot[0] + WIDTH - 6, spot[1] + 8 + 15 * line, part.replace("_", " "), "t", "end", hue(7 * line)
        )
        if part == "validation":
            _disks(sheet, points[[best]], 6.0, "none", hue(7 * line))
    title = name.replace("_", " ")
    sheet.text(spot[0], spot[1] - 12, title, "b")
    draw_axes(sheet, frame, "epoch", f"log10({title})" if log else title)


def _disks(sheet: Drawing, centres: Floats, radius: float, fill: str, stroke: str = "none") -> None:
    for x, y in centres:
        half = f"a{radius} {radius} 0 1 0"
        sheet.path(f"M{x - radius:.1f} {y:.1f}{half} {2 * radius} 0{half} {-2 * radius} 0z", stroke, fill)
