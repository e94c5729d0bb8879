"""The module table of the TrackML challenge, ``detectors.csv`` (also .gz).

Columns and meaning: https://www.kaggle.com/competitions/trackml-particle-identification/data; lengths in mm,
``module_t`` the full thickness (the clusters of the challenge's events fit 0.147 mm where the table says 0.15).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.description.placement import AXES
from gnnreco.geometry.description.tables import refuse

from .table import read_columns
from .written import Imported, orthonormal, write_imported

SHAPE = ("module_minhu", "module_maxhu", "module_hv", "pitch_u", "pitch_v", "module_t")
LABELS = ("volume_id", "layer_id", "module_id")
NUMBERS = ("cx", "cy", "cz", *(f"rot_{axis}" for axis in AXES), *SHAPE)


def read(file: Path, folder: Path, name: str) -> None:
    """Write a TrackML ``detectors.csv`` as a detector folder."""
    kinds_of = dict.fromkeys(NUMBERS, pa.float64()) | dict.fromkeys(LABELS, pa.int64())
    columns = read_columns(file, kinds_of, "the detectors.csv of TrackML")
    _refuse_repeats(file, np.stack([columns[label] for label in LABELS], axis=1))
    _refuse_shapes(file, columns)
    shapes = np.stack([columns[column] for column in SHAPE], axis=1)
    kinds, template = np.unique(shapes, axis=0, return_inverse=True)
    names = np.array([f"kind_{number}" for number in range(len(kinds))])
    volume, volume_row = np.unique(columns["volume_id"], return_inverse=True)
    _, layer = np.unique(
        np.stack([columns["volume_id"], columns["layer_id"]], axis=1), axis=0, return_inverse=True
    )
    rotation = np.stack([columns[f"rot_{axis}"] for axis in AXES], axis=1).reshape(-1, 3, 3)
    imported = Imported(
        templates={str(kind): _template(shape) for kind, shape in zip(names, kinds, strict=True)},
        subsystems={f"volume_{v}": {"measures": ["position"]} for v in volume},
        template=names[template.ravel()],
        subsystem=np.array([f"volume_{v}" for v in volume])[volume_row],
        layer=layer.ravel(),
        center=np.stack([columns[f"c{axis}"] for axis in "xyz"], axis=1),
        rotation=orthonormal(rotation),
        labels={label: columns[label] for label in LABELS},
        identify=[LABELS],
        bz=2.0,
        notes=["The field: 2 T, that of the challenge.", "Material: none is in the table."],
    )
    write_imported(imported, folder, name, file, "trackml")


def _refuse_repeats(file: Path, labels: NDArray[np.int64]) -> None:
    """Hits name their module by volume, layer and module: each name stands for one."""
    _, first, group = np.unique(labels, axis=0, return_index=True, return_inverse=True)
    again = np.flatnonzero(first[group.ravel()] != np.arange(len(labels)))
    if len(again):
        name = "/".join(str(number) for number in labels[again[0]])
        why = (
            f"module {name} stands in line {first[group.ravel()[again[0]]] + 2} already; keep one of the two"
        )
        raise BadInput(file, f"line {again[0] + 2}", why)


def _refuse_shapes(file: Path, columns: Mapping[str, NDArray[np.float64]]) -> None:
    """Sensors and their cells have sizes, and there is an end to how many cells lie along a side."""
    for name in SHAPE:
        low = columns[name] < 0 if name == "module_minhu" else columns[name] <= 0
        refuse(file, name, low, f"expected a length above 0, found {_first(columns[name], low)}")
    for name, half in (("pitch_u", "module_maxhu"), ("pitch_v", "module_hv")):
        many = columns[half] > limits.NUMBER * columns[name]
        refuse(file, name, many, "too small for the size of the module; check the unit")


def _first(values: NDArray[np.float64], wrong: NDArray[np.bool_]) -> str:
    return f"{values[wrong][0]:g}" if wrong.any() else ""


def _template(kind: NDArray[np.float64]) -> JsonDict:
    low, high, half_v, pitch_u, pitch_v, thickness = (float(number) for number in kind)
    cells = [round(2 * high / pitch_u), round(2 * half_v / pitch_v)]
    template: JsonDict = {
        "kind": "grid",
        "pitch": [pitch_u, pitch_v],
        "cells": cells,
        "thickness": thickness,
    }
    if low != high:
        template["outline"] = [[-low, -half_v], [low, -half_v], [high, half_v], [-high, half_v]]
    return template
