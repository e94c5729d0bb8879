"""Drifting electrons onto pads and into time samples: compiled, one particle after the other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadGeometry
from gnnreco.geometry import Detector
from gnnreco.geometry.plane import area_centroid
from gnnreco.geometry.subsystem import Drift
from gnnreco.kernels import U, V, W, X, Y, Z, njit

from .gas import Clusters

# Columns of `Chambers.gas`, of `Pads.box` and of `Pads.raster`.
(
    THICKNESS,
    VELOCITY,
    SAMPLE_LENGTH,
    DIFFUSION_ACROSS,
    DIFFUSION_ALONG,
    PAD_RESPONSE,
    SHAPING,
    GAIN_SHAPE,
    SAMPLES,
) = range(9)
LOW_U, LOW_V, HIGH_U, HIGH_V, FILLED = range(5)
WIDTH_U, WIDTH_V, MANY_U, MANY_V = range(2, 6)

REACH = 3.0  # sigma at which the normal distributions of pad response and shaping are cut; the rest makes up for it
LEAST = 3e-4  # share of an electron below which a sample is left out
STEPS = 256  # of the table of the normal distribution, per sigma
CELL, SAMPLE = 28, 16  # bits of the pad and of the sample in a key


class Pads(NamedTuple):
    """Pads of all templates, and in which boxes of a fine raster an electron may give charge to which of them.

    Attributes
    ----------
    box : float64 (n_pads, 5)
        Lower u, v and upper u, v of each pad, mm, and the share of that box which the pad fills.
    first : int64 (n_templates,)
        Row of each template's pad 0.
    raster : float64 (n_templates, 6)
        Lower u, v of the raster; width of its boxes along u, v; how many there are.
    first_box : int64 (n_templates,)
    offsets, pads : int64 (n_boxes + 1,), int32 (m,)
    """

    box: Floats
    first: Ints
    raster: Floats
    first_box: Ints
    offsets: Ints
    pads: NDArray[np.int32]


class Chambers(NamedTuple):
    """The drift sensors, one row each.

    Attributes
    ----------
    sensor : int32 (n,)
        Row in the detector.
    center, axes : float64 (n, 3), (n, 3, 3)
        ``axes[i, k]`` is the k-th local axis.
    template : int32 (n,)
    gas : float64 (n, 9)
        Thickness, velocity, sample, diffusion across and along, pad response, shaping, shape of the gain (0: none),
        samples.
    near_offsets, near : int64 (n + 1,), int32 (m,)
        Others whose pads lie in the same plane close by.
    outline, corners : float64 (n_templates, k, 2), int64 (n_templates,)
    """

    sensor: NDArray[np.int32]
    center: Floats
    axes: Floats
    template: NDArray[np.int32]
    gas: Floats
    near_offsets: Ints
    near: NDArray[np.int32]
    outline: Floats
    corners: Ints


def chambers_of(detector: Detector) -> Chambers:
    """The drift sensors of a detector."""
    drifts = [s.drift for s in detector.subsystems]
    sensor = np.flatnonzero(np.array([d is not None for d in drifts])[detector.subsystem]).astype(np.int32)
    gas = np.array(
        [
            _gas(float(t), d)
            for t, s in zip(detector.thickness[sensor], detector.subsystem[sensor], strict=True)
            if (d := drifts[s]) is not None
        ]
    ).reshape(-1, 9)
    if gas[:, 8].max(initial=0) >= 1 << SAMPLE:
        why = f"{gas[:, 8].max():,.0f} samples in the drift time, over {1 << SAMPLE:,}; check velocity and sample"
        raise BadGeometry(detector.folder, "drift", why)
    axes = np.ascontiguousarray(detector.rotation[sensor].swapaxes(1, 2))
    offsets, near = _near(detector, sensor, axes, gas)
    return Chambers(
        sensor,
        detector.center[sensor],
        axes,
        detector.template[sensor],
        gas,
        offsets,
        near,
        detector.outline_corners(),
        detector.outline_counts,
    )


def _gas(thickness: float, drift: Drift) -> list[float]:
    samples = np.ceil(thickness / drift.velocity / drift.sample)
    shape = 1 / drift.gain_spread**2 if drift.gain_spread > 0 else 0.0
    return [
        thickness,
        drift.velocity,
        drift.sample,
        *drift.diffusion,
        drift.pad_response,
        drift.shaping,
        shape,
        samples,
    ]


def _near(
    detector: Detector, sensor: NDArray[np.int32], axes: Floats, gas: Floats
) -> tuple[Ints, NDArray[np.int32]]:
    """Pairs of sensors with parallel axes, pads at one height, and boxes that touch once grown by the spread."""
    low, high = detector.bounds
    spread = REACH * np.sqrt(gas[:, 5] ** 2 + gas[:, 3] ** 2 * gas[:, 0])[:, None]
    low, high = low[sensor] - spread, high[sensor] + spread
    plane = detector.center[sensor] - axes[:, 2] * gas[:, :1] / 2
    pairs = []
    for i in range(len(sensor)):
        close = ((low <= high[i]) & (high >= low[i])).all(axis=1)
        level = np.abs((plane - plane[i]) @ axes[i, 2]) < 1.0
        pairs.append(np.flatnonzero(close & level & (axes[:, 2] @ axes[i, 2] > 0.999)))
    keep = [row[row != i] for i, row in enumerate(pairs)]
    offsets = np.concatenate([[0], np.cumsum([len(row) for row in keep])]).astype(np.int64)
    return offsets, np.concatenate([np.zeros(0, np.int32), *keep]).astype(np.int32)


def pads_of(detector: Detector, chambers: Chambers) -> Pads:
    """The pads of the templates of drift sensors; other templates have none."""
    n = len(detector.templates)
    raster, first, first_box = np.zeros((n, 6)), np.zeros(n, np.int64), np.zeros(n, np.int64)
    boxes, counts, pads = [np.zeros((0, 5))], [np.zeros(1, np.int64)], [np.zeros(0, np.int32)]
    for number in np.unique(chambers.template):
        template = detector.templates[number]
        reach = REACH * chambers.gas[chambers.template == number, 5].max()
        first[number], first_box[number] = sum(map(len, boxes)), sum(map(len, counts)) - 1
        cells = np.arange(template.n_cells)
        corners = template.corners(cells)
        low, high = corners.min(axis=1), corners.max(axis=1)
        fills = np.abs(area_centroid(corners)[0]) / np.maximum(np.prod(high - low, axis=1), 1e-12)
        exists = template.exists(cells)
        boxes.append(np.column_stack([low, high, np.where(exists, fills, 0.0)]))
        corner = template.outline.min(axis=0) - reach
        shape = np.ceil((template.outline.max(axis=0) + reach - corner) / template.pitch).astype(np.int64)
        raster[number] = [*corner, *template.pitch, *shape]
        place = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1).reshape(-1, 2)
        at = corner + place * template.pitch
        offsets, inside = template.within(at - reach, at + template.pitch + reach)
        real = exists[inside]
        row = np.repeat(np.arange(len(at)), np.diff(offsets))[real]
        counts.append(np.bincount(row, minlength=len(at)))
        pads.append(inside[real])
    return Pads(
        np.concatenate(boxes),
        first,
        raster,
        first_box,
        np.cumsum(np.concatenate(counts)),
        np.concatenate(pads).astype(np.int32),
    )


def normal_table() -> Floats:
    """The normal distribution function between -REACH and REACH, 0 and 1 at the ends."""
    from scipy.special import ndtr

    table = np.asarray(ndtr(np.linspace(-REACH, REACH, int(2 * REACH * STEPS) + 1)))
    return (table - table[0]) / (table[-1] - table[0])


@njit(cache=True, error_model="numpy")
def below(table: Floats, x: float) -> float:
    """Share of a normal distribution below x sigma."""
    place = (x + REACH) * STEPS
    if place <= 0:
        return 0.0
    if place >= len(table) - 1:
        return 1.0
    i = int(place)
    return table[i] + (place - i) * (table[i + 1] - table[i])


@njit(cache=True, error_model="numpy")
def inside_by(outline: Floats, corners: int, u: float, v: float) -> float:
    """How far inside a convex outline a point lies, mm; negative outside."""
    depth = np.inf
    for i in range(corners):
        j = i + 1 if i + 1 < corners else 0
        du, dv = outline[j, U] - outline[i, U], outline[j, V] - outline[i, V]
        depth = min(depth, (du * (v - outline[i, V]) - dv * (u - outline[i, U])) / np.sqrt(du * du + dv * dv))
    return depth


class Samples(NamedTuple):
    """What one particle has left so far: an open table of keys and charges, and which of its slots are in use."""

    slots: Ints
    sums: Floats
    used: Ints
    n_used: int


@njit(cache=True, error_model="numpy")
def shaped(share: Floats, table: Floats, gas: Floats, time: float) -> tuple[int, int]:
    """Fill the share of an electron's charge in each sample from the one returned on; and how many there are."""
    sample = int(np.floor((time - REACH * gas[SHAPING]) / gas[SAMPLE_LENGTH]))
    n = int(np.floor((time + REACH * gas[SHAPING]) / gas[SAMPLE_LENGTH])) - sample + 1
    for k in range(n):
        share[k] = below(table, ((sample + k + 1) * gas[SAMPLE_LENGTH] - time) / gas[SHAPING])
    for k in range(n - 1, 0, -1):
        share[k] -= share[k - 1]
    return sample, n


