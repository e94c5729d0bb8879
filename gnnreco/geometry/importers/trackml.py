"""The module table of the TrackML challenge, ``detectors.csv`` (also .gz).

Columns and meaning: https://www.kaggle.com/competitions/trackml-particle-identification/data; lengths in mm,
``module_t`` the full thickness (the clusters of the challenge's events fit 0.147 mm where the table says 0.15).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from ...errors import BadInput
from ..placement import AXES

SHAPE = ("module_minhu", "module_maxhu", "module_hv", "pitch_u", "pitch_v", "module_t")
LABELS = ("volume_id", "layer_id", "module_id")
NUMBERS = ("cx", "cy", "cz", *(f"rot_{axis}" for axis in AXES), *SHAPE)


def import_trackml(file: Path, folder: Path) -> Path:
    """Write a TrackML ``detectors.csv`` as a detector folder; see `import_detector`."""
    columns = _read(file)
    _refuse_repeats(file, np.stack([columns[name] for name in LABELS], axis=1))
    shapes = np.stack([columns[name] for name in SHAPE], axis=1)
    kinds, template = np.unique(shapes, axis=0, return_inverse=True)
    names = np.array([f"kind_{number}" for number in range(len(kinds))])
    volume, volume_row = np.unique(columns["volume_id"], return_inverse=True)
    _, layer = np.unique(
        np.stack([columns["volume_id"], columns["layer_id"]], axis=1), axis=0, return_inverse=True
    )
    rotation = orthonormal(np.stack([columns[f"rot_{axis}"] for axis in AXES], axis=1).reshape(-1, 3, 3))
    table = {
        "sensor_id": np.arange(len(layer)),
        "template": pa.array(names[template.ravel()]).dictionary_encode(),
        "subsystem": pa.array(np.array([f"volume_{v}" for v in volume])[volume_row]).dictionary_encode(),
        "layer": layer.ravel().astype(np.int32),
        **{axis: columns[f"c{axis}"] for axis in "xyz"},
        **{axis: rotation[:, i // 3, i % 3] for i, axis in enumerate(AXES)},
        **{label: columns[label] for label in LABELS},
    }
    description = {
        "format": "gnnreco-detector/1",
        "name": folder.name,
        "units": {"length": "mm", "angle": "rad", "field": "T"},
        "field": {"kind": "solenoid", "bz": 2.0},
        "templates": {str(name): _template(kind) for name, kind in zip(names, kinds, strict=True)},
        "subsystems": {f"volume_{v}": {"measures": ["position"]} for v in volume},
        "sensors": [{"table": "sensors.parquet", "identify": [list(LABELS)]}],
    }
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(table), folder / "sensors.parquet", compression="zstd", write_page_checksum=True)
    (folder / "detector.yaml").write_text(
        yaml.safe_dump(description, sort_keys=False, default_flow_style=None)
    )
    return folder


def orthonormal(rotation: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation matrices (n, 3, 3) nearest to matrices written with few digits; a mirror image stays one."""
    u, _, vt = np.linalg.svd(rotation)
    return np.asarray(u @ vt)


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


def _template(kind: NDArray[np.float64]) -> dict[str, Any]:
    low, high, half_v, pitch_u, pitch_v, thickness = (float(number) for number in kind)
    cells = [round(2 * high / pitch_u), round(2 * half_v / pitch_v)]
    template: dict[str, Any] = {
        "kind": "grid",
        "pitch": [pitch_u, pitch_v],
        "cells": cells,
        "thickness": thickness,
    }
    if low != high:
        template["outline"] = [[-low, -half_v], [low, -half_v], [high, half_v], [-high, half_v]]
    return template


def _read(file: Path) -> dict[str, NDArray[Any]]:
    try:
        table = pa.csv.read_csv(file)
    except FileNotFoundError:
        raise BadInput(file, "", "no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise BadInput(file, "", f"not a readable CSV file: {str(error).splitlines()[0]}") from None
    columns: dict[str, NDArray[Any]] = {}
    for name in NUMBERS + LABELS:
        if name not in table.column_names:
            raise BadInput(file, f"column {name}", "missing; is this the detectors.csv of TrackML?")
        kind = pa.int64() if name in LABELS else pa.float64()
        try:
            column = table[name].cast(kind).to_numpy()
        except pa.ArrowException:
            raise BadInput(file, f"column {name}", "expected numbers") from None
        bad = np.flatnonzero(~np.isfinite(column))
        if len(bad):
            raise BadInput(file, f"line {bad[0] + 2}, column {name}", "empty or not finite")
        columns[name] = np.asarray(column)
    if len(columns["cx"]) == 0:
        raise BadInput(file, "", "the table has no modules")
    return columns
