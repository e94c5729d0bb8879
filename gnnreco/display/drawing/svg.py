"""A small writer of SVG: paths from arrays, text, and the two sets of colours a drawing can be seen in."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats

LIGHT = {"back": "#ffffff", "ink": "#18202c", "soft": "#5d6b7e", "line": "#d9e0ea", "on": "#0072b2"}
DARK = {"back": "#0d1117", "ink": "#e7edf5", "soft": "#93a1b5", "line": "#30394a", "on": "#56b4e9"}
# Of subsystems: eight hues that readers who are colour-blind can tell apart, then each darker or lighter; so on pages.
EIGHT_LIGHT = ("#3f6ea8", "#2f7f77", "#6a5aa8", "#8a6a35", "#5f7489", "#96547a", "#4f7d3a", "#a8553f")
EIGHT_DARK = ("#6f97cc", "#57aca3", "#9a8cd4", "#bd9c68", "#8aa2ba", "#c583a4", "#88b872", "#d68a70")


def shaded(colour: str, towards: int, share: float = 0.5) -> str:
    """A colour ``#rrggbb`` moved part of the way to black (0) or white (255)."""
    channels = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return "#" + "".join(f"{round(c + share * (towards - c)):02x}" for c in channels)


HUES_LIGHT = (*EIGHT_LIGHT, *(shaded(colour, 0) for colour in EIGHT_LIGHT))
HUES_DARK = (*EIGHT_DARK, *(shaded(colour, 255) for colour in EIGHT_DARK))


def hue(row: int) -> str:
    """Colour of a subsystem, as a variable that follows the theme."""
    return f"var(--s{row % len(HUES_LIGHT)})"


def number(value: float) -> str:
    """A coordinate with one decimal at most."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


class Drawing:
    """What is drawn so far, in units of a pixel."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._parts: list[str] = []

    def raw(self, markup: str) -> None:
        """Add markup that is known to be safe."""
        self._parts.append(markup)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        kind: str = "t",
        anchor: str = "start",
        fill: str = "",
        turn: float = 0,
    ) -> None:
        """Add text, whatever it holds; `kind`: t, s (soft), e (soft, over shapes), b (bold), h (head)."""
        more = f' text-anchor="{anchor}"' if anchor != "start" else ""
        more += f' style="fill:{fill}"' if fill else ""
        more += f' transform="rotate({number(turn)} {number(x)} {number(y)})"' if turn else ""
        self.raw(f'<text class="{kind}" x="{number(x)}" y="{number(y)}"{more}>{html.escape(text)}</text>')

    def path(
        self, data: str, stroke: str = "none", fill: str = "none", width: float = 1, more: str = ""
    ) -> None:
        """Add one path."""
        if data:
            style = f"fill:{fill};stroke:{stroke}" + (f";stroke-width:{width:g}" if stroke != "none" else "")
            self.raw(f'<path d="{data}" style="{style}{";" + more if more else ""}"/>')

    def line(
        self, points: Floats | Sequence[Sequence[float]], stroke: str, width: float = 1, more: str = ""
    ) -> None:
        """Add an open line through points (n, 2); it breaks where they are not finite."""
        self.path(open_path(np.asarray(points, np.float64)), stroke, "none", width, more)

    def inner(self) -> str:
        """The markup without a frame."""
        return "\n".join(self._parts)

    def standalone(self) -> str:
        """A whole file, light or dark as the reader's system is."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {number(self.width)} {number(self.height)}" '
            f'width="{number(self.width)}" height="{number(self.height)}">\n<style>\n{style()}\n</style>\n'
            f'<rect width="100%" height="100%" style="fill:var(--back)"/>\n{self.inner()}\n</svg>\n'
        )

    def embedded(self) -> str:
        """The drawing as an element of a page, which gives it its colours."""
        return f'<svg class="drawing" viewBox="0 0 {number(self.width)} {number(self.height)}">{self.inner()}</svg>'


def style(where: str = "svg") -> str:
    """Style sheet of a drawing that stands alone, or of a page that holds drawings (`where` the colours are set)."""
    light, dark = theme(LIGHT, HUES_LIGHT), theme(DARK, HUES_DARK)
    return (
        f"{where} {{ {light} }}\n@media (prefers-color-scheme: dark) {{ {where} {{ {dark} }} }}\n"
        "text { font: 11px system-ui, 'DejaVu Sans', sans-serif; fill: var(--ink); }\n"
        "text.s, text.e { fill: var(--soft); } text.e { paint-order: stroke; stroke: var(--back); stroke-width: 3px; }\n"
        " text.h { font-size: 18px; font-weight: 650; } text.b { font-weight: 650; }\n"
        "path { stroke-linejoin: round; }"
    )


def themes() -> str:
    """Style sheet of the colours of a page that can be switched between dark and light."""
    return f":root {{ {theme(DARK, HUES_DARK)} }}\n:root[data-theme='light'] {{ {theme(LIGHT, HUES_LIGHT)} }}"


def theme(colours: dict[str, str], hues: Iterable[str]) -> str:
    """Colours as variables of CSS."""
    named = {**colours, **{f"s{i}": value for i, value in enumerate(hues)}}
    return " ".join(f"--{name}: {value};" for name, value in named.items())


def closed_path(outlines: Floats) -> str:
    """Outlines (n, k, 2) as data of one path, without the corners that repeat."""
    whole = np.rint(outlines * 10).astype(np.int64)
    keep = (whole != np.roll(whole, 1, axis=1)).any(axis=2)
    keep[:, 0] |= ~keep.any(axis=1)
    return "".join("M" + "L".join(_pair(p) for p in row[k]) + "Z" for row, k in zip(whole, keep, strict=True))


def box_path(boxes: Floats, least: float = 0.5) -> str:
    """Upright boxes (n, 4) as data of one path; at least so many pixels wide that all can be seen."""
    low, high = boxes[:, :2], boxes[:, 2:]
    pad = np.maximum(least - (high - low), 0) / 2
    low, size = low - pad, high - low + 2 * pad
    return "".join(
        f"M{number(x)} {number(y)}h{number(w)}v{number(h)}h{number(-w)}z"
        for x, y, w, h in np.hstack([low, size])
    )


def open_path(points: Floats) -> str:
    """Points (n, 2) as data of a path that is lifted where they are not finite."""
    good: NDArray[np.bool_] = np.asarray(np.isfinite(points).all(axis=1))
    words = []
    for i, (x, y) in enumerate(points):
        if good[i]:
            words.append(f"{'L' if i and good[i - 1] else 'M'}{number(x)} {number(y)}")
    return "".join(words)


def ticks(low: float, high: float, parts: float) -> Floats:
    """Round numbers between two others, about `parts` of them."""
    raw = max(high - low, 1e-12) / parts
    ten = 10.0 ** np.floor(np.log10(raw))
    step = ten * next(m for m in (1, 2, 5, 10) if m * ten >= raw * 0.999)
    first = np.ceil(low / step - 1e-9)
    return np.asarray(np.arange(first, np.floor(high / step + 1e-9) + 1) * step)


def _pair(point: Floats) -> str:
    return f"{number(point[0] / 10)} {number(point[1] / 10)}"
