"""What straight lines meet on their way out: layers and material, by direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry.detector import Detector
from gnnreco.geometry.solids import inside_prism, walls
from gnnreco.kernels import FIRST, SECOND, X, Y, Z, njit
from gnnreco.kernels.sorting import sort

# Columns of a window of directions, and of the lines in it.
ETA_FROM, ETA_TO, PHI_FROM, PHI_TO = range(4)
FIRST_ROW, STOP_ROW, FIRST_COLUMN, STOP_COLUMN = range(4)

# Directions nearer to the beam than this are not looked at.
MAX_ETA = 5.0


@dataclass(frozen=True, eq=False)
class Coverage:
    """Layers and material met by straight lines from the source, or along its direction where a sensor lies on that.

    Attributes
    ----------
    eta, phi : float64 (n,), (m,)
        Directions of the lines in the source's frame; of lines along its direction their x and y, mm.
    layers : int32 (n, m)
        Layers with at least one sensor on the line.
    radiation_lengths, interaction_lengths : float64 (n, m)
        Of all sensors on the line and, from the source, of the passive cylinders.
    sensors : int32 (n, m)
        Sensors on the line; more than `layers` where sensors of one layer overlap.
    axes : (str, str)
        What `eta` and `phi` are: ``("eta", "phi")`` or ``("x", "y")``.
    """

    eta: Floats
    phi: Floats
    layers: NDArray[np.int32]
    radiation_lengths: Floats
    interaction_lengths: Floats
    sensors: NDArray[np.int32]
    axes: tuple[str, str] = ("eta", "phi")


def coverage(detector: Detector, n_eta: int = 120, n_phi: int = 120) -> Coverage:
    """Shine a regular grid of straight lines through a detector.

    Lines start at the source, evenly in pseudorapidity and azimuth over what the sensors cover; through a detector
    with a sensor on the line of the source (a telescope, a block in a test beam) they run along it, evenly in x and y.
    A sensor counts with the part of its thickness that the line crosses, by whichever side it enters.
    """
    detector = detector.at_source()
    if _on_axis(detector):
        low, high = (corner[:, :2] for corner in detector.bounds)
        return along_z(detector, low.min(axis=0), high.max(axis=0), n_eta, n_phi)
    window = _directions(detector)
    eta = _middles(max(window[:, 0].min(), -MAX_ETA), min(window[:, 1].max(), MAX_ETA), n_eta)
    # Not quite the middles: sensors meet at round angles.
    phi = _middles(-np.pi, np.pi, n_phi) + 0.1 * 2 * np.pi / n_phi
    flat = np.stack([np.cos(phi), np.sin(phi)], axis=1) / np.cosh(eta)[:, None, None]
    along = np.broadcast_to(np.tanh(eta)[:, None, None], (n_eta, n_phi, 1))
    direction = np.concatenate([flat, along], axis=2)
    start = np.zeros_like(direction)
    layers, sensors, material = _shine(detector, start, direction, _cells(window, eta, phi, n_phi))
    for cylinder in detector.passive:
        crossed = np.abs(cylinder.radius * np.sinh(eta) - cylinder.middle) <= cylinder.half_length
        longer = (crossed * np.cosh(eta))[:, None]
        material += (
            np.array([cylinder.radiation_lengths, cylinder.interaction_lengths])[:, None, None] * longer
        )
    return Coverage(eta, phi, layers, material[0], material[1], sensors)


def along_z(detector: Detector, low: Floats, high: Floats, n_x: int, n_y: int) -> Coverage:
    """Lines along z, evenly over the rectangle from `low` to `high` (2,), mm."""
    lower, upper = detector.bounds
    window = np.stack([lower[:, 0], upper[:, 0], lower[:, 1], upper[:, 1]], axis=1)
    x, y = _middles(low[0], high[0], n_x), _middles(low[1], high[1], n_y)
    start = np.stack(np.broadcast_arrays(x[:, None], y, lower[:, 2].min() - 1), axis=-1)
    direction = np.broadcast_to([0.0, 0.0, 1.0], start.shape)
    layers, sensors, material = _shine(detector, start, direction, _cells(window, x, y, 0))
    return Coverage(x, y, layers, material[0], material[1], sensors, ("x", "y"))


def _middles(low: float, high: float, count: int) -> Floats:
    return np.asarray(low + (high - low) * (np.arange(count) + 0.5) / count)


def _on_axis(detector: Detector) -> bool:
    """Whether a line along z through x = y = 0 meets a sensor."""
    low, high = detector.bounds
    near = np.asarray(((low[:, :2] <= 0) & (high[:, :2] >= 0)).all(axis=1))
    if not near.any():
        return False
    some = detector.select(near)
    start = np.array([[[0.0, 0.0, low[:, 2].min() - 1]]])
    every = np.tile([0, 1, 0, 1], (some.n_sensors, 1))
    layers, _, _ = _shine(some, start, np.array([[[0.0, 0.0, 1.0]]]), every)
    return bool(layers[0, 0] > 0)


def _directions(detector: Detector) -> Floats:
    """A window (n, 4) for each sensor that holds its directions from the origin: eta from, to, phi from, to."""
    corners = detector.solid_corners()
    k = corners.shape[2]
    around = np.arange(k)
    # The rim of a solid's shadow on the x-y plane is made of its edges: along both faces, and between them.
    pairs = [(around, (around + 1) % k), (around + k, (around + 1) % k + k), (around, around + k)]
    edges = np.concatenate([np.stack(pair, axis=1) for pair in pairs])
    return _windows(
        *(corners.reshape(len(corners), -1, 3), edges),
        *(detector.template, detector.center, detector.rotation),
    )


@njit(cache=True)
def _windows(
    corners: Floats, edges: Ints, template: NDArray[np.int32], center: Floats, rotation: Floats
) -> Floats:
    result = np.empty((len(center), 4))
    for s in range(len(center)):
        local = corners[template[s]]
        xyz = np.empty(local.shape)
        for c in range(len(local)):
            xyz[c] = center[s] + rotation[s] @ local[c]
        phi = np.arctan2(xyz[:, Y], xyz[:, X])
        sort(phi)
        gap, first = 2 * np.pi - phi[-1] + phi[0], 0
        for c in range(1, len(phi)):
            if phi[c] - phi[c - 1] > gap:
                gap, first = phi[c] - phi[c - 1], c
        # A gap of less than half a turn: the axis goes through the solid, or nearly.
        r_min = 0.0
        if gap > np.pi:
            r_min = np.inf
            for e in range(len(edges)):
                ax, ay = xyz[edges[e, FIRST], X], xyz[edges[e, FIRST], Y]
                dx, dy = xyz[edges[e, SECOND], X] - ax, xyz[edges[e, SECOND], Y] - ay
                length = dx * dx + dy * dy
                t = min(max(-(ax * dx + ay * dy) / length, 0.0), 1.0) if length > 0 else 0.0
                r_min = min(r_min, np.hypot(ax + t * dx, ay + t * dy))
            result[s, PHI_FROM], result[s, PHI_TO] = phi[first], phi[first] + 2 * np.pi - gap
        else:
            result[s, PHI_FROM], result[s, PHI_TO] = -np.pi, np.pi
        r_min = max(r_min, 1e-6)
        r_max = np.sqrt((xyz[:, X] ** 2 + xyz[:, Y] ** 2).max())
        for side, z in enumerate((xyz[:, Z].min(), xyz[:, Z].max())):
            away = (z < 0) == (side == 0)
            result[s, side] = np.arcsinh(z / (r_min if away else max(r_max, 1e-6)))
    return result


def _cells(window: Floats, rows: Floats, columns: Floats, turn: int) -> Ints:
    """First and last + 1 line (n, 4) of each window, along rows and columns; columns come round after `turn` lines."""
    result = np.empty(window.shape, np.int64)
    for i, middles in enumerate((rows, columns)):
        step = (middles[-1] - middles[0]) / (len(middles) - 1) if len(middles) > 1 else 1.0
        place = (window[:, 2 * i : 2 * i + 2] - middles[0]) / step
        around = turn if i and turn else 0
        low, high = (0.0, len(middles)) if not around else (-around, 2.0 * around)
        place = np.clip(place, low - 1, high + 1)
        # A rounding error more on either side, so that none is missed.
        result[:, 2 * i] = np.maximum(np.ceil(place[:, 0] - 1e-6), low)
        result[:, 2 * i + 1] = np.minimum(np.floor(place[:, 1] + 1e-6) + 1, high)
        if around:
            result[:, 3] = np.minimum(result[:, 3], result[:, 2] + around)
    return result


def _shine(
    detector: Detector, start: Floats, direction: Floats, cells: Ints
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
    """Layers and sensors (n, m) and material (2, n, m) on lines (n, m, 3); `cells`: the lines near each sensor."""
    templates = detector.templates
    planes = [walls(t.outline, t.focus) for t in templates]
    holes = [walls(t.hole, t.focus) if len(t.hole) else np.zeros((0, 4)) for t in templates]
    material = np.stack([detector.radiation_lengths, detector.interaction_lengths], axis=1)
    solids = _Solids(
        detector.layer,
        detector.template,
        detector.center,
        detector.rotation,
        material,
        np.array([t.thickness for t in templates]),
        _stacked(planes),
        detector.outline_counts,
        _stacked(holes),
        detector.hole_counts,
    )
    order = np.argsort(detector.layer, kind="stable")
    return _count(start, np.ascontiguousarray(direction), cells, order, solids)  # type: ignore[no-any-return]


def _stacked(planes: list[Floats]) -> Floats:
    result = np.zeros((len(planes), max(len(p) for p in planes), 4))
    for row, own in zip(result, planes, strict=True):
        row[: len(own)] = own
    return result


class _Solids(NamedTuple):
    """Sensors as solids, as `_count` takes them: columns of each sensor, then of each template."""

    layer: NDArray[np.int32]
    template: NDArray[np.int32]
    center: Floats
    rotation: Floats
    material: Floats
    thickness: Floats
    planes: Floats
    counts: Ints
    holes: Floats
    hole_counts: Ints


@njit(cache=True)
def _count(
    start: Floats, direction: Floats, cells: Ints, order: Ints, solids: _Solids
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats]:
    layer, template, center, rotation, sensor_material, thickness, planes, counts, holes, hole_counts = solids
    n, m = start.shape[:2]
    layers, last = np.zeros((n, m), np.int32), np.full((n, m), -1, np.int32)
    sensors = np.zeros((n, m), np.int32)
    material = np.zeros((2, n, m))
    for s in order:
        t, turn = template[s], rotation[s].T
        half = thickness[t] / 2
        for i in range(cells[s, FIRST_ROW], cells[s, STOP_ROW]):
            for column in range(cells[s, FIRST_COLUMN], cells[s, STOP_COLUMN]):
                j = column % m
                origin, along = turn @ (start[i, j] - center[s]), turn @ direction[i, j]
                enter, leave = inside_prism(origin, along, planes[t], counts[t], half)
                path = leave - max(enter, 0.0)
                if path > 0 and hole_counts[t]:
                    enter, leave = inside_prism(origin, along, holes[t], hole_counts[t], half)
                    path -= max(leave - max(enter, 0.0), 0.0)
                if not path > 1e-9:
                    continue
                sensors[i, j] += 1
                if last[i, j] != layer[s]:
                    last[i, j] = layer[s]
                    layers[i, j] += 1
                for k in range(2):
                    material[k, i, j] += sensor_material[s, k] * path / thickness[t]
    return layers, sensors, material
