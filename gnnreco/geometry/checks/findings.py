"""What can be wrong with a detector, each fault with its own code, message and remedy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.geometry.cells.grid import GridTemplate
from gnnreco.geometry.cells.polygons import PolygonTemplate
from gnnreco.geometry.detector import Detector
from gnnreco.geometry.plane import area_centroid, crossing_themselves, farthest_outside

from .collisions import overlap_depth, overlapping_cells, overlapping_sensors

# A rotation written with four digits passes; one with a wrong digit does not.
ROTATION = 1e-3
# Cells may stick out by the rounding of a drawing, mm.
RIM = 1e-3
# Pairs of sensors whose overlap is measured.
DEEP = 200
# Detectors are between a millimetre and two hundred metres long, mm.
SMALLEST, LARGEST = 1.0, 2e5


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault.

    Attributes
    ----------
    severity : str
        ``error``: results would be wrong; ``warning``: probably a mistake; ``note``: a figure to look at.
    code : str
        Stable name of the kind of fault.
    where : str
        The sensors, template or line.
    message, suggestion : str
        What is wrong, and what to do.
    """

    severity: str
    code: str
    where: str
    message: str
    suggestion: str


def unusable(detector: Detector) -> Iterator[Finding]:
    """Faults that make every later number wrong; cheap enough to look for at each load."""
    yield from _numbers(detector)
    yield from _ids(detector)
    yield from _rotations(detector)


def doubtful(detector: Detector) -> Iterator[Finding]:
    """Faults of the placement and of the cells."""
    yield from _material(detector)
    yield from _layers(detector)
    yield from _trackers(detector)
    yield from _extent(detector)
    for template in detector.templates:
        if isinstance(template, PolygonTemplate):
            yield from _cells(template)
        if isinstance(template, GridTemplate):
            yield from _coverage(template)
    yield from _overlaps(detector)


def name_sensors(detector: Detector, rows: NDArray[np.int64]) -> str:
    """The first few sensors of a list, by row and number."""
    named = ", ".join(f"{row} (id {detector.sensor_id[row]})" for row in rows[:5])
    more = f" and {len(rows) - 5} more" if len(rows) > 5 else ""
    return f"sensor{'s' if len(rows) > 1 else ''} {named}{more}"


def _numbers(detector: Detector) -> Iterator[Finding]:
    columns = (
        "center",
        "rotation",
        "radiation_lengths",
        "interaction_lengths",
        "resolution_u",
        "resolution_v",
    )
    for name in columns:
        bad = ~_finite(getattr(detector, name))
        if bad.any():
            where = f"{name_sensors(detector, np.flatnonzero(bad))}, {name}"
            yield Finding(
                "error", "not-a-number", where, "NaN or infinite", "give every sensor finite numbers"
            )


