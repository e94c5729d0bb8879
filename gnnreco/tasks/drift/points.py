"""Pieces of charge to points that a track fit can use: one for each row of pads, on a plane square to the track.

The charge is not clustered: which sample belongs to which piece is known before. A point is the middle of a piece's charge
in one row; where the piece runs along the row, of a stretch of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits, Ints
from gnnreco.fit.path_order import path_order
from gnnreco.geometry import Detector
from gnnreco.geometry.field.field import Field
from gnnreco.graphs.drift.samples import PadSamples
from gnnreco.graphs.order import by_key
from gnnreco.graphs.showers.frame import CellFrame
from gnnreco.kernels import X, njit
from gnnreco.kernels.sorting import sort
from gnnreco.renamed import old_names

STRETCH = 30.0  # mm of a row that make one point, where a piece runs along it
EMPTY_PADS = 2.6  # pads between two samples of a row beyond which the piece is there twice
CLUSTERS = (
    6.0  # of ionisation that share the charge of a row evenly, in effect: the Landau tail counts as few
)


@dataclass(frozen=True, slots=True)
class Planes:
    """Planes that points are measured on, one for each, in place of a detector's sensors; see `fit_tracks`.

    Attributes
    ----------
    field : Field
    rotation : float64 (n, 3, 3)
        ``rotation[:, :, k]`` is axis k: along the pads, along the drift (both square to the track), along the track.
    radiation_lengths : float64 (n,)
        From this point to the next one.
    resolution_u, resolution_v : float64 (n,)
        mm.
    """

    field: Field
    rotation: Floats
    radiation_lengths: Floats
    resolution_u: Floats
    resolution_v: Floats

    @property
    def n_sensors(self) -> int:
        """How many planes there are."""
        return len(self.rotation)


@dataclass(frozen=True, slots=True)
class DriftPoints:
    """Points of all pieces of an event, piece by piece in the order of the path.

    Attributes
    ----------
    offsets : int64 (n_pieces + 1,)
    hits : Hits
        The points; each has a plane of its own.
    planes : Planes
    charge : float64 (n,)
        GeV.
    height : float64 (n,)
        Of the row of pads, mm.
    slope : float64 (n,)
        Length of the path in the row over the row's height.
    of_sample : int64 (n_samples,)
        Point of each sample; -1: of no piece.
    piece_of_track : int64 (n_tracks,)
        Piece of each track that came of these points; none before tracks are chosen.
    """

    offsets: Ints
    hits: Hits
    planes: Planes
    charge: Floats
    height: Floats
    slope: Floats
    of_sample: Ints
    piece_of_track: Ints = field(default_factory=lambda: np.zeros(0, np.int64))


def drift_points(graph: PadSamples, piece: Ints, detector: Detector, frame: CellFrame) -> DriftPoints:
    """Points of the pieces of an event.

    Parameters
    ----------
    graph : PadSamples
    piece : int64 (n_samples,)
        -1: in none; the others without a gap.
    """
    cells, pads = graph.cells, graph.pads
    mine = graph.by_row[piece[graph.by_row] >= 0]
    n_pieces = int(piece.max(initial=-1)) + 1
    order = mine[by_key(piece[mine], n_pieces)[0]]
    group = _stretches(order, piece, cells.sensor, pads.row, pads.local, pads.size)
    n = int(group[-1]) + 1 if len(group) else 0
    charge, middle = _middles(order, group, n, cells.energy, cells.xyz)
    first = np.searchsorted(group, np.arange(n + 1))
    owner, at = piece[order][first[:-1]], order[first[:-1]]  # any sample of a point tells its sensor
    cut = _cut_off(graph, detector, frame, at, order[first[1:] - 1], order, group)
    offsets = np.searchsorted(owner, np.arange(n_pieces + 1))
    along = path_order(middle, offsets)
    place = np.empty(n, np.int64)
    place[along] = np.arange(n)
    of_sample = np.full(len(piece), -1, np.int64)
    of_sample[order] = place[group]
    return _points(
        graph, detector, frame, offsets, middle[along], charge[along], at[along], cut[along], of_sample
    )


def _cut_off(
    graph: PadSamples,
    detector: Detector,
    frame: CellFrame,
    left: Ints,
    right: Ints,
    order: Ints,
    group: Ints,
) -> NDArray[np.bool_]:
    """Whether charge of each point may have been lost beyond the edge of its sensor, and beyond an end of the drift."""
    cut = np.zeros((len(left), 2), np.bool_)
    pads, of = graph.pads, graph.cells.sensor
    for end, side in ((left, -1.0), (right, 1.0)):
        beside = graph.cells.xyz[end] + side * pads.size[end, :1] * pads.along[end]
        local = detector.to_local(of[end], beside)
        cut[:, 0] |= detector.cell_at(of[end], local[:, 0], local[:, 1]) < 0
    at_end = np.abs(pads.local[:, 2]) > (0.5 * detector.thickness - 0.75 * frame.sample)[of]
    cut[group[at_end[order]], 1] = True
    return cut


def _points(
    graph: PadSamples,
    detector: Detector,
    frame: CellFrame,
    offsets: Ints,
    xyz: Floats,
    charge: Floats,
    at: Ints,
    cut: NDArray[np.bool_],
    of_sample: Ints,
) -> DriftPoints:
    """Planes and errors of points that stand in the order of their paths."""
    n, sensor = len(xyz), graph.cells.sensor[at]
    tangent, step = _tangents(xyz, offsets)
    drift = detector.rotation[sensor][:, :, 2]
    pads, rows = graph.pads.along[at], graph.pads.across[at]
    across = np.cross(drift, tangent)
    length = np.linalg.norm(across, axis=1)
    across = np.where(length[:, None] > 0.05, across / np.maximum(length, 1e-9)[:, None], pads)
    across -= np.einsum("ij,ij->i", across, tangent)[:, None] * tangent
    across /= np.maximum(np.linalg.norm(across, axis=1), 1e-9)[:, None]
    rotation = np.stack([across, np.cross(tangent, across), tangent], axis=2)
    kinds = [s.drift for s in detector.subsystems]
    told = np.array(
        [
            (d.diffusion[0], d.diffusion[1], d.pair_energy, d.gain_spread, d.shaping * d.velocity)
            if d
            else (0.0,) * 5
            for d in kinds
        ]
    )[detector.subsystem[sensor]].reshape(-1, 5)
    drifted = np.einsum("ij,ij->i", xyz - detector.center[sensor], drift) + detector.thickness[sensor] / 2
    drifted = np.maximum(drifted, 1.0)
    electrons = np.maximum(charge / np.maximum(told[:, 2], 1e-30), 1.0)
    height = graph.pads.size[at, 1]
    crossing = np.abs(np.einsum("ij,ij->i", tangent, rows))
    slope = 1.0 / np.maximum(crossing, 0.1)
    aslant = np.sqrt(np.maximum(1.0 - crossing**2, 0.0))
    dip = np.abs(np.einsum("ij,ij->i", tangent, drift))
    # Diffusion of the electrons, and what an uneven loss along the row shifts a track that crosses it aslant.
    gain = 1.0 + told[:, 3] ** 2
    uneven = height**2 / 12 / CLUSTERS
    var_u = (
        0.15**2 + gain * told[:, 0] ** 2 * drifted / electrons + uneven * np.maximum(aslant**2 - dip**2, 0.0)
    )
    var_v = 0.15**2 + gain * told[:, 1] ** 2 * drifted / electrons + uneven * dip**2 + (0.1 * told[:, 4]) ** 2
    var_u += np.where(cut[:, 0], graph.pads.size[at, 0] ** 2, 0.0)
    var_v += np.where(cut[:, 1], frame.sample[sensor] ** 2, 0.0)
    material = step * (detector.radiation_lengths / detector.thickness)[sensor]
    if len(offsets) > 1 and n:
        begin = offsets[:-1][np.diff(offsets) > 0]
        sine = np.maximum(np.hypot(tangent[begin, 0], tangent[begin, 1]), 0.1)
        for wall in detector.passive:
            inside = wall.radius < np.hypot(xyz[begin, 0], xyz[begin, 1])
            material[begin] += np.where(inside, wall.radiation_lengths / sine, 0.0)
    planes = Planes(detector.field, rotation, material, np.sqrt(var_u), np.sqrt(var_v))
    x, y, z = np.ascontiguousarray(xyz.T)
    hits = Hits(np.arange(n), x, y, z, np.arange(n, dtype=np.int32), var_u, var_v)
    return DriftPoints(offsets, hits, planes, charge, height, slope, of_sample)


@njit(cache=True, nogil=True)
def _stretches(
    order: Ints, piece: Ints, sensor: NDArray[np.int32], row: Ints, local: Floats, size: Floats
) -> Ints:
    """Number of the point of each sample of `order`, which goes by piece, sensor, row and place along the row."""
    n = len(order)
    group, u = np.empty(n, np.int64), local[order, 0]
    count, i = 0, 0
    while i < n:
        j, here = i, order[i]
        while j < n and (
            piece[order[j]] == piece[here] and sensor[order[j]] == sensor[here] and row[order[j]] == row[here]
        ):
            j += 1
        begin = i
        while begin < j:
            end = begin + 1
            while end < j and u[end] - u[end - 1] < EMPTY_PADS * size[order[end], 0]:
                end += 1
            parts = max(1, int((u[end - 1] - u[begin]) / STRETCH))
            width = (u[end - 1] - u[begin]) / parts + 1e-6
            for k in range(begin, end):
                group[k] = count + int((u[k] - u[begin]) / width)
            # A part without a sample would leave a gap in the numbers.
            last, fresh = group[begin], count
            for k in range(begin, end):
                if group[k] != last:
                    last = group[k]
                    fresh += 1
                group[k] = fresh
            count = fresh + 1
            begin = end
        i = j
    return group


@njit(cache=True, nogil=True)
def _middles(order: Ints, group: Ints, n: int, energy: Floats, xyz: Floats) -> tuple[Floats, Floats]:
    """Charge (n,) of the samples of each point, and its middle (n, 3)."""
    charge, middle = np.zeros(n), np.zeros((n, 3))
    for k in range(len(order)):
        i, point = order[k], group[k]
        charge[point] += energy[i]
        for c in range(3):
            middle[point, c] += energy[i] * xyz[i, c]
    for point in range(n):
        for c in range(3):
            middle[point, c] /= max(charge[point], 1e-30)
    return charge, middle


@njit(cache=True, nogil=True)
def _tangents(xyz: Floats, offsets: Ints) -> tuple[Floats, Floats]:
    """Direction of the path at each point (n, 3), from two points on either side; way to the next point, mm (n,)."""
    tangent, step = np.zeros((len(xyz), 3)), np.zeros(len(xyz))
    for t in range(len(offsets) - 1):
        first, last = offsets[t], offsets[t + 1] - 1
        for i in range(first, last + 1):
            a, b = max(first, i - 2), min(last, i + 2)
            norm = 0.0
            for c in range(3):
                tangent[i, c] = xyz[b, c] - xyz[a, c]
                norm += tangent[i, c] ** 2
            if norm == 0.0:
                tangent[i, X], norm = 1.0, 1.0
            for c in range(3):
                tangent[i, c] /= np.sqrt(norm)
            if i < last:
                step[i] = np.sqrt(np.sum((xyz[i + 1] - xyz[i]) ** 2))
    return tangent, step


def energy_loss(points: DriftPoints, keep: float = 0.6) -> Floats:
    """Truncated mean of the charge in a row over the path in it, for each piece (n_pieces,), GeV/mm.

    Parameters
    ----------
    points : DriftPoints
    keep : float
        Share of the points with least charge that counts: the tail of the Landau distribution tells little.
    """
    return _truncated(points.charge / (points.height * points.slope), points.offsets, keep)


@njit(cache=True, nogil=True)
def _truncated(values: Floats, offsets: Ints, keep: float) -> Floats:
    out = np.zeros(len(offsets) - 1)
    for t in range(len(out)):
        ordered = values[offsets[t] : offsets[t + 1]].copy()
        sort(ordered)
        n = max(1, int(keep * len(ordered)))
        if len(ordered):
            out[t] = np.mean(ordered[:n])
    return out


if not TYPE_CHECKING:  # a name that is not here shall stay an error of types
    __getattr__ = old_names(
        __name__,
        {
            "ChargePoints": "gnnreco.tasks.drift.points.DriftPoints",
            "charge_points": "gnnreco.tasks.drift.points.drift_points",
        },
    )
