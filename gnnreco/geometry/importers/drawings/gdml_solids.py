"""Solids of GDML as flat sensors: the thin direction is the normal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from gnnreco.columns import Floats
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry.plane import is_convex

from .arithmetic import evaluate
from .xml_tree import Node

#: mm and rad are 1.
UNITS = {
    "um": 1e-3,
    "mm": 1.0,
    "cm": 10.0,
    "m": 1000.0,
    "km": 1e6,
    "rad": 1.0,
    "radian": 1.0,
    "mrad": 1e-3,
    "deg": np.pi / 180,
    "degree": np.pi / 180,
    "pi": np.pi,
    "twopi": 2 * np.pi,
    "halfpi": np.pi / 2,
}


@dataclass(frozen=True)
class Flat:
    """A solid seen as a flat sensor.

    Attributes
    ----------
    outline : float64 (k, 2)
        Convex; empty for a sector of a ring.
    sector : tuple of float
        Inner and outer radius, first angle and angle covered; empty for other shapes.
    thickness : float
    axes : float64 (3, 3)
        u, v, w in the frame of the solid, as columns.
    middle : float64 (3,)
        Origin of the sensor in the frame of the solid.
    """

    outline: Floats
    sector: tuple[float, ...]
    thickness: float
    axes: Floats
    middle: Floats

    @property
    def edge(self) -> Floats:
        """Corners (k, 2) of the sensor, of a sector too."""
        if not self.sector:
            return self.outline
        r0, r1, start, turn = self.sector
        angle = start + turn * np.arange(33) / 32
        circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return np.concatenate([r1 * circle, r0 * circle[::-1]])


Size = Callable[..., float]


def flat_sensor(solid: Node, names: Mapping[str, float]) -> Flat:
    """The sensor a solid is; `BadInput` where it is none."""
    shapes = {
        "box": _box,
        "tube": _tube,
        "trd": _trd,
        "trap": _trap,
        "xtru": _xtru,
        "polyhedra": _polyhedra,
    }
    if solid.tag not in shapes:
        known = ", ".join(shapes)
        raise solid.fault(
            f"a sensitive {solid.tag} cannot be held; known are {known}: use one of these, or a cell table"
        )

    def size(name: str, default: str | None = None, of: Node = solid, kind: str = "length") -> float:
        unit = {"length": solid.text("lunit", "mm"), "angle": solid.text("aunit", "rad")}.get(kind, "1")
        return length(of, name, names, default, unit)

    return shapes[solid.tag](solid, size)


def length(node: Node, name: str, names: Mapping[str, float], default: str | None, unit: str) -> float:
    """A number in an attribute, in mm or rad; `default` None: it must be there."""
    try:
        return evaluate(node.text(name, default), names) * evaluate(unit, UNITS)
    except ValueError as error:
        raise node.fault(f"{name}: {error}") from None


def _box(solid: Node, size: Size) -> Flat:
    full = np.array([size(axis) for axis in "xyz"])
    if (full <= 0).any():
        raise solid.fault("a box needs three lengths above 0")
    w = int(full.argmin())
    u, v = (w + 1) % 3, (w + 2) % 3
    return _prism(rectangle(full[u], full[v]), float(full[w]), np.eye(3)[:, [u, v, w]], np.zeros(3))


def _tube(solid: Node, size: Size) -> Flat:
    r0, r1, z = size("rmin", "0"), size("rmax"), size("z")
    start, turn = size("startphi", "0", kind="angle"), size("deltaphi", kind="angle")
    if not (0 <= r0 < r1 and z > 0 and turn > 0):
        raise solid.fault("a tube needs rmin < rmax, z and deltaphi above 0")
    if z > r1 - r0:
        raise solid.fault(
            "a thin tube is curved, sensors are flat; give its sensors as boxes or as a cell table"
        )
    if np.pi < turn < 2 * np.pi - 1e-9:
        raise solid.fault("a ring of more than half a turn must be a whole one; split it")
    return Flat(np.zeros((0, 2)), (r0, r1, start, min(turn, 2 * np.pi)), z, np.eye(3), np.zeros(3))


def _trd(solid: Node, size: Size) -> Flat:
    x1, x2, y1, y2, z = (size(name) for name in ("x1", "x2", "y1", "y2", "z"))
    thin = int(np.argmin([x1 + x2, y1 + y2, 2 * z]))
    if thin == 2:
        return _prism(rectangle((x1 + x2) / 2, (y1 + y2) / 2), z, np.eye(3), np.zeros(3))
    low, high = ((y1, y2), (x1, x2))[thin]
    outline = np.array([[-low, -z], [low, -z], [high, z], [-high, z]]) / 2
    # v is z; u is x or y, and w = u x v is -y or x.
    axes = (
        np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
        if thin == 1
        else np.array([[0, 0, 1], [1, 0, 0], [0, 1, 0]])
    )
    return _prism(outline, (x1 + x2, y1 + y2)[thin] / 2, axes.astype(float), np.zeros(3))


def _trap(solid: Node, size: Size) -> Flat:
    z, y1, x1, x2, y2, x3, x4 = (size(name) for name in ("z", "y1", "x1", "x2", "y2", "x3", "x4"))
    slant, tilts = (
        size("alpha1", "0", kind="angle"),
        [size(name, "0", kind="angle") for name in ("theta", "phi")],
    )
    if any(tilts) or (x1, x2, y1) != (x3, x4, y2) or z >= max(y1, x1, x2):
        raise solid.fault(
            "only a flat trap can be held: theta = phi = 0, both faces equal, z its thin direction"
        )
    shift = np.tan(slant) * y1 / 2
    outline = [
        [-x1 / 2 - shift, -y1 / 2],
        [x1 / 2 - shift, -y1 / 2],
        [x2 / 2 + shift, y1 / 2],
        [-x2 / 2 + shift, y1 / 2],
    ]
    return _prism(np.array(outline), z, np.eye(3), np.zeros(3))


def _xtru(solid: Node, size: Size) -> Flat:
    corners = np.array(
        [[size("x", of=node), size("y", of=node)] for node in solid.all("twoDimVertex")]
    ).reshape(-1, 2)
    sections = sorted(solid.all("section"), key=lambda node: size("zPosition", of=node))
    plain = [
        (
            size("xOffset", "0", of=node),
            size("yOffset", "0", of=node),
            size("scalingFactor", "1", of=node, kind="number"),
        )
        for node in sections
    ]
    if len(sections) != 2 or len(set(plain)) != 1 or plain[0][2] != 1:
        raise solid.fault("an extruded polygon needs two sections of the same offset and scalingFactor 1")
    low, high = (size("zPosition", of=node) for node in sections)
    return _polygon(solid, corners + plain[0][:2], low, high)


def _polyhedra(solid: Node, size: Size) -> Flat:
    planes = [
        tuple(size(name, default, of=node) for name, default in (("rmin", "0"), ("rmax", None), ("z", None)))
        for node in solid.all("zplane")
    ]
    count = int(size("numsides", kind="number"))
    turn = size("deltaphi", kind="angle")
    if (
        len(planes) != 2
        or planes[0][:2] != planes[1][:2]
        or planes[0][0] != 0
        or abs(turn - 2 * np.pi) > 1e-6
    ):
        raise solid.fault("a polyhedron must be a regular prism: a full turn, two equal zplanes, rmin 0")
    phi = size("startphi", "0", kind="angle") + np.arange(count) * turn / count
    radius = planes[0][1] / np.cos(turn / count / 2)
    corners = radius * np.stack([np.cos(phi), np.sin(phi)], axis=1)
    return _polygon(solid, corners, min(planes[0][2], planes[1][2]), max(planes[0][2], planes[1][2]))


def _polygon(solid: Node, corners: Floats, low: float, high: float) -> Flat:
    if len(corners) >= 3 and not is_convex(corners):
        corners = corners[::-1]
    if len(corners) < 3 or not is_convex(corners) or not high > low:
        raise solid.fault(
            "the polygon is not convex, repeats a corner or has no height; split it into convex parts"
        )
    return _prism(corners, high - low, np.eye(3), np.array([0.0, 0.0, (low + high) / 2]))


def _prism(outline: Floats, thickness: float, axes: Floats, middle: Floats) -> Flat:
    center = (outline.min(axis=0) + outline.max(axis=0)) / 2
    return Flat(outline - center, (), thickness, axes, middle + axes[:, :2] @ center)


def rectangle(u: float, v: float) -> Floats:
    """Corners (4, 2) of full widths."""
    return np.array([[-u, -v], [u, -v], [u, v], [-u, v]]) / 2


def template(shape: Flat, pitch: tuple[float, float] | None) -> JsonDict:
    """The entry of ``detector.yaml``; without a pitch the whole sensor is one cell."""
    if shape.sector:
        return _polar(shape, pitch)
    size = np.ptp(shape.outline, axis=0)
    width = np.array(pitch) if pitch else size
    cells = np.maximum(np.ceil(size / width - 1e-6).astype(int), 1)
    grid = {"kind": "grid", "pitch": width.tolist(), "cells": cells.tolist(), "thickness": shape.thickness}
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * cells * width / 2
    if len(shape.outline) != 4 or np.abs(shape.outline - corners).max() > 1e-6:
        grid["outline"] = [[round(float(x), 7) for x in corner] for corner in shape.outline]
    return grid


def _polar(shape: Flat, pitch: tuple[float, float] | None) -> JsonDict:
    """Rings of cells; `pitch` is their width along the arc in the middle, and along the radius."""
    r0, r1, start, turn = shape.sector
    rings = max(round((r1 - r0) / pitch[1]), 1) if pitch else 1
    around = max(round((r0 + r1) / 2 * turn / pitch[0]), 1) if pitch else 1
    around = max(
        around, int(np.ceil(turn / (np.pi / 8) - 1e-9))
    )  # cells are trapezoids: a sixteenth of a turn at most
    return {
        "kind": "polar",
        "r": np.linspace(r0, r1, rings + 1).tolist(),
        "phi": [start, start + turn, around],
        "thickness": shape.thickness,
    }
