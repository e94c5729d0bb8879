"""Sectors of a tracker as input buffers: the hits that the tracks through one small window may leave on a few layers.

Layers come from the detector's data: the innermost that extend along the beam and are crossed at right angles to it, or,
without enough of these, the first disks on each side. The reference layer, in the middle of them, is cut into windows of
equal azimuth and pseudorapidity, and the region where particles come from in parts. A track belongs to the sector of the
window that it crosses and the part that it comes from; a hit is copied into every sector
whose tracks may have left it, so that tracks near a border are whole in one sector.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from scipy.sparse import csr_matrix

from gnnreco.columns import Event, Floats, Hits, Ints
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.graphs import Frame, points_of
from gnnreco.models.trigger.network import TriggerNetworkConfig

from .buffers import Buffers

FEATURES = 5
#: Windows are so much wider than the tracks they are made for: for scattering, and collisions beside the axis.
MARGIN = 1.1


@dataclass(frozen=True)
class SectorConfig:
    """How a tracker is cut into sectors.

    Attributes
    ----------
    azimuth : int
        Windows of the reference layer around the axis.
    slices : int
        Windows of the reference layer along pseudorapidity.
    min_pt : float
        Transverse momentum from which particles are looked for, GeV; slower ones are no truth, and may leave their sector.
    beam : float
        Half length of the region where particles come from, mm.
    origins : int
        Parts of that region, each with sectors of its own: inner layers see little of where a track goes to.
    """

    azimuth: int = 128
    slices: int = 32
    min_pt: float = 1.0
    beam: float = 150.0
    origins: int = 8

    def __post_init__(self) -> None:
        for name in ("azimuth", "slices", "origins", "min_pt"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above zero, not {getattr(self, name)}")


@dataclass(frozen=True)
class Stack:
    """Layers one behind the other.

    Attributes
    ----------
    layers : int64 (n,)
        From the inside outwards.
    barrel : bool
        Depth is the radius and `along` is z; else depth is the distance along the axis and `along` the radius.
    side : int
        Sign of z of disks.
    depth : float
        Of the reference layer, mm.
    low, high : float
        Ends of the reference layer in `eta`.
    """

    layers: Ints
    barrel: bool
    side: int
    depth: float
    low: float
    high: float

    def eta(self, along: Floats, depth: Floats | float) -> Floats:
        """Pseudorapidity of a point seen from the middle of the detector; of disks: with the sign turned."""
        return np.arcsinh(along / depth) if self.barrel else -np.arcsinh(depth / np.maximum(along, 1e-9))

    def along(self, eta: Floats) -> Floats:
        """Where the reference layer has this `eta`, mm."""
        return self.depth * np.sinh(eta) if self.barrel else self.depth / np.sinh(-eta)


@lru_cache(maxsize=8)
def stacks(detector: Detector, layers: int) -> tuple[Frame, tuple[Stack, ...]]:
    """The frame of a detector, and the stacks of so many layers in it: one around the axis, or one of disks on each side.

    Raises
    ------
    BadConfig
        If the detector has not as many.
    """
    frame = Frame.of(detector)
    center = (detector.center - frame.origin) @ frame.rotation.T
    position = np.array(["position" in part.measures for part in detector.subsystems])[detector.subsystem]
    count = np.maximum(np.bincount(detector.layer, minlength=detector.n_layers), 1)
    tracker = np.bincount(detector.layer, position, detector.n_layers) == count
    r, z = (
        np.bincount(detector.layer, v, detector.n_layers) / count
        for v in (np.hypot(*center.T[:2]), center.T[2])
    )
    central = tracker & frame.along_z & (frame.s_low <= 0) & (frame.s_high >= 0)
    disks = tracker & ~frame.along_z
    found: list[Stack] = []
    for side, some in ((0, central), (1, disks & (z > 0)), (-1, disks & (z < 0))):
        depth = np.abs(z) if side else r
        chosen = np.flatnonzero(some)[np.argsort(depth[some], kind="stable")][:layers]
        if len(chosen) < layers or (side and found and found[0].barrel):
            continue
        middle = chosen[layers // 2]
        bare = Stack(chosen, not side, side, float(depth[middle]), 0.0, 0.0)
        low, high = (float(bare.eta(end[middle], bare.depth)) for end in (frame.s_low, frame.s_high))
        found.append(replace(bare, low=low, high=high))
    if not found:
        raise BadConfig(
            f"detector {detector.name} has no {layers} layers one behind the other: lower model.groups"
        )
    return frame, tuple(found)


def sectors(
    config: SectorConfig, features: int, network: TriggerNetworkConfig, detector: Detector, event: Event
) -> Buffers:
    """Buffers of one event: stack by stack, origin by origin, slice by slice, window by window around the axis.

    Sectors that hold no pair of hits on successive layers are left out: there is nothing to answer.

    A node is a hit: its depth (mm), its azimuth from the middle of its sector (rad), how far it lies along the layer (mm)
    from the line that leads from the origin through that middle; then the slope that the length of its cluster tells, less
    that of the line (0 where no cluster is known), and the slope across. Layers have an equal share of the slots, filled by
    the hits nearest to the middle, in units of the sector's size; `Buffers.dropped` counts the others, once a sector. An
    edge is right if one particle above `min_pt` left both hits, on layers that follow one another.

    Raises
    ------
    BadConfig
        If the network is not one for sectors, or the detector has too few layers.
    """
    if network.kind != "edges" or network.groups < 2 or network.slots % network.groups:
        raise BadConfig("sectors need model.kind=edges and model.groups of 2 or more that divide model.slots")
    if not 0 < features <= FEATURES:
        raise BadConfig(f"task.input.features={features}: a hit of a sector has 1 to {FEATURES}")
    frame, found = stacks(detector, network.groups)
    each, pairs = network.slots // network.groups, network.pairs()
    left = _left(event, config.min_pt)
    parts = []
    for stack in found:
        hit, sector, group, x, distance = _copies(config, frame, stack, detector, event.hits)
        order = np.lexsort((x[:, 2], x[:, 1], distance, group, sector))
        place = (sector * network.groups + group)[order]
        rank = np.arange(len(place)) - np.searchsorted(place, place)
        kept = order[rank < each]
        slot = sector[kept], group[kept] * each + rank[rank < each]
        n = config.azimuth * config.slices * config.origins
        full, who = np.zeros((n, network.slots, features)), np.full((n, network.slots), -1)
        full[slot], who[slot] = x[kept, :features], hit[kept]
        ends = who[:, pairs]
        label = np.where((ends >= 0).all(axis=2), 0, -1)
        known = label == 0
        one, two = (left[end] for end in ends[known].T)
        label[known] = np.minimum(np.asarray(one.multiply(two).sum(axis=1)).ravel(), 1)
        some = known.any(axis=1)
        parts.append((full[some], (who >= 0)[some].astype(np.float64), label[some], len(order) - len(kept)))
    x, valid, label = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return Buffers(x, valid, label, sum(part[3] for part in parts))


def _copies(
    config: SectorConfig, frame: Frame, stack: Stack, detector: Detector, hits: Hits
) -> tuple[Ints, Ints, Ints, Floats, Floats]:
    """Each hit in each sector it may belong to: hit, sector, layer in the stack, features, distance from the middle."""
    group_of = np.full(detector.n_layers + 1, -1)
    group_of[stack.layers] = np.arange(len(stack.layers))
    points = points_of(hits, detector, frame)
    chosen = np.flatnonzero(group_of[points.layer] >= 0)
    r, phi, z, sensor = points.r[chosen], points.phi[chosen], points.z[chosen], points.sensor[chosen]
    hit, group = points.index[chosen], group_of[points.layer[chosen]]
    depth, along = (r, z) if stack.barrel else (np.abs(z), r)
    scale = stack.depth / np.maximum(depth, 1e-9)
    # To the reference layer: half the angle that the slowest particle turns, and where it may come from.
    bend = frame.kappa_per_gev / (2 * config.min_pt) if frame.has_field else 0.0
    turn = MARGIN * bend * np.abs(scale - 1) * r
    # Along it: moved by what the place of origin does, which for disks shrinks with the slope.
    lever = (scale - 1) * (1.0 if stack.barrel else -stack.side * along / np.maximum(depth, 1e-9))
    part = config.beam / config.origins
    origin = (2 * np.arange(config.origins) - config.origins + 1)[:, None] * part
    reach = MARGIN * part * np.abs(lever)
    width, height = 2 * np.pi / config.azimuth, (stack.high - stack.low) / config.slices
    first = np.floor((phi - turn) / width).astype(np.int64)
    n_phi = np.minimum(np.floor((phi + turn) / width).astype(np.int64) - first + 1, config.azimuth)
    there = along * scale - origin * lever
    ends = [(stack.eta(there + sign * reach, stack.depth) - stack.low) / height for sign in (-1, 1)]
    lowest = np.floor(np.maximum(ends[0], 0)).astype(np.int64)
    highest = np.floor(np.clip(ends[1], -1, config.slices - 1)).astype(np.int64)
    count = n_phi * np.maximum(highest - lowest + 1, 0)
    source, row = np.divmod(np.repeat(np.arange(count.size), count.ravel()), max(len(hit), 1))
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count.ravel(), count.ravel())
    column, line = first[row] + step % n_phi[row], lowest[source, row] + step // n_phi[row]
    away = (phi[row] - (column + 0.5) * width + np.pi) % (2 * np.pi) - np.pi
    low, middle, high = (stack.along(stack.low + (line + at) * height) for at in (0.0, 0.5, 1.0))
    beside = (there[source, row] - middle) / scale[row]
    size = np.abs(high - low) / 2 + reach[row]
    distance = np.hypot(away / (width / 2 + turn[row]), beside * scale[row] / size)
    sector = (source * config.slices + line) * config.azimuth + column % config.azimuth
    # What the length of a cluster says of the slope of its track.
    widths = np.stack([points.width_u, points.width_v], axis=1)[chosen]
    slopes = np.maximum(widths - 1, 0) / frame.depth_in_cells[sensor]
    slopes = np.where(frame.s_is_v[sensor][:, None], slopes[:, ::-1], slopes)
    wanted = np.abs(middle - (origin[source, 0] if stack.barrel else 0.0)) / stack.depth
    steeper = np.where(widths.min(axis=1)[row] > 0, slopes[row, 0] - wanted, 0.0)
    x = np.stack([depth[row], away, beside, steeper, slopes[row, 1]], axis=1)
    return hit[row], sector, group[row], x, distance


def _left(event: Event, min_pt: float) -> csr_matrix:
    """Which particle that is looked for left which hit: (hits, particles), 1 or 0."""
    if event.truth is None:
        return csr_matrix((len(event.hits), 0), dtype=np.int64)
    p, truth = event.truth.particles, event.truth
    keep = ((np.hypot(p.px, p.py) > min_pt) & (p.charge != 0))[truth.particle]
    entries = np.ones(keep.sum(), np.int64), (truth.hit[keep], truth.particle[keep])
    return csr_matrix(entries, shape=(len(event.hits), len(p)))
