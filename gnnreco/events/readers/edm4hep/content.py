"""One event of an EDM4hep file as collections of LCIO; the tag of an object is its place among all that are read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.events.readers.lcio.cell_ids import unpacked
from gnnreco.events.readers.lcio.content import NOTHING, Collection, Content
from gnnreco.events.readers.lcio.truth import MC
from gnnreco.events.readers.lcio.words import Table

from .batch import Batch, Names
from .kinds import ENDS, KINDS, STATES

#: Of the columns of a track's state that hold several numbers.
SHAPES = {"reference": (3,), "covariance": (15,)}
XYZ = ("x", "y", "z")
TRACKER_HITS = ("TrackerHit", "TrackerHitPlane")
#: Tag of what is pointed at beyond the end of a collection.
LOST = 0xFFFFFFFE


class Columns(Table):
    """Objects as columns that are arrays already."""

    def __init__(
        self, columns: dict[str, NDArray], lists: dict[str, tuple[Ints, Table]], length: int
    ) -> None:
        self.columns, self.lists, self.length = columns, lists, length

    def __contains__(self, name: str) -> bool:
        return name in self.columns

    def unsigned(self, name: str) -> NDArray[np.uint32]:
        """A column of pointers, tags or bits."""
        return self.columns[name].astype(np.int64).astype(np.uint32)

    def signed(self, name: str) -> NDArray[np.int32]:
        """A column of whole numbers."""
        return self.columns[name].astype(np.int32)

    def floats(self, name: str) -> Floats:
        """A column of real numbers."""
        return self.columns[name].astype(np.float64)


class Objects(Collection):
    """A collection whose columns are taken out of the batch when they are asked for."""

    def __init__(self, content: Podio, name: str, kind: str, length: int, first: int) -> None:
        self.name, self.kind, self.parameters, self.subset = name, kind, {}, False
        self.content, self.length, self.first = content, length, first

    @cached_property
    def table(self) -> Table:  # type: ignore[override]
        """Its objects. Raises `BadInput`."""
        return self.content.table_of(self)

    def cell_fields(self) -> dict[str, Ints]:
        """Fields of the numbers of the cells, as the file describes them."""
        encoding = self.content.batch.catalogue.encodings.get(self.name, "")
        if not encoding or "cell" not in self.table:
            return {}
        return unpacked(self.table.columns["cell"], encoding)  # type: ignore[attr-defined]


class Links(Objects):
    """A collection of links."""

    def __init__(self, content: Podio, name: str, length: int, kinds: tuple[str, str]) -> None:
        super().__init__(content, name, "LCRelation", length, 0)
        self.turned = kinds[0] == MC
        kinds = kinds[::-1] if self.turned else kinds
        self.parameters = dict(zip(("FromType", "ToType"), [[kind] for kind in kinds], strict=True))


class Podio(Content):
    """The collections of one event.

    Parameters
    ----------
    batch : Batch
        Columns of several events.
    at : int
        Which of them.
    where : str
        What a complaint names.
    """

    def __init__(self, file: Path, batch: Batch, at: int, where: str) -> None:
        self.file, self.where, self.batch, self.at = file, where, batch, at
        catalogue, first = batch.catalogue, 1
        self.collections, self._by_name = [], {}
        for name in sorted(catalogue.types):
            kind = catalogue.types[name]
            if kind in KINDS:
                length = batch.length(name, at)
                objects = Objects(self, name, KINDS[kind].lcio, length, first)
                self.collections.append(objects)
                self._by_name[name] = objects
                first += length
        self._ordered: list[Objects] = list(self.collections)  # type: ignore[arg-type]
        self._firsts = np.array([c.first for c in self._ordered], np.int64)
        for name in sorted(catalogue.links):
            self.collections.append(Links(self, name, batch.length(name, at), catalogue.links[name]))

    def relations(self, to: str, of: str = "") -> list[Collection]:
        """See `Content.relations`; links from tracker hits may be from any type of these."""
        links = super().relations(to)
        same = {of, *(TRACKER_HITS if of in TRACKER_HITS else ())}
        return [link for link in links if not of or link.parameters["FromType"][0] in same]

    def rows(self, pointers: NDArray, kind: str, chosen: object, what: str) -> Ints:
        """See `Content.rows`; what leads to objects of another kind is -1, too."""
        shift = np.full(len(self._ordered) + 1, -1, np.int64)  # the last: nothing
        total = 0
        for collection in chosen:  # type: ignore[attr-defined]
            shift[self._ordered.index(collection)] = total - collection.first
            total += len(collection)
        pointers = pointers.astype(np.int64)
        lost = np.flatnonzero(pointers == LOST)
        if len(lost):
            why = f"points at {kind} that the event does not have ({len(lost)} such); write it again"
            raise BadInput(self.file, f"{self.where}, {what}", why)
        at = np.searchsorted(self._firsts, pointers, side="right") - 1
        known = np.zeros(len(shift), bool)
        known[[self._ordered.index(c) for c in chosen]] = True  # type: ignore[attr-defined]
        return np.where((pointers != NOTHING) & known[at], pointers + shift[at], -1)

    def table_of(self, objects: Objects) -> Columns:
        """The columns of one collection. Raises `BadInput`."""
        name, n = objects.name, len(objects)
        if isinstance(objects, Links):
            return self._links(objects)
        kind = KINDS[self.batch.catalogue.types[name]]
        columns = self._columns(name, kind.columns, n)
        columns["tag"] = objects.first + np.arange(n)
        for ours, theirs in kind.one.items():
            place = next((p for member in theirs if (p := self.batch.pointer(name, member))), "")
            if place:
                columns[ours] = self._pointed(name, place, ours)[:n]
                self._full(name, ours, columns[ours], n)
        lists: dict[str, tuple[Ints, Table]] = {}
        for ours, member in kind.many.items():
            offsets, order, m = self._ragged(name, member, n, f"{self.batch.pointer(name, member)}.index")
            place = self.batch.pointer(name, member)
            tags = self._pointed(name, place, member, order) if m else np.zeros(0, np.int64)
            lists[ours] = offsets, Columns({"to": tags}, {}, len(tags))
        if "contributions" in lists:
            offsets, pointed = lists.pop("contributions")
            lists["shares"] = offsets, self._shares(pointed, name)
        if kind.lcio == "Track":
            lists["states"] = self._states(name, n)
        if kind.lcio == "Cluster":
            place = self.batch.vector(name, "subdetectorEnergies")
            offsets, order, _ = self._ragged(name, "subdetectorEnergies", n, place)
            energy = self.batch.values(place, self.at)[order]
            lists["subdetector_energies"] = offsets, Columns({"energy": energy}, {}, len(energy))
        return Columns(columns, lists, n)

    def _full(self, name: str, what: str, values: NDArray, n: int) -> None:
        if len(values) != n:
            why = f"{len(values)} values where {n} are due; damaged: fetch the file again"
            raise BadInput(self.file, f"{self.where}, {name}.{what}", why)

    def _columns(self, name: str, wanted: Mapping[str, Names], n: int) -> dict[str, NDArray]:
        """Columns of one branch by our names: of several of theirs the first that is there."""
        found: dict[str, NDArray] = {}
        for ours, theirs in wanted.items():
            for member in theirs:
                parts = [f"{name}.{member}"]
                if parts[0] not in self.batch.columns:
                    parts = [f"{name}.{member}.{axis}" for axis in XYZ]
                if all(part in self.batch.columns for part in parts):
                    read = [self.batch.values(part, self.at) for part in parts]
                    for part, values in zip(parts, read, strict=True):
                        self._full(part, "", values, n)
                    found[ours] = read[0] if len(read) == 1 else np.stack(read, axis=-1)
                    break
        return found

    def _pointed(self, name: str, place: str, what: str, order: NDArray | slice = slice(None)) -> Ints:
        """Tags of the objects that a branch points at; `NOTHING` for those that are not read."""
        index = self.batch.values(f"{place}.index", self.at)[order].astype(np.int64)
        number = self.batch.values(f"{place}.collectionID", self.at)[order].astype(np.int64) & 0xFFFFFFFF
        self._full(name, what, number, len(index))
        tags = np.full(len(index), NOTHING, np.int64)
        for one in np.unique(number):
            to = self._by_name.get(self.batch.ids.get(int(one), ""))
            if to is None:
                continue
            here = (number == one) & (index >= 0)
            # Where the file has no table of collections, which one is meant is inferred, so nothing is known of it.
            beyond = LOST if self.batch.catalogue.ids else NOTHING
            tags[here] = np.where(index[here] < len(to), to.first + index[here], beyond)
        return tags

    def _ragged(self, name: str, member: str, n: int, items: str) -> tuple[Ints, NDArray | slice, int]:
        """Offsets of a list of each object, where its items lie, and how many there are."""
        keys = [f"{name}.{member}_{side}" for side in ("begin", "end")]
        if items not in self.batch.columns or not all(key in self.batch.columns for key in keys):
            return np.zeros(n + 1, np.int64), slice(0, 0), 0
        begin, end = (self.batch.values(key, self.at).astype(np.int64) for key in keys)
        m = len(self.batch.values(items, self.at))
        self._full(name, f"{member}_begin", begin, n)
        self._full(name, f"{member}_end", end, n)
        size = end - begin
        if n and (begin.min() < 0 or size.min() < 0 or end.max() > m or size.sum() > m):
            why = f"lists beyond the {m} items that the event has; damaged: fetch the file again"
            raise BadInput(self.file, f"{self.where}, {name}.{member}", why)
        offsets = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
        order: NDArray | slice = slice(0, int(offsets[-1]))
        if not np.array_equal(begin[size > 0], offsets[:-1][size > 0]):
            order = np.repeat(begin - offsets[:-1], size) + np.arange(offsets[-1])
        return offsets, order, m

    def _shares(self, pointed: Table, name: str) -> Columns:
        """What each particle left in a cell: the contributions that are pointed at, one after the other."""
        there = self.of("CaloHitContribution")
        row = self.rows(pointed.unsigned("to"), "CaloHitContribution", there, f"{name}.contributions")
        parts = [c.table for c in there]
        columns = {}
        for column in ("particle", "energy", "time"):
            whole = [t.floats(column) if column in t else np.zeros(len(t)) for t in parts]
            columns[column] = np.append(np.concatenate([np.zeros(0), *whole]), 0.0)[row]
        columns["time"] = np.where(row < 0, np.nan, columns["time"])
        return Columns(columns, {}, len(row))

    def _states(self, name: str, n: int) -> tuple[Ints, Table]:
        place = self.batch.vector(name, "trackStates")
        offsets, order, m = self._ragged(name, "trackStates", n, f"{place}.D0")
        states = {ours: values[order] for ours, values in self._columns(place, STATES, m).items()}
        for ours in STATES:
            if ours not in states and ours != "location":
                states[ours] = np.zeros((m, *SHAPES.get(ours, ())))[order]
        states["covariance"] = states["covariance"].reshape(len(states["d0"]), -1)[:, :15]
        return offsets, Columns(states, {}, len(states["d0"]))

    def _links(self, links: Links) -> Columns:
        n, name = len(links), links.name
        columns = self._columns(name, {"weight": ("weight",)}, n)
        for at, ends in enumerate(zip(*ENDS, strict=True)):
            place = next((p for member in ends if (p := self.batch.pointer(name, member))), "")
            tags = self._pointed(name, place, ends[0]) if place else np.zeros(n, np.int64)
            self._full(name, ends[0], tags, n)
            columns["to" if at != links.turned else "from"] = tags
        return Columns(columns, {}, n)
