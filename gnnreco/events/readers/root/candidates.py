"""Tables of candidates of particle flow in ROOT files, by what they hold: the names are those of no one flavour of NanoAOD.

A table ``X`` is one list of numbers an event in each of ``X_pt, X_eta, X_phi, X_pdgId``, mostly ``X_charge`` and ``X_mass``
as well, where ``X`` names candidates or particles of particle flow, of PUPPI or of scouting: ``PFCands``, ``PFCand``,
``ScoutingPFParticle``, ``L1PuppiCands``, ``JetPFCands`` where a file keeps nothing but the candidates of jets. Capitals do
not count. The trigger studies of level 1 keep pairs of a ``TLorentzVector`` and a code instead (`lorentz`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from gnnreco.columns import Floats, Ints

from .file import is_tree, trees_of
from .lorentz import PAIRS

#: Members of a table as they are called here, and what files call them, without capitals.
NEEDED = {"pt": ("pt",), "eta": ("eta",), "phi": ("phi",), "pdgId": ("pdgid",)}
MORE = {"mass": ("mass", "m"), "charge": ("charge", "q")}
#: The names of tables, without capitals.
NAMES = re.compile(r"(pf|puppi|scouting).*(cand|particle)")
#: Parts of names of which the last are taken only where there is no other: candidates of the generator never.
RANKS = ("", "puppi", "jet")
#: Branches of pairs of a vector and a code, the first of which is taken.
PAIRED = ("pf", "pup")
#: Sign of the charge of a particle whose code is positive.
CHARGES = {11: -1, 13: -1, 15: -1, 211: 1, 321: 1, 2212: 1}
#: Masses, GeV, where a file tells none: those of NanoAOD, in which what is neutral has none and charged hadrons are pions.
ELECTRON, MUON, PION = 0.000511, 0.10566, 0.13957


class Table(NamedTuple):
    """Where candidates are.

    Attributes
    ----------
    tree : str
        Name of the tree or RNTuple.
    name : str
        What all branches of the table begin with, or the one branch of pairs.
    branches : dict
        ``pt`` and so on -> name of the branch; of a branch of pairs ``pairs`` alone.
    """

    tree: str
    name: str
    branches: dict[str, str]


def candidates_in(file: Any) -> Table | None:
    """The candidates of an open file of uproot: those of the tree ``Events`` if it has any."""
    found = [table for name, there in trees_of(file).items() for table in _tables(file[name], name, there)]
    return min(found, key=_rank, default=None)


def _tables(tree: Any, at: str, there: set[str]) -> Iterator[Table]:
    named: dict[str, dict[str, str]] = {}
    for branch in sorted(there):
        name, _, member = branch.rpartition("_")
        if NAMES.search(name.lower()) and "gen" not in name.lower():
            named.setdefault(name, {}).setdefault(member.lower(), branch)
    for name, members in named.items():
        branches = {
            ours: members[theirs]
            for ours, names in (NEEDED | MORE).items()
            for theirs in reversed(names)
            if theirs in members
        }
        if NEEDED.keys() <= branches.keys():
            yield Table(at, name, branches)
    for name in PAIRED:
        if name in there and is_tree(tree) and tree[name].member("fClassName", none_if_missing=True) == PAIRS:
            yield Table(at, name, {"pairs": name})


def _rank(table: Table) -> tuple[bool, int, int, str]:
    part = max(rank for rank, part in enumerate(RANKS) if part in table.name.lower())
    return table.tree != "Events", part, len(table.name), table.name


def charges(code: Ints) -> Floats:
    """Charges by codes, where a file tells none."""
    signs = np.zeros(len(code))
    for positive, sign in CHARGES.items():
        at = np.abs(code) == positive
        signs[at] = sign * np.sign(code[at])
    return signs


def masses(code: Ints, charge: Floats) -> Floats:
    """Masses by codes and charges, GeV, where a file tells none."""
    size = np.abs(code)
    return np.select([charge == 0, size == 11, size == 13], [0.0, ELECTRON, MUON], PION)
