"""Writing a detector folder: a ``detector.yaml`` and the Parquet tables beside it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray

from gnnreco.files.json_types import JsonMapping
from gnnreco.geometry.description.placement import AXES

Tables = Mapping[str, Mapping[str, NDArray[Any]]]
UNITS = {"length": "mm", "angle": "deg", "field": "T"}


def write_folder(folder: Path, description: JsonMapping, tables: Tables) -> None:
    """Write a detector.

    Parameters
    ----------
    folder : Path
        Created where it is not there.
    description : mapping
        What ``detector.yaml`` holds after ``format``; plain dicts, lists, words and numbers.
    tables : mapping
        Name without ending to columns; words are written once each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, columns in tables.items():
        arrays = {key: pa.array(np.asarray(column)) for key, column in columns.items()}
        words = {key: a.dictionary_encode() for key, a in arrays.items() if pa.types.is_string(a.type)}
        # Opened here, since Arrow opens no path that is not UTF-8.
        with (folder / f"{name}.parquet").open("wb") as stream:
            pq.write_table(
                pa.table({**arrays, **words}),
                stream,
                compression="zstd",
                compression_level=19,
                write_page_checksum=True,
            )
    text = yaml.safe_dump(
        {"format": "gnnreco-detector/1", **description}, sort_keys=False, default_flow_style=None, width=110
    )
    (folder / "detector.yaml").write_text(text, encoding="utf-8")


def placed(center: NDArray[np.float64], rotation: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """The columns of places (n, 3) and axes (n, 3, 3) of a table of sensors."""
    # Adding 0 turns -0 into 0.
    columns = {axis: center[:, i] + 0.0 for i, axis in enumerate("xyz")}
    return columns | {axis: rotation[:, i // 3, i % 3] + 0.0 for i, axis in enumerate(AXES)}
