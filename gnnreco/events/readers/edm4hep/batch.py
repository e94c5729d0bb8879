"""Columns of several events of an EDM4hep file, read together, and where each member of a collection lies among them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.events.readers.root.file import Ragged, read_columns

from .catalogue import Catalogue
from .kinds import ENDS, KINDS, TARGETS, VECTORS, Names

__all__ = ["Batch", "Names", "branches_of", "read_batch"]
#: Lists that are not of pointers and are read.
READ = ("trackStates", "subdetectorEnergies")


@dataclass(frozen=True)
class Batch:
    """Columns of the events from `start` on.

    Attributes
    ----------
    catalogue : Catalogue
    start, stop : int
    columns : dict of str to Ragged
        By the full name of the member of a branch.
    ids : dict of int to str
        Names of collections by number: of the catalogue, or inferred.
    """

    catalogue: Catalogue
    start: int
    stop: int
    columns: dict[str, Ragged]
    ids: dict[int, str] = field(default_factory=dict)

    def values(self, key: str, at: int) -> NDArray:
        """One column of one event; empty where there is none."""
        column = self.columns.get(key)
        return np.zeros(0) if column is None else column[at]

    @cached_property
    def members(self) -> dict[str, Ragged]:
        """One of the columns of each branch that has some."""
        return _members(self.columns)

    def length(self, name: str, at: int) -> int:
        """How many objects a collection has in an event."""
        column = self.members.get(name)
        return 0 if column is None else int(column.offsets[at + 1] - column.offsets[at])

    def pointer(self, name: str, member: str) -> str:
        """The branch of a member that points; empty where there is none."""
        return _pointer(self.columns, self.catalogue, name, member)

    def vector(self, name: str, member: str) -> str:
        """The branch of a member that is a list of other things than pointers."""
        if any(key == f"_{name}_{member}" or key.startswith(f"_{name}_{member}.") for key in self.columns):
            return f"_{name}_{member}"
        lists = VECTORS.get(self.catalogue.types[name], ())
        at = next((i for i, names in enumerate(lists) if member in names), 0)
        return f"{name}_{at}"


def _members(columns: dict[str, Ragged]) -> dict[str, Ragged]:
    return {key.partition(".")[0]: column for key, column in columns.items()}


def _pointer(columns: dict[str, Ragged], catalogue: Catalogue, name: str, member: str) -> str:
    if f"_{name}_{member}.index" in columns:
        return f"_{name}_{member}"
    at = _number(columns, catalogue, name, member)
    return f"{name}#{at}" if at is not None and f"{name}#{at}.index" in columns else ""


def _number(columns: dict[str, Ragged], catalogue: Catalogue, name: str, member: str) -> int | None:
    """Of files that number what points: lists of pointers come first, in the order of their members."""
    if name in catalogue.links:
        return next((ends.index(member) for ends in ENDS if member in ends), None)
    vectors = [one for names in VECTORS.get(catalogue.types[name], ()) for one in names]
    begins = [
        key.removeprefix(f"{name}.").removesuffix("_begin")
        for key in columns
        if key.startswith(f"{name}.") and key.endswith("_begin")
    ]
    many = [one for one in begins if one not in vectors]
    if member in many:
        return many.index(member)
    one = list(KINDS[catalogue.types[name]].one.values())
    return next((len(many) + at for at, names in enumerate(one) if member in names), None)


def branches_of(catalogue: Catalogue, truth: bool) -> list[str]:
    """Names of the branches that are read."""
    wanted: list[str] = []
    for name, kind in catalogue.types.items():
        if kind not in KINDS:
            continue
        about = KINDS[kind]
        inner = [*about.many.values(), *READ]
        if truth:
            inner += [one for names in about.one.values() for one in names]
        wanted += [name, *_pointing(catalogue, name, inner)]
    for name in catalogue.links if truth else ():
        wanted += [name, *_pointing(catalogue, name, [end for ends in ENDS for end in ends])]
    return list(dict.fromkeys(wanted))


def _pointing(catalogue: Catalogue, name: str, members: Iterable[str]) -> list[str]:
    named = [f"_{name}_{member}" for member in members]
    numbered = re.compile(rf"{re.escape(name)}[#_]\d+")
    return [b for b in catalogue.branches if b in named or numbered.fullmatch(b)]


def read_batch(tree: Any, catalogue: Catalogue, names: Iterable[str], start: int, stop: int) -> Batch:
    """Read the columns of the events ``start:stop``; `ValueError` where a collection is no columns."""
    columns = read_columns(tree, names, start, stop)
    whole = [
        name for name, kind in catalogue.types.items() if kind in KINDS and name not in _members(columns)
    ]
    if whole:
        raise ValueError(f"{', '.join(whole)}: not split into columns; write it with podio's defaults")
    ids = catalogue.ids or _inferred(columns, catalogue)
    return Batch(catalogue, start, stop, columns, ids)


def _inferred(columns: dict[str, Ragged], catalogue: Catalogue) -> dict[int, str]:
    """Names of collections by number, where one alone of the right kind is long enough in every event."""
    possible: dict[int, set[str]] = {}
    members = _members(columns)
    for name, pointing in _all_pointers(catalogue).items():
        for member, kinds in pointing:
            place = _pointer(columns, catalogue, name, member)
            if not place:
                continue
            index, number = columns[f"{place}.index"], columns[f"{place}.collectionID"].values
            event = np.repeat(np.arange(len(index.offsets) - 1), np.diff(index.offsets))
            for one in np.unique(number[index.values >= 0]):
                here = (number == one) & (index.values >= 0)
                fit = {
                    candidate
                    for kind in kinds
                    for candidate in catalogue.of(kind)
                    if _fits(members.get(candidate), event[here], index.values[here])
                }
                key = int(one) & 0xFFFFFFFF
                possible[key] = possible.get(key, fit) & fit
    return {number: next(iter(names)) for number, names in possible.items() if len(names) == 1}


def _all_pointers(catalogue: Catalogue) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Members that point, of each collection, and at what kinds of LCIO."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for name, kind in catalogue.types.items():
        if kind in KINDS:
            about = KINDS[kind]
            found[name] = [(theirs, TARGETS[ours]) for ours, theirs in about.many.items()]
            found[name] += [(one, TARGETS[ours]) for ours, names in about.one.items() for one in names]
    for name, kinds in catalogue.links.items():
        found[name] = [(ends[at], (kinds[at],)) for ends in ENDS for at in (0, 1)]
    return found


def _fits(column: Ragged | None, event: NDArray, index: NDArray) -> bool:
    return column is not None and bool((index < np.diff(column.offsets)[event]).all())
