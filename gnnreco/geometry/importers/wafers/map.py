"""Wafer maps of a high-granularity calorimeter: one line of text for each hexagonal silicon wafer.

Layer, shape, class of thickness and density, x, y (mm, as seen on the negative side), rotation, u, v, and what else
the version has; `wafer_text` reads them all, `wafers` knows the cells, `wafer_layers` the layers' depth.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.importers.folder import UNITS, placed, write_folder
from gnnreco.geometry.importers.numbers import integer, number
from gnnreco.geometry.importers.tiling import corner_table

from .layers import layer_columns, sampling_silicon
from .standing import evened, frames, pitch, standing
from .text import CUT_LETTERS, ToldCells, WaferMap, read_cells, read_text
from .tile_sectors import read_tiles
from .wafers import Shape, cells_of, outline_of, present_shape

Kind = tuple[str, int, Shape, float]

SIDES = {"both": (1, -1), "positive": (1,), "negative": (-1,)}
LABELS = ("side", "station", "part", "wafer_u", "wafer_v")


def read(
    file: Path,
    folder: Path,
    name: str,
    z: str = "",
    cells: str = "",
    tiles: str = "",
    sides: str = "both",
    field: str = "3.8",
    gap: str = "1.07",
    lattice: str = "",
    unit: str = "mm",
    turns: str = "1",
) -> None:
    """Write a wafer map as a detector folder; options are words.

    Parameters
    ----------
    z : str
        Depth of the layers: ``START,STEP`` (mm), a CSV file with columns ``layer, z`` and any of
        ``radiation_lengths, interaction_lengths, moliere_radius, loss, share, tile_z``, or nothing for a built-in table.
    cells : str
        A text file of cells, columns ``Typecode`` (ML-F, MH-T, ...), ``iu`` and ``iv`` named in its first line.
    tiles : str
        A CSV file of sectors of scintillator tiles, see `tile_sectors`.
    sides : str
        ``both``, ``positive`` or ``negative``.
    gap : str
        Between the silicon of neighbouring wafers, mm.
    lattice : str
        Width that the 3 N^2 cells of a wafer share, mm; the distance of the wafers unless told.
    unit : str
        Of x and y in the map: ``mm`` or ``cm``.
    turns : str
        How many equal turns bring the wafers back to where they are: evens out what the map has rounded.

    Raises
    ------
    BadInput
        With file, line and remedy.
    """
    if sides not in SIDES:
        raise BadInput(file, "option sides", f"{sides!r} is none of {', '.join(SIDES)}")
    wafers = _scaled(read_text(file), file, unit)
    fold = integer(file, "option turns", turns, 1, 1000)
    width = pitch(file, wafers)
    wafers = evened(file, wafers, fold)
    silicon = width - number(file, "gap", gap)
    lattice_width = number(file, "lattice", lattice) if lattice else width
    # The centres of the outermost cells are this near to the edge.
    if not 0.975 * lattice_width < silicon <= lattice_width:
        why = f"silicon of {silicon:g} mm does not fit cells that share {lattice_width:g} mm; a gap is about 1 mm"
        raise BadInput(file, "option gap", why)
    shapes, turn, back = standing(file, wafers)
    told = read_cells(Path(cells)) if cells else {}
    layer, row = np.unique(wafers.layer, return_inverse=True)
    depth = layer_columns(layer, z)
    kinds = (wafers.density.tolist(), wafers.code.tolist(), shapes, wafers.thickness.tolist())
    keys: list[Kind] = list(zip(*kinds, strict=True))
    templates, tables, named = _templates(dict.fromkeys(keys), lattice_width, silicon, told)
    center, axes = frames(wafers, turn, back, -depth["z"][row])
    columns: dict[str, NDArray[Any]] = {
        "template": np.array([named[key] for key in keys]),
        "subsystem": np.full(len(keys), "silicon"),
        "layer": row.astype(np.int32),
        "sampling_fraction": sampling_silicon(wafers.thickness, depth["loss"][row], depth["share"][row]),
        "station": wafers.layer.astype(np.int32),
        "part": np.zeros(len(keys), np.int32),
        "wafer_u": wafers.u.astype(np.int32),
        "wafer_v": wafers.v.astype(np.int32),
    }
    subsystems = {"silicon": {"measures": ["energy", "time"]}}
    if tiles:
        more, sectors, place = read_tiles(Path(tiles), layer, depth)
        templates |= more
        columns = {key: np.concatenate([column, sectors[key]]) for key, column in columns.items()}
        center, axes = np.concatenate([center, place[0]]), np.concatenate([axes, place[1]])
        subsystems["scintillator"] = {"measures": ["energy", "time"]}
    for material in ("radiation_lengths", "interaction_lengths", "moliere_radius"):
        columns[material] = depth[material][columns["layer"]]
    description = {
        "name": name,
        "units": UNITS,
        "field": {"kind": "solenoid", "bz": number(file, "field", field)},
        "templates": templates,
        "subsystems": subsystems,
        "sensors": [{"table": "sensors.parquet", "identify": [list(LABELS)]}],
    }
    sensors = _both_sides(columns, center, axes, SIDES[sides], len(layer))
    write_folder(folder, description, tables | {"sensors": sensors})


def _scaled(wafers: WaferMap, file: Path, unit: str) -> WaferMap:
    if unit not in ("mm", "cm"):
        raise BadInput(file, "option unit", f"{unit!r} is none of mm, cm")
    factor = 10.0 if unit == "cm" else 1.0
    return replace(wafers, x=wafers.x * factor, y=wafers.y * factor)


def _templates(
    keys: dict[Kind, None], width: float, silicon: float, told: ToldCells
) -> tuple[JsonDict, dict[str, dict[str, NDArray[Any]]], dict[Kind, str]]:
    """Descriptions of the kinds of wafers, their tables of cells, and the name of each kind."""
    templates: JsonDict = {}
    tables: dict[str, dict[str, NDArray[Any]]] = {}
    named: dict[Kind, str] = {}
    shaped: dict[tuple[str, int, Shape], str] = {}
    letters = {code: letter for letter, code in CUT_LETTERS.items()}
    for density, code, shape, thickness in keys:
        if (density, code, shape) not in shaped:
            base = f"{density}d_{letters.get(code, str(code)).lower()}"
            turned = sum(label.rpartition("_r")[0] == base or label == base for label in shaped.values())
            label = f"{base}_r{turned}" if turned else base
            present = code == 0 or ((density, code) in told and shape == present_shape(density, code))
            polygons, counts, iu, iv = cells_of(
                shape, width, silicon, told.get((density, code)) if present else None
            )
            table: dict[str, NDArray[Any]] = corner_table(polygons, counts)
            table["channel_u"] = np.repeat(iu, counts).astype(np.int32)
            table["channel_v"] = np.repeat(iv, counts).astype(np.int32)
            tables[f"cells_{label}"] = table
            shaped[density, code, shape] = label
        label = shaped[density, code, shape]
        named[density, code, shape, thickness] = f"{label}_{round(thickness * 1000)}"
        templates[f"{label}_{round(thickness * 1000)}"] = {
            "kind": "polygons",
            "table": f"cells_{label}.parquet",
            "thickness": thickness,
            "outline": outline_of(shape, width, silicon).round(6).tolist(),
        }
    return templates, tables, named


def _both_sides(
    columns: dict[str, NDArray[Any]], center: Floats, axes: Floats, sides: tuple[int, ...], n_layers: int
) -> dict[str, NDArray[Any]]:
    """The positive side is the negative one turned half about the y axis; its layers come first."""
    half_turn = np.diag([-1.0, 1.0, -1.0])
    parts = []
    for count, side in enumerate(sides):
        where = (center, axes) if side < 0 else (center @ half_turn, half_turn @ axes)
        parts.append(
            columns
            | {"layer": columns["layer"] + count * n_layers, "side": np.full(len(center), side, np.int32)}
            | placed(*where)
        )
    joined = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    return {"sensor_id": np.arange(len(joined["side"]), dtype=np.int32), **joined}
