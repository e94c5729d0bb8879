"""The binning XML of the Fast Calorimeter Simulation Challenge: cylinders of voxels behind each other.

``<Bins><Bin pid name><Layer id r_edges n_bin_alpha/>...</Bin></Bins>``; a layer with one edge has no cells. See
https://calochallenge.github.io/homepage/.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.errors import BadInput
from gnnreco.files import limits
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.importers.drawings.xml_tree import Node, read_xml

from .folder import UNITS, placed, write_folder
from .numbers import integer, numbers, parsed
from .tiling import corner_table

#: Corners of a circle drawn as a polygon.
ROUND = 32


@dataclass(frozen=True)
class Layer:
    """One layer of the file: its number, edges of the rings (mm) and cells in a turn."""

    number: int
    radii: tuple[float, ...]
    n_alpha: int


def read(
    file: Path,
    folder: Path,
    name: str,
    particle: str = "",
    start: str = "800",
    spacing: str = "3.4",
    thickness: str = "0.6",
    radiation_lengths: str = "0.8055",
    interaction_lengths: str = "0.02944",
    moliere_radius: str = "10.9",
    sampling_fraction: str = "0.033",
    field: str = "0",
) -> None:
    """Write the binning of one particle as a detector: disks around the z axis, looked at from the origin.

    Options are words; all but `particle`, `start` and `field` are one number, or one for each layer that has cells,
    separated by commas. What they are without being told is data sets 2 and 3: two times 1.4 mm of tungsten and
    0.3 mm of silicon in a layer.

    Parameters
    ----------
    particle : str
        Name or pid of the ``Bin``; the first one unless told.
    start : str
        Where the first layer begins, mm from the origin.
    spacing, thickness : str
        Depth of the layers and of their active part, mm.
    radiation_lengths, interaction_lengths, moliere_radius, sampling_fraction : str
        Of the layers; the radius in mm.

    Raises
    ------
    BadInput
        With file, layer and remedy; for XML with a document type, entities or references outside.
    """
    layers = [layer for layer in _layers(file, particle) if len(layer.radii) > 1]
    if not layers:
        raise BadInput(file, "", "no layer has cells")
    n = len(layers)
    told = {
        key: _numbers(file, key, text, n)
        for key, text in (
            ("spacing", spacing),
            ("thickness", thickness),
            ("radiation_lengths", radiation_lengths),
            ("interaction_lengths", interaction_lengths),
            ("moliere_radius", moliere_radius),
            ("sampling_fraction", sampling_fraction),
        )
    }
    end = _numbers(file, "start", start, 1)[0] + np.cumsum(told["spacing"])
    templates: JsonDict = {}
    tables: dict[str, dict[str, NDArray[Any]]] = {}
    shapes: dict[tuple[tuple[float, ...], int, float], str] = {}
    for layer, active in zip(layers, told["thickness"].tolist(), strict=True):
        key = (layer.radii, layer.n_alpha, active)
        if key not in shapes:
            shapes[key] = f"disk_{layer.number}"
            templates[shapes[key]] = _template(layer, active, tables)
    centers = np.stack([np.zeros(n), np.zeros(n), end - told["thickness"] / 2], axis=1)
    keys = zip(layers, told["thickness"].tolist(), strict=True)
    sensors: dict[str, NDArray[Any]] = {
        "sensor_id": np.arange(n, dtype=np.int32),
        "template": np.array([shapes[layer.radii, layer.n_alpha, active] for layer, active in keys]),
        "subsystem": np.full(n, "calorimeter"),
        "layer": np.arange(n, dtype=np.int32),
        "layer_id": np.array([layer.number for layer in layers], np.int32),
        **placed(centers, np.broadcast_to(np.eye(3), (n, 3, 3))),
        **{key: told[key] for key in list(told)[2:]},
    }
    description = {
        "name": name,
        "units": UNITS,
        "field": {"kind": "solenoid", "bz": float(_numbers(file, "field", field, 1)[0])},
        "templates": templates,
        "subsystems": {"calorimeter": {"measures": ["energy"]}},
        "sensors": [{"table": "sensors.parquet", "identify": [["layer_id"]]}],
    }
    write_folder(folder, description, tables | {"sensors": sensors})


def _layers(file: Path, particle: str) -> list[Layer]:
    bins = list(read_xml(file).all("Bin"))
    chosen = [
        entry for entry in bins if particle in ("", entry.attributes.get("name"), entry.attributes.get("pid"))
    ]
    if not chosen:
        there = (
            ", ".join(str(entry.attributes.get("name")) for entry in bins) or "none; is this a binning file?"
        )
        raise BadInput(file, "option particle" if particle else "", f"no such Bin; there are: {there}")
    return [_layer(entry) for entry in chosen[0].all("Layer")]


def _layer(entry: Node) -> Layer:
    def where(key: str) -> str:
        return f"line {entry.line}, Layer id={entry.attributes.get('id')!r}, {key}"

    file = entry.file
    number = integer(file, where("id"), entry.text("id"), 0, limits.LAYERS)
    n_alpha = integer(file, where("n_bin_alpha"), entry.text("n_bin_alpha"), 1, limits.CORNERS)
    radii = tuple(parsed(file, where("r_edges"), entry.text("r_edges")))
    if len(radii) > limits.EDGES:
        raise BadInput(file, where("r_edges"), f"{len(radii):,} edges, more than {limits.EDGES:,}")
    if radii[0] < 0 or not (np.diff(radii) > 0).all():
        raise BadInput(file, where("r_edges"), "the edges must rise, from 0 or more")
    return Layer(number, radii, n_alpha)


def _numbers(file: Path, option: str, text: str, n: int) -> Floats:
    """One number for all layers, or one for each."""
    return np.broadcast_to(numbers(file, option, text, 1 if "," not in text else n), (n,)).copy()


def _template(layer: Layer, thickness: float, tables: dict[str, dict[str, NDArray[Any]]]) -> JsonDict:
    """Sectors of rings; whole rings, which no sector is, as polygons with a slit."""
    if layer.n_alpha > 2:
        phi = [0.0, 360.0, layer.n_alpha]
        return {"kind": "polar", "r": list(layer.radii), "phi": phi, "thickness": thickness}
    polygons = [
        _sector(inner, outer, 2 * np.pi * k / layer.n_alpha, 2 * np.pi * (k + 1) / layer.n_alpha)
        for inner, outer in zip(layer.radii, layer.radii[1:], strict=False)
        for k in range(layer.n_alpha)
    ]
    counts = np.array([len(polygon) for polygon in polygons])
    padded = np.stack(
        [polygon[np.minimum(np.arange(counts.max()), len(polygon) - 1)] for polygon in polygons]
    )
    cell = np.repeat(np.arange(len(counts)), counts)
    table = corner_table(padded, counts)
    table["channel_u"] = (cell // layer.n_alpha).astype(np.int32)
    table["channel_v"] = (cell % layer.n_alpha).astype(np.int32)
    tables[f"cells_{layer.number}"] = table
    return {"kind": "polygons", "table": f"cells_{layer.number}.parquet", "thickness": thickness}


def _sector(inner: float, outer: float, low: float, high: float) -> Floats:
    """A piece of a ring, counter-clockwise; a whole one is cut open along its beginning."""
    whole = high - low > 2 * np.pi - 1e-9
    steps = ROUND if whole else ROUND // 2
    angle = np.linspace(low, high, steps + 1)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if whole:
        circle[-1] = circle[0]
    if inner > 0:
        return np.concatenate([outer * circle, inner * circle[::-1]])
    return outer * circle[:-1] if whole else np.concatenate([outer * circle, np.zeros((1, 2))])
