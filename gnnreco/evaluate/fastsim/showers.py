"""A sample of showers as flat arrays: each particle's energy, and its cells by layer and distance from its axis."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gnnreco.columns import Event, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.simulate.showers.along import Along, along_axes
from gnnreco.simulate.showers.ray import Stack, stack_of

THRESHOLD = 0.5  # of what a minimum-ionising particle leaves in the layer
ANY_PITCH = 10.0  # mm, where the detector does not tell how large its cells are


@dataclass(frozen=True, slots=True)
class ShowerSample:
    """Showers of a sample, in an order that depends on the showers alone and not on their files.

    Attributes
    ----------
    pdg : int64 (n,)
    energy : float64 (n,)
        Of the particle, GeV.
    cosine : float64 (n,)
        Of the angle at which it enters its first layer.
    offsets : int64 (n + 1,)
        Cells ``offsets[i]:offsets[i + 1]`` belong to shower i, sorted by layer, then a, then b.
    place : int64 (m,)
        Layer along the shower's axis, from 0.
    a, b : float64 (m,)
        Of the cell's centre from the axis, mm.
    mips : float64 (m,)
        What the shower left in the cell, over what a minimum-ionising particle leaves on its way through the layer.
    visible : float64 (m,)
        The same over the sampling fraction of the layer, GeV: what the cell tells of the particle's energy.
    pitch : float
        Width of the cells, mm: the median over all cells.
    left_nothing : int
        Particles of the truth that left nothing in a layer on their axis: they are no showers here.
    beside : float
        Share of all energy that was left in layers which the axis does not cross: not among the cells.
    key : int64 (n, 2), optional
        Number of the event and identity of the particle of each shower.
    weight : float64 (n,), optional
        What each shower counts for in histograms, response and profiles; None: all alike.
    """

    pdg: Ints
    energy: Floats
    cosine: Floats
    offsets: Ints
    place: Ints
    a: Floats
    b: Floats
    mips: Floats
    visible: Floats
    pitch: float
    left_nothing: int = 0
    beside: float = 0.0
    key: Ints | None = None
    weight: Floats | None = None

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def shower(self) -> Ints:
        """Of each cell (m,)."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    @property
    def n_layers(self) -> int:
        """Layers up to the last one that a shower reached."""
        return int(self.place.max()) + 1 if len(self.place) else 0

    def __getitem__(self, rows: Ints) -> ShowerSample:
        """Some of the showers, in the order of the rows."""
        counts = np.diff(self.offsets)[rows]
        offsets = np.concatenate([[0], np.cumsum(counts)])
        cells = np.repeat(self.offsets[:-1][rows] - offsets[:-1], counts) + np.arange(offsets[-1])
        return ShowerSample(
            self.pdg[rows],
            self.energy[rows],
            self.cosine[rows],
            offsets,
            self.place[cells],
            self.a[cells],
            self.b[cells],
            self.mips[cells],
            self.visible[cells],
            self.pitch,
            self.left_nothing,
            self.beside,
            None if self.key is None else self.key[rows],
            None if self.weight is None else self.weight[rows],
        )


def shower_sample(
    events: Iterable[Event],
    detector: Detector,
    threshold: float = THRESHOLD,
) -> ShowerSample:
    """The showers of all particles of all events.

    Parameters
    ----------
    events : iterable of Event
        With truth that says how much energy each particle left in each hit.
    detector : Detector
    threshold : float
        Cells in which a shower left less are left out, in units of what a minimum-ionising particle leaves.

    Returns
    -------
    ShowerSample
        Two samples compare only where they were made with the same detector and threshold.

    Raises
    ------
    BadInput
        An event without truth, or whose truth has no energies.
    """
    there = detector.at_source()
    stack = stack_of(there)
    pitch = np.sqrt(there.pitch_u * there.pitch_v)[stack.sensor]
    parts: list[dict[str, Any]] = []
    particles, keys = 0, [np.zeros((0, 2), np.int64)]
    for event in events:
        along = along_axes(detector, event)
        parts.append(_columns(along, stack, pitch, threshold))
        if event.truth is not None:  # without it there was an error before
            particles += len(event.truth.particles)
            whose = event.truth.particles.particle_id[along.particle].astype(np.int64)
            keys.append(np.stack([np.full(len(along), event.number), whose], axis=1))
    joined = {
        name: np.concatenate([part[name] for part in parts]) if parts else np.zeros(0)
        for name in ("pdg", "energy", "cosine", "counts", "place", "a", "b", "mips", "visible", "pitch")
    }
    left = sum(float(part["left"]) for part in parts)
    beside = sum(float(part["beside"]) for part in parts)
    widths = joined["pitch"][np.isfinite(joined["pitch"]) & (joined["pitch"] > 0)]
    sample = ShowerSample(
        joined["pdg"].astype(np.int64),
        joined["energy"],
        joined["cosine"],
        np.concatenate([[0], np.cumsum(joined["counts"])]).astype(np.int64),
        joined["place"].astype(np.int64),
        joined["a"],
        joined["b"],
        joined["mips"],
        joined["visible"],
        float(np.median(widths)) if len(widths) else ANY_PITCH,
        particles - len(joined["energy"]),
        beside / (left + beside) if left + beside > 0 else 0.0,
        np.concatenate(keys),
    )
    return sample[_order(sample)]


def effective_size(weight: Floats) -> float:
    """Showers of weight 1 that tell as much: (sum w)^2 / sum w^2."""
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0


def _columns(along: Along, stack: Stack, pitch: Floats, threshold: float) -> dict[str, Any]:
    """Of one event: arrays of its showers and of their cells over threshold."""
    lengths = np.array([len(ray.row) for ray in along.rays], np.int64)
    start = np.concatenate([[0], np.cumsum(lengths)])
    row = np.concatenate([np.zeros(0, np.int64), *(ray.row for ray in along.rays)])
    cosine = np.abs(np.concatenate([np.zeros(0), *(ray.cosine for ray in along.rays)]))
    at = start[along.shower] + along.place
    sensor = row[at]
    mips = along.deposit * cosine[at] / stack.mip[sensor]
    kept = np.flatnonzero(mips >= threshold)
    kept = kept[np.lexsort((along.b[kept], along.a[kept], along.place[kept], along.shower[kept]))]
    return {
        "pdg": along.pdg,
        "energy": along.energy,
        "cosine": cosine[start[:-1]],
        "counts": np.bincount(along.shower[kept], minlength=len(along)),
        "place": along.place[kept],
        "a": along.a[kept],
        "b": along.b[kept],
        "mips": mips[kept],
        "visible": along.deposit[kept] / stack.fraction[sensor[kept]],
        "pitch": pitch[sensor[kept]],
        "left": along.deposit.sum(),
        "beside": along.beside.sum(),
    }


def _order(sample: ShowerSample) -> Ints:
    """The order of showers that their files and events do not change."""
    n, shower = len(sample), sample.shower
    total = np.bincount(shower, sample.mips, n)
    middle = np.bincount(shower, sample.mips * sample.a, n)
    return np.lexsort((middle, total, np.diff(sample.offsets), sample.energy, sample.pdg))
