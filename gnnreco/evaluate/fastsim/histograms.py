"""Histograms of two samples of showers and how far apart they are: the separation power of the CaloChallenge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonDict

from .features import HighLevel
from .showers import ShowerSample, effective_size

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
    bins, weight = _bins(min(len(one), len(other))), one.sample.weight
    for name in ("response", "sparsity"):
        pair = histogram(getattr(one.high, name), getattr(other.high, name), bins, weight)
        found[name] = None if pair is None else separation_power(*pair[1:])
    pair = histogram(np.log10(one.sample.mips), np.log10(other.sample.mips), bins, _of_cells(one))
    found["hit_energy"] = None if pair is None else separation_power(*pair[1:])
    for name in BY_LAYER:
        layers[name] = []
        for layer in range(one.high.hits.shape[1]):
            mine, true = (_layer(side.high, name, layer) for side in (one, other))
            pair = histogram(mine, true, bins, _of_layer(one, name, layer))
            layers[name].append(None if pair is None else separation_power(*pair[1:]))
        known = [value for value in layers[name] if value is not None]
        found[name] = float(np.mean(known)) if known else None
    return found | {"layers": layers}


def drawn(one: Side, other: Side) -> JsonDict:
    """The histograms that are drawn: ``edges``, and shares of ``generated`` and ``truth``, by name; all layers in one."""
    bins, weight = _bins(min(len(one), len(other))), one.sample.weight
    left = 1.0 if weight is None else effective_size(weight) / max(len(one), 1)
    found: JsonDict = {}
    for name in ("response", "sparsity", *BY_LAYER, "hit_energy"):
        (mine, some), (true, _) = (_entries(side, name) for side in (one, other))
        pair = histogram(mine, true, bins, some)
        if pair is not None:
            edges, p, q = pair
            found[name] = {
                "edges": edges.tolist(),
                "generated": (p / p.sum()).tolist(),
                "truth": (q / q.sum()).tolist(),
                "entries": [round(len(mine) * left), int(q.sum())],
            }
    return found


def _entries(side: Side, name: str) -> tuple[Floats, Floats | None]:
    """What is drawn under a name, of all layers that are not empty in one, and the weights of the entries."""
    weight = side.sample.weight
    if name == "hit_energy":
        return np.log10(side.sample.mips), _of_cells(side)
    values = getattr(side.high, name)
    if name not in BY_LAYER:
        return values, weight
    filled = side.high.hits > 0
    values = np.log10(values[filled]) if name in ("layer_energy", "largest") else values[filled]
    return values, None if weight is None else np.repeat(weight, filled.sum(axis=1))


def histogram(
    one: Floats, other: Floats, bins: int, weight: Floats | None = None
) -> tuple[Floats, Floats, Floats] | None:
    """Edges that suit both, and the entries of both, those of the first by their weight; None where there are too few."""
    if min(len(one), len(other)) < FEWEST:
        return None
    low, high = np.quantile(np.concatenate([one, other]), [TAIL, 1 - TAIL])
    if high <= low:
        low, high = low - 0.5, low + 0.5
    edges = np.linspace(low, high, bins + 1)
    counts, true = (
        np.histogram(np.clip(values, low, high), edges, weights=some)[0].astype(np.float64)
        for values, some in ((one, weight), (other, None))
    )
    return (edges, counts, true) if counts.sum() > 0 else None


def _of_cells(side: Side) -> Floats | None:
    """The weight of each cell's shower."""
    weight = side.sample.weight
    return None if weight is None else weight[side.sample.shower]


def _of_layer(side: Side, name: str, layer: int) -> Floats | None:
    """The weights that belong to the values of a layer."""
    weight = side.sample.weight
    if weight is None or name not in NEEDS_HITS:
        return weight
    return weight[side.high.hits[:, layer] > 0]


def _bins(showers: int) -> int:
    """Few where there are few showers: what is left of the floor is chance."""
    return int(np.clip(np.sqrt(showers) / 2, LEAST_BINS, MOST_BINS))


def _layer(high: HighLevel, name: str, layer: int) -> Floats:
    values = getattr(high, name)[:, layer]
    if name == "layer_energy":
        return np.log1p(values)
    return values[high.hits[:, layer] > 0] if name in NEEDS_HITS else values
