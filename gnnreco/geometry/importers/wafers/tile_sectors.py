"""Sectors of scintillator tiles: rings cut into equal angles, given in a CSV table.

Columns: ``layer`` (the station of the wafer map), ``r`` (edges of the rings, mm, separated by spaces), ``phi_from``,
``phi_to`` (degrees), ``n_phi``; angles as seen on the negative side, like x and y of the wafers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.description.tables import read_arrow, refuse
from gnnreco.geometry.importers.numbers import parsed
from gnnreco.geometry.importers.table import numbers_of, whole, words

from .layers import sampling_scintillator

TILE_THICKNESS = 3.0


def read_tiles(
    file: Path, layer: Ints, depth: dict[str, Floats]
) -> tuple[JsonDict, dict[str, NDArray[Any]], tuple[Floats, Floats]]:
    """Templates, columns of sensors, and their places and axes on the negative side."""
    table = read_arrow(file, ("layer", "r", "phi_from", "phi_to", "n_phi"), types={"r": pa.string()})
    station, count = (whole(table, file, key, 1) for key in ("layer", "n_phi"))
    low, high = (numbers_of(table, file, key) for key in ("phi_from", "phi_to"))
    refuse(file, "n_phi", count > limits.CORNERS, f"more than {limits.CORNERS:,} tiles around a sector")
    refuse(
        file,
        "phi_to",
        ~((high > low) & (high <= low + 360) & (np.abs(low) <= 360)),
        "angles must rise, by 360 at most",
    )
    foreign = np.flatnonzero(~np.isin(station, layer))
    if len(foreign):
        raise BadInput(file, f"line {foreign[0] + 2}, column layer", "the wafer map has no such layer")
    rings = words(table, file, "r").tolist()
    templates: JsonDict = {}
    kinds: dict[tuple[str, float, int], str] = {}
    names = []
    for line, (text, width, n) in enumerate(zip(rings, high - low, count, strict=True), start=2):
        key = (text, round(float(width), 9), int(n))
        if key not in kinds:
            kinds[key] = f"tiles_{len(kinds)}"
            radii = parsed(file, f"line {line}, column r", text, sep=None)
            templates[kinds[key]] = {
                "kind": "polar",
                "r": radii,
                "phi": [0.0, key[1], key[2]],
                "thickness": TILE_THICKNESS,
            }
        names.append(kinds[key])
    row = np.searchsorted(layer, station)
    n_sectors = len(station)
    columns: dict[str, NDArray[Any]] = {
        "template": np.array(names),
        "subsystem": np.full(n_sectors, "scintillator"),
        "layer": row.astype(np.int32),
        "sampling_fraction": sampling_scintillator(np.full(n_sectors, TILE_THICKNESS), depth["loss"][row]),
        "station": station.astype(np.int32),
        "part": np.ones(n_sectors, np.int32),
        "wafer_u": np.zeros(n_sectors, np.int32),
        "wafer_v": np.round(low * 100).astype(np.int32),
    }
    angle, zero, one = np.radians(low), np.zeros(n_sectors), np.ones(n_sectors)
    axes = np.stack(
        [
            np.stack([np.cos(angle), -np.sin(angle), zero], axis=1),
            np.stack([np.sin(angle), np.cos(angle), zero], axis=1),
            np.stack([zero, zero, one], axis=1),
        ],
        axis=1,
    )
    center = np.stack([zero, zero, -depth["tile_z"][row]], axis=1)
    return templates, columns, (center, axes)
