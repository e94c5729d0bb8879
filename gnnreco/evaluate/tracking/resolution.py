"""Residuals, resolutions and pulls of the five fitted track parameters."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats, Tracks
from gnnreco.files.json_types import JsonObject
from gnnreco.fit.helix import D0, PHI, Z0

from ..rates import EDGES

PARAMETERS = ("d0_mm", "z0_mm", "phi", "theta", "q_over_p")
DIAGONAL = np.array([0, 2, 5, 9, 14])  # of a lower triangle, row by row
IQR_OF_UNIT_NORMAL = 1.3489795
#: Standard deviation of a core of n normal values, over the core, times the root of n.
CORE_ERROR = 1.17
PULL_EDGES = np.linspace(-5, 5, 41)
#: Of fitted / true q/p, minus one: below it the charge is the other one; -1 is no curvature at all.
OPPOSITE = -1.0001
MIN_PER_BIN = 10  # fewer values have no quartiles worth a point


def residuals(tracks: Tracks, truth: Floats) -> tuple[Floats, Floats]:
    """Fitted minus true perigee parameters and their expected errors.

    Parameters
    ----------
    tracks : Tracks
    truth : float64 (n_tracks, 5)
        True parameters of each track's particle.

    Returns
    -------
    residual, sigma : float64 (n_tracks, 5)
        phi residuals lie in [-pi, pi); sigma is zero where the covariance gives none.
    """
    fitted = np.stack([tracks.d0, tracks.z0, tracks.phi, tracks.theta, tracks.q_over_p], axis=1)
    residual = fitted - truth
    residual[:, 2] = np.remainder(residual[:, 2] + np.pi, 2 * np.pi) - np.pi
    return residual, np.sqrt(np.maximum(tracks.covariance[:, DIAGONAL], 0.0))


def resolutions(residual: Floats, sigma: Floats, truth: Floats, variables: dict[str, Floats]) -> JsonObject:
    """Widths of residuals and pulls: interquartile range over 1.349 (core), root mean square (with tails).

    Tracks along z have no closest approach to it (see `gnnreco.fit.result`): d0 and z0 count the others.

    Parameters
    ----------
    residual, sigma, truth : float64 (n, 5)
    variables : dict of float64 (n,)
        True pt and eta to bin in.
    """
    result: JsonObject = {}
    columns = {name: (residual[:, i], sigma[:, i]) for i, name in enumerate(PARAMETERS)}
    charged = np.where(truth[:, 4] == 0, 1.0, truth[:, 4])
    columns["q_over_p_relative"] = (residual[:, 4] / charged, sigma[:, 4] / np.abs(charged))
    approach = (sigma[:, Z0] > 0) | (sigma[:, PHI] <= 0)  # without any errors nothing tells which those are
    for name, (delta, error) in columns.items():
        rows = approach if name in (PARAMETERS[D0], PARAMETERS[Z0]) else np.ones(len(delta), np.bool_)
        delta, error = delta[rows], error[rows]
        pull = delta[error > 0] / error[error > 0]
        row: JsonObject = {
            "tracks": len(delta),
            "bias": _median(delta),
            "core": _core(delta),
            "rms": _rms(delta),
        }
        row |= {
            "pull_tracks": len(pull),
            "pull_bias": _median(pull),
            "pull_core": _core(pull),
            "pull_rms": _rms(pull),
            "pull_histogram": _histogram(pull),
        }
        row["bins"] = {
            variable: _binned(delta, values[rows], variable) for variable, values in variables.items()
        }
        if name == "q_over_p_relative":
            row["opposite_charge"] = int(np.count_nonzero(delta < OPPOSITE))
        result[name] = row
    return result


def _binned(delta: Floats, values: Floats, variable: str) -> JsonObject:
    edges = EDGES[variable]
    order = np.argsort(values, kind="stable")
    groups = np.split(delta[order], np.searchsorted(values[order], edges))[1:-1]
    cores = [(_core(g), len(g)) if len(g) >= MIN_PER_BIN else (None, 0) for g in groups]
    return {
        "edges": edges.tolist(),
        "core": [core for core, _ in cores],
        "core_interval": [_core_interval(core, n) for core, n in cores],
    }


def _core_interval(core: float | None, n: int) -> list[float] | None:
    """68 %, as of normal values."""
    if core is None:
        return None
    half = CORE_ERROR * core / np.sqrt(n)
    return [core - half, core + half]


def _histogram(pull: Floats) -> JsonObject:
    """How often pulls lie in each bin, and beyond the first and the last."""
    counts = np.histogram(pull, PULL_EDGES)[0]
    low, high = PULL_EDGES[[0, -1]]
    beyond = {"below": int((pull < low).sum()), "above": int((pull > high).sum())}
    return {"edges": PULL_EDGES.tolist(), "counts": counts.tolist(), **beyond}


def _core(values: Floats) -> float | None:
    if not len(values):
        return None
    low, high = np.percentile(values, [25, 75])
    return float(high - low) / IQR_OF_UNIT_NORMAL


def _rms(values: Floats) -> float | None:
    return float(np.sqrt(np.mean(values**2))) if len(values) else None


def _median(values: Floats) -> float | None:
    return float(np.median(values)) if len(values) else None
