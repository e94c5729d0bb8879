"""Where the layers of a wafer map lie and what they are made of."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.geometry.description.tables import read_arrow
from gnnreco.geometry.importers.numbers import numbers
from gnnreco.geometry.importers.table import numbers_of, whole

COLUMNS = ("z", "radiation_lengths", "interaction_lengths", "moliere_radius", "loss", "share", "tile_z")
#: Loss of a minimum-ionising particle, MeV/mm (PDG).
SILICON, SCINTILLATOR = 0.3876, 0.202
#: What a shower leaves in scintillator over what minimum-ionising particles of its energy would: a guess.
SCINTILLATOR_SHARE = 0.85


def layer_columns(layer: Ints, z: str) -> dict[str, Floats]:
    """Columns for each layer of a map.

    Parameters
    ----------
    layer : int64 (n,)
        Numbers of the layers, rising from 1.
    z : str
        Empty for the layers of the built-in table (beyond its end, more of its last one); ``START,STEP`` in mm for
        equal distances; or a CSV file with columns ``layer, z`` and any other of `COLUMNS`.

    Returns
    -------
    dict of float64 (n,)
        `COLUMNS`; ``loss`` is that of a minimum-ionising particle from the silicon before to this layer's, MeV; ``share``
        what a shower leaves in silicon over what such particles of its energy would.
    """
    columns = _built_in(layer)
    if not z:
        return columns
    if "," in z and not Path(z).exists():
        try:
            begin, apart = numbers(Path(z), "z", z, 2)
        except BadInput:
            raise BadInput(z, "option z", "expected START,STEP in mm, or a CSV file") from None
        given = {"z": np.asarray(begin + apart * (layer - 1), np.float64)}
    else:
        given = _from_file(layer, Path(z))
    if "tile_z" not in given:
        given["tile_z"] = given["z"] + columns["tile_z"] - columns["z"]
    return columns | given


def sampling_silicon(thickness: Floats, loss: Floats, share: Floats) -> Floats:
    """Part of the energy of an electromagnetic shower that the silicon (mm) of a layer keeps, (n,)."""
    return share * SILICON * thickness / loss


def sampling_scintillator(thickness: Floats, loss: Floats) -> Floats:
    """The same for scintillator."""
    return SCINTILLATOR_SHARE * SCINTILLATOR * thickness / loss


def _built_in(layer: Ints) -> dict[str, Floats]:
    text = files(__package__).joinpath("layers.csv").read_bytes()
    table = pa.csv.read_csv(pa.BufferReader(text))
    known = {name: np.asarray(table[name].to_numpy(), np.float64) for name in COLUMNS}
    row = np.minimum(layer, table.num_rows) - 1
    beyond = (layer - 1 - row) * (known["z"][-1] - known["z"][-2])
    columns = {name: known[name][row] for name in COLUMNS}
    return columns | {name: columns[name] + beyond for name in ("z", "tile_z")}


def _from_file(layer: Ints, file: Path) -> dict[str, Floats]:
    table = read_arrow(file, ("layer", "z"))
    known = whole(table, file, "layer", 0, limits.LAYERS)
    missing = np.setdiff1d(layer, known)
    if len(missing):
        raise BadInput(
            file, "column layer", f"says nothing of layer {missing[0]}; give every layer of the map"
        )
    row = np.argsort(known)[np.searchsorted(np.sort(known), layer)]
    return {name: numbers_of(table, file, name)[row] for name in COLUMNS if name in table.column_names}
