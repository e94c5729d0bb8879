"""From ACTS surfaces with bounds, and their cells, to the sensors of a detector."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gnnreco.columns import Floats
from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.importers.layers import BY_PLACE, filled_in
from gnnreco.geometry.importers.written import Imported, orthonormal

from .digitization import Cells
from .surfaces import Surfaces

FLAT = ("Rectangle", "Trapezoid", "Triangle", "Diamond", "ConvexPolygon")
ROUND = ("Annulus", "Disc")
ARC_STEPS = 8  # straight edges that stand for the outer arc of a sensor with round edges


def to_detector(file: Path, surfaces: Surfaces, cells: Cells, bz: float, notes: list[str]) -> Imported:
    """Every surface becomes a sensor; one template for each shape, thickness and pitch.

    Raises
    ------
    BadInput
        With the place of the first surface that cannot become a sensor.
    """
    _sound(file, surfaces)
    kinds = list(dict.fromkeys(surfaces.bounds))
    kind = np.array([kinds.index(bound) for bound in surfaces.bounds], np.int64)
    shapes = []
    for number, (word, values) in enumerate(kinds):
        try:
            shapes.append(_shape(word, np.array(values)))
        except ValueError as error:
            raise BadInput(file, surfaces.where[int((kind == number).argmax())], str(error)) from None
    turn = np.stack([turn for _, turn, _ in shapes])[kind]
    middle = np.stack([middle for *_, middle in shapes])[kind]
    rotation = orthonormal(surfaces.rotation)
    size = np.array([np.ptp(outline, axis=0) for outline, *_ in shapes])[kind]
    pitch, thickness = cells.of(file, surfaces, size, np.linalg.norm(middle, axis=1))
    key = np.column_stack([kind, np.round(pitch, 9), np.round(thickness, 9)])
    unique, template = np.unique(key, axis=0, return_inverse=True)
    templates = {
        f"kind_{number}": _template(shapes[int(row[0])][0], row[1:3], float(row[3]))
        for number, row in enumerate(unique)
    }
    ids = surfaces.ids
    center = surfaces.center + np.einsum("nij,nj->ni", rotation[:, :, :2], middle)
    rotation = rotation @ turn
    _, group = np.unique(ids[:, :2], axis=0, return_inverse=True)
    # ACTS numbers layers from 1: a volume whose layers are all 0 has none.
    missing = ~np.isin(ids[:, 0], ids[ids[:, 1] > 0, 0])
    layer = filled_in(group.ravel(), missing, center, rotation, [outline for outline, *_ in shapes], kind)
    if missing.any():
        notes = [*notes, f"Layers: {BY_PLACE}, in volumes whose surfaces have no layer."]
    told = {
        "radiation_lengths": np.nan_to_num(surfaces.radiation_lengths),
        "interaction_lengths": np.nan_to_num(surfaces.interaction_lengths),
    }
    return Imported(
        templates=templates,
        subsystems={f"volume_{v}": {"measures": ["position"]} for v in np.unique(ids[:, 0])},
        template=np.array(list(templates))[template.ravel()],
        subsystem=np.array([f"volume_{v}" for v in ids[:, 0]]),
        layer=layer,
        center=center,
        rotation=rotation,
        labels={
            **dict(zip(("volume_id", "layer_id", "module_id"), ids.T, strict=True)),
            "acts_geometry_id": surfaces.code,
        },
        identify=[["acts_geometry_id"]],
        columns=told,
        bz=bz,
        notes=notes,
    )


def _sound(file: Path, surfaces: Surfaces) -> None:
    """Proper rotations, and every identifier once."""
    square = surfaces.rotation @ surfaces.rotation.transpose(0, 2, 1)
    turned = np.abs(square - np.eye(3)).max(axis=(1, 2)) < 1e-3
    for row in np.flatnonzero(~turned)[:1]:
        raise BadInput(file, surfaces.where[row], "the rotation is not one: its axes are not unit and square")
    for row in np.flatnonzero(np.linalg.det(surfaces.rotation) < 0)[:1]:
        raise BadInput(
            file, surfaces.where[row], "the rotation is left-handed, a mirror image; turn one axis round"
        )
    _, first, again = np.unique(surfaces.code, return_index=True, return_inverse=True)
    repeated = np.flatnonzero(first[again.ravel()] != np.arange(len(again)))
    if len(repeated):
        row, earlier = int(repeated[0]), surfaces.where[int(first[again.ravel()[repeated[0]]])]
        why = f"has the geometry identifier {surfaces.code[row]} of {earlier}; hits could not tell them apart"
        raise BadInput(file, surfaces.where[row], why)


def _shape(kind: str, values: Floats) -> tuple[Floats, Floats, Floats]:
    """Outline (k, 2) about its middle, axes (3, 3) and place (2,) of that middle in the surface's frame."""
    if kind not in FLAT + ROUND:
        known = ", ".join(FLAT + ROUND)
        raise ValueError(f"a sensor with {kind} bounds cannot be held; it must be flat and one of {known}")
    try:
        if kind in ROUND:
            return _round(kind, values)
        outline = _flat(kind, values)
    except (IndexError, ValueError):
        raise ValueError(f"{kind} bounds do not have these values: {values.tolist()}") from None
    middle = (outline.min(axis=0) + outline.max(axis=0)) / 2
    return outline - middle, np.eye(3), middle


