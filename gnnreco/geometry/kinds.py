"""The ``templates`` section of a detector: from words and numbers to cell templates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .description import Section
from .lattice import GridTemplate, HexTemplate
from .plane import is_convex
from .templates import CellTemplate

Floats = NDArray[np.float64]
MAX_CELLS = 2**31 - 1


def read_templates(section: Section) -> tuple[CellTemplate, ...]:
    """All templates, in the order of the file."""
    readers = {"grid": _grid, "hex": _hex}
    result = []
    for name in section.keys():
        entry = section.section(name)
        kind = entry.text("kind", choices=tuple(readers))
        template = readers[kind](name, entry)
        entry.done()
        if template.n_cells > MAX_CELLS:
            raise entry.fault("kind", f"{template.n_cells:,} cells do not fit 31 bits; split the sensor")
        result.append(template)
    if not result:
        raise section.fault("", "no template; a detector needs at least one")
    return tuple(result)


def _grid(name: str, entry: Section) -> CellTemplate:
    pitch = _positive(entry, "pitch", entry.numbers("pitch", (2,), "length"))
    cells = entry.value("cells")
    if not (isinstance(cells, list) and len(cells) == 2 and all(isinstance(n, int) and n > 0 for n in cells)):
        raise entry.fault("cells", f"expected two whole numbers above 0, found {cells!r}")
    outline = _outline(entry) if "outline" in entry else np.zeros((0, 2))
    return GridTemplate(name, _thickness(entry), float(pitch[0]), float(pitch[1]), *cells, outline)


def _hex(name: str, entry: Section) -> CellTemplate:
    width = entry.number("flat_to_flat", "length", above=0.0)
    return HexTemplate(name, _thickness(entry), width, _outline(entry))


def _thickness(entry: Section) -> float:
    return entry.number("thickness", "length", above=0.0)


def _positive(entry: Section, key: str, values: Floats) -> Floats:
    if not (values > 0).all():
        raise entry.fault(key, "every length must be greater than 0")
    return values


def _outline(entry: Section) -> Floats:
    """Corners as given, or a regular hexagon by its width; always counter-clockwise."""
    if "hexagon" in entry:
        # A corner along u: the wafers' way, so that the cells' rows end at a flat edge.
        radius = entry.number("hexagon", "length", above=0.0) / np.sqrt(3)
        angle = np.arange(6) * np.pi / 3
        return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    outline = entry.numbers("outline", (-1, 2), "length")
    if len(outline) < 3:
        raise entry.fault("outline", "an outline has at least three corners")
    if not is_convex(outline):
        outline = outline[::-1]
    if not is_convex(outline):
        raise entry.fault(
            "outline", "the outline is not convex or repeats a corner; split the sensor into convex parts"
        )
    return np.ascontiguousarray(outline)
