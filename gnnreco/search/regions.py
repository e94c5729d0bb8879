"""Windows of mass: where a signal is looked for, and the side-bands beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.errors import BadInput

Bools = NDArray[np.bool_]
#: Bins of a window, and of the spectrum where no signal region is named.
WINDOW_BINS, BINS = 8, 48
#: Bins of each side-band at least: a smooth function has three parameters.
SIDE_BINS = 3
FEWEST = 100  # events of a table, and of the side-bands of a window


@dataclass(frozen=True, slots=True, eq=False)
class Spectrum:
    """Bins of mass, and the windows that are scanned.

    Attributes
    ----------
    edges : array (b + 1,)
        In the unit of the table.
    windows : list of (int, int)
        First bin and the one after the last.
    left_out : int
        Windows with too few events in them or beside them to learn from.
    """

    edges: Floats
    windows: list[tuple[int, int]]
    left_out: int = 0

    def limits(self, window: tuple[int, int]) -> tuple[float, float]:
        """Lowest and highest mass of a window."""
        return float(self.edges[window[0]]), float(self.edges[window[1]])

    def count(self, mass: Floats) -> Floats:
        """Events in each bin."""
        return np.histogram(mass, self.edges)[0].astype(np.float64)


def inside(mass: Floats, limits: tuple[float, float]) -> Bools:
    """Whether masses lie in a window."""
    return np.asarray((mass >= limits[0]) & (mass < limits[1]))


def near(mass: Floats, limits: tuple[float, float], widths: float = 1.0) -> Bools:
    """Whether masses lie in the side-bands of a window, each `widths` times as wide as it is."""
    reach = widths * (limits[1] - limits[0])
    around = (mass >= limits[0] - reach) & (mass < limits[1] + reach)
    return np.asarray(around & ~inside(mass, limits))


def spectrum(source: str, mass: Floats, region: tuple[float, float] | None) -> Spectrum:
    """Bins and windows of a table.

    Parameters
    ----------
    source : str
        The file, for messages.
    mass : array (n,)
    region : (float, float), optional
        The one window; by default windows that overlap by half cover the range, but for what they need as side-bands.

    Raises
    ------
    BadInput
        For a region outside the data, side-bands without events, or too few events.
    """
    if len(mass) < FEWEST:
        raise BadInput(source, "", f"{len(mass)} events; a search needs {FEWEST}")
    low, high = float(mass.min()), float(mass.max())
    if low == high:
        raise BadInput(
            source, "", f"the mass of every event is {low:g}; is this the column of the resonance?"
        )
    high = float(np.nextafter(high, np.inf))
    if region is None:
        half = WINDOW_BINS // 2
        edges = np.linspace(low, high, BINS + 1)
        windows = [(s, s + WINDOW_BINS) for s in range(half, BINS - WINDOW_BINS - half + 1, half)]
        filled = [window for window in windows if _filled(mass, (edges[window[0]], edges[window[1]]))]
        if not filled:
            why = (
                f"no window of a sixth of {low:g} to {high:g} holds {FEWEST} events and has as many beside it"
            )
            raise BadInput(source, "", f"{why}; name one by its signal region, or take more events")
        return Spectrum(edges, filled, len(windows) - len(filled))
    first, last = region
    if not first < last:
        raise BadInput(source, f"signal region {first:g} to {last:g}", "its ends are in the wrong order")
    if not inside(mass, region).any():
        raise BadInput(
            source,
            f"signal region {first:g} to {last:g}",
            f"holds no event; masses run from {low:g} to {high:g}",
        )
    below, above = int((mass < first).sum()), int((mass >= last).sum())
    if min(below, above) == 0 or below + above < FEWEST:
        raise BadInput(
            source,
            f"signal region {first:g} to {last:g}",
            f"its side-bands hold {below:,} events below and {above:,} above; both need some, and {FEWEST} together: "
            "name a narrower region, leave it out (windows of all masses are then scanned), or take a table with more mass",
        )
    width = (last - first) / WINDOW_BINS
    parts = [
        max(SIDE_BINS, min(BINS, round((first - low) / width))),
        max(SIDE_BINS, min(BINS, round((high - last) / width))),
    ]
    edges = np.concatenate(
        [
            np.linspace(low, first, parts[0] + 1)[:-1],
            np.linspace(first, last, WINDOW_BINS + 1),
            np.linspace(last, high, parts[1] + 1)[1:],
        ]
    )
    return Spectrum(edges, [(parts[0], parts[0] + WINDOW_BINS)])


def _filled(mass: Floats, limits: tuple[float, float]) -> bool:
    """Whether a window and its side-bands hold events enough."""
    return min(int(inside(mass, limits).sum()), int(near(mass, limits).sum())) >= FEWEST
