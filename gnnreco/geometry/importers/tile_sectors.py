"""Sectors of scintillator tiles: rings cut into equal angles, given in a CSV table.

Columns: ``layer`` (the station of the wafer map), ``r`` (edges of the rings, mm, separated by spaces), ``phi_from``,
``phi_to`` (degrees), ``n_phi``; angles as seen on the negative side, like x and y of the wafers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import BadInput
from .wafer_layers import floats, read_csv, sampling

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TILE_THICKNESS = 3.0


def read_tiles(
    file: Path, layer: Ints, depth: dict[str, Floats]
) -> tuple[dict[str, Any], dict[str, NDArray[Any]], tuple[Floats, Floats]]:
    """Templates, columns of sensors, and their places and axes on the negative side."""
    table = read_csv(file, ("layer", "r", "phi_from", "phi_to", "n_phi"))
    station, low, high, count = (floats(table, file, key) for key in ("layer", "phi_from", "phi_to", "n_phi"))
    foreign = np.flatnonzero(~np.isin(station, layer))
    if len(foreign):
        raise BadInput(file, f"line {foreign[0] + 2}, column layer", "the wafer map has no such layer")
    rings = table["r"].cast("string").to_pylist()
    templates: dict[str, Any] = {}
    kinds: dict[tuple[str, float, int], str] = {}
    names = []
    for line, (text, width, n) in enumerate(zip(rings, high - low, count, strict=True), start=2):
        key = (text, round(float(width), 9), int(n))
        if key not in kinds:
            kinds[key] = f"tiles_{len(kinds)}"
            try:
                radii = [float(word) for word in text.split()]
            except ValueError:
                raise BadInput(
                    file, f"line {line}, column r", "expected numbers separated by spaces"
                ) from None
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
        "sampling_fraction": sampling("scintillator", np.full(n_sectors, TILE_THICKNESS), depth["loss"][row]),
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
