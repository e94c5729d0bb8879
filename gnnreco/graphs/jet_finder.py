"""Particles to jets, by FastJet: the one file that knows of it.

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

RADIUS = 0.4
ALL_IN_ONE = 10.0  # a radius at which nothing is left over


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