def _finite(column: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Rows without NaN or infinity."""
    return np.asarray(np.isfinite(column).reshape(len(column), -1).all(axis=1))


def _ids(detector: Detector) -> Iterator[Finding]:
    names = {"sensor ids": detector.sensor_id[:, None]}
    for group in detector.identify:
        columns = np.stack([detector.labels[label] for label in group], axis=1)
        # -1 throughout: a sensor of an entry without these labels.
        columns[(columns == -1).all(axis=1)] -= np.arange(1, (columns == -1).all(axis=1).sum() + 1)[:, None]
        names[f"names ({', '.join(group)})"] = columns
    for what, columns in names.items():
        ordered = columns[np.lexsort(columns.T)]
        if not (ordered[1:] == ordered[:-1]).all(axis=1).any():
            continue
        _, group_of, count = np.unique(columns, axis=0, return_inverse=True, return_counts=True)
        repeated = np.flatnonzero(count[group_of.ravel()] > 1)
        if len(repeated):
            message = f"{(count > 1).sum()} {what} stand for more than one sensor"
            yield Finding(
                "error", "duplicate-id", name_sensors(detector, repeated), message, "number every sensor once"
            )


def _rotations(detector: Detector) -> Iterator[Finding]:
    good = _finite(detector.rotation)
    axes = np.where(good[:, None, None], detector.rotation, np.eye(3))
    away = np.abs(axes @ axes.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    crooked = np.flatnonzero(away > ROTATION)
    if len(crooked):
        message = f"the three axes are not orthogonal unit vectors, by up to {away.max():.2g}"
        remedy = "write xu..zw so that the columns u, v, w are the sensor's axes in x, y, z"
        yield Finding("error", "not-a-rotation", name_sensors(detector, crooked), message, remedy)
    mirrored = np.flatnonzero((away <= ROTATION) & (np.linalg.det(axes) < 0))
    if len(mirrored):
        remedy = "turn the sign of one axis, w usually, so that u x v = w"
        message = "the axes are left-handed: a mirror image, not a rotation"
        yield Finding("error", "mirrored-rotation", name_sensors(detector, mirrored), message, remedy)


def _material(detector: Detector) -> Iterator[Finding]:
    for name in ("radiation_lengths", "interaction_lengths"):
        negative = np.flatnonzero(getattr(detector, name) < 0)
        if len(negative):
            where = f"{name_sensors(detector, negative)}, {name}"
            yield Finding("error", "negative-material", where, "less than nothing", "give 0 or more")
    yield from _showers(detector)
    for name in ("resolution_u", "resolution_v"):
        useless = np.flatnonzero(getattr(detector, name) <= 0)
        if len(useless):
            where = f"{name_sensors(detector, useless)}, {name}"
            remedy = "give the expected resolution in the unit of length, or leave it to the cells"
            yield Finding("error", "no-resolution", where, "a resolution of 0 or less", remedy)


def _showers(detector: Detector) -> Iterator[Finding]:
    """What the columns of calorimeters may hold; NaN means not told."""
    with np.errstate(invalid="ignore"):
        outside = {
            "moliere_radius": ~(detector.moliere_radius > 0),
            "sampling_fraction": ~((detector.sampling_fraction > 0) & (detector.sampling_fraction <= 1)),
            "air_gap": ~(detector.air_gap >= 0),
        }
    for name, remedy in (
        ("moliere_radius", "give a length above 0, or leave it out"),
        ("sampling_fraction", "give the share of the energy left in the active part, above 0 and 1 at most"),
        ("air_gap", "give a length of 0 or more, or leave it out"),
    ):
        bad = np.flatnonzero(outside[name] & ~np.isnan(getattr(detector, name)))
        if len(bad):
            where = f"{name_sensors(detector, bad)}, {name}"
            yield Finding("error", "impossible-material", where, "a value that no material has", remedy)


def _trackers(detector: Detector) -> Iterator[Finding]:
    """Tracking sensors of more than a radiation length: percent. Chambers in iron, behind calorimeters, may be."""
    position = np.array([part.measures == ("position",) for part in detector.subsystems])
    energy = np.array(["energy" in part.measures for part in detector.subsystems])[detector.subsystem]
    away = np.linalg.norm(detector.center - detector.source.position, axis=1)
    front = away <= away[energy].min(initial=np.inf)
    thick = np.flatnonzero(position[detector.subsystem] & front & (detector.radiation_lengths > 1))
    if len(thick):
        message, remedy = (
            "a tracking sensor of more than one radiation length",
            "give lengths, not percent of them",
        )
        yield Finding("warning", "thick-tracker", name_sensors(detector, thick), message, remedy)


def _extent(detector: Detector) -> Iterator[Finding]:
    """A size that no detector has is a unit mistaken."""
    center = detector.center[_finite(detector.center)]
    if len(center) == 0:
        return
    size = max(
        float(np.ptp(center, axis=0).max()), 2 * float(max(detector.half_u.max(), detector.half_v.max()))
    )
    if size <= SMALLEST or size >= LARGEST:
        message = f"the detector is {size / 1000:.3g} m long"
        yield Finding("warning", "strange-size", "all sensors", message, "check the unit of length")


def _layers(detector: Detector) -> Iterator[Finding]:
    negative = np.flatnonzero(detector.layer < 0)
    if len(negative):
        yield Finding(
            "error",
            "negative-layer",
            name_sensors(detector, negative),
            "a layer below 0",
            "number layers from 0",
        )
    missing = np.setdiff1d(np.arange(detector.n_layers), detector.layer)
    if len(missing):
        where = f"layers {', '.join(str(layer) for layer in missing[:5])}"
        yield Finding(
            "warning", "empty-layer", where, "a layer without sensors", "number layers without holes"
        )


def _coverage(template: GridTemplate) -> Iterator[Finding]:
    reach = np.array([template.n_u * template.pitch_u, template.n_v * template.pitch_v]) / 2
    bare = (np.abs(template.outline).max(axis=0) - reach).max()
    if bare > RIM:
        message = f"the outline reaches {bare:.3g} mm beyond the cells: hits there have no cell"
        remedy = "raise the number of cells or shrink the outline"
        yield Finding("error", "sensor-without-cells", f"template {template.name}", message, remedy)


def _cells(template: PolygonTemplate) -> Iterator[Finding]:
    where = f"template {template.name}, cell"
    if not (np.isfinite(template.polygons).all() and np.isfinite(template.outline).all()):
        bad = np.flatnonzero(~np.isfinite(template.polygons).all(axis=(1, 2)))
        yield Finding(
            "error", "not-a-number", f"{where} {_few(bad)}", "NaN or infinite corner", "draw it again"
        )
        return
    area, _ = area_centroid(template.polygons)
    flat = np.flatnonzero(area <= 0)
    if len(flat):
        remedy = "remove it or draw it again"
        yield Finding("error", "flat-cell", f"{where} {_few(flat)}", "a cell without area", remedy)
    crossing = np.flatnonzero(crossing_themselves(template.polygons, template.counts))
    if len(crossing):
        remedy = "list the corners in their order around the cell"
        message = "an outline that crosses itself"
        yield Finding("error", "crossing-cell", f"{where} {_few(crossing)}", message, remedy)
    away = farthest_outside(template.polygons, template.counts, template.outline)
    sticking = np.flatnonzero(away > RIM)
    if len(sticking):
        message = f"corners outside the outline of the sensor, by up to {away.max():.3g} mm"
        remedy = "cut the cell or widen the outline; check the unit"
        yield Finding("error", "cell-outside-sensor", f"{where} {_few(sticking)}", message, remedy)
    pairs = overlapping_cells(template)
    if len(pairs):
        message = f"{len(pairs)} pairs of cells cover the same place: a hit there has two cells"
        remedy = "draw every place of the sensor once"
        yield Finding(
            "error", "overlapping-cells", f"{where} {_few(pairs[:, 0], pairs[:, 1])}", message, remedy
        )
    if template.table is not None:
        one_way = _one_way(*template.table)
        if len(one_way):
            message = f"{len(one_way)} neighbours are given in one direction only"
            remedy = "add the pair (b, a) for each pair (a, b), and no (a, a)"
            where = f"{where} {_few(one_way[:, 0], one_way[:, 1])}"
            yield Finding("error", "asymmetric-neighbours", where, message, remedy)


def _one_way(offsets: NDArray[np.int64], indices: NDArray[np.int32]) -> NDArray[np.int64]:
    """Pairs (m, 2) whose other direction is missing, and pairs of a cell with itself."""
    n = len(offsets) - 1
    row = np.repeat(np.arange(n), np.diff(offsets))
    there, back = row * n + indices, indices.astype(np.int64) * n + row
    wrong = ~np.isin(back, there) | (row == indices)
    return np.stack([row[wrong], indices[wrong]], axis=1)


def _overlaps(detector: Detector) -> Iterator[Finding]:
    sound = _finite(detector.center) & _finite(detector.rotation)
    rows = np.flatnonzero(sound)
    pairs = rows[overlapping_sensors(detector.select(sound) if len(rows) < detector.n_sensors else detector)]
    if len(pairs):
        named = "; ".join(
            f"rows {a} and {b} ({_home(detector, a)}, {_home(detector, b)})" for a, b in pairs[:5]
        )
        deepest = overlap_depth(detector, pairs[:DEEP]).max()
        message = (
            f"{len(pairs)} pair{'s' if len(pairs) > 1 else ''} of sensors share space, up to {deepest:.2g} mm deep, "
            f"{_between(detector, pairs)}: a hit there has two sensors"
        )
        remedy = "check the centre, the unit of length and the thickness of the templates"
        more = f"; and {len(pairs) - 5} more" if len(pairs) > 5 else ""
        yield Finding("error", "overlapping-sensors", named + more, message, remedy)


def _home(detector: Detector, row: int) -> str:
    """Subsystem and layer of a sensor."""
    return f"{detector.subsystems[detector.subsystem[row]].name} layer {detector.layer[row]}"


def _between(detector: Detector, pairs: NDArray[np.int64]) -> str:
    """Which subsystems and layers the pairs (m, 2) of sensors join, the most frequent first."""
    homes = np.stack([detector.subsystem[pairs], detector.layer[pairs]], axis=2).reshape(len(pairs), 4)
    kinds, first, count = np.unique(homes, axis=0, return_index=True, return_counts=True)
    order = np.argsort(-count, kind="stable")[:3]
    named = []
    for pair in pairs[first[order]]:
        one, two = (_home(detector, row) for row in pair)
        named.append(f"within {one}" if one == two else f"between {one} and {two}")
    more = f" and {len(kinds) - 3} more" if len(kinds) > 3 else ""
    return ", ".join(named) + more


def _few(*columns: NDArray) -> str:
    rows = list(zip(*(column.tolist() for column in columns), strict=True))
    named = ", ".join(" and ".join(str(number) for number in row) for row in rows[:5])
    return named + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
