"""A table of cells, from any program that can write one: cells in one plane become a sensor.

Columns ``x, y, z, layer`` and ``size``, ``size_u, size_v`` or ``polygon``; further ``sensor``, ``subsystem``,
``nx, ny, nz`` (normal), ``thickness``, ``channel_u, channel_v``, and ``radiation_lengths``, ``interaction_lengths``,
``moliere_radius``, ``sampling_fraction``, ``air_gap`` of the cell's layer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict

from .cell_table import MATERIAL, CellTable, read_cell_table
from .folder import UNITS, placed, write_folder
from .numbers import number

FLAT = 0.05  # mm that a cell may lie off the plane of its sensor
SAME = 1e-3  # mm below which two lengths are one


def read(
    file: Path,
    folder: Path,
    name: str,
    unit: str = "mm",
    thickness: str = "1",
    measures: str = "energy",
    field: str = "0",
    radiation_lengths: str = "",
    interaction_lengths: str = "",
    moliere_radius: str = "",
    sampling_fraction: str = "",
    air_gap: str = "",
) -> None:
    """Write a table of cells as a detector folder; options are words.

    Parameters
    ----------
    unit : str
        Of all lengths of the table.
    thickness : str
        Of the active material, mm, where the table has no such column.
    measures : str
        What the cells measure: ``position``, ``energy``, ``time``, with commas.
    radiation_lengths, interaction_lengths, moliere_radius, sampling_fraction, air_gap : str
        Of every layer, where the table has no such column; the radius and the gap in mm.

    Raises
    ------
    BadInput
        With line or row, column and remedy: a missing column, a layer that is no plane.
    """
    told = (radiation_lengths, interaction_lengths, moliere_radius, sampling_fraction, air_gap)
    material = {key: number(file, key, text) for key, text in zip(MATERIAL, told, strict=True) if text}
    bz = number(file, "field", field)
    table = read_cell_table(file, unit, thickness)
    for key in set(material) & set(table.material):
        raise BadInput(file, f"option {key}", "the table has a column of this name; leave one of the two out")
    sensor, normal = _sensors(file, table)
    axes = _axes(normal)
    order = np.argsort(sensor, kind="stable")
    starts = np.flatnonzero(np.diff(sensor[order], prepend=-1))
    low, high = (_by_sensor(table, sensor, axes, order, starts, pick) for pick in (np.minimum, np.maximum))
    # In the sensor's axes, then back.
    center = np.einsum("sij,sj->si", axes, (low + high) / 2)
    templates, tables, template = _templates(table, sensor, axes, center, order, starts)
    first = order[starts]
    _, layer = np.unique(table.layer[first], return_inverse=True)
    sensors: dict[str, NDArray[Any]] = {
        "sensor_id": np.arange(len(first), dtype=np.int32),
        "template": template,
        "subsystem": np.array(table.subsystems)[table.subsystem[first]],
        "layer": layer.ravel().astype(np.int32),
        "table_layer": table.layer[first],
        **placed(center, axes),
        **{key: column[first] for key, column in table.material.items()},
    }
    description = {
        "name": name,
        "units": UNITS,
        "field": {"kind": "solenoid", "bz": bz},
        "templates": templates,
        "subsystems": {
            word: {"measures": measures.split(","), **({"material": material} if material else {})}
            for word in table.subsystems
        },
        "sensors": [{"table": "sensors.parquet"}],
    }
    write_folder(folder, description, tables | {"sensors": sensors})


def _sensors(file: Path, table: CellTable) -> tuple[Ints, Floats]:
    """Sensor of each cell, from 0, and normal of each sensor."""
    columns = [table.layer, table.subsystem, np.round(table.thickness / SAME).astype(np.int64)]
    if table.sensor is not None:
        columns.append(table.sensor)
    if table.normal is not None:
        columns += list(np.round(table.normal / 1e-4).astype(np.int64).T)
        depth = np.einsum("ij,ij->i", table.place, table.normal)
        columns.append(np.round(depth / FLAT).astype(np.int64))
    _, first, sensor = np.unique(np.stack(columns, axis=1), axis=0, return_index=True, return_inverse=True)
    sensor = sensor.ravel()
    normal = table.normal[first] if table.normal is not None else _fitted(table, sensor, len(first))
    height = np.einsum("ij,ij->i", table.place, normal[sensor])
    middle = np.bincount(sensor, height) / np.bincount(sensor)
    off = np.abs(height - middle[sensor])
    if off.max() > 2 * FLAT:
        row = int(off.argmax())
        why = f"the cells of its sensor lie up to {off.max():.3g} mm off a plane"
        remedy = "add a column sensor that names flat groups, or nx, ny, nz, the normal of each cell"
        raise BadInput(file, f"row {row}, layer {table.layer[row]}", f"{why}; {remedy}")
    return sensor, normal


def _fitted(table: CellTable, sensor: Ints, n: int) -> Floats:
    """Normals (n, 3), outwards, of the planes through each sensor's cells or their corners; z where it fits."""
    if table.corners is not None and table.counts is not None:
        group, points = np.repeat(sensor, table.counts), table.corners
    else:
        group, points = sensor, table.place
    count = np.bincount(group, minlength=n)
    mean = np.stack([np.bincount(group, points[:, a], n) for a in range(3)], axis=1) / count[:, None]
    away = points - mean[group]
    spread = np.empty((n, 3, 3))
    for a in range(3):
        for b in range(3):
            spread[:, a, b] = np.bincount(group, away[:, a] * away[:, b], n)
    values, vectors = np.linalg.eigh(spread)
    normal = vectors[:, :, 0]
    normal *= np.where(np.einsum("sa,sa->s", normal, mean) < 0, -1.0, 1.0)[:, None]
    # Cells on a line, or one cell alone, do not tell their plane; all at one z, they lie across the beam.
    flat = (spread[:, 2, 2] <= count * SAME**2) | (values[:, 1] <= count * SAME**2)
    return np.where(flat[:, None], [0.0, 0.0, 1.0], normal)


