"""What the fast simulation learns from: the showers of an event, layer by layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gnnreco.columns import Event, Floats, Ints
from gnnreco.events.select import seen
from gnnreco.geometry import Detector
from gnnreco.models.fastsim.batch import ShowerLayers, ShowerPoints
from gnnreco.particles import ELECTRON, PHOTON, species_of
from gnnreco.simulate.showers.along import Along, along_axes
from gnnreco.simulate.showers.learned.features import depths_of, overall, table
from gnnreco.simulate.showers.learned.nuclear import (
    FEATURES_OF,
    OF_SHOWER_OF,
    nuclei_table,
    overall_nuclei,
)
from gnnreco.simulate.showers.learned.pieces import UNDIVIDED
from gnnreco.simulate.showers.ray import stack_of

PION = 211  # PDG


@dataclass(frozen=True, slots=True)
class FastSimSample:
    """Showers of photons and electrons, or of charged pions, one layer after the other.

    Attributes
    ----------
    features : float32 (l, f)
        Of each layer of each shower: see `gnnreco.simulate.showers.learned.features`, for pions also `nuclear` there.
    moliere : float32 (l,)
        mm.
    offsets : int64 (l + 1,)
        Points ``offsets[i]:offsets[i + 1]`` lie in layer i.
    before : int64 (l,)
        The layer before it in the same shower; -1 for the first.
    points : float32 (n, 3)
        mm off the axis, and energy in what a minimum-ionising particle leaves.
    energy : float32 (k,)
        Of the showers, GeV.
    showers : float32 (k, g)
        The features `OF_SHOWER` of each, for pions also `OF_DEPTHS`.
    total : float32 (k,)
        What all layers show of its energy, over their sampling fractions and over the energy; the layers of one that shows
        nothing are not here.
    """

    features: Tensor
    moliere: Tensor
    offsets: Tensor
    before: Tensor
    points: Tensor
    energy: Tensor
    showers: Tensor
    total: Tensor


def sample_of(detector: Detector, event: Event, least: float, pions: bool = False) -> FastSimSample:
    """The showers of an event.

    Parameters
    ----------
    least : float
        Energy, in what a minimum-ionising particle leaves, below which a deposit is no point.
    pions : bool
        Those of charged pions, and not those of photons and electrons.

    Raises
    ------
    BadInput
        An event without truth.
    """
    showers = along_axes(detector, event)
    kinds = species_of(np.unique(showers.pdg))
    kind = kinds.kind[kinds.rows(showers.pdg)]
    chosen = np.abs(showers.pdg) == PION if pions else (kind == PHOTON) | (kind == ELECTRON)
    size = (
        detector.at_source().cell_size(*_cells(detector, event, showers))
        if len(showers.hit)
        else np.zeros((0, 2))
    )
    rng = np.random.default_rng([event.number, 1])
    # A deposit lies anywhere in its cell: without that, points would sit on a lattice.
    a, b = (x + size[:, k] * (rng.random(len(x)) - 0.5) for k, x in enumerate((showers.a, showers.b)))
    stack, layers, about, n_layers = stack_of(detector.at_source()), [], [], 0
    for i in np.flatnonzero(chosen):
        d = depths_of(stack, showers.rays[i], 0.0, UNDIVIDED)  # no cell says how deep in it a deposit lay
        k, mine = len(d.mip), slice(*np.searchsorted(showers.shower, [i, i + 1]))
        place, mips = showers.place[mine], showers.deposit[mine] / d.mip[showers.place[mine]]
        kept = mips > least
        place = place[kept]
        count = np.bincount(place, minlength=k)
        deposits = np.bincount(place, mips[kept], k) * d.mip
        electron = bool(kind[i] == ELECTRON)
        total = float((deposits / d.fraction).sum() / showers.energy[i])
        of_shower = overall(showers.energy[i], electron, d)
        about.append((np.append(of_shower, overall_nuclei(d)) if pions else of_shower, total))
        if total == 0.0:
            continue
        counts = count.astype(np.float64)
        features = table(showers.energy[i], electron, total, d, deposits, counts)
        if pions:
            nuclei = nuclei_table(showers.energy[i], d, deposits, counts)
            features = np.concatenate([features, nuclei], axis=1)
        before = np.append(-1, n_layers + np.arange(k - 1))
        points = np.stack([a[mine][kept], b[mine][kept], mips[kept]], axis=1)
        layers.append((features, d.moliere, count, before, points))
        n_layers += k
    return _joined(layers, about, showers.energy[chosen], (len(FEATURES_OF[pions]), len(OF_SHOWER_OF[pions])))


def _cells(detector: Detector, event: Event, showers: Along) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Sensor and cell of each deposit."""
    hits = seen(event, detector, ("energy",)).event.hits
    sensor = hits.sensor[showers.hit]
    u, v, _ = detector.at_source().to_local(sensor, hits.xyz[showers.hit]).T
    return sensor, detector.at_source().cell_at(sensor, u, v)


