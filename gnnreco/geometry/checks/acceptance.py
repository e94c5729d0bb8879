"""What straight lines say of a detector: holes, layers and depth against direction, overlaps; a few lines each."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry.detector import Detector
from gnnreco.geometry.source import Source

from .coverage import Coverage, coverage
from .findings import Finding, name_sensors

Flags = NDArray[np.bool_]

# Rows of lines that mostly meet sensors belong to the detector; two at each rim of it may be ragged.
COVERED = 0.8
RIM_ROWS = 2
# A gap wider than this share of the range is a choice of the author, not a crack.
CRACK = 0.1
MANY = 6
COLUMNS = 7


def acceptance(detector: Detector) -> Iterator[Finding]:
    """Warnings and notes from the material and from a grid of straight lines; see `coverage`."""
    energy = np.array(["energy" in part.measures for part in detector.subsystems])
    bare = np.flatnonzero(energy[detector.subsystem] & (detector.radiation_lengths == 0))
    if len(bare):
        remedy = "give the subsystem its material: radiation_lengths and interaction_lengths of a whole layer"
        message = "measures energy but has no material: simulated showers take each layer for a radiation length of tungsten"
        yield Finding("warning", "no-material", name_sensors(detector, bare), message, remedy)
    if not detector.source.is_default:
        yield _source(detector.source)
    found = coverage(detector)
    rows = _covered(found)
    if not rows.any():
        remedy = "check the unit of length, the positions, and the place and direction of the `source`"
        message = "few straight lines from the source meet a sensor, in any direction"
        yield Finding("warning", "no-coverage", "all sensors", message, remedy)
        return
    yield from _holes(found, rows)
    yield from _figures(found, rows)


def _source(source: Source) -> Finding:
    place, way = (", ".join(f"{x + 0.0:.6g}" for x in v) for v in (source.position, source.direction))
    message = f"particles come from ({place}) mm, along ({way}); eta, phi, x and y count from there"
    return Finding("note", "source", "source", message, "change it in detector.yaml")


def _covered(found: Coverage) -> Flags:
    """Rows (n,) of lines that belong to the detector."""
    return np.asarray((found.layers > 0).mean(axis=1) >= COVERED)


def _holes(found: Coverage, rows: Flags) -> Iterator[Finding]:
    from scipy.ndimage import label

    inner = rows.copy()
    for step in range(1, RIM_ROWS + 1):
        # Beyond the ends of the grid is outside, too.
        inner[step:] &= rows[:-step]
        inner[:-step] &= rows[step:]
        inner[:step], inner[-step:] = False, False
    regions = label((found.layers == 0) & inner[:, None])[0]
    if found.axes[1] != "phi":
        # Nothing comes round again: what reaches the edge of the grid is outside of the detector.
        edge = np.concatenate([regions[:, 0], regions[:, -1]])
        regions[np.isin(regions, edge)] = 0
    holes, size = np.unique(regions[regions > 0], return_counts=True)
    if len(holes):
        largest = holes[np.argsort(-size, kind="stable")][:3]
        more = f" and {len(holes) - 3} more" if len(holes) > 3 else ""
        share = size.sum() / (inner.sum() * regions.shape[1])
        # The same crack between each two sectors is a choice of the author.
        regular = len(holes) >= MANY and share < CRACK
        yield Finding(
            *("note" if regular else "warning", "hole"),
            "; ".join(_region(found, regions == region) for region in largest) + more,
            f"{100 * share:.2g} % of the lines inside the detector meet no sensor",
            "shift, widen or add sensors, or leave it if the hole is meant",
        )
    for first, last in _between(rows):
        if (last - first + 1) < CRACK * len(rows) and found.layers[first : last + 1].mean() < 0.5:
            where = _range(found.axes[0], found.eta[[first, last]])
            message, remedy = (
                "a crack: lines there meet no sensor",
                "let the parts of the detector overlap as seen",
            )
            yield Finding(
                "warning", "crack", where, message, f"{remedy} from the source, or leave it if it is meant"
            )


def _between(rows: Flags) -> list[tuple[int, int]]:
    """First and last row of each stretch of rows that is uncovered, between covered ones."""
    inside = np.flatnonzero(rows)
    return [(int(a) + 1, int(b) - 1) for a, b in pairwise(inside) if b > a + 1]


def _region(found: Coverage, region: Flags) -> str:
    row, column = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    return f"{_range(found.axes[0], found.eta[row[[0, -1]]])}, {_range(found.axes[1], found.phi[column[[0, -1]]])}"


def _range(name: str, ends: Floats) -> str:
    unit = " mm" if name in "xy" else ""
    low, high = ends
    return f"{name} {low:.2f} to {high:.2f}{unit}" if high > low else f"{name} near {low:.2f}{unit}"


def _figures(found: Coverage, rows: Flags) -> Iterator[Finding]:
    """Notes: where the detector is, how many layers a line crosses, through how much material."""
    inside = np.flatnonzero(rows)
    stretches = np.split(inside, np.flatnonzero(np.diff(inside) > 1) + 1)
    where = " and ".join(_range(found.axes[0], found.eta[part[[0, -1]]]) for part in stretches[:4])
    twice = found.sensors > found.layers
    met = found.layers > 0
    yield Finding(
        *("note", "layers", where, f"layers crossed on average: {_against(found, found.layers, rows)}"),
        "enough layers everywhere? a track wants 5 or more hits",
    )
    depth = f"radiation lengths: {_against(found, found.radiation_lengths, rows)}"
    depth += f"; interaction lengths: {_against(found, found.interaction_lengths, rows)}"
    yield Finding(
        "note", "depth", where, depth, "a tracker wants little, a calorimeter 20 and more of the first"
    )
    if twice.any():
        message = f"{100 * twice[met].mean():.2g} % of the lines cross a layer twice or more"
        yield Finding(
            "note", "overlap", where, message, "overlaps of neighbouring sensors close gaps and align"
        )


def _against(found: Coverage, values: NDArray, rows: Flags) -> str:
    """Averages over a few stretches of the covered rows, with both signs of the direction together."""
    mean, place = values.mean(axis=1)[rows], found.eta[rows]
    if found.axes[0] != "eta" or len(place) < 2 * COLUMNS:
        return f"{mean.mean():.3g}"
    place = np.abs(place) if place[0] * place[-1] < 0 else place
    edges = np.linspace(place.min(), place.max() + 1e-9, COLUMNS + 1)
    bins = np.digitize(place, edges) - 1
    parts = [
        f"{mean[bins == b].mean():.3g} at {(edges[b] + edges[b + 1]) / 2:.1f}"
        for b in range(COLUMNS)
        if (bins == b).any()
    ]
    return ", ".join(parts)
