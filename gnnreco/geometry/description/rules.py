"""Rules that place sensors: planes of a telescope, barrels, disks of rings, disks tiled with hexagonal wafers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.files import limits
from gnnreco.geometry.cells.templates import CellTemplate
from gnnreco.geometry.plane import outside_distance
from gnnreco.kernels import njit

from .reading import Section


@dataclass(frozen=True)
class Stamped:
    """Sensors of one rule: row of the template, layer from 0, centre (n, 3) mm, axes (n, 3, 3)."""

    template: NDArray[np.int32]
    layer: NDArray[np.int32]
    center: Floats
    rotation: Floats


def stamp(entry: Section, templates: Sequence[CellTemplate]) -> Stamped:
    """The sensors of an entry that has a ``rule``."""
    rules = {"planes": _planes, "barrel": _barrel, "disks": _disks, "wafers": _wafers}
    return rules[entry.text("rule", choices=tuple(rules))](entry, templates)


def afford(entry: Section, key: str, count: float) -> None:
    """Refuse a rule that would place more sensors than a detector can have, before it places them."""
    if count > limits.SENSORS:
        why = f"{count:,.0f} sensors, more than {limits.SENSORS:,}; check the counts and the unit of length"
        raise entry.fault(key, why)


def _layered(entry: Section, key: str, count: int) -> None:
    """Refuse a rule of more layers than a detector can have."""
    if count > limits.LAYERS:
        raise entry.fault(key, f"{count:,} layers, more than {limits.LAYERS:,}")


def _planes(entry: Section, templates: Sequence[CellTemplate]) -> Stamped:
    """One sensor a plane: ``z`` [n]; ``x``, ``y`` and ``turn`` (about x, y, z; [n, 3]) where they are not 0."""
    z = entry.numbers("z", (-1,), "length")
    _layered(entry, "z", len(z))
    x, y = (_many(entry, key, len(z), "length") for key in ("x", "y"))
    turn = entry.numbers("turn", (len(z), 3), "angle") if "turn" in entry else np.zeros((len(z), 3))
    rotation = _turned(turn)
    rows = np.full(len(z), _row(entry, "template", templates))
    return _stamped(rows, np.arange(len(z)), np.stack([x, y, z], axis=1), rotation)


def _turned(angles: Floats) -> Floats:
    """Rotations by angles (n, 3) about x, then y, then z, as matrices (n, 3, 3).

    As SciPy's ``Rotation.from_euler("xyz", angles)``, whose import takes more memory than a small event.
    """
    (ca, cb, cc), (sa, sb, sc) = np.cos(angles).T, np.sin(angles).T
    rows = (
        (cb * cc, sa * sb * cc - ca * sc, ca * sb * cc + sa * sc),
        (cb * sc, sa * sb * sc + ca * cc, ca * sb * sc - sa * cc),
        (0.0 - sb, sa * cb, ca * cb),
    )
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=1)


def _barrel(entry: Section, templates: Sequence[CellTemplate]) -> Stamped:
    """Staves around the z axis: ``layers`` of ``radius``, ``count`` in phi, ``z`` [n], ``tilt``, ``stagger``, ``phi0``.

    The sensor's v axis is z and its normal points outwards, turned by ``tilt`` about z; every second sensor along z
    sits ``stagger`` closer to the axis. ``phi0`` turns the whole layer about z.
    """
    row = _row(entry, "template", templates)
    parts: list[Stamped] = []
    for layer, part in enumerate(entry.sections("layers")):
        _layered(part, "radius", layer + 1)
        radius, count = part.number("radius", "length", above=0.0), part.count("count")
        z = part.numbers("z", (-1,), "length")
        tilt, stagger = part.number("tilt", "angle", 0.0), part.number("stagger", "length", 0.0)
        phi0 = part.number("phi0", "angle", 0.0)
        part.done()
        afford(part, "count", count * len(z) + sum(len(done.layer) for done in parts))
        phi = np.repeat(_round(count, phi0), len(z))
        r = radius - stagger * (np.tile(np.arange(len(z)), count) % 2)
        center = np.stack([r * np.cos(phi), r * np.sin(phi), np.tile(z, count)], axis=1)
        normal = phi + tilt
        zero, one = np.zeros_like(phi), np.ones_like(phi)
        u = np.stack([-np.sin(normal), np.cos(normal), zero], axis=1)
        v = np.stack([zero, zero, one], axis=1)
        axes = np.stack([u, v, np.cross(u, v)], axis=2)
        parts.append(_stamped(np.full(len(phi), row), np.full(len(phi), layer), center, axes))
    return _joined(parts)


def _disks(entry: Section, templates: Sequence[CellTemplate]) -> Stamped:
    """Rings of sensors at each ``z`` [n]: ``rings`` of ``template``, ``radius``, ``count``, ``dz``, ``stagger``, ``phi0``.

    The sensor's v axis points outwards; every second sensor of a ring sits ``stagger`` further along z, and the whole
    ring ``dz``. ``phi0`` turns the whole ring about z.
    """
    z = entry.numbers("z", (-1,), "length")
    _layered(entry, "z", len(z))
    parts: list[Stamped] = []
    for ring in entry.sections("rings"):
        row = _row(ring, "template", templates)
        radius, count = ring.number("radius", "length", above=0.0), ring.count("count")
        dz, stagger = ring.number("dz", "length", 0.0), ring.number("stagger", "length", 0.0)
        phi0 = ring.number("phi0", "angle", 0.0)
        ring.done()
        afford(ring, "count", count * len(z) + sum(len(done.layer) for done in parts))
        phi = np.tile(_round(count, phi0), len(z))
        away = dz + stagger * (np.arange(count) % 2)
        height = (z[:, None] + np.where(z < 0, -1.0, 1.0)[:, None] * away).ravel()
        center = np.stack([radius * np.cos(phi), radius * np.sin(phi), height], axis=1)
        zero = np.zeros_like(phi)
        v = np.stack([np.cos(phi), np.sin(phi), zero], axis=1)
        u = np.stack([np.sin(phi), -np.cos(phi), zero], axis=1)
        axes = np.stack([u, v, np.cross(u, v)], axis=2)
        parts.append(_stamped(np.full(len(phi), row), np.repeat(np.arange(len(z)), count), center, axes))
    return _joined(parts)


def _wafers(entry: Section, templates: Sequence[CellTemplate]) -> Stamped:
    """Disks at each ``z`` [n] tiled with hexagonal wafers ``spacing`` apart, between ``r_min`` and ``r_max`` [n].

    ``templates`` lists the whole wafer first, then the cut ones from large to small. Where the whole wafer would stick
    out of the ring, the first cut one that fits, at the best of six turns, takes its place.
    """
    from scipy.spatial.transform import Rotation

    z = entry.numbers("z", (-1,), "length")
    _layered(entry, "z", len(z))
    spacing = entry.number("spacing", "length", above=0.0)
    r_min, r_max = (_many(entry, key, len(z), "length") for key in ("r_min", "r_max"))
    rows = [_find(entry, "templates", name, templates) for name in entry.words("templates")]
    # The area of a hexagon is sqrt(3) / 2 of its width squared.
    afford(entry, "spacing", (np.pi * r_max**2 / (np.sqrt(0.75) * spacing**2)).sum())
    for radius in r_max:
        if radius <= 0 or (places := (4 * radius / spacing) ** 2) > limits.WAFERS:
            why = (
                "a radius must be greater than 0"
                if radius <= 0
                else f"{places:,.0f} places of wafers in a layer, more than {limits.WAFERS:,}; check the unit of length"
            )
            raise entry.fault("r_max", why)
    parts: list[Stamped] = []
    for layer in range(len(z)):
        reach = int(np.ceil(r_max[layer] / spacing * 2)) + 1
        column, line = (i.ravel() for i in np.mgrid[-reach : reach + 1, -reach : reach + 1])
        place = spacing * np.stack([np.sqrt(0.75) * column, line + 0.5 * column], axis=1)
        place = place[np.hypot(place[:, 0], place[:, 1]) < r_max[layer] + spacing]
        row, turn = _fitting(place, [(r, templates[r].outline) for r in rows], r_min[layer], r_max[layer])
        place, row, turn = place[row >= 0], row[row >= 0], turn[row >= 0]
        if len(row) == 0:
            raise entry.fault("r_max", f"no wafer fits between {r_min[layer]:g} and {r_max[layer]:g} mm")
        center = np.column_stack([place, np.full(len(row), z[layer])])
        rotation = Rotation.from_rotvec(turn[:, None] * [0, 0, np.pi / 3]).as_matrix()
        parts.append(_stamped(row, np.full(len(row), layer), center, rotation))
    return _joined(parts)


def _fitting(
    place: Floats, shapes: list[tuple[int, Floats]], r_min: float, r_max: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each place the template and the turn (in sixths) that fit into the ring; -1 where none does."""
    row, turn = np.full(len(place), -1), np.zeros(len(place), np.int64)
    for kind, outline in shapes:
        spare = np.full((len(place), 6), -np.inf)
        for sixth in range(6):
            angle = sixth * np.pi / 3
            axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            corners = place[:, None] + outline @ axes.T
            outer = r_max - np.hypot(corners[..., 0], corners[..., 1]).max(axis=1)
            spare[:, sixth] = np.minimum(outer, _from_axis(corners) - r_min)
        # Rounded, so that equal turns are equal on every computer and the first is taken.
        best = np.round(spare, 6).argmax(axis=1)
        fits = (row < 0) & (spare[np.arange(len(place)), best] >= 0)
        row[fits], turn[fits] = kind, best[fits]
    return row, turn


