"""How the objects of one kind lie in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from gnnreco.columns import Columns

Row = tuple[int, str, Any]
#: Columns of whole numbers; the others are float64.
WHOLE: Mapping[str, type[np.integer]] = {"hit_index": np.int64, "hit_id": np.int64, "pdg_class": np.int32}
#: Name of the plain values that the writer kept beside the objects.
NOTE = "gnnreco"


@dataclass(frozen=True)
class Layout:
    """How the objects of one kind lie in a file: for each column in the file the attribute it holds.

    Attributes
    ----------
    name : str
        Of the objects, and of the tree in ROOT.
    kind : type
        Their columns; ``offsets`` are those of the lists of hits.
    identifier : str
        Column of the number of the object in its event.
    counted : bool
        Whether Parquet also has the number of hits, ``n_hits``, which ROOT always has.
    hits : tuple of str
        Columns and attributes that are lists over hits.
    numbers : dict
        One number an object.
    vectors : dict of (attribute, length)
    order : tuple of str
        Columns of `numbers` and `vectors` as they follow one another in the file, where they are mixed.
    lists : dict
        Lists of whole numbers with offsets of their own (`Columns.OFFSETS`): rows of what else was found in the event.
    """

    name: str
    kind: type[Columns]
    identifier: str
    counted: bool
    hits: tuple[str, ...]
    numbers: Mapping[str, str]
    vectors: Mapping[str, tuple[str, int]]
    order: tuple[str, ...] = ()
    lists: Mapping[str, str] = field(default_factory=dict)

    @property
    def schema(self) -> pa.Schema:
        """Of the Parquet file."""
        whole, real = pa.int64(), pa.float64()

        def kind(name: str) -> pa.DataType:
            return pa.from_numpy_dtype(WHOLE.get(name, np.float64))

        columns = {self.identifier: whole} | ({"n_hits": whole} if self.counted else {})
        columns |= {name: pa.list_(kind(name)) for name in self.hits}
        rest = {name: kind(name) for name in self.numbers} | {
            name: pa.list_(real, size) for name, (_, size) in self.vectors.items()
        }
        columns |= {name: rest[name] for name in self.order} if self.order else rest
        columns |= {name: pa.list_(whole) for name in self.lists}
        about = [
            pa.field("event", pa.int64(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
        ]
        return pa.schema([*about, *(pa.field(name, pa.list_(kind)) for name, kind in columns.items())])