def _axes(normal: Floats) -> Floats:
    """Axes (n, 3, 3) with w along the normal, and u across the beam: along phi, or along x for a disk."""
    along = np.abs(normal[:, 2]) > 1 - 1e-9
    u = np.where(along[:, None], [1.0, 0.0, 0.0], np.cross([0.0, 0.0, 1.0], normal))
    u /= np.linalg.norm(u, axis=1)[:, None]
    return np.stack([u, np.cross(normal, u), normal], axis=2)


def _by_sensor(table: CellTable, sensor: Ints, axes: Floats, order: Ints, starts: Ints, pick: Any) -> Floats:
    """Smallest or largest place (n, 3) of the cells of each sensor, in its axes."""
    local = np.einsum("cj,cji->ci", table.place, axes[sensor])
    return np.asarray(pick.reduceat(local[order], starts, axis=0), np.float64)


def _templates(
    table: CellTable, sensor: Ints, axes: Floats, center: Floats, order: Ints, starts: Ints
) -> tuple[JsonDict, dict[str, dict[str, NDArray[Any]]], NDArray[np.str_]]:
    """Descriptions, tables of cells, and the name of each sensor's template; equal sensors share one."""
    local = np.einsum("cj,cji->ci", table.place - center[sensor], axes[sensor])[:, :2]
    counts = np.full(len(sensor), 4) if table.counts is None else table.counts
    if table.corners is None or table.counts is None:
        assert table.size is not None
        square = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
        corners = (local[:, None] + square * table.size[:, None]).reshape(-1, 2)
    else:
        of = np.repeat(sensor, counts)
        corners = np.einsum("cj,cji->ci", table.corners - center[of], axes[of])[:, :2]
    ends = np.concatenate([[0], np.cumsum(counts)])
    templates: JsonDict = {}
    tables: dict[str, dict[str, NDArray[Any]]] = {}
    known: dict[tuple[bytes, ...], str] = {}
    names = []
    for rows in np.split(order, starts[1:]):
        rows = rows[np.lexsort((np.round(local[rows, 1] / SAME), np.round(local[rows, 0] / SAME)))]
        thickness = float(table.thickness[rows[0]])
        count = counts[rows]
        step = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        points = corners[np.repeat(ends[rows], count) + step]
        channel = None if table.channel is None else table.channel[rows]
        rounded = [np.round(part / SAME).astype(np.int64) for part in (points, np.array([thickness]))]
        key = tuple(part.tobytes() for part in (count, *rounded, *([] if channel is None else [channel])))
        if key not in known:
            known[key] = f"kind_{len(known)}"
            grid = None if table.size is None or channel is not None else _grid(local[rows], table.size[rows])
            if grid is None:
                file = f"cells_{known[key]}"
                templates[known[key]] = {"kind": "polygons", "table": f"{file}.parquet"}
                cell = np.repeat(np.arange(len(rows)), count).astype(np.int32)
                tables[file] = {"cell": cell, "u": points[:, 0].round(6), "v": points[:, 1].round(6)}
                if channel is not None:
                    tables[file] |= {f"channel_{a}": channel[cell, i] for i, a in enumerate("uv")}
            else:
                templates[known[key]] = grid
            templates[known[key]]["thickness"] = thickness
        names.append(known[key])
    return templates, tables, np.array(names)


def _grid(place: Floats, size: Floats) -> JsonDict | None:
    """The rule of a full grid of equal cells that touch; None if they are none."""
    pitch = size[0]
    if np.abs(size - pitch).max() > SAME:
        return None
    steps = (place - place.min(axis=0)) / pitch
    whole = np.round(steps).astype(np.int64)
    n_u, n_v = (whole.max(axis=0) + 1).tolist()
    if np.abs(steps - whole).max() * pitch.max() > SAME or n_u * n_v != len(place):
        return None
    if len(np.unique(whole[:, 0] * n_v + whole[:, 1])) != len(place):
        return None
    return {"kind": "grid", "pitch": pitch.tolist(), "cells": [n_u, n_v]}