@njit(cache=True)
def _from_axis(shapes: Floats) -> Floats:
    """Distance (n,) of the origin from each convex polygon (n, k, 2)."""
    away = np.empty(len(shapes))
    for i in range(len(shapes)):
        away[i] = outside_distance(0.0, 0.0, shapes[i], shapes.shape[1])
    return away


def _round(count: int, phi0: float) -> Floats:
    """Angles (count,) of sensors all around, rad: the first half a step behind -pi, all turned by `phi0`."""
    return (np.arange(count) + 0.5) * 2 * np.pi / count - np.pi + phi0


def _many(entry: Section, key: str, count: int, dimension: str) -> Floats:
    """One number for all, or one for each; 0 where the key is missing."""
    if key not in entry:
        return np.zeros(count)
    shape = (count,) if isinstance(entry.value(key), list) else ()
    return np.broadcast_to(entry.numbers(key, shape, dimension), (count,))


def _row(entry: Section, key: str, templates: Sequence[CellTemplate]) -> int:
    return _find(entry, key, entry.text(key), templates)


def _find(entry: Section, key: str, name: str, templates: Sequence[CellTemplate]) -> int:
    names = [template.name for template in templates]
    if name not in names:
        raise entry.fault(key, f"no template {name!r}; there are: {', '.join(names)}")
    return names.index(name)


def _stamped(template: NDArray, layer: NDArray, center: Floats, rotation: Floats) -> Stamped:
    return Stamped(template.astype(np.int32), layer.astype(np.int32), center, rotation)


def _joined(parts: list[Stamped]) -> Stamped:
    columns = ("template", "layer", "center", "rotation")
    return Stamped(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))
