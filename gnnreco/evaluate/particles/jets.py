"""Jets of found particles beside jets of targets."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonObject
from gnnreco.graphs.jet_finder import ALGORITHMS, RADIUS, find_jets, installed

from .matching import Window, assign
from .quantiles import response

__all__ = ["ALGORITHMS", "HOW", "RADIUS", "compare_jets", "find_jets", "installed", "jet_figures"]

HOW = "jets are left out: they need FastJet, which `pip install 'gnnreco[jets]'` brings"
LEAST = 10.0  # GeV, of a target jet
MATCHED = Window(0.3, 0.6, 10.0)
CENTRAL = 0.7
ENERGY_EDGES = np.array([10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000.0])
COS_THETA_EDGES = np.array([0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])

HEADLINE = (
    "jet_response_mean",
    "jet_response_median",
    "jet_response_median_interval",
    "jet_resolution_iqr",
    "jet_resolution_iqr_interval",
)
DEFINITIONS = {
    "jets": f"of all found particles and of all targets; target jets have pt (antikt) or energy > {LEAST:g} GeV; a jet "
    f"is matched to the one that lies next to it in direction and energy, one to one, {MATCHED.describe()}",
    "jet_response": "pt (antikt) or energy of the found jet / of its target jet; jet_response_median is the median, "
    "jet_resolution_iqr the interquartile range / median (1.349 times the width of a normal sample); headline "
    f"figures of durham and genkt for |cos theta| < {CENTRAL:g}, of antikt for all",
}


def compare_jets(found: Floats, targets: Floats, algorithm: str) -> tuple[Floats, int]:
    """Of one event, each target jet: energy (or pt), |cos theta|, response (NaN where none is found); and the jets found."""
    transverse = ALGORITHMS[algorithm].transverse
    true, ours = (find_jets(four, algorithm) for four in (targets, found))
    true = true[_scale(true, transverse) > LEAST]
    ratio = np.full(len(true), np.nan)
    one, two = assign(ours, true, MATCHED)
    ratio[two] = _scale(ours, transverse)[one] / _scale(true, transverse)[two]
    momentum = np.linalg.norm(true[:, :3], axis=1)
    cosine = np.abs(true[:, 2]) / np.maximum(momentum, 1e-30)
    loud = int((_scale(ours, transverse) > LEAST).sum())
    return np.stack([_scale(true, transverse), cosine, ratio], axis=1), loud


def jet_figures(jets: Floats, found: int, algorithm: str) -> JsonObject:
    """Response and resolution of the jets of all events (rows of `compare_jets`), in all and in bins."""
    chosen = jets if ALGORITHMS[algorithm].transverse else jets[jets[:, 1] < CENTRAL]
    out: JsonObject = {
        "definition": ALGORITHMS[algorithm].words,
        "target_jets": len(jets),
        "counted_jets": len(chosen),
        "found_jets": found,
    }
    out |= {"all": _figures(jets), "central": _figures(jets[jets[:, 1] < CENTRAL])}
    out |= _headline(chosen)
    bins = {
        "energy": _binned(chosen, 0, ENERGY_EDGES),
        "cos_theta": _binned(jets, 1, COS_THETA_EDGES),
    }
    return out | {"bins": bins}


def _headline(jets: Floats) -> JsonObject:
    ratio = jets[np.isfinite(jets[:, 2]), 2]
    values = response(ratio)
    mean = {"jet_response_mean": float(ratio.mean()) if len(ratio) else None}
    names = {"response": "jet_response_median", "resolution": "jet_resolution_iqr"}
    return mean | {name + end: values[key + end] for key, name in names.items() for end in ("", "_interval")}


def _figures(jets: Floats) -> JsonObject:
    matched = np.isfinite(jets[:, 2])
    return {"jets": len(jets), "matched": int(matched.sum()), **response(jets[matched, 2])}


def _binned(jets: Floats, column: int, edges: Floats) -> JsonObject:
    row = np.digitize(jets[:, column], edges) - 1
    rows = [_figures(jets[row == k]) for k in range(len(edges) - 1)]
    return {"edges": edges.tolist()} | {name: [each[name] for each in rows] for name in rows[0]}


def _scale(jets: Floats, transverse: bool) -> Floats:
    return np.hypot(jets[:, 0], jets[:, 1]) if transverse else jets[:, 3]
