"""A panel of a drawing: where numbers become pixels, and its axes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gnnreco.columns import Floats

from .svg import Drawing, ticks


@dataclass(frozen=True, slots=True)
class Frame:
    """A panel: where millimetres become pixels; the second axis points up."""

    x: float
    y: float
    width: float
    height: float
    low: Floats = field(default_factory=lambda: np.zeros(2))
    high: Floats = field(default_factory=lambda: np.ones(2))

    def map(self, points: Floats) -> Floats:
        """Pixels of points (..., 2) in mm."""
        share = (points - self.low) / (self.high - self.low)
        return np.stack(
            [self.x + share[..., 0] * self.width, self.y + (1 - share[..., 1]) * self.height], axis=-1
        )


def draw_axes(sheet: Drawing, frame: Frame, first: str, second: str) -> None:
    """Draw the left and the lower axis of a panel with round numbers."""
    x, y, bottom = frame.x, frame.y, frame.y + frame.height
    sheet.line([[x, y], [x, bottom], [x + frame.width, bottom]], "var(--soft)", 1)
    for v in ticks(frame.low[0], frame.high[0], frame.width / 110):
        at = frame.map(np.array([v, frame.low[1]]))[0]
        sheet.line([[at, bottom], [at, bottom + 4]], "var(--soft)")
        sheet.text(at, bottom + 16, plain(v), "s", "middle")
    for v in ticks(frame.low[1], frame.high[1], frame.height / 60):
        at = frame.map(np.array([frame.low[0], v]))[1]
        sheet.line([[x, at], [x - 4, at]], "var(--soft)")
        sheet.text(x - 8, at + 4, plain(v), "s", "end")
    sheet.text(x + frame.width, bottom + 30, first, "t", "end")
    sheet.text(x - 44, y + 4, second, "t", "end", turn=-90)


def plain(value: float) -> str:
    """A number for an axis."""
    return f"{value + 0.0:g}".replace("-", "−")
