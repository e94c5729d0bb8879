"""The folder an importer leaves: ``detector.yaml``, ``sensors.parquet`` and a ``README.md`` with the source."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonDict, JsonMapping

from .folder import placed, write_folder


class Importer(Protocol):
    """Translates descriptions of one foreign format.

    Options follow the name. They are words, as the command line has them, and each says what the file leaves open;
    those that share a name mean the same in every format: ``field`` is the field along z in tesla, lengths are mm.
    """

    def __call__(self, file: Path, folder: Path, name: str, /, *args: Any, **options: Any) -> None:
        """Write a description as a detector folder.

        Parameters
        ----------
        file : path
            The foreign description.
        folder : path
            An empty one, to be filled.
        name : str
            Of the detector.

        Raises
        ------
        BadInput
            With file, line or column, and remedy.
        """


@dataclass(frozen=True)
class Imported:
    """A detector as an importer understood it.

    Attributes
    ----------
    templates, subsystems : mapping
        As in ``detector.yaml``.
    template, subsystem : str (n,)
        Names, one for each sensor.
    layer : int (n,)
    center : float64 (n, 3)
        mm.
    rotation : float64 (n, 3, 3)
    labels : mapping of int64 (n,)
    identify : sequence of lists of labels
    columns : mapping of float64 (n,)
        Optional columns of the table: material, resolution.
    bz : float
        Field along z, tesla.
    notes : sequence of str
        What the file did not tell and the importer assumed.
    """

    templates: JsonMapping
    subsystems: JsonMapping
    template: Sequence[str] | NDArray[Any]
    subsystem: Sequence[str] | NDArray[Any]
    layer: NDArray[Any]
    center: Floats
    rotation: Floats
    labels: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    identify: Sequence[Sequence[str]] = ()
    columns: Mapping[str, Floats] = field(default_factory=dict)
    bz: float = 0.0
    notes: Sequence[str] = ()


def write_imported(detector: Imported, folder: Path, name: str, source: Path, format: str) -> None:
    """Write the folder; `source` and `format` are for its README."""
    entry: JsonDict = {"table": "sensors.parquet"}
    if detector.identify:
        entry["identify"] = [list(group) for group in detector.identify]
    description = {
        "name": name,
        "units": {"length": "mm", "angle": "rad", "field": "T"},
        "field": {"kind": "solenoid", "bz": detector.bz},
        "templates": dict(detector.templates),
        "subsystems": dict(detector.subsystems),
        "sensors": [entry],
    }
    sensors = {
        "sensor_id": np.arange(len(detector.layer)),
        "template": np.asarray(detector.template, str),
        "subsystem": np.asarray(detector.subsystem, str),
        "layer": np.asarray(detector.layer).astype(np.int32),
        **placed(detector.center, detector.rotation),
        **detector.columns,
        **detector.labels,
    }
    write_folder(folder, description, {"sensors": sensors})
    (folder / "README.md").write_text(_readme(detector, name, source, format), encoding="utf-8")


def _readme(detector: Imported, name: str, source: Path, format: str) -> str:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    source_name = source.name.encode("utf-8", "replace").decode()
    notes = "".join(f"- {note}\n" for note in detector.notes)
    assumed = f"\n## What the file did not tell\n\n{notes}" if notes else ""
    return (
        f"# {name}\n\n{len(detector.layer)} sensors, made by `gnnreco detector import {format}` from `{source_name}`"
        f"\n(sha256 {digest}).\n{assumed}"
    )


def orthonormal(rotation: Floats) -> Floats:
    """The rotation matrices (n, 3, 3) nearest to matrices written with few digits; a mirror image stays one."""
    u, _, vt = np.linalg.svd(rotation)
    return np.asarray(u @ vt)
