"""Missing transverse momentum and visible mass of events, found beside true."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonObject

from .quantiles import residual, response

LEAST_MET = 20.0  # GeV: below it a ratio says nothing
DEFINITIONS = {
    "met": "missing transverse momentum: minus the vector sum of transverse momenta of all found particles, beside that of "
    "all targets. met_resolution: interquartile range / 1.349 of the difference of its components (x and y together), GeV; "
    f"magnitude: of the difference of lengths; response: ratio of lengths where that of targets is > {LEAST_MET:g} GeV",
    "visible_mass, visible_energy": "of the sum of all found particles / of all targets; median, and resolution: "
    "interquartile range / median",
}


def balance(found: Floats, targets: Floats) -> Floats:
    """Of one event (1, 7): missing x and y found and true, visible masses found and true, ratio of visible energies."""
    ours, true = found.sum(axis=0), targets.sum(axis=0)
    energy = ours[3] / true[3] if true[3] > 0 else np.nan
    return np.array([[-ours[0], -ours[1], -true[0], -true[1], _mass(ours), _mass(true), energy]])


def balance_figures(rows: Floats) -> JsonObject:
    """Response and resolution of all events (rows of `balance`)."""
    ours, true = rows[:, 0:2], rows[:, 2:4]
    length, truth = np.hypot(*ours.T), np.hypot(*true.T)
    components, magnitude = residual((ours - true).ravel()), residual(length - truth)
    large = truth > LEAST_MET
    massive = rows[:, 5] > 0
    met: JsonObject = {"events": len(rows), "events_with_met": int(large.sum())}
    met |= {f"component_{name}": value for name, value in components.items()}
    met |= {f"magnitude_{name}": value for name, value in magnitude.items()}
    met |= response(length[large] / truth[large])
    return {
        "met_resolution": components["width"],
        "met_resolution_interval": components["width_interval"],
        "met": met,
        "visible_mass": response(rows[massive, 4] / rows[massive, 5]),
        "visible_energy": response(rows[np.isfinite(rows[:, 6]), 6]),
        "histograms": {
            "met_component": _histogram((ours - true).ravel()),
            "visible_mass": _histogram(rows[massive, 4] / rows[massive, 5], 1.0),
        },
    }


def _mass(four: Floats) -> float:
    return float(np.sqrt(max(float(four[3] ** 2 - (four[:3] ** 2).sum()), 0.0)))


def _histogram(values: Floats, middle: float | None = None) -> JsonObject:
    """Counts in 40 bins around the bulk, and how many lie outside."""
    if not len(values):
        return {"edges": [], "counts": [], "outside": 0}
    center = float(np.median(values)) if middle is None else middle
    half = max(3 * float(np.quantile(np.abs(values - center), 0.68)), 1e-9)
    counts, edges = np.histogram(values, np.linspace(center - half, center + half, 41))
    return {
        "edges": edges.tolist(),
        "counts": counts.tolist(),
        "outside": len(values) - int(counts.sum()),
    }