@njit(cache=True, error_model="numpy")
def responded(
    left: Samples,
    board: tuple[Chambers, Pads, Floats],
    c: int,
    u: float,
    v: float,
    sample: int,
    share: Floats,
    gain: float,
) -> Samples:
    """Add the charge that an electron at (u, v) gives to the pads of sensor `c`."""
    chambers, pads, table = board
    slots, sums, used, count = left
    t = chambers.template[c]
    raster, sigma, spread = (
        pads.raster[t],
        chambers.gas[c, PAD_RESPONSE],
        REACH * chambers.gas[c, PAD_RESPONSE],
    )
    iu, iv = np.floor((u - raster[LOW_U]) / raster[WIDTH_U]), np.floor((v - raster[LOW_V]) / raster[WIDTH_V])
    if iu < 0 or iv < 0 or iu >= raster[MANY_U] or iv >= raster[MANY_V]:
        return left
    box = pads.first_box[t] + int(iu * raster[MANY_V] + iv)
    for place in range(pads.offsets[box], pads.offsets[box + 1]):
        pad = pads.pads[place]
        b = pads.box[pads.first[t] + pad]
        if b[HIGH_U] < u - spread or b[LOW_U] > u + spread or b[HIGH_V] < v - spread or b[LOW_V] > v + spread:
            continue
        part = below(table, (b[HIGH_U] - u) / sigma) - below(table, (b[LOW_U] - u) / sigma)
        part *= (below(table, (b[HIGH_V] - v) / sigma) - below(table, (b[LOW_V] - v) / sigma)) * b[FILLED]
        if part < LEAST:
            continue
        for k in range(len(share)):
            late = sample + k
            if part * share[k] < LEAST or late < 0 or late >= chambers.gas[c, SAMPLES]:
                continue
            key = (np.int64(c) << (CELL + SAMPLE)) | (np.int64(pad) << SAMPLE) | late
            slot = find(slots, key)
            if slots[slot] < 0:
                slots[slot] = key
                sums[slot] = 0.0
                used[count] = slot
                count += 1
            sums[slot] += gain * part * share[k]
            if count == len(used):
                slots, sums, used = enlarged(slots, sums)
    return Samples(slots, sums, used, count)


