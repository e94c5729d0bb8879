"""Files of jets: Parquet, one row a jet, at most 1,000 rows a row group, which is one block.

==========  ===========  ==========================================================================================
column      type         meaning
==========  ===========  ==========================================================================================
label       int32        row of the true class in ``gnnreco.classes``; -1 where it is not known
jet_pt      float32      transverse momentum of the jet, GeV
jet_eta     float32      pseudorapidity
jet_phi     float32      rad
jet_mass    float32      GeV
features    list float32  what was computed of the jet, by ``gnnreco.features``
pt          list float32  of the constituents, GeV, hardest first, at most 64
eta, phi    list float32  relative to the axis of the jet; rad
==========  ===========  ==========================================================================================

Metadata: ``gnnreco.format``, ``gnnreco.classes`` and ``gnnreco.features`` (JSON lists of names), ``gnnreco.first`` (the
number of the first block) and ``gnnreco.sources`` (JSON: where the jets come from). Every page has its checksum.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from gnnreco.columns import JetBlock, Jets
from gnnreco.errors import BadInput
from gnnreco.events.source import Entry

from .jets_block import AGAIN, BLOCK, LISTS, SCHEMA, jets_of, table_of
from .row_groups import Footer, created, opened, read_group

FORMAT = b"gnnreco jets 1"


def write_jets(file: Path, blocks: Iterable[Jets], sources: Mapping[str, str], first: int = 0) -> None:
    """Write blocks of jets to one file, each one row group; the same blocks give the same bytes.

    Parameters
    ----------
    file : path
        Replaced where it exists.
    blocks : iterable of Jets
        Of one list of features and classes, at most `BLOCK` jets each; held in memory one at a time.
    sources : mapping of str to str
        Where the jets come from: generator, settings, seeds; kept in the metadata.
    first : int
        Number of the first block.

    Raises
    ------
    BadInput
        Blocks that do not fit one another, or jets that could not be read back.
    """
    names: tuple[tuple[str, ...], tuple[str, ...]] | None = None
    encodings = {f"{name}.list.element": "BYTE_STREAM_SPLIT" for name in LISTS}
    with created(file, SCHEMA, ["label"], encodings) as writer:
        for number, jets in enumerate(blocks, first):
            if names not in (None, (jets.feature_names, jets.classes)):
                raise BadInput(file, f"event {number}", "features or classes unlike those of the first block")
            names = jets.feature_names, jets.classes
            table = table_of(jets)
            jets_of(table, *names, file, f"event {number}")
            writer.write_table(table, row_group_size=BLOCK)
        features, classes = names or ((), ())
        writer.add_key_value_metadata(
            {
                b"gnnreco.format": FORMAT,
                b"gnnreco.classes": json.dumps(classes).encode(),
                b"gnnreco.features": json.dumps(features).encode(),
                b"gnnreco.first": str(first).encode(),
                b"gnnreco.sources": json.dumps(dict(sources)).encode(),
                b"gnnreco.units": b"GeV, rad",
            }
        )


def is_jets(footer: Footer | None) -> bool:
    """Whether a Parquet file calls itself one of jets; False also for one that cannot be read."""
    about = {} if footer is None else footer.metadata.metadata or {}
    return bool(about.get(b"gnnreco.format", b"").startswith(b"gnnreco jets "))


class JetsReader:
    """Reads the blocks of one file; the block read last is kept.

    Parameters
    ----------
    file : path
    """

    # One for all readers, as of `ParquetReader`.
    _latest: ClassVar[tuple[JetsReader | None, int, JetBlock | None]] = (None, 0, None)

    def __init__(self, file: Path) -> None:
        self.file = file
        self._features: tuple[str, ...] = ()
        self._classes: tuple[str, ...] = ()

    def entries(self) -> list[Entry]:
        """One entry a row group; reads only the metadata.

        Raises
        ------
        BadInput
            Damaged, of another version, or with row groups of more than `BLOCK` jets.
        """
        with opened(self.file, AGAIN) as file:
            about = file.metadata.metadata or {}
            if about.get(b"gnnreco.format") != FORMAT:
                raise BadInput(
                    self.file, "", "jets of another version of gnnreco; write the file with this one"
                )
            self._check_schema(file.schema_arrow)
            self._features, self._classes = (
                _names(about[b"gnnreco." + k]) for k in (b"features", b"classes")
            )
            first = int(about.get(b"gnnreco.first", b"0"))
            sizes = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        if max(sizes, default=0) > BLOCK:
            why = f"{max(sizes):,} jets in one row group, more than {BLOCK:,}; write row groups of {BLOCK:,}"
            raise BadInput(self.file, f"row group {int(np.argmax(sizes))}", why)
        return [
            Entry(first + i, str(self.file), (("events", self.file),), i) for i, n in enumerate(sizes) if n
        ]

    def __call__(self, entry: Entry, truth: bool, deposits: bool) -> JetBlock:
        """The block of an entry; without `truth` every label is -1."""
        reader, row, block = JetsReader._latest
        if reader is not self or row != entry.row or block is None:
            block = self._read(entry)
            JetsReader._latest = (self, entry.row, block)
        if truth:
            return block
        return replace(block, jets=replace(block.jets, label=np.full(len(block.jets), -1)))

    def _read(self, entry: Entry) -> JetBlock:
        with opened(self.file, AGAIN) as file:
            self._check_schema(file.schema_arrow)
            table = read_group(self.file, file, entry.row, SCHEMA.names)
            others = [name for name in file.schema_arrow.names if name not in SCHEMA.names]
        jets = jets_of(table, self._features, self._classes, self.file, f"event {entry.number}")
        aside = {f"column {name}": 1 for name in others}
        return JetBlock(entry.number, entry.source, jets, aside)

    def _check_schema(self, found: pa.Schema) -> None:
        for field in SCHEMA:
            if field.name not in found.names:
                raise BadInput(self.file, f"column {field.name}", f"is missing; {AGAIN}")
            kind = found.field(field.name).type
            if kind != field.type:
                raise BadInput(self.file, f"column {field.name}", f"holds {kind}, not {field.type}; {AGAIN}")


def _names(text: bytes) -> tuple[str, ...]:
    names = json.loads(text)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("names that are no list")
    return tuple(names)