def _flat(kind: str, values: Floats) -> Floats:
    if kind == "Rectangle":
        u0, v0, u1, v1 = values[:4]
        outline = np.array([[u0, v0], [u1, v0], [u1, v1], [u0, v1]])
    elif kind == "Trapezoid":
        low, high, v = values[:3]
        outline = np.array([[-low, -v], [low, -v], [high, v], [-high, v]])
        turn = values[3] if len(values) > 3 else 0.0
        outline = outline @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    elif kind == "Diamond":
        low, middle, high, below, above = values[:5]
        right = np.array([[low, -below], [middle, 0.0], [high, above]])
        outline = np.concatenate([right, right[::-1] * [-1, 1]])
    else:
        outline = values.reshape(-1, 2)
    if len(outline) < 3 or (np.ptp(outline, axis=0) <= 0).any():
        raise ValueError
    return outline


def _round(kind: str, values: Floats) -> tuple[Floats, Floats, Floats]:
    """A sector: its inner arc becomes the chord, its outer arc a few tangents, so that no hit is left outside."""
    if kind == "Disc":
        r0, r1, half, average = values[:4]
        low, high, origin = average - half, average + half, np.zeros(2)
    else:
        r0, r1, low, high, average = values[:5]
        low, high, origin = low + average, high + average, values[5:7]
        turn = np.array([[np.cos(average), -np.sin(average)], [np.sin(average), np.cos(average)]])
        origin = turn @ origin
    if not (high - low < np.pi / 2 and r0 < r1 and high > low and r0 >= 0):
        raise ValueError
    ends = [[_on_circle(origin, r, phi) for phi in (low, high)] for r in (r0, r1)]
    angles = [np.arctan2(*(end - origin)[::-1]) for end in ends[1]]
    step = (angles[1] - angles[0]) / ARC_STEPS
    between = angles[0] + step * (np.arange(ARC_STEPS) + 0.5)
    tangents = origin + r1 / np.cos(step / 2) * np.stack([np.cos(between), np.sin(between)], axis=1)
    outline = np.array([ends[0][0], ends[1][0], *tangents, ends[1][1], ends[0][1]])
    phi = (low + high) / 2
    v, u = np.array([np.cos(phi), np.sin(phi)]), np.array([np.sin(phi), -np.cos(phi)])
    axes = np.stack([u, v], axis=1)
    local = outline @ axes
    middle = (local.min(axis=0) + local.max(axis=0)) / 2
    frame = np.eye(3)
    frame[:2, :2] = axes
    return (local - middle)[::-1] if _clockwise(local) else local - middle, frame, axes @ middle


def _on_circle(center: Floats, radius: float, phi: float) -> Floats:
    """Where the ray from the origin at an angle leaves a circle."""
    ray = np.array([np.cos(phi), np.sin(phi)])
    along = float(ray @ center)
    return ray * (along + np.sqrt(radius**2 - float(center @ center) + along**2))


def _clockwise(outline: Floats) -> bool:
    following = np.roll(outline, -1, axis=0)
    return bool((outline[:, 0] * following[:, 1] - outline[:, 1] * following[:, 0]).sum() < 0)


def _template(outline: Floats, pitch: Floats, thickness: float) -> JsonDict:
    size = np.ptp(outline, axis=0)
    cells = np.maximum(np.ceil(size / pitch - 1e-6).astype(int), 1)
    template: JsonDict = {
        "kind": "grid",
        "pitch": [float(p) for p in pitch],
        "cells": [int(n) for n in cells],
        "thickness": thickness,
    }
    grid = cells * pitch / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * grid
    if len(outline) != 4 or np.abs(outline - corners).max() > 1e-6:
        template["outline"] = [[round(float(x), 7) for x in corner] for corner in outline]
    return template
