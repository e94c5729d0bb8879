"""Which reader a ROOT file is for."""

from __future__ import annotations

from pathlib import Path

from gnnreco.events.readers.edm4hep import Edm4hepReader, is_edm4hep

from .acts_hits import ActsHitsReader, is_acts_hits
from .file import guarded, trees_of
from .hgcal_ntuple import HgcalNtupleReader, is_hgcal_ntuple
from .nanoaod import NanoAodReader, is_nanoaod

RootReader = Edm4hepReader | ActsHitsReader | HgcalNtupleReader | NanoAodReader


def known_root(file: Path) -> type[RootReader] | None:
    """The reader of a ROOT file that says what it is.

    Raises
    ------
    BadInput
        The file cannot be read: what is damaged is not taken for a file of something else.
    """
    if is_edm4hep(file):
        return Edm4hepReader
    if is_acts_hits(file):
        return ActsHitsReader
    if is_hgcal_ntuple(file):
        return HgcalNtupleReader
    if is_nanoaod(file):
        return NanoAodReader
    guarded(file, trees_of)
    return None
