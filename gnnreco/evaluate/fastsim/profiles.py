"""Response in bins of energy, and mean profiles along the shower and across it, of two samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonDict

from .histograms import Side
from .showers import effective_size

ENERGY_BINS = 6
WIDE = 1.5  # ratio of the largest to the least energy from which there is more than one bin
FEWEST = 20  # showers of either sample in a bin
#: Edges of rings around the axis, in widths of a cell.
RINGS = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24])
FILLED = 0.1  # of the true showers must have energy in a bin of a profile


def energy_edges(energy: Floats) -> Floats:
    """Edges of bins, even in the logarithm, over the energies (GeV) of a sample; one bin where these are nearly equal."""
    low, high = energy.min(), energy.max()
    return np.geomspace(low, high, (ENERGY_BINS if high / low > WIDE else 1) + 1)


def response(one: Side, other: Side, edges: Floats) -> JsonDict:
    """Mean and relative width of visible over true energy, and the ratios of the first sample to the second.

    Energies below the first edge or above the last one count in the bin beside it.

    Returns
    -------
    dict
        ``all`` and a list ``bins`` of the same figures for a range of energies: ``mean``, ``width`` (standard
        deviation over mean) of ``generated`` and ``truth``, ``mean_ratio``, ``width_ratio``, each with its ``_error``.
    """
    inner = edges[1:-1]
    found = []
    for i in range(len(edges) - 1):
        mine = [np.searchsorted(inner, side.sample.energy, side="right") == i for side in (one, other)]
        values = [_moments(side, some) for side, some in zip((one, other), mine, strict=True)]
        found.append({"energy": [float(edges[i]), float(edges[i + 1])], **_ratios(*values)})
    whole = [_moments(side, np.full(len(side), True)) for side in (one, other)]
    return {"all": _ratios(*whole), "bins": found}


def profiles(one: Side, other: Side, pitch: float) -> JsonDict:
    """Mean energy over the particle's, by layer (``longitudinal``) and in rings around the axis (``radial``).

    Each has ``generated`` and ``truth``, with errors of the means, and ``chi2``: the mean over bins of the squared
    difference over its variance, near 1 where both are samples of one distribution.
    """
    edges, weight = pitch * RINGS, one.sample.weight
    n_layers = one.high.hits.shape[1]
    along = [side.high.layer_energy / side.sample.energy[:, None] for side in (one, other)]
    across = [_rings(side, edges) for side in (one, other)]
    return {
        "longitudinal": {
            "edges": (np.arange(n_layers + 1) - 0.5).tolist(),
            **_profile(along[0], along[1], weight),
        },
        "radial": {"edges": edges.tolist(), **_profile(across[0], across[1], weight)},
    }


def _rings(side: Side, edges: Floats) -> Floats:
    """Energy of each shower in each ring over that of the particle (n, rings)."""
    ring = np.searchsorted(edges, np.hypot(side.sample.a, side.sample.b), side="right") - 1
    inside, rings = ring < len(edges) - 1, len(edges) - 1
    key = side.sample.shower[inside] * rings + ring[inside]
    sums = np.bincount(key, side.sample.mips[inside], len(side) * rings).reshape(len(side), rings)
    return sums / side.sample.energy[:, None]


def _profile(one: Floats, other: Floats, weight: Floats | None) -> JsonDict:
    found: JsonDict = {}
    means, variances = [], []
    for name, values, some in (("generated", one, weight), ("truth", other, None)):
        mean, variance, n = _weighted(values, some)
        means.append(mean)
        variances.append(variance / max(n - 1, 1))
        found[name] = mean.tolist()
        found[f"{name}_error"] = np.sqrt(variances[-1]).tolist()
    both = variances[0] + variances[1]
    counted = ((other > 0).mean(axis=0) >= FILLED) & (both > 0)
    away = means[0] - means[1]
    enough = counted.any() and min(len(one), len(other)) >= FEWEST
    return found | {"chi2": float(np.mean(away[counted] ** 2 / both[counted])) if enough else None}


def _weighted(values: Floats, weight: Floats | None) -> tuple[Floats, Floats, float]:
    """Mean and variance of the rows of (n,) or (n, k), and how many rows of weight 1 they are worth."""
    if weight is None or not weight.any():
        return values.mean(axis=0), values.var(axis=0), float(len(values))
    mean = np.average(values, axis=0, weights=weight)
    return mean, np.average((values - mean) ** 2, axis=0, weights=weight), effective_size(weight)


def _ratios(one: JsonDict, other: JsonDict) -> JsonDict:
    sides = {"generated": one, "truth": other}
    found: JsonDict = dict(sides)
    for name in ("mean", "width"):
        mine, true = (side[name] for side in sides.values())
        known = mine is not None and true is not None and mine > 0 and true > 0
        found[f"{name}_ratio"] = mine / true if known else None
        errors = [side[f"{name}_error"] / side[name] for side in sides.values()] if known else []
        found[f"{name}_ratio_error"] = mine / true * float(np.hypot(*errors)) if known else None
    return found


def _moments(side: Side, some: NDArray[np.bool_]) -> JsonDict:
    """Mean and width of the response of some showers."""
    values, weight = side.high.response[some], side.sample.weight
    unknown = {"showers": len(values), **dict.fromkeys(("mean", "mean_error", "width", "width_error"))}
    if len(values) < FEWEST:
        return unknown
    average, variance, n = _weighted(values, None if weight is None else weight[some])
    if average <= 0 or n <= 1:
        return unknown
    mean, spread = float(average), float(np.sqrt(variance * n / (n - 1)))
    # The error of a width is that of a normal distribution: good enough for the core, too small for long tails.
    return {
        "showers": len(values),
        "mean": mean,
        "mean_error": spread / n**0.5,
        "width": spread / mean,
        "width_error": spread / mean / (2 * (n - 1)) ** 0.5,
    }
