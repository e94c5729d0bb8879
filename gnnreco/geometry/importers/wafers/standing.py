"""How the wafers of a map stand: their distance, which way they face, and what is left of each."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.errors import BadInput

from .text import WaferMap
from .wafers import CUTS, OLD_CUTS, SIXTH, Shape, old_shape, present_shape, silicon_side

Flags = NDArray[np.bool_]
Standing = tuple[list[Shape], Floats, Flags]

BACK, TURNED, TURN = 1, 4, -np.pi / 6
# Mean cosine between the silicon of cut wafers and inwards: above 0.9 in true maps, below 0.4 misread ones.
INWARDS = 0.6
# Copies of a wafer lie this near to one another when turned, mm: maps are rounded to 0.01 mm.
ROUNDED = 0.02


def pitch(file: Path, wafers: WaferMap) -> float:
    """Distance of neighbouring wafers of one cassette, mm; cassettes are moved apart."""
    low, high = min(wafers.u.min(), wafers.v.min()) - 1, max(wafers.u.max(), wafers.v.max()) + 2
    many = int(high - low)
    key = (wafers.layer * many + wafers.u - low) * many + wafers.v - low
    order = np.argsort(key)
    place = np.stack([wafers.x, wafers.y], axis=1)
    apart = []
    for step in (many, 1, many + 1):
        there = order[np.minimum(np.searchsorted(key[order], key + step), len(key) - 1)]
        near = (key[there] == key + step) & (wafers.cassette[there] == wafers.cassette)
        apart.append(np.linalg.norm(place[there] - place, axis=1)[near])
    distances = np.concatenate(apart)
    if len(distances) == 0:
        raise BadInput(file, "columns u, v", "no two wafers are neighbours, so their size is unknown")
    distance = float(np.median(distances))
    if not 50 < distance < 500:
        why = f"wafers {distance:.4g} mm apart; is the unit mm? (unit=cm says cm)"
        raise BadInput(file, "columns x, y", why)
    return distance


def evened(file: Path, wafers: WaferMap, turns: int) -> WaferMap:
    """Wafers at the mean of their own place and those of their copies, which stand at every turn by 360 / `turns` degrees.

    Places that are rounded each for itself lie some micrometres off the symmetry that they were drawn with, and a
    turned event would have cells elsewhere. Raises `BadInput` where a wafer has no copy.
    """
    from scipy.spatial import cKDTree

    place, apart = np.stack([wafers.x, wafers.y], axis=1), 1e6 * wafers.layer[:, None]
    tree, total = cKDTree(np.hstack([place, apart])), place.copy()
    for step in range(1, turns):
        cos, sin = np.cos(2 * np.pi * step / turns), np.sin(2 * np.pi * step / turns)
        turn = np.array([[cos, sin], [-sin, cos]])
        off, copy = tree.query(np.hstack([place @ turn, apart]))
        if off.max() > ROUNDED:
            row = int(off.argmax())
            where = f"layer {wafers.layer[row]}, wafer {wafers.u[row]}, {wafers.v[row]}"
            why = f"no wafer {360 * step / turns:g} degrees on ({off[row]:.3g} mm off the nearest); leave out turns={turns}"
            raise BadInput(file, where, why)
        total += place[copy] @ turn.T
    return replace(wafers, x=total[:, 0] / turns, y=total[:, 1] / turns)


def standing(file: Path, wafers: WaferMap) -> Standing:
    """What is left of each wafer, how its cells are turned (rad), and whether they are seen from behind.

    Where the map does not say which numbering of cut wafers it uses, or which way a layer faces, the silicon of cut
    wafers tells: it lies on the side away from the rim.
    """
    pairs = list(zip(wafers.density.tolist(), wafers.code.tolist(), wafers.rotation.tolist(), strict=True))
    cut = wafers.code > 0
    present = not wafers.letters and all(not code or (density, code) in CUTS for density, code, _ in pairs)
    if present:
        shapes = [present_shape(density, code) for density, code, _ in pairs]
        turn = np.asarray(SIXTH * wafers.rotation, np.float64)
        front, behind = (_inwards(wafers, shapes, turn, np.full(len(cut), b)) for b in (False, True))
        facing = np.array([wafers.kind.get(layer, 0) == BACK for layer in wafers.layer.tolist()])
        if not wafers.kind:
            layer, row = np.unique(wafers.layer, return_inverse=True)
            gain = np.bincount(row, np.where(cut, behind - front, 0.0), minlength=len(layer))
            facing = (gain > 1e-6)[row]
        if not cut.any() or np.where(facing, behind, front)[cut].mean() > INWARDS:
            return shapes, turn, facing
    before = all(not code or code in OLD_CUTS for _, code, _ in pairs)
    if not present and not before:
        raise BadInput(file, "column shape", "codes of two numberings in one map; see the known codes")
    if before:
        old, same, none = [old_shape(*p) for p in pairs], np.full(len(cut), SIXTH), np.zeros(len(cut), bool)
        if not present or _inwards(wafers, old, same, none)[cut].mean() > INWARDS:
            return old, same, none
    return shapes, turn, facing


def _inwards(wafers: WaferMap, shapes: list[Shape], turn: Floats, back: Flags) -> Floats:
    """Cosine (n,) between the side of the silicon and the way from the nearer rim, inner or outer, into the layer."""
    side = np.stack([silicon_side(shape) for shape in shapes])
    u = np.cos(turn) * side[:, 0] - np.sin(turn) * side[:, 1]
    v = np.sin(turn) * side[:, 0] + np.cos(turn) * side[:, 1]
    radius = np.hypot(wafers.x, wafers.y)
    layer, row = np.unique(wafers.layer, return_inverse=True)
    low, high = np.full(len(layer), np.inf), np.zeros(len(layer))
    np.minimum.at(low, row, radius)
    np.maximum.at(high, row, radius)
    away = np.where(radius < ((low + high) / 2)[row], 1.0, -1.0) / np.maximum(radius, 1e-9)
    return (np.where(back, -u, u) * wafers.x + v * wafers.y) * away


def frames(wafers: WaferMap, turn: Floats, back: Flags, z: Floats) -> tuple[Floats, Floats]:
    """Centres (n, 3) and axes (n, 3, 3) on the negative side; seen from behind, a wafer is turned over."""
    turned = np.array([wafers.kind.get(layer, 0) == TURNED for layer in wafers.layer.tolist()])
    whole = np.where(turned, TURN, 0.0)
    x = np.cos(whole) * wafers.x - np.sin(whole) * wafers.y
    y = np.sin(whole) * wafers.x + np.cos(whole) * wafers.y
    flip = np.where(back, -1.0, 1.0)
    angle = turn * flip + whole
    cos, sin, zero = np.cos(angle), np.sin(angle), np.zeros(len(z))
    u = np.stack([flip * cos, flip * sin, zero], axis=1)
    v = np.stack([-sin, cos, zero], axis=1)
    w = np.stack([zero, zero, flip], axis=1)
    return np.stack([x, y, z], axis=1), np.stack([u, v, w], axis=2)