def _joined(
    layers: list[tuple[NDArray[np.float32], Floats, Ints, Ints, Floats]],
    about: list[tuple[NDArray[np.float32], float]],
    energy: Floats,
    width: tuple[int, int],
) -> FastSimSample:
    """The layers of all showers as tensors; `width`: how many features layers and showers have."""
    empty = (
        np.zeros((0, width[0]), np.float32),
        np.zeros(0),
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.zeros((0, 3)),
    )
    features, moliere, count, before, points = (
        np.concatenate(column) for column in zip(*(layers or [empty]), strict=True)
    )
    return FastSimSample(
        torch.from_numpy(features),
        torch.from_numpy(moliere.astype(np.float32)),
        torch.from_numpy(np.append(0, np.cumsum(count)).astype(np.int64)),
        torch.from_numpy(before),
        torch.from_numpy(points.astype(np.float32)),
        torch.from_numpy(energy.astype(np.float32)),
        torch.from_numpy(np.array([x for x, _ in about], np.float32).reshape(-1, width[1])),
        torch.tensor([total for _, total in about], dtype=torch.float32),
    )


def layers_of(sample: FastSimSample) -> ShowerLayers:
    """All layers of a sample."""
    count = torch.diff(sample.offsets)
    energy = torch.zeros(len(count), dtype=torch.float32)
    energy.index_add_(0, torch.repeat_interleave(count), sample.points[:, 2])
    return ShowerLayers(sample.features, count.float(), energy)


def points_of(sample: FastSimSample, layers: int, points: int, seed: int) -> ShowerPoints:
    """Points of some layers, in an order drawn at random, with all that they may hang on.

    Parameters
    ----------
    layers, points : int
        At most so many layers, and so many points of each, are taken.
    """
    offsets, before, every = (getattr(sample, name).numpy() for name in ("offsets", "before", "points"))
    count = np.diff(offsets)
    rng = np.random.default_rng(seed)
    chosen = np.flatnonzero(count)
    if len(chosen) > layers:
        chosen = np.sort(rng.choice(chosen, layers, replace=False))
    count, earlier = count[chosen], before[chosen]
    first, row, layer = _rows(offsets[chosen], count)
    row = row[np.lexsort((rng.random(len(row)), layer))]
    ways = np.where(earlier >= 0, np.diff(offsets)[earlier], 0)
    parent_first, parent, _ = _rows(offsets[earlier], ways)
    rank = np.lexsort((rng.random(len(row)), layer)) - first[layer]
    looked = np.arange(len(row)) - first[layer] < points
    summed = np.append(0.0, np.cumsum(every[:, 2], dtype=np.float64))
    energies = summed[offsets[chosen + 1]] - summed[offsets[chosen]]
    of_layer = np.stack([np.log1p(count), np.log(energies / count)], axis=1)
    features = np.concatenate([sample.features.numpy()[chosen], of_layer.astype(np.float32)], axis=1)
    arrays = (
        *(features, sample.moliere.numpy()[chosen], first, every[row]),
        *(parent_first, every[parent], layer[looked], rank[looked]),
    )
    return ShowerPoints(*(torch.from_numpy(np.ascontiguousarray(array)) for array in arrays))


def _rows(start: Ints, count: Ints) -> tuple[Ints, Ints, Ints]:
    """Runs of rows that begin at `start` (l,): where each begins among all (l + 1,), all rows, and the run of each."""
    first = np.append(0, np.cumsum(count))
    run = np.repeat(np.arange(len(count)), count)
    return first, start[run] + np.arange(first[-1]) - first[run], run