@njit(cache=True, error_model="numpy")
def collect(
    rng: np.random.Generator, clusters: Clusters, row: Ints, chambers: Chambers, pads: Pads, table: Floats
) -> tuple[Ints, Ints, Floats]:
    """Charge that each particle leaves in each sample of each pad.

    Parameters
    ----------
    clusters : Clusters
        A particle's clusters stand together.
    row : int64 (n,)
        Row of each cluster's sensor in `chambers`.

    Returns
    -------
    key : int64 (m,)
        ``row << 44 | pad << 16 | sample``.
    particle : int64 (m,)
    charge : float64 (m,)
        In electrons before the avalanche.
    """
    keys, owners, charges, done = np.empty(1024, np.int64), np.empty(1024, np.int64), np.empty(1024), 0
    none = np.int64(0)
    left = Samples(np.full(4096, -1, np.int64), np.zeros(4096), np.empty(2048, np.int64), none)  # type: ignore[arg-type]
    board = (chambers, pads, table)
    share = np.empty(3 + int((2 * REACH * chambers.gas[:, SHAPING] / chambers.gas[:, SAMPLE_LENGTH]).max()))
    for i in range(len(clusters.particle)):
        s = row[i]
        gas, kind = chambers.gas[s], chambers.template[s]
        center, axes = chambers.center[s], chambers.axes[s]
        d = (clusters.x[i] - center[X], clusters.y[i] - center[Y], clusters.z[i] - center[Z])
        u0 = d[X] * axes[U, X] + d[Y] * axes[U, Y] + d[Z] * axes[U, Z]
        v0 = d[X] * axes[V, X] + d[Y] * axes[V, Y] + d[Z] * axes[V, Z]
        w0 = d[X] * axes[W, X] + d[Y] * axes[W, Y] + d[Z] * axes[W, Z]
        drifted = min(max(w0 + gas[THICKNESS] / 2, 0.0), gas[THICKNESS])
        across = gas[DIFFUSION_ACROSS] * np.sqrt(drifted)
        along = gas[DIFFUSION_ALONG] * np.sqrt(drifted) / gas[VELOCITY]
        reach = REACH * gas[PAD_RESPONSE]
        for _ in range(clusters.electrons[i]):
            u = u0 + across * rng.standard_normal()
            v = v0 + across * rng.standard_normal()
            time = clusters.time[i] + drifted / gas[VELOCITY] + along * rng.standard_normal()
            gain = rng.standard_gamma(gas[GAIN_SHAPE]) / gas[GAIN_SHAPE] if gas[GAIN_SHAPE] > 0 else 1.0
            sample, n = shaped(share, table, gas, time)
            edge = inside_by(chambers.outline[kind], chambers.corners[kind], u, v) < reach
            left = responded(left, board, s, u, v, sample, share[:n], gain)
            # An electron near the edge of its sensor gives charge to the pads beyond it too.
            for other in range(chambers.near_offsets[s], chambers.near_offsets[s + 1] if edge else 0):
                c = np.int64(chambers.near[other])
                uc, vc = moved(chambers, s, c, u, v)
                left = responded(left, board, c, uc, vc, sample, share[:n], gain)
        if i + 1 == len(clusters.particle) or clusters.particle[i + 1] != clusters.particle[i]:
            slots, sums, used, count = left
            while done + count > len(keys):
                keys, owners, charges = doubled(keys), doubled(owners), doubled(charges)
            for place in range(count):
                slot = used[place]
                keys[done], owners[done], charges[done] = slots[slot], clusters.particle[i], sums[slot]
                slots[slot] = -1
                done += 1
            left = Samples(slots, sums, used, none)  # type: ignore[arg-type]
    return keys[:done].copy(), owners[:done].copy(), charges[:done].copy()


