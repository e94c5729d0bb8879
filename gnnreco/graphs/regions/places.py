"""Regions of a detector: directions from its source, and how deep in it each sensor lies, in units of any detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.frame import CellFrame

TRACKING, SHOWERING = (
    4,
    5,
)  # shells of depth in sensors that measure positions, and in those that measure energies
#: Ends of the first shells of a calorimeter: radiation lengths along its stack, for the last one interaction lengths.
EM_ENDS = (4.0, 10.0, 25.0)
HADRONIC_END = 4.0
FARTHEST = 5.0  # pseudorapidity: all beyond lies in the outermost regions
RINGS = 2  # neighbours of a region: so many to each side
#: Ways from a region to its neighbours, as numbers of regions in pseudorapidity and azimuth.
WAYS = tuple((a, b) for a in range(-RINGS, RINGS + 1) for b in range(-RINGS, RINGS + 1) if (a, b) != (0, 0))


@dataclass(frozen=True)
class RegionConfig:
    """How directions are cut into regions.

    Attributes
    ----------
    around : int
        Regions around the axis of the source; in pseudorapidity they are as wide, in units of the same size.
    """

    around: int = 40

    def __post_init__(self) -> None:
        if not 2 * RINGS < self.around <= 1000:
            raise BadConfig(f"regions around the axis: {2 * RINGS + 1} to 1000, not {self.around}")


@dataclass(frozen=True, slots=True)
class RegionFrame:
    """What is known of each sensor, and of each belt of regions (those of one pseudorapidity), in the source's frame.

    Attributes
    ----------
    around, belts : int
        Regions in azimuth, and belts of them; region ``belt * around + turn``.
    first : float
        Pseudorapidity where the first belt begins.
    width : float
        Of a region, in pseudorapidity and in rad.
    shell : int8 (belts, n_layers)
        Shell of a layer that measures positions in a belt, from the innermost; -1: of none.
    layers : float64 (belts, 4)
        How many layers each of these shells has.
    part : int8 (n_sensors,)
        -1: measures no energy; otherwise shell of depth in the calorimeter.
    fraction : float64 (n_sensors,)
        Sampling fraction.
    normal : float64 (n_sensors, 3)
    layer : int32 (n_sensors,)
    thickness : float64 (n_sensors,)
        Of the sensitive part, mm.
    """

    around: int
    belts: int
    first: float
    width: float
    shell: NDArray[np.int8]
    layers: Floats
    part: NDArray[np.int8]
    fraction: Floats
    normal: Floats
    layer: NDArray[np.int32]
    thickness: Floats

    @property
    def n_regions(self) -> int:
        """How many regions."""
        return self.around * self.belts

    @classmethod
    def of(cls, detector: Detector, config: RegionConfig) -> RegionFrame:
        """The frame of a detector that stands in the frame of its source (`Detector.at_source`)."""
        width = 2 * np.pi / config.around
        low, high, away = _spans(detector)
        cells = CellFrame.of(detector)
        used = np.isfinite(low)
        begin, end = (low[used].min(), high[used].max()) if used.any() else (0.0, 0.0)
        first, belts = (
            np.floor(begin / width) * width,
            int(np.floor(end / width) - np.floor(begin / width)) + 1,
        )
        tracking = np.array(["position" in part.measures for part in detector.subsystems], bool)
        shell, layers = _shells(
            *(detector, tracking[detector.subsystem] & ~cells.energy, low, high, away),
            *(first, width, belts),
        )
        return cls(
            *(config.around, belts, float(first), float(width), shell, layers, _parts(cells), cells.fraction),
            np.ascontiguousarray(detector.rotation[:, :, 2]),
            detector.layer,
            np.maximum(detector.thickness, 1e-6),
        )

    def middles(self) -> tuple[Floats, Floats]:
        """Pseudorapidity and azimuth of the middle of each region (n_regions,)."""
        belt, turn = np.divmod(np.arange(self.n_regions), self.around)
        return self.first + (belt + 0.5) * self.width, ((turn + 0.5) / self.around - 0.5) * 2 * np.pi

    def static(self) -> NDArray[np.float32]:
        """What does not depend on the event, for each belt (belts, 5): distance from the middle, layers by shell."""
        middle = self.first + (np.arange(self.belts) + 0.5) * self.width
        return np.column_stack([np.abs(middle) / 3, self.layers / 4]).astype(np.float32)


def _spans(detector: Detector) -> tuple[Floats, Floats, Floats]:
    """Least and largest pseudorapidity of each sensor, and its mean distance from the source, mm."""
    corners = detector.solid_corners().reshape(len(detector.templates), -1, 3)[detector.template]
    corners = detector.center[:, None] + np.einsum("nij,nkj->nki", detector.rotation, corners)
    corners = np.concatenate([corners, detector.center[:, None]], axis=1)
    r, z = np.hypot(corners[..., 0], corners[..., 1]), corners[..., 2]
    eta = np.clip(np.arcsinh(z / np.maximum(r, 1e-3)), -FARTHEST, FARTHEST)
    return eta.min(1), eta.max(1), np.linalg.norm(detector.center, axis=1)


def _shells(
    detector: Detector,
    chosen: NDArray[np.bool_],
    low: Floats,
    high: Floats,
    away: Floats,
    first: float,
    width: float,
    belts: int,
) -> tuple[NDArray[np.int8], Floats]:
    """Shell of each layer in each belt: layers that reach into a belt are counted outwards, and cut in four."""
    total, count = np.zeros((belts, detector.n_layers)), np.zeros((belts, detector.n_layers))
    begin, end = (np.clip(np.floor((x - first) / width).astype(np.int64), 0, belts - 1) for x in (low, high))
    for belt in range(belts):
        here = np.flatnonzero(chosen & (begin <= belt) & (belt <= end))
        np.add.at(total[belt], detector.layer[here], away[here])
        np.add.at(count[belt], detector.layer[here], 1.0)
    shell = np.full((belts, detector.n_layers), -1, np.int8)
    for belt in range(belts):
        there = np.flatnonzero(count[belt])
        order = np.argsort(total[belt, there] / count[belt, there], kind="stable")
        shell[belt, there[order]] = TRACKING * np.arange(len(there)) // max(len(there), 1)
    layers = np.stack([(shell == k).sum(1) for k in range(TRACKING)], axis=1).astype(np.float64)
    return shell, layers


def _parts(cells: CellFrame) -> NDArray[np.int8]:
    """Shell of depth of each sensor that measures energy."""
    group = cells.group
    if not len(cells.depth):
        return np.full(len(group), -1, np.int8)
    early = np.searchsorted(EM_ENDS, cells.depth, side="right")
    part: Ints = np.where(early < len(EM_ENDS), early, np.where(cells.nuclear < HADRONIC_END, 3, 4))
    return np.where(cells.energy, part[group], -1).astype(np.int8)
