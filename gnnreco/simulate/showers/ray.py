"""The straight axis of a shower through calorimeter layers of any shape: which sensors, how deep, and where spots land."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry import Detector
from gnnreco.kernels import U, V, W, X, Y, Z, njit
from gnnreco.simulate.matter.material import Vector
from gnnreco.simulate.matter.medium import media

Rows = NDArray[np.int64]
GRAZING = 0.05  # cosine of incidence below which a plane is not crossed
WIDEST_GAP = 2.0  # Moliere radii between two sensors of a layer; what is farther from all of them passes beside the layer


class Stack(NamedTuple):
    """The sensors that measure energy, as numba wants them.

    Attributes
    ----------
    sensor, layer, template : int64 (n,)
        Row of the detector; layer, numbered over these sensors alone; row of the templates.
    center, axes : float64 (n, 3), (n, 3, 3)
        ``axes[i, k]`` is the k-th local axis (u, v, w) of sensor i.
    outline, corners, focus : float64 (n_templates, k, 2), int64 (n_templates,), float64 (n_templates, 3)
        Convex outlines and how many corners are real; where the walls of the cells meet, NaN where they are parallel.
    half, radius, margin : float64 (n,)
        Half of the thickness; of the sphere around the sensor; how far outside the sensor its layer still goes on, mm.
    radiation, interaction, z, critical, moliere, interaction_mm, fraction, e_mip, mip, sample, spread : float64 (n,)
        See `gnnreco.simulate.matter.medium.Media`; so for `air_gap`.
    n_layers : int
    """

    sensor: Rows
    layer: Rows
    template: Rows
    center: Floats
    axes: Floats
    outline: Floats
    corners: Rows
    focus: Floats
    half: Floats
    radius: Floats
    margin: Floats
    radiation: Floats
    interaction: Floats
    z: Floats
    critical: Floats
    moliere: Floats
    interaction_mm: Floats
    fraction: Floats
    e_mip: Floats
    mip: Floats
    sample: Floats
    spread: Floats
    air_gap: Floats
    n_layers: int


class Ray(NamedTuple):
    """A shower's axis and the layers along it, nearest first.

    Attributes
    ----------
    x, t, across, along : float64 triples
        Start (mm), direction, and two unit vectors across it.
    row : int64 (k,)
        Sensor of the stack nearest to the axis in each layer.
    path, cosine : float64 (k,)
        mm from the start to the sensor's plane; cosine of incidence.
    radiation, interaction : float64 (k + 1,)
        Depth where each layer begins, and where the last one ends, in lengths of either kind; shared among neighbours
        by what tracks leave in each: they do not change from one plate to the next, what they leave does.
    offsets, near : int64 (k + 1,), (m,)
        Sensors of each layer that spots can reach.
    """

    x: Vector
    t: Vector
    across: Vector
    along: Vector
    row: Rows
    path: Floats
    cosine: Floats
    radiation: Floats
    interaction: Floats
    offsets: Rows
    near: Rows


@lru_cache(maxsize=8)
def stack_of(detector: Detector) -> Stack:
    """The calorimeters of a detector."""
    measures = np.array(["energy" in s.measures for s in detector.subsystems], np.bool_)
    rows = np.flatnonzero(measures[detector.subsystem])
    medium = media(detector)
    layers, layer = np.unique(detector.layer[rows], return_inverse=True)
    half = detector.thickness[rows] / 2
    outlines = detector.outline_corners()
    reach = np.hypot(outlines[..., 0], outlines[..., 1]).max(axis=1)
    focus = np.array(
        [np.full(3, np.nan) if t.focus is None else t.focus for t in detector.templates], np.float64
    )
    template = detector.template[rows].astype(np.int64)
    columns = (getattr(medium, name)[rows] for name in Stack._fields[11:23])
    return Stack(  # type: ignore[misc]
        rows,
        layer.astype(np.int64),
        template,
        np.ascontiguousarray(detector.center[rows]),
        np.ascontiguousarray(detector.rotation[rows].swapaxes(1, 2)),
        outlines,
        detector.outline_counts,
        focus,
        half,
        np.hypot(reach[template], half),
        np.minimum(np.minimum(detector.half_u, detector.half_v)[rows], WIDEST_GAP * medium.moliere[rows]),
        *columns,
        n_layers=len(layers),
    )


@njit(cache=True, error_model="numpy")
def dot(a: Vector, b: Floats) -> float:
    """Scalar product of a triple and a row."""
    return a[X] * b[X] + a[Y] * b[Y] + a[Z] * b[Z]


@njit(cache=True, error_model="numpy")
def frame(t: Vector) -> tuple[Vector, Vector]:
    """Two unit vectors across a direction."""
    if abs(t[Z]) < 0.9:
        n = np.sqrt(t[X] * t[X] + t[Y] * t[Y])
        one = (-t[Y] / n, t[X] / n, 0.0)
    else:
        n = np.sqrt(t[Y] * t[Y] + t[Z] * t[Z])
        one = (0.0, -t[Z] / n, t[Y] / n)
    return one, (t[Y] * one[Z] - t[Z] * one[Y], t[Z] * one[X] - t[X] * one[Z], t[X] * one[Y] - t[Y] * one[X])


@njit(cache=True, error_model="numpy")
def outside(stack: Stack, row: int, u: float, v: float) -> float:
    """How far (u, v) lies outside the outline of a sensor, by its farthest edge, mm; negative inside."""
    kind = stack.template[row]
    n, most = stack.corners[kind], -np.inf
    for i in range(n):
        j = i + 1 if i + 1 < n else 0
        au, av = stack.outline[kind, i, U], stack.outline[kind, i, V]
        bu, bv = stack.outline[kind, j, U] - au, stack.outline[kind, j, V] - av
        most = max(most, (bv * (u - au) - bu * (v - av)) / np.sqrt(bu * bu + bv * bv))
    return most


@njit(cache=True, error_model="numpy")
def cast(stack: Stack, x: Vector, t: Vector, reach: float, back: float) -> Ray:
    """The layers along a straight line, with the sensors within `reach` Moliere radii of it.

    A layer counts where the line crosses one of its sensors, or passes one within the sensor's margin: a gap. So do
    layers up to `back` mm behind the start that were passed in a gap.
    """
    n = len(stack.sensor)
    near, crossing, n_near = np.empty(n, np.int64), np.empty(n), 0
    best, row = np.full(stack.n_layers, np.inf), np.full(stack.n_layers, -1)
    for i in range(n):
        c = stack.center[i]
        d = (c[X] - x[X], c[Y] - x[Y], c[Z] - x[Z])
        ahead = d[X] * t[X] + d[Y] * t[Y] + d[Z] * t[Z]
        if ahead < -stack.radius[i] - back:
            continue
        lateral = stack.radius[i] + reach * stack.moliere[i]
        if d[X] * d[X] + d[Y] * d[Y] + d[Z] * d[Z] - ahead * ahead > lateral * lateral:
            continue
        w = stack.axes[i, W]
        cosine = dot(t, w)
        if abs(cosine) < GRAZING:
            continue
        s = dot(d, w) / cosine
        if s < -1e-3 - stack.half[i] - back:
            continue
        near[n_near], crossing[n_near] = i, s
        n_near += 1
        p = (s * t[X] - d[X], s * t[Y] - d[Y], s * t[Z] - d[Z])
        away = outside(stack, i, dot(p, stack.axes[i, U]), dot(p, stack.axes[i, V]))
        layer = stack.layer[i]
        away = max(away, 0.0)
        if s < -1e-3 - stack.half[i] and away == 0.0:
            n_near -= 1
            continue
        # Inside is inside: of two that overlap the nearer one counts.
        if away < stack.margin[i] and (
            away < best[layer] or (away == best[layer] and s < crossing[row[layer]])
        ):
            best[layer], row[layer] = away, n_near - 1
    # By insertion: layers are few and lie in order or nearly so, and numba's sort takes the compiler seconds.
    chosen, k = np.empty(stack.n_layers, np.int64), 0
    for layer in range(stack.n_layers):
        if row[layer] < 0:
            continue
        place = k
        while place > 0 and crossing[chosen[place - 1]] > crossing[row[layer]]:
            chosen[place] = chosen[place - 1]
            place -= 1
        chosen[place] = row[layer]
        k += 1
    return _ray(stack, x, t, near[:n_near], crossing[:n_near], chosen[:k])


@njit(cache=True, error_model="numpy")
def _ray(stack: Stack, x: Vector, t: Vector, near: Rows, crossing: Floats, chosen: Rows) -> Ray:
    """Sort what `cast` found by layer."""
    k = len(chosen)
    rows, path, cosine = near[chosen], crossing[chosen], np.empty(k)
    radiation, interaction = np.zeros(k + 1), np.zeros(k + 1)
    place = np.full(stack.n_layers, -1)
    for i in range(k):
        cosine[i] = dot(t, stack.axes[rows[i], W])
        ionised, lengths, nuclear = 0.0, 0.0, 0.0
        for j in range(max(i - 1, 0), min(i + 2, k)):
            beside, part = rows[j], 1.0 if j == i else 0.5
            ionised += part * stack.radiation[beside] * stack.critical[beside]
            lengths, nuclear = (
                lengths + part * stack.radiation[beside],
                nuclear + part * stack.interaction[beside],
            )
        share = stack.radiation[rows[i]] * stack.critical[rows[i]] / (ionised * abs(cosine[i]))
        radiation[i + 1], interaction[i + 1] = (
            radiation[i] + lengths * share,
            interaction[i] + nuclear * share,
        )
        place[stack.layer[rows[i]]] = i
    offsets = np.zeros(k + 1, np.int64)
    for i in near:
        if place[stack.layer[i]] >= 0:
            offsets[place[stack.layer[i]] + 1] += 1
    offsets = np.cumsum(offsets)
    sorted_near, used = np.empty(offsets[-1], np.int64), offsets[:-1].copy()
    for i in near:
        at = place[stack.layer[i]]
        if at >= 0:
            sorted_near[used[at]] = i
            used[at] += 1
    across, along = frame(t)
    return Ray(x, t, across, along, rows, path, cosine, radiation, interaction, offsets, sorted_near)


@njit(cache=True, error_model="numpy")
def land(stack: Stack, ray: Ray, place: int, part: float, a: float, b: float) -> tuple[int, float, float]:
    """Sensor of the stack and (u, v) in its middle plane where a spot lies; sensor -1 in a gap.

    Parameters
    ----------
    place : int
        Number of the layer along the ray.
    part : float
        How far through the layer, 0 to 1: thick sensors see it.
    a, b : float
        Away from the axis, mm, along `ray.across` and `ray.along`.
    """
    t = ray.t
    x = (
        ray.x[X] + a * ray.across[X] + b * ray.along[X],
        ray.x[Y] + a * ray.across[Y] + b * ray.along[Y],
        ray.x[Z] + a * ray.across[Z] + b * ray.along[Z],
    )
    for j in range(ray.offsets[place], ray.offsets[place + 1]):
        i = ray.near[j]
        c, e = stack.center[i], stack.axes[i]
        d = (x[X] - c[X], x[Y] - c[Y], x[Z] - c[Z])
        s = -dot(d, e[W]) / dot(t, e[W])
        w = (2 * part - 1) * stack.half[i] * np.sign(dot(t, e[W]))
        s += w / dot(t, e[W])
        p = (d[X] + s * t[X], d[Y] + s * t[Y], d[Z] + s * t[Z])
        u, v = dot(p, e[U]), dot(p, e[V])
        f = stack.focus[stack.template[i]]
        if not np.isnan(f[W]):
            u, v = f[U] + (u - f[U]) * f[W] / (f[W] - w), f[V] + (v - f[V]) * f[W] / (f[W] - w)
        if outside(stack, i, u, v) <= 0:
            return i, u, v
    return -1, 0.0, 0.0