@njit(cache=True, error_model="numpy")
def moved(chambers: Chambers, one: int, two: int, u: float, v: float) -> tuple[float, float]:
    """A point (u, v) on the pads of one sensor in the frame of another one."""
    c, d, a, b = chambers.center[one], chambers.center[two], chambers.axes[one], chambers.axes[two]
    x = c[X] - d[X] + u * a[U, X] + v * a[V, X]
    y = c[Y] - d[Y] + u * a[U, Y] + v * a[V, Y]
    z = c[Z] - d[Z] + u * a[U, Z] + v * a[V, Z]
    return x * b[U, X] + y * b[U, Y] + z * b[U, Z], x * b[V, X] + y * b[V, Y] + z * b[V, Z]


@njit(cache=True, error_model="numpy")
def find(slots: Ints, key: int) -> int:
    """The slot of a key in an open table, or the free one where it belongs; the table's size is a power of two."""
    last = len(slots) - 1
    slot = ((key ^ (key >> 21)) * 0x9E3779B1) & last
    while slots[slot] >= 0 and slots[slot] != key:
        slot = (slot + 1) & last
    return slot


@njit(cache=True)
def enlarged(slots: Ints, sums: Floats) -> tuple[Ints, Floats, Ints]:
    """The same table twice as large; the slots in use come in a new order."""
    new_slots, new_sums = np.full(2 * len(slots), -1, np.int64), np.zeros(2 * len(sums))
    used, count = np.empty(len(slots), np.int64), 0
    for old in range(len(slots)):
        if slots[old] >= 0:
            slot = find(new_slots, slots[old])
            new_slots[slot], new_sums[slot] = slots[old], sums[old]
            used[count] = slot
            count += 1
    return new_slots, new_sums, used


@njit(cache=True)
def doubled(column: NDArray[np.generic]) -> NDArray[np.generic]:
    """The same column with twice the room."""
    larger = np.empty(2 * len(column), column.dtype)
    larger[: len(column)] = column
    return larger
