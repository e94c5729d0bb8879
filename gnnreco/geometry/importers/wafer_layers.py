"""Where the layers of a wafer map lie and what they are made of."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from ...errors import BadInput

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

COLUMNS = ("z", "radiation_lengths", "interaction_lengths", "moliere_radius", "loss", "tile_z")
#: Loss of a minimum-ionising particle in the active material, MeV/mm (PDG), and how much less a shower leaves there
#: than such particles of its energy would: 0.66 from Geant4 for silicon in tungsten, a guess for scintillator.
ACTIVE = {"silicon": (0.3876, 0.66), "scintillator": (0.202, 0.85)}


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
        `COLUMNS`; ``loss`` is that of a minimum-ionising particle in all of the layer, MeV.
    """
    columns = _built_in(layer)
    if not z:
        return columns
    start, comma, step = z.partition(",")
    if comma and not Path(z).exists():
        try:
            given = {"z": np.asarray(float(start) + float(step) * (layer - 1), np.float64)}
        except ValueError:
            raise BadInput(z, "option z", "expected START,STEP in mm, or a CSV file") from None
    else:
        given = _from_file(layer, Path(z))
    if "tile_z" not in given:
        given["tile_z"] = given["z"] + columns["tile_z"] - columns["z"]
    return columns | given


def sampling(active: str, thickness: Floats, loss: Floats) -> Floats:
    """Part of the energy of an electromagnetic shower that the active material of a layer keeps, (n,)."""
    per_mm, share = ACTIVE[active]
    return share * per_mm * thickness / loss


def _built_in(layer: Ints) -> dict[str, Floats]:
    text = files(__package__).joinpath("wafer_layers.csv").read_bytes()
    table = pa.csv.read_csv(pa.BufferReader(text))
    known = {name: np.asarray(table[name].to_numpy(), np.float64) for name in COLUMNS}
    row = np.minimum(layer, table.num_rows) - 1
    beyond = (layer - 1 - row) * (known["z"][-1] - known["z"][-2])
    columns = {name: known[name][row] for name in COLUMNS}
    return columns | {name: columns[name] + beyond for name in ("z", "tile_z")}


def _from_file(layer: Ints, file: Path) -> dict[str, Floats]:
    table = read_csv(file, ("layer", "z"))
    numbers = floats(table, file, "layer").astype(np.int64)
    missing = np.setdiff1d(layer, numbers)
    if len(missing):
        raise BadInput(
            file, "column layer", f"says nothing of layer {missing[0]}; give every layer of the map"
        )
    row = np.argsort(numbers)[np.searchsorted(np.sort(numbers), layer)]
    return {name: floats(table, file, name)[row] for name in COLUMNS if name in table.column_names}


def read_csv(file: Path, needed: tuple[str, ...]) -> pa.Table:
    """A CSV table with the needed columns."""
    try:
        table = pa.csv.read_csv(file)
    except FileNotFoundError:
        raise BadInput(file, "", "no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise BadInput(file, "", f"not a readable CSV file: {str(error).splitlines()[0]}") from None
    for name in needed:
        if name not in table.column_names:
            raise BadInput(file, f"column {name}", f"missing; the table needs {', '.join(needed)}")
    return table


def floats(table: pa.Table, file: Path, name: str) -> Floats:
    """A column of finite numbers."""
    try:
        values = np.asarray(table[name].cast(pa.float64()).to_numpy(), np.float64)
    except pa.ArrowException:
        raise BadInput(file, f"column {name}", "expected numbers") from None
    for row in np.flatnonzero(~np.isfinite(values))[:1]:
        raise BadInput(file, f"line {row + 2}, column {name}", "empty or not finite")
    return values
