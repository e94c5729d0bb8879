"""Sensors and cells as packed arrays: each kind of sensor once, its placements, and cells by their shape.

The page multiplies them out: a million cells are a few hundred polygons and where they stand.
"""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.display.drawing.shapes import hue_rows
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import CellTemplate, Detector, EdgesTemplate, GridTemplate

from .pack import Pack

MOST_POLYGONS = 30_000  # cells of one kind of sensor that are packed one by one; finer ones are described
MOST_LINES = 20_000  # of a grid of rows and columns, which needs no more than its edges
MOST_CORNERS = 3_000_000  # of all kinds of sensor together


def add_sensors(pack: Pack, detector: Detector) -> JsonDict:
    """Pack the sensors, ordered by template so that each template is one instanced draw call."""
    order = np.argsort(detector.template, kind="stable")
    pack.add("s_row", order, "int32")
    pack.add("s_center", detector.center[order], "float32")
    for name, axis in (("s_u", 0), ("s_v", 1)):
        pack.add(name, np.rint(detector.rotation[order, :, axis] * 32767).clip(-32767, 32767), "int16")
    pack.add("s_layer", detector.layer[order], "int32")
    pack.add("s_subsystem", detector.subsystem[order], "int32")
    material = ("radiation_lengths", "interaction_lengths", "moliere_radius", "sampling_fraction", "air_gap")
    for name in (*material, "resolution_u", "resolution_v"):
        pack.add(f"s_{name}", getattr(detector, name)[order], "float32")
    labels = {"sensor_id": detector.sensor_id, **detector.labels}
    for name, values in labels.items():
        small = int(np.abs(values).max(initial=0)) < 2**31
        pack.add(f"label:{name}", values[order], "int32" if small else "int64")
    count = np.bincount(detector.template, minlength=len(detector.templates))
    room, templates = MOST_CORNERS, []
    for i, template in enumerate(detector.templates):
        about, used = _add_template(pack, i, template, room if count[i] else 0)
        room -= used
        templates.append({**about, "sensors": int(count[i])})
    return {
        "name": detector.name,
        "sensors": int(detector.n_sensors),
        "layers": int(detector.n_layers),
        "subsystems": [
            {"name": s.name, "measures": ", ".join(s.measures), "hue": row}
            for s, row in zip(detector.subsystems, hue_rows(detector), strict=True)
        ],
        "templates": templates,
        "labels": list(labels),
    }


def _add_template(pack: Pack, i: int, template: CellTemplate, room: int) -> tuple[JsonDict, int]:
    """Pack the outline of a template and its cells: edges of rows and columns, polygons, or neither."""
    pack.add(f"outline:{i}", template.outline, "float32")
    about: JsonDict = {
        "name": template.name,
        "cells": int(template.n_cells),
        "pitch": [float(p) for p in template.pitch],
        "thickness": float(template.thickness),
        "focus": None if template.focus is None else [float(f) for f in template.focus],
        "kind": "",
    }
    edges = _edges(template)
    if edges is not None and sum(len(e) for e in edges) <= min(room, MOST_LINES):
        for axis, values in zip("uv", edges, strict=True):
            pack.add(f"edges_{axis}:{i}", values, "float32")
        return {**about, "kind": "edges"}, sum(len(e) for e in edges)
    if edges is None and template.n_cells <= 4 * MOST_POLYGONS:
        cells = np.flatnonzero(template.exists(np.arange(template.n_cells)))
        corners = template.corners(cells)
        if len(cells) <= MOST_POLYGONS and corners.size <= room:
            pack.add(f"cells:{i}", corners, "float32")
            pack.add(f"number:{i}", cells, "int32")
            return {**about, "kind": "polygons", "corners": int(corners.shape[1])}, corners.size
    return about, 0


def _edges(template: CellTemplate) -> tuple[Floats, Floats] | None:
    """Where the rows and columns of a rectangular grid end, mm; None for any other template."""
    if isinstance(template, EdgesTemplate):
        return template.edges_u, template.edges_v
    if isinstance(template, GridTemplate):
        half_u, half_v = template.n_u * template.pitch_u / 2, template.n_v * template.pitch_v / 2
        u, v = np.arange(template.n_u + 1), np.arange(template.n_v + 1)
        return np.asarray(u * template.pitch_u - half_u), np.asarray(v * template.pitch_v - half_v)
    return None


def cells_under(detector: Detector, sensor: Ints, xyz: Floats) -> Ints:
    """The cell (n,) of each sensor at a position (n, 3), mm; -1 without one, or without a sensor."""
    found = np.full(len(sensor), -1, np.int64)
    inside = np.flatnonzero((sensor >= 0) & np.isfinite(xyz).all(axis=1))
    if len(inside):
        rows = sensor[inside]
        uv = detector.to_plane(rows, detector.to_local(rows, xyz[inside]))
        found[inside] = detector.cell_at(rows, uv[:, 0], uv[:, 1])
    return found


def add_cells(pack: Pack, detector: Detector, sensor: Ints, cell: Ints) -> JsonDict:
    """Pack the cells (n,) of sensors (n,): places in the sensors' planes, and every shape once."""
    place = np.zeros((len(cell), 2))
    shape = np.zeros(len(cell), np.int64)
    kinds, tables, count = detector.template[sensor], [], 0
    for kind in np.unique(kinds):
        mine, template = np.flatnonzero(kinds == kind), detector.templates[kind]
        place[mine] = template.position(cell[mine])
        corners = np.rint((template.corners(cell[mine]) - place[mine, None]) * 1000).astype(np.int32)
        table, row = np.unique(corners.reshape(len(mine), -1), axis=0, return_inverse=True)
        shape[mine] = row.reshape(-1) + count
        count += len(table)
        tables.append(table.reshape(len(table), -1, 2) / 1000)
    longest = max((t.shape[1] for t in tables), default=3)
    full = [t[:, np.minimum(np.arange(longest), t.shape[1] - 1)] for t in tables]
    rank = np.empty(detector.n_sensors, np.int64)
    rank[np.argsort(detector.template, kind="stable")] = np.arange(detector.n_sensors)
    pack.add("c_sensor", rank[sensor], "int32")
    pack.add("c_cell", cell, "int32")
    pack.add("c_shape", shape, "int32")
    pack.add("c_place", place, "float32")
    pack.add("c_corners", np.concatenate(full) if full else np.zeros((0, 3, 2)), "float32")
    return {"cells": len(cell), "corners": int(longest)}
