"""One event of an LCIO file: its collections, each read when it is asked for, and the pointers between their objects.

An object that others point at has a tag, and whatever points at it holds the same number: tags are unique in an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Ints
from gnnreco.errors import BadInput
from gnnreco.events.readers.lcio.cell_ids import unpacked

from .kinds import FIRST, SUBSET, Version, shape_of
from .records import WORD, Block, Record, Words, blocks
from .words import Cut, Table

#: What an object has for a tag at which nothing points; and what points at nothing.
NO_TAG, NOTHING = 0xFFFFFFFF, 0
#: What the name of a kind ends in where the collection only points at objects of others.
REFERENCES = "_References"

Parameters = dict[str, list[str]]


class Cursor:
    """Reads numbers and texts from the beginning of a block, one after the other. Raises `Cut`."""

    def __init__(self, words: Words) -> None:
        self.words, self.place = words, 0

    def skip(self, count: int) -> Words:
        """The next `count` words."""
        if count > len(self.words) - self.place:
            raise Cut
        self.place += count
        return self.words[self.place - count : self.place]

    def number(self) -> int:
        """A whole number with a sign."""
        return int(self.skip(1).view(np.int32)[0])

    def count(self) -> int:
        """How many follow, each of a word at least."""
        count = int(self.skip(1)[0])
        if count > len(self.words) - self.place:
            raise Cut
        return count

    def text(self) -> str:
        """A text, filled up to a whole word."""
        size = int(self.skip(1)[0])
        letters = self.skip((size + WORD - 1) // WORD)
        return letters.astype(">u4").tobytes()[:size].rstrip(b"\0").decode("utf-8", "backslashreplace")

    def parameters(self, version: Version) -> Parameters:
        """The texts that are kept with an event or a collection, by their keys; numbers are skipped."""
        for size in (1, 1, 2)[
            : 3 if version > (2, 16) else 2
        ]:  # whole numbers, reals, and reals of two words
            for _ in range(self.count()):
                self.text()
                self.skip(size * self.count())
        return {self.text(): [self.text() for _ in range(self.count())] for _ in range(self.count())}


class Heading:
    """What the header of an event says: its number, its detector, and the kind of each collection."""

    def __init__(self, file: Path, record: Record) -> None:
        try:
            block = next((b for b in blocks(file, record) if b.name == "EventHeader"), None)
            if block is None:
                raise Cut
            known(file, record.where, block)
            cursor = Cursor(block.words)
            self.run, self.number = cursor.number(), cursor.number()
            cursor.skip(2)  # when it was written
            self.detector = cursor.text()
            self.kinds = {
                cursor.text(): cursor.text().removesuffix(REFERENCES) for _ in range(cursor.count())
            }
        except Cut:
            raise BadInput(file, record.where, "a damaged header of an event; fetch the file again") from None


def known(file: Path, where: str, block: Block) -> None:
    """Raises `BadInput` where an LCIO that had no release wrote a block."""
    if block.version < FIRST:
        why = (
            f"of version {'.'.join(map(str, block.version))}; {'.'.join(map(str, FIRST))} and later are read"
        )
        raise BadInput(file, f"{where}, {block.name}", f"{why}: convert it with a newer LCIO")


class Collection:
    """Objects of one kind under one name.

    Attributes
    ----------
    name, kind : str
    parameters : dict of str to list of str
    subset : bool
        It only points at objects of other collections.
    """

    def __init__(self, file: Path, where: str, block: Block, kind: str) -> None:
        self.name, self.kind = block.name, kind
        self.file, self.where = file, f"{where}, {block.name}"
        self.block = block
        known(file, where, block)
        cursor = Cursor(block.words)
        try:
            self.flags = int(cursor.skip(1)[0])
            self.parameters = cursor.parameters(block.version)
            self.length = cursor.count()
        except Cut:
            raise self.damaged() from None
        self.subset = bool(self.flags >> SUBSET & 1)
        self._start = cursor.place
        self._table: Table | None = None

    def __len__(self) -> int:
        return self.length

    @property
    def table(self) -> Table:
        """Its objects. Raises `BadInput`."""
        if self._table is None:
            shape = shape_of(self.kind, self.flags, self.block.version)
            assert shape is not None
            try:
                self._table = shape.read(self.block.words, self._start, self.length)
            except Cut:
                raise self.damaged() from None
        return self._table

    def cell_fields(self) -> dict[str, Ints]:
        """Fields of the numbers of the cells, by their names in the file; empty where it does not describe them."""
        encoding = next(iter(self.parameters.get("CellIDEncoding", [])), "")
        if not encoding or "cell0" not in self.table:
            return {}
        cell = self.table.unsigned("cell0").astype(np.uint64)
        if "cell1" in self.table:
            cell |= self.table.unsigned("cell1").astype(np.uint64) << np.uint64(32)
        return unpacked(cell, encoding)

    def damaged(self) -> BadInput:
        """What is raised where a block ends too early."""
        return BadInput(
            self.file, self.where, "claims more than the block holds; damaged: fetch the file again"
        )


class Content:
    """The collections of one event.

    Parameters
    ----------
    file : Path
    where : str
        What a complaint names.
    record : Record
    kinds : dict of str to str
        Kind of each collection by its name, as the header of the event says.
    """

    def __init__(self, file: Path, where: str, record: Record, kinds: dict[str, str]) -> None:
        self.file, self.where = file, where
        place = f"{where}, {record.where}"
        try:
            found = [
                Collection(file, place, block, kinds.get(block.name, "")) for block in blocks(file, record)
            ]
        except BadInput as error:
            raise (
                error if where in error.where else BadInput(file, f"{where}, {error.where}", error.why)
            ) from None
        self.collections = sorted(found, key=lambda collection: collection.name)
        self._tags: dict[str, tuple[NDArray[np.uint32], Ints]] = {}

    def of(self, *kinds: str) -> list[Collection]:
        """Collections of these kinds that have objects of their own, by name."""
        return [c for c in self.collections if c.kind in kinds and not c.subset]

    def relations(self, to: str, of: str = "") -> list[Collection]:
        """Collections of links to objects of a kind; from those of a kind, if it is named."""

        def kind(collection: Collection, end: str) -> str:
            return next(iter(collection.parameters.get(end, [])), "")

        links = [c for c in self.of("LCRelation") if kind(c, "ToType") == to]
        return [c for c in links if of in ("", kind(c, "FromType"))]

    def rows(self, pointers: NDArray[np.uint32], kind: str, chosen: Sequence[Collection], what: str) -> Ints:
        """Where pointers lead: rows of the objects of some collections, put one after the other.

        Parameters
        ----------
        pointers : uint32 (n,)
        kind : str
            What they point at.
        chosen : sequence of Collection
            Of this kind.
        what : str
            What a complaint calls the pointers.

        Returns
        -------
        int64 (n,)
            -1 for what points at nothing, or at another collection of the kind.

        Raises
        ------
        BadInput
            A pointer to what the event does not have.
        """
        if kind not in self._tags:
            self._tags[kind] = self._tagged(kind)
        tags, places = self._tags[kind]
        at = np.searchsorted(tags, pointers)
        there = np.append(tags, np.uint32(NO_TAG))[at] == pointers
        lost = np.flatnonzero(~there & (pointers != NOTHING))
        if len(lost):
            why = f"points at {kind} {pointers[lost[0]]}, which the event does not have ({len(lost)} such); write it again"
            raise BadInput(self.file, f"{self.where}, {what}", why)
        place = np.where(there, np.append(places, -1)[at], -1)
        first, start = {}, 0
        for collection in self.of(kind):
            first[collection.name] = (start, start + len(collection))
            start += len(collection)
        new, shift = np.full(len(pointers), -1, np.int64), 0
        for collection in chosen:
            low, high = first[collection.name]
            inside = (place >= low) & (place < high)
            new[inside] = place[inside] - low + shift
            shift += len(collection)
        return new

    def _tagged(self, kind: str) -> tuple[NDArray[np.uint32], Ints]:
        """Tags of all objects of a kind, sorted, and their rows, all collections put one after the other."""
        columns = [
            c.table.unsigned("tag") if "tag" in c.table else np.full(len(c), NO_TAG, np.uint32)
            for c in self.of(kind)
        ]
        tags = np.concatenate([np.zeros(0, np.uint32), *columns])
        used = np.flatnonzero(tags != NO_TAG)
        order = used[np.argsort(tags[used], kind="stable")]
        tags = tags[order]
        if np.any(tags[1:] == tags[:-1]) or NOTHING in tags:
            raise BadInput(
                self.file, f"{self.where}, {kind}", "two objects of one tag; damaged: fetch the file again"
            )
        return tags, order
