"""Histograms of two samples of showers and how far apart they are: the separation power of the CaloChallenge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonDict

from .features import HighLevel
from .showers import ShowerSample

LEAST_BINS, MOST_BINS = 10, 50
TAIL = 1e-3  # of the entries on either side lie outside of the edges: the first and the last bin have them
FEWEST = 20  # entries of a layer in either sample, to be compared
BY_LAYER = ("layer_energy", "hits", "centre_a", "centre_b", "width_a", "width_b", "largest")
#: Of an empty layer they are not known.
NEEDS_HITS = ("centre_a", "centre_b", "width_a", "width_b", "largest")


@dataclass(frozen=True, slots=True)
class Side:
    """One of two samples that are compared."""

    sample: ShowerSample
    high: HighLevel

    def __len__(self) -> int:
        return len(self.sample)

    def __getitem__(self, rows: NDArray[np.int64]) -> Side:
        columns = (getattr(self.high, name)[rows] for name in HighLevel.__dataclass_fields__)
        return Side(self.sample[rows], HighLevel(*columns))


def separation_power(p: Floats, q: Floats) -> float:
    """Half the sum of (p - q)^2 / (p + q) over the bins of two histograms, each of which sums to 1: 0 alike, 1 apart."""
    p, q = p / p.sum(), q / q.sum()
    both = p + q
    return float(0.5 * np.sum(np.where(both > 0, (p - q) ** 2 / np.where(both > 0, both, 1.0), 0.0)))


def separations(one: Side, other: Side) -> JsonDict:
    """Separation power of each kind of histogram; of those by layer the mean, and each layer under ``layers``."""
    found: JsonDict = dict.fromkeys(("response", "sparsity", *BY_LAYER, "hit_energy"))
    layers: JsonDict = {}
    bins = _bins(min(len(one), len(other)))
    for name in ("response", "sparsity"):
        pair = histogram(getattr(one.high, name), getattr(other.high, name), bins)
        found[name] = None if pair is None else separation_power(*pair[1:])
    pair = histogram(np.log10(one.sample.mips), np.log10(other.sample.mips), bins)
    found["hit_energy"] = None if pair is None else separation_power(*pair[1:])
    for name in BY_LAYER:
        layers[name] = []
        for layer in range(one.high.hits.shape[1]):
            pair = histogram(_layer(one.high, name, layer), _layer(other.high, name, layer), bins)
            layers[name].append(None if pair is None else separation_power(*pair[1:]))
        known = [value for value in layers[name] if value is not None]
        found[name] = float(np.mean(known)) if known else None
    return found | {"layers": layers}


def drawn(one: Side, other: Side) -> JsonDict:
    """The histograms that are drawn: ``edges``, and shares of ``generated`` and ``truth``, by name; all layers in one."""
    bins = _bins(min(len(one), len(other)))
    found: JsonDict = {}
    for name in ("response", "sparsity", *BY_LAYER, "hit_energy"):
        sides = []
        for side in (one, other):
            if name == "hit_energy":
                values = np.log10(side.sample.mips)
            elif name in BY_LAYER:
                filled = side.high.hits > 0
                values = getattr(side.high, name)[filled]
                values = np.log10(values) if name in ("layer_energy", "largest") else values
            else:
                values = getattr(side.high, name)
            sides.append(values)
        pair = histogram(sides[0], sides[1], bins)
        if pair is not None:
            edges, p, q = pair
            found[name] = {
                "edges": edges.tolist(),
                "generated": (p / p.sum()).tolist(),
                "truth": (q / q.sum()).tolist(),
                "entries": [int(p.sum()), int(q.sum())],
            }
    return found


def histogram(one: Floats, other: Floats, bins: int) -> tuple[Floats, Floats, Floats] | None:
    """Edges that suit both, and the entries of both; None where there are too few."""
    if min(len(one), len(other)) < FEWEST:
        return None
    low, high = np.quantile(np.concatenate([one, other]), [TAIL, 1 - TAIL])
    if high <= low:
        low, high = low - 0.5, low + 0.5
    edges = np.linspace(low, high, bins + 1)
    sides = (np.histogram(np.clip(values, low, high), edges)[0].astype(np.float64) for values in (one, other))
    return edges, *sides  # type: ignore[return-value]


def _bins(showers: int) -> int:
    """Few where there are few showers: what is left of the floor is chance."""
    return int(np.clip(np.sqrt(showers) / 2, LEAST_BINS, MOST_BINS))


def _layer(high: HighLevel, name: str, layer: int) -> Floats:
    values = getattr(high, name)[:, layer]
    if name == "layer_energy":
        return np.log1p(values)
    return values[high.hits[:, layer] > 0] if name in NEEDS_HITS else values
