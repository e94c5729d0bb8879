"""The harsh classifier: a small graph network that reads every cell of a shower, and what its neighbours hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from gnnreco.columns import Floats, Ints

from .showers import ShowerSample

if TYPE_CHECKING:
    import torch

NEAR = 1.5  # cells: neighbours are within this along a and along b, in the same layer or the next one on either side
AT_ONCE = 200_000  # cells whose pairs are looked for at once


class Cells:
    """Cells of showers with the sums over their neighbours, for a network that pools them.

    Its first round of messages has no weights: of each cell the sums of its neighbours in its own layer and in the ones
    before and after. What is learned follows: a network on each cell, then sum, mean and largest over the shower.

    Parameters
    ----------
    samples : sequence of ShowerSample
        The rows of both, one after the other, are the showers.
    pitch : float
        Width of cells, mm.
    """

    def __init__(self, samples: tuple[ShowerSample, ShowerSample], pitch: float) -> None:
        features = np.concatenate([cell_features(sample, pitch) for sample in samples])
        spread = features.std(axis=0)
        # One scale for both samples, whichever a shower is from: no label enters.
        features = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        self._features = features.astype(np.float32)
        counts = np.concatenate([np.diff(sample.offsets) for sample in samples])
        self._offsets = np.concatenate([[0], np.cumsum(counts)])
        energy = np.log10(np.concatenate([sample.energy for sample in samples]))
        self._energy = (energy - energy.mean())[:, None].astype(np.float32)

    def network(self, width: int) -> torch.nn.Module:
        """A network on cells and one on showers."""
        from .networks.pooled import Pooled

        return Pooled(self._features.shape[1], width)

    def rows(self, rows: Ints) -> tuple[torch.Tensor, ...]:
        """Cells of some showers, how many each has, and the particles' energies."""
        import torch

        counts = np.diff(self._offsets)[rows]
        start = np.concatenate([[0], np.cumsum(counts)])
        cells = np.repeat(self._offsets[:-1][rows] - start[:-1], counts) + np.arange(start[-1])
        return (
            torch.from_numpy(self._features[cells]),
            torch.from_numpy(counts),
            torch.from_numpy(self._energy[rows]),
        )


def cell_features(sample: ShowerSample, pitch: float) -> Floats:
    """Of each cell: layer, place, energy, and what its neighbours hold (m, 9)."""
    around = np.zeros((len(sample.place), 3))
    first, shower = 0, sample.shower
    while first < len(sample):
        last = int(np.searchsorted(sample.offsets, sample.offsets[first] + AT_ONCE, side="right")) - 1
        last = max(last, first + 1)
        part = slice(int(sample.offsets[first]), int(sample.offsets[last]))
        around[part] = _neighbours(sample, shower, part, pitch)
        first = last
    a, b = sample.a / pitch, sample.b / pitch
    return np.stack(
        [
            sample.place,
            a,
            b,
            np.log1p(np.hypot(a, b)),
            np.log(np.maximum(sample.mips, 1e-3)),
            *np.log1p(around).T,
            np.log1p(sample.mips),
        ],
        axis=1,
    )


def _neighbours(sample: ShowerSample, shower: Ints, part: slice, pitch: float) -> Floats:
    """Sums of the neighbours of each cell: in the layer before, in its own, in the one after."""
    place, mips = sample.place[part], sample.mips[part]
    found = np.zeros((len(place), 3))
    if len(place) == 0:
        return found
    where = np.stack(
        # Showers lie so far apart that no cell of another one is near; half a layer more forgives rounding.
        [sample.a[part] / (NEAR * pitch), sample.b[part] / (NEAR * pitch), place, 10.0 * shower[part]],
        axis=1,
    )
    pairs = cKDTree(where).query_pairs(1 + 1e-9, p=np.inf, output_type="ndarray")
    for here, there in (pairs.T, pairs.T[::-1]):
        side = place[there] - place[here] + 1
        # Added up in a fixed order: that of the pairs would depend on the tree.
        order = np.lexsort((there, side, here))
        found += np.bincount((3 * here + side)[order], mips[there][order], 3 * len(place)).reshape(-1, 3)
    return found
