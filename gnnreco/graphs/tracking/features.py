"""Physics-scaled features of doublets (two points) and triplets (two doublets that share a point).

A length is divided by its expected error, a curvature is a charge over transverse momentum, a cluster is compared with the
one that a straight passage at that angle would leave: the same numbers mean the same in any detector.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.graphs.dense import LANES, ZERO, compiled, inlined
from gnnreco.kernels import FIRST, SECOND, U, V, X, Y, Z, njit

from .frame import Frame, Points

# Columns of a point, after X, Y, Z: distance from the axis, and the direction from there.
R, COS, SIN = range(3, 6)
# Columns of a passage, after the sensor's three axes: widths less one, depths in cells, signal over thickness.
WIDTH_U, WIDTH_V, DEPTH_U, DEPTH_V, SIGNAL = range(9, 14)

DOUBLET_FEATURES = (
    "q_over_pt_beam",
    "impact",
    "cot_theta",
    "width_u_first",
    "width_v_first",
    "width_u_second",
    "width_v_second",
    "excess_u_first",
    "excess_v_first",
    "excess_u_second",
    "excess_v_second",
    "length",
    "signal_first",
    "signal_second",
    "incidence_first",
    "incidence_second",
)
TRIPLET_FEATURES = (
    "kink_pull",
    "q_over_pt",
    "q_over_pt_error",
    "d0",
    "beam_pull",
    "kink_error",
    "cot_theta",
    "arm_ratio",
)
IMPACT_SCALE = np.float32(50.0)  # mm; where `soft` bends
LENGTH_SCALE = np.float32(100.0)  # mm
SHORTEST: Any = np.float32(1e-3)  # mm: chords below it count as this long
ONE, TWO, QUARTER = np.float32(1), np.float32(2), np.float32(0.25)
SMALLEST_COSINE, SMALLEST_STEP = np.float32(1e-3), np.float32(1e-6)
#: Positions, passages and the scale of curvatures: see `doublet_arguments`.
DoubletArguments = tuple[NDArray[np.float64], NDArray[np.float32], np.float32]
GATHERED = 21  # rows of numbers that a block of doublets takes from its points


@njit(inline="always")
def soft(x: np.float32) -> np.float32:
    """Linear near zero, bounded by 4: a tail cannot swamp the network, and it costs one division."""
    return x / (ONE + QUARTER * abs(x))


@compiled
def positions(x: Floats, y: Floats, z: Floats, r: Floats) -> Floats:
    """One cache line a point: x, y, z, r and the direction from the axis. Shape (n, 8), float64: differences are small."""
    out = np.zeros((len(x), 8))
    for i in range(len(x)):
        out[i, X], out[i, Y], out[i, Z], out[i, R] = x[i], y[i], z[i], r[i]
        inverse = 1.0 / max(r[i], 1e-9)
        out[i, COS], out[i, SIN] = x[i] * inverse, y[i] * inverse
    return out


@compiled
def _passages(
    sensor: NDArray[np.int32],
    width_u: NDArray[np.float32],
    width_v: NDArray[np.float32],
    signal: NDArray[np.float32],
    axes: NDArray[np.float32],
    depth: NDArray[np.float32],
    thickness: NDArray[np.float32],
) -> NDArray[np.float32]:
    """What a passage through a point's sensor is compared with: axes, cluster, thickness. Shape (n, 16)."""
    out = np.zeros((len(sensor), 16), np.float32)
    for i in range(len(sensor)):
        k = sensor[i]
        for axis in range(3):
            for row in range(3):
                out[i, 3 * axis + row] = axes[k, row, axis]
        out[i, WIDTH_U], out[i, WIDTH_V] = width_u[i] - 1, width_v[i] - 1
        out[i, DEPTH_U], out[i, DEPTH_V] = depth[k, U], depth[k, V]
        out[i, SIGNAL] = signal[i] / thickness[k]
    return out


def doublet_arguments(points: Points, frame: Frame) -> DoubletArguments:
    """What `doublet_block` needs of an event and a detector, gathered once for each point."""
    passages = _passages(
        points.sensor,
        points.width_u,
        points.width_v,
        points.signal,
        frame.axes,
        frame.depth_in_cells,
        frame.thickness,
    )
    kappa = np.float32(frame.kappa_per_gev)
    return positions(points.x, points.y, points.z, points.r), passages, kappa


