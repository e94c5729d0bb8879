"""Where graphs are built: a cylindrical frame of the detector, and the hits of an event expressed in it.

Every layer is described by two coordinates: the azimuth and `s`, the one of (r, z) along which the layer extends.
A detector whose sensors cover the z axis (a beam telescope, a spectrometer) has no azimuth there; its frame is turned
and pushed away, so that its planes look like barrel layers far from the origin, and about z, so that a field across the
beam bends in azimuth. Nothing downstream knows the difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Hits
from gnnreco.geometry import Detector
from gnnreco.kernels import W, njit

DISTANCE = 10.0  # origin of a turned frame, in lengths of the detector: far enough that phi is nearly flat
PROBES = 101  # of the field, along the axis of a telescope
WEAK = 1e-3  # tesla: a weaker field is none
STEEPEST = 0.1  # cosine of the angle to a sensor's normal below which a path through it grows no longer
SAME_UNIT = 1.3  # ratio of signals that the angles of tracks can make
WIDTH_CLASSES = 8  # 0: no cluster known; 1 to 7: channels, the last one open


@dataclass(frozen=True)
class Frame:
    """A rigid motion of the detector and what the graph builders need of its layers and sensors.

    Attributes
    ----------
    rotation : float64 (3, 3), origin : float64 (3,)
        ``frame = rotation @ (global - origin)``, mm.
    along_z : bool (n_layers,)
        Whether `s` is z (the layer extends along z) or r.
    s_low, s_high : float64 (n_layers,)
        Extent of each layer along `s`, mm.
    axes : float64 (n_sensors, 3, 3)
        Columns are the sensor's u, v, w axes in the frame.
    s_is_v : bool (n_sensors,)
        Whether v, rather than u, is the sensor axis nearer to `s`.
    kappa_per_gev : float
        Curvature (1/mm) of a track with a transverse momentum of 1 GeV in the mean field along the frame's z axis; without
        one, a scale alone.
    has_field : bool
        Whether tracks bend in azimuth.
    depth_in_cells : float64 (n_sensors, 2)
        Thickness over the cell's size along u and v: the channels that a passage at 45 degrees fires.
    thickness, radiation_lengths : float64 (n_sensors,)
    """

    rotation: Floats
    origin: Floats
    along_z: NDArray[np.bool_]
    s_low: Floats
    s_high: Floats
    axes: Floats
    s_is_v: NDArray[np.bool_]
    kappa_per_gev: float
    has_field: bool
    depth_in_cells: Floats
    thickness: Floats
    radiation_lengths: Floats

    @classmethod
    def of(cls, detector: Detector) -> Frame:
        """The frame of a detector in the frame of its source, from its geometry and its field alone."""
        u = detector.rotation[:, :, 0] * detector.half_u[:, None]
        v = detector.rotation[:, :, 1] * detector.half_v[:, None]
        corners = detector.center[:, None, :] + np.stack([u + v, u - v, -u - v, v - u], axis=1)
        rotation, origin = np.eye(3), np.zeros(3)
        field = _mean_field(detector, _trackers(detector))
        if _covers_axis(detector):
            low, high = corners[..., 2].min(), corners[..., 2].max()
            field = _mean_field(detector, np.linspace([0.0, 0.0, low], [0.0, 0.0, high], PROBES))
            across = np.array([field[0], field[1], 0.0])
            size = float(np.linalg.norm(across))
            up = across / size if size > WEAK else np.array([-1.0, 0.0, 0.0])
            rotation = np.stack([[0.0, 0.0, 1.0], np.cross(up, [0.0, 0.0, 1.0]), up]) + 0.0  # no -0.0
            origin = np.array([0.0, 0.0, low - DISTANCE * max(high - low, 1.0)])
        corners = (corners - origin) @ rotation.T
        r, z = np.hypot(corners[..., 0], corners[..., 1]), corners[..., 2]
        n = detector.n_layers
        bounds = {}
        for name, value in (("r", r), ("z", z)):
            low, high = np.full(n, np.inf), np.full(n, -np.inf)
            np.minimum.at(low, detector.layer, value.min(axis=1))
            np.maximum.at(high, detector.layer, value.max(axis=1))
            bounds[name] = (low, high)
        along_z = (bounds["z"][1] - bounds["z"][0]) > (bounds["r"][1] - bounds["r"][0])
        axes = np.einsum("ij,njk->nik", rotation, detector.rotation)
        center = (detector.center - origin) @ rotation.T
        radial = center[:, :2] / np.maximum(np.hypot(center[:, 0], center[:, 1]), 1e-9)[:, None]
        along_s = np.abs(
            np.where(
                along_z[detector.layer][:, None],
                axes[:, 2, :],
                np.einsum("ni,nij->nj", radial, axes[:, :2, :]),
            )
        )
        bz = abs(float((rotation @ field)[2]))
        return cls(
            rotation=rotation,
            origin=origin,
            along_z=along_z,
            s_low=np.where(along_z, bounds["z"][0], bounds["r"][0]),
            s_high=np.where(along_z, bounds["z"][1], bounds["r"][1]),
            axes=axes,
            s_is_v=along_s[:, 1] >= along_s[:, 0],
            kappa_per_gev=0.299792458e-3 * bz if bz > WEAK else 1e-4,
            has_field=bz > WEAK,
            depth_in_cells=detector.thickness[:, None]
            / np.stack([detector.pitch_u, detector.pitch_v], axis=1),
            thickness=detector.thickness,
            radiation_lengths=detector.radiation_lengths,
        )


def _mean_field(detector: Detector, points: Floats) -> Floats:
    """Mean field at points (n, 3), tesla (3,)."""
    tesla = detector.field.at(points)
    return tesla.mean(axis=0) if np.ptp(tesla, axis=0).any() else tesla[0]


def _trackers(detector: Detector) -> Floats:
    """Where the sensors that measure positions are (n, 3); all sensors where none does."""
    mine = np.array(["position" in s.measures for s in detector.subsystems], bool)[detector.subsystem]
    return detector.center[mine] if mine.any() else detector.center


def _covers_axis(detector: Detector) -> bool:
    """Whether the z axis passes through the bounding box of any sensor."""
    normal = detector.rotation[:, :, 2]
    facing = np.flatnonzero(np.abs(normal[:, 2]) > 1e-6)
    crossing = np.zeros((len(facing), 3))
    crossing[:, 2] = np.einsum("ni,ni->n", detector.center[facing], normal[facing]) / normal[facing, 2]
    local = detector.to_local(facing, crossing)
    return bool(
        (
            (np.abs(local[:, 0]) <= detector.half_u[facing])
            & (np.abs(local[:, 1]) <= detector.half_v[facing])
        ).any()
    )


@dataclass(frozen=True)
class Points:
    """The hits of one event in the frame, sorted by layer, `s` row and azimuth.

    Attributes
    ----------
    index : int64 (n,)
        Row of each point in the event's `Hits`; hits outside every sensor are left out.
    x, y, z, r, phi, s : float64 (n,)
        Frame coordinates, mm and rad.
    layer, sensor : int32 (n,)
    sigma_u, sigma_v : float64 (n,)
        Expected resolution along the sensor's axes, mm.
    width_u, width_v : int32 (n,)
        Channels of the cluster; 0 where unknown.
    signal : float64 (n,)
        Summed deposits, in units of the event's median for each mm of sensor, once those of a subsystem in other units are
        scaled: files differ in theirs. 0 where unknown, and in a subsystem that is digital: all its channels say the same.
    layer_start : int64 (n_layers + 1,), row_start : int64 (n_layers, rows + 1)
        First point of each layer and of each of its rows.
    """

    index: NDArray[np.int64]
    x: Floats
    y: Floats
    z: Floats
    r: Floats
    phi: Floats
    s: Floats
    layer: NDArray[np.int32]
    sensor: NDArray[np.int32]
    sigma_u: Floats
    sigma_v: Floats
    width_u: NDArray[np.int32]
    width_v: NDArray[np.int32]
    signal: Floats
    layer_start: NDArray[np.int64]
    row_start: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.index)


def points_of(hits: Hits, detector: Detector, frame: Frame, rows: int = 32) -> Points:
    """Express hits in the frame and sort them for the window search; linear in hits but for the sort."""
    inside = np.flatnonzero(hits.sensor >= 0)
    sensor = hits.sensor[inside]
    layer = detector.layer[sensor].astype(np.int32)
    xyz = (hits.xyz[inside] - frame.origin) @ frame.rotation.T
    r, phi = np.hypot(xyz[:, 0], xyz[:, 1]), np.arctan2(xyz[:, 1], xyz[:, 0])
    s = np.where(frame.along_z[layer], xyz[:, 2], r)
    span = np.maximum(frame.s_high - frame.s_low, 1e-9)
    row = np.clip(((s - frame.s_low[layer]) / span[layer] * rows).astype(np.int64), 0, rows - 1)
    cell = layer.astype(np.int64) * rows + row
    order = np.lexsort((inside, phi, cell))
    cell, inside, sensor = cell[order], inside[order], sensor[order]
    edges = np.searchsorted(cell, np.arange(len(frame.along_z) * rows + 1))
    row_start = edges[np.arange(len(frame.along_z))[:, None] * rows + np.arange(rows + 1)]
    width_u, width_v, *sums = _clusters(hits, len(hits))
    total, lowest, highest = (value[inside] for value in sums)
    normal = frame.axes[sensor, :, W]
    steep = np.abs((xyz[order] * normal).sum(axis=1)) / np.maximum(np.linalg.norm(xyz[order], axis=1), 1e-9)
    through = detector.thickness[sensor] / np.maximum(steep, STEEPEST)  # on a straight way from the origin
    signal = _in_one_unit(total, lowest, highest, through, detector.subsystem[sensor])
    lit = signal > 0
    signal /= np.median(signal[lit] / detector.thickness[sensor[lit]]) if lit.any() else 1.0
    sigma_u, sigma_v = detector.resolution_u[sensor], detector.resolution_v[sensor]
    return Points(
        index=inside,
        x=xyz[order, 0],
        y=xyz[order, 1],
        z=xyz[order, 2],
        r=r[order],
        phi=phi[order],
        s=s[order],
        layer=layer[order],
        sensor=sensor,
        sigma_u=sigma_u if hits.var_u is None else np.sqrt(hits.var_u[inside]),
        sigma_v=sigma_v if hits.var_v is None else np.sqrt(hits.var_v[inside]),
        width_u=width_u[inside],
        width_v=width_v[inside],
        signal=signal,
        layer_start=edges[::rows].copy(),
        row_start=row_start,
    )


def _in_one_unit(
    signal: Floats, lowest: Floats, highest: Floats, through: Floats, kind: NDArray[np.integer]
) -> Floats:
    """Signals, scaled where a kind of sensor leaves another amount for each mm of path than most hits; 0 where digital."""
    out, lit = np.zeros(len(signal)), signal > 0
    usual = np.median(signal[lit] / through[lit]) if lit.any() else 1.0
    for each in np.unique(kind[lit]):
        mine = np.flatnonzero((kind == each) & lit)
        if lowest[mine].min() < highest[mine].max():
            ratio = np.median(signal[mine] / through[mine]) / usual
            out[mine] = signal[mine] / (ratio if max(ratio, 1 / ratio) > SAME_UNIT else 1.0)
    return out


def _clusters(hits: Hits, n: int) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats, Floats, Floats]:
    """Of each hit: channels along u and v, the sum of their values, the lowest and the highest."""
    if hits.deposits is None:
        return np.zeros(n, np.int32), np.zeros(n, np.int32), np.zeros(n), np.zeros(n), np.zeros(n)
    d = hits.deposits
    return _cluster_widths(d.offsets, d.u, d.v, d.value)


@njit(cache=True)
def _cluster_widths(
    offsets: NDArray[np.int64], u: NDArray[np.int32], v: NDArray[np.int32], value: NDArray[np.float64]
) -> tuple[NDArray[np.int32], NDArray[np.int32], Floats, Floats, Floats]:
    n = len(offsets) - 1
    width_u, width_v = np.zeros(n, np.int32), np.zeros(n, np.int32)
    signal, lowest, highest = np.zeros(n), np.zeros(n), np.zeros(n)
    for i in range(n):
        if offsets[i + 1] == offsets[i]:
            continue
        first = offsets[i]
        u0, u1, v0, v1 = u[first], u[first], v[first], v[first]
        least, most = value[first], value[first]
        for k in range(first, offsets[i + 1]):
            u0, u1, v0, v1 = min(u0, u[k]), max(u1, u[k]), min(v0, v[k]), max(v1, v[k])
            least, most = min(least, value[k]), max(most, value[k])
            signal[i] += value[k]
        width_u[i], width_v[i] = u1 - u0 + 1, v1 - v0 + 1
        lowest[i], highest[i] = least, most
    return width_u, width_v, signal, lowest, highest
