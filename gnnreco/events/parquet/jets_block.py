"""One block of a file of jets: its columns in Parquet, and the checks of what is read or to be written."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa

from gnnreco.columns import Floats, Ints, Jets
from gnnreco.errors import BadInput

#: Jets of one block, and constituents of one jet, at most.
BLOCK, CONSTITUENTS = 1_000, 64
OF_JET = ("jet_pt", "jet_eta", "jet_phi", "jet_mass")
OF_CONSTITUENT = ("pt", "eta", "phi")
LISTS = ("features", *OF_CONSTITUENT)
SCHEMA = pa.schema(
    [
        pa.field("label", pa.int32(), nullable=False),
        *(pa.field(name, pa.float32(), nullable=False) for name in OF_JET),
        *(pa.field(name, pa.list_(pa.float32())) for name in LISTS),
    ]
)
AGAIN = "write the file again"


def table_of(jets: Jets) -> pa.Table:
    """The columns of a block as they are stored."""
    n, k = jets.features.shape
    starts = dict.fromkeys(OF_CONSTITUENT, jets.offsets) | {"features": np.arange(n + 1) * k}
    columns = [pa.array(jets.label.astype(np.int32))]
    columns += [pa.array(getattr(jets, name).astype(np.float32)) for name in OF_JET]
    columns += [
        pa.ListArray.from_arrays(
            pa.array(starts[name].astype(np.int32)), pa.array(getattr(jets, name).astype(np.float32).ravel())
        )
        for name in LISTS
    ]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def jets_of(
    table: pa.Table, features: tuple[str, ...], classes: tuple[str, ...], file: Path, where: str
) -> Jets:
    """The block in a table of `SCHEMA`.

    Parameters
    ----------
    table : pyarrow.Table
    features, classes : tuple of str
    file, where
        What a complaint names.

    Raises
    ------
    BadInput
        Gaps, NaN, lists that do not fit, constituents out of order, labels that are no class.
    """
    return _Block(table, file, where).jets(features, classes)


class _Block:
    """The columns of one block, checked as they are taken."""

    def __init__(self, table: pa.Table, file: Path, where: str) -> None:
        self.table, self.file, self.where = table, file, where

    def jets(self, features: tuple[str, ...], classes: tuple[str, ...]) -> Jets:
        n, k = self.table.num_rows, len(features)
        if n > BLOCK:
            raise BadInput(
                self.file, self.where, f"{n:,} jets, more than {BLOCK:,}; write smaller row groups"
            )
        label = self._column("label").to_numpy().astype(np.int64)
        if n and not -1 <= int(label.min()) <= int(label.max()) < len(classes):
            self._bad("label", f"outside -1 to {len(classes) - 1}")
        of_jet = {name: self._finite(name, self._column(name)) for name in OF_JET}
        width, values = self._list("features")
        if not bool((width == k).all()):
            self._bad("features", f"{int(width[width != k][0])} values of a jet where {k} are due")
        count, pt = self._list("pt")
        (n_eta, eta), (n_phi, phi) = self._list("eta"), self._list("phi")
        for name, other in (("eta", n_eta), ("phi", n_phi)):
            if not np.array_equal(other, count):
                self._bad(name, "not as many values as of pt")
        self._check_constituents(count, pt)
        offsets = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        return Jets(offsets, pt, eta, phi, values.reshape(n, k), features, label, classes, **of_jet)

    def _check_constituents(self, count: Ints, pt: Floats) -> None:
        if len(count) and int(count.max()) > CONSTITUENTS:
            self._bad("pt", f"{int(count.max())} constituents of a jet, more than {CONSTITUENTS}")
        if bool((pt <= 0).any()):
            self._bad("pt", "a constituent of no momentum")
        same_jet = np.diff(np.repeat(np.arange(len(count)), count)) == 0
        if bool((np.diff(pt)[same_jet] > 0).any()):
            self._bad("pt", "constituents of a jet that are not hardest first")

    def _list(self, name: str) -> tuple[Ints, Floats]:
        """How many values each jet has, and all of them."""
        column = self._column(name)
        return column.value_lengths().to_numpy().astype(np.int64), self._finite(name, column.flatten())

    def _column(self, name: str) -> pa.Array:
        column = self.table.column(name).combine_chunks()
        if column.null_count:
            self._bad(name, f"{column.null_count} gaps")
        return column

    def _finite(self, name: str, column: pa.Array) -> Floats:
        values: Floats = column.to_numpy(zero_copy_only=False).astype(np.float64)
        if column.null_count or not bool(np.isfinite(values).all()):
            self._bad(name, "NaN or infinity")
        return values

    def _bad(self, name: str, why: str) -> NoReturn:
        raise BadInput(self.file, f"{self.where}, column {name}", f"{why}; {AGAIN}")