@inlined
def _gather(
    at: Floats, passages: NDArray[np.float32], pairs: NDArray[np.int32], first: int, g: NDArray[np.float32]
) -> None:
    """Rows of `g`: dx, dy, dz, sine, impact; for each end du, dv, dw, widths - 1, depths, signal."""
    last = len(pairs) - 1
    for n in range(LANES):
        m = min(first + n, last)  # a block that is not full repeats its last pair
        a, b = pairs[m, FIRST], pairs[m, SECOND]
        dz, dr = at[b, Z] - at[a, Z], at[b, R] - at[a, R]
        if abs(dr) < 1.0:
            dr = 1.0
        dx, dy = np.float32(at[b, X] - at[a, X]), np.float32(at[b, Y] - at[a, Y])
        g[n], g[LANES + n], g[2 * LANES + n] = dx, dy, dz
        g[3 * LANES + n] = at[a, COS] * at[b, SIN] - at[a, SIN] * at[b, COS]
        g[4 * LANES + n] = at[a, Z] - at[a, R] * dz / dr
        for end in range(2):
            t = passages[a] if end == 0 else passages[b]
            o = (5 + 8 * end) * LANES + n
            for axis in range(3):
                i = 3 * axis
                g[o + axis * LANES] = t[i] * dx + t[i + 1] * dy + t[i + 2] * np.float32(dz)
            for k in range(5):
                g[o + (3 + k) * LANES] = t[9 + k]


@inlined
def doublet_block(
    given: DoubletArguments,
    pairs: NDArray[np.int32],
    first: int,
    g: NDArray[np.float32],
    f: NDArray[np.float32],
) -> None:
    """Features of the pairs from `first` on, as 16 rows of LANES in `f`; `given` comes from `doublet_arguments`."""
    at, passages, kappa = given
    _gather(at, passages, pairs, first, g)
    for n in range(LANES):
        dx, dy, dz = g[n], g[LANES + n], g[2 * LANES + n]
        chord = math.sqrt(dx * dx + dy * dy)
        length = math.sqrt(chord * chord + dz * dz)
        chord = max(chord, SHORTEST)
        # sine of the angle between the lines from the origin, over the chord: the circle through the origin
        f[n] = soft(TWO * g[3 * LANES + n] / (chord * kappa))
        f[LANES + n] = soft(g[4 * LANES + n] / IMPACT_SCALE)
        f[2 * LANES + n] = soft(dz / chord)
        f[11 * LANES + n] = soft(length / LENGTH_SCALE)
        for end in range(2):
            o = (5 + 8 * end) * LANES + n
            dw = g[o + 2 * LANES]
            cosine = max(abs(dw) / length, SMALLEST_COSINE)
            # a hit without a cluster is taken for the one that this passage would leave: it speaks neither for nor against
            for axis in range(2):
                expected = abs(g[o + axis * LANES]) / max(abs(dw), SMALLEST_STEP) * g[o + (5 + axis) * LANES]
                more = g[o + (3 + axis) * LANES]
                more = more if more >= ZERO else expected
                f[(3 + axis + 2 * end) * LANES + n] = soft((more + ONE) / TWO)
                f[(7 + axis + 2 * end) * LANES + n] = soft(more - expected)
            deposit = g[o + 7 * LANES] * cosine
            f[(12 + end) * LANES + n] = soft(deposit if deposit > ZERO else ONE)
            f[(14 + end) * LANES + n] = cosine


@compiled
def _doublets(given: DoubletArguments, pairs: NDArray[np.int32], out: NDArray[np.float32]) -> None:
    g, f = np.zeros(GATHERED * LANES, np.float32), np.zeros(16 * LANES, np.float32)
    for first in range(0, len(pairs), LANES):
        doublet_block(given, pairs, first, g, f)
        for n in range(min(LANES, len(pairs) - first)):
            for k in range(16):
                out[first + n, k] = f[k * LANES + n]


def doublet_features(points: Points, frame: Frame, pairs: NDArray[np.int32]) -> NDArray[np.float32]:
    """Features of each pair of points, in the order of `DOUBLET_FEATURES`. Shape (n, 16)."""
    out = np.empty((len(pairs), len(DOUBLET_FEATURES)), np.float32)
    _doublets(doublet_arguments(points, frame), pairs, out)
    return out
