"""Jets of particles, and those of found ones beside those of targets, by FastJet: the one file that knows of it.

FastJet (extra ``jets``) is under the GPL, so nothing else imports it, and nothing here does before jets are asked for.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.columns.table import optional
from gnnreco.files.json_types import JsonObject

from .matching import Window, assign
from .quantiles import response

HOW = "jets are left out: they need FastJet, which `pip install 'gnnreco[jets]'` brings"
LEAST = 10.0  # GeV, of a target jet
MATCHED = Window(0.3, 0.6, 10.0)
RADIUS = 0.4
ALL_IN_ONE = 10.0  # a radius at which nothing is left over
CENTRAL = 0.7
ENERGY_EDGES = np.array([10, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000.0])
COS_THETA_EDGES = np.array([0, 0.2, 0.4, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0])


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A manner to find jets.

    Attributes
    ----------
    words : str
        For the definitions.
    transverse : bool
        Whether the response is that of pt, and jets are taken at any angle; else of energy, and |cos theta| < 0.7.
    """

    words: str
    transverse: bool = False


ALGORITHMS = {
    "antikt": Algorithm(f"anti-kt, R = {RADIUS:g}, inclusive", transverse=True),
    "durham": Algorithm("Durham (e+e- kt), exactly two jets"),
    "genkt": Algorithm(f"generalised e+e- kt with p = -1, R = {RADIUS:g}, inclusive"),
}
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


def installed() -> bool:
    """Whether FastJet can be had."""
    return find_spec("fastjet") is not None


def find_jets(particles: Floats, algorithm: str, count: int = 2, least: float = 0.0) -> Floats:
    """Jets of four-vectors (n, 4) of px, py, pz, energy in GeV: an array (m, 4), in descending order of energy.

    Parameters
    ----------
    particles : float64 (n, 4)
    algorithm : str
        A key of `ALGORITHMS`.
    count : int
        Jets that Durham makes; none where there are fewer particles.
    least : float
        Least pt of inclusive jets, GeV.

    Raises
    ------
    MissingTool
        FastJet is not installed.
    """
    fastjet, awkward = _fastjet(), optional("awkward", "the jet finder", "jets")
    if len(particles) < (count if algorithm == "durham" else 1):
        return np.zeros((0, 4))
    parts = dict(zip(("px", "py", "pz", "E"), np.ascontiguousarray(particles, float).T, strict=True))
    sequence = fastjet.ClusterSequence(awkward.zip(parts), _definition(algorithm))
    if algorithm == "durham":
        with warnings.catch_warnings():  # of algorithms not known to be a kt: Durham is one
            warnings.filterwarnings("ignore", "dcut and exclusive jets", UserWarning)
            jets = sequence.exclusive_jets(count)
    else:
        jets = sequence.inclusive_jets(least)
    four = np.stack([awkward.to_numpy(jets[name]) for name in ("px", "py", "pz", "E")], axis=1)
    return four[np.argsort(-four[:, 3], kind="stable")]


def leading_jets(particles: Floats, radius: float, count: int, least: float) -> list[Ints]:
    """Rows of the particles (n, 4) in each of the anti-kt jets of highest pt.

    Parameters
    ----------
    particles : float64 (n, 4)
        px, py, pz, energy in GeV.
    radius : float
    count : int
        Jets at most.
    least : float
        Least pt, GeV.
    """
    fastjet = _fastjet()
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    sequence = fastjet.ClusterSequence(_numbered(particles), definition)
    jets = fastjet.sorted_by_pt(sequence.inclusive_jets(least))[:count]
    return [np.sort([part.user_index() for part in jet.constituents()]).astype(np.int64) for jet in jets]


def exclusive_axes(particles: Floats, count: int) -> Floats:
    """The four-vectors (count, 4) of the kt jets that particles (n, 4), at least as many, are merged to."""
    fastjet = _fastjet()
    definition = fastjet.JetDefinition(fastjet.kt_algorithm, ALL_IN_ONE)
    jets = fastjet.ClusterSequence(_numbered(particles), definition).exclusive_jets(count)
    return np.array([[jet.px(), jet.py(), jet.pz(), jet.e()] for jet in jets])


def _numbered(particles: Floats) -> list[Any]:
    """Particles as FastJet takes them, with their rows."""
    made = [_fastjet().PseudoJet(*four) for four in np.asarray(particles, float).tolist()]
    for row, part in enumerate(made):
        part.set_user_index(row)
    return made


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


@cache
def _fastjet() -> ModuleType:
    """FastJet; its banner, which it prints at the first clustering, goes to the error output, not among results."""
    fastjet = optional("fastjet", "the jet finder", "jets")
    with _to_stderr():
        fastjet.ClusterSequence(
            [fastjet.PseudoJet(1, 0, 0, 1)], fastjet.JetDefinition(fastjet.kt_algorithm, 1)
        )
    return fastjet


@contextlib.contextmanager
def _to_stderr() -> Iterator[None]:
    """What compiled code prints goes to the error output."""
    sys.stdout.flush()
    kept = os.dup(1)
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


@cache
def _definition(algorithm: str) -> Any:
    """The jet definition of FastJet; Durham has no parameter, and a class of its own for that."""
    fastjet = _fastjet()
    if algorithm == "durham":
        return fastjet.JetDefinition0Param(fastjet.ee_kt_algorithm)
    if algorithm == "genkt":
        return fastjet.JetDefinition(fastjet.ee_genkt_algorithm, RADIUS, -1.0)
    return fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
