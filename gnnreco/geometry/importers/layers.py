"""Layers that a file does not number: sensors in one plane, or on one shell around the axis.

Ten strips side by side in a wall are one layer, and so are the staves of a barrel, whose normals turn with the azimuth
at one distance from the axis; neither is found by the distance of a centre alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints

BY_PLACE = "planes, and shells of staves, by place"
GAP = 5.0  # mm between planes of two layers
PARALLEL = 0.01  # rad between normals of one plane
# Facets of one shell turn by less than this from one to the next: the walls of a box, 90 degrees apart, are no shell.
TURN = np.radians(80)
SAME = 0.01  # mm between sensors of one sheet
# Times that the sensors of one plane may cover its box: staggered modules overlap by a few percent.
COVERED = 1.3
# Cosine to the axis below which a module may belong to a barrel: the steepest of real ones lean by 74 degrees.
LEANING = 0.965


def layers(
    center: Floats,
    rotation: Floats,
    system: Ints,
    outlines: Sequence[Floats],
    shape: Ints,
    gap: float = GAP,
) -> Ints:
    """Numbers of layers (n,), from 0, of sensors whose file numbers none.

    Parameters
    ----------
    center : float64 (n, 3), rotation : float64 (n, 3, 3)
        mm; the third column is the normal, of either sign.
    system : int64 (n,)
        Row of the subsystem: its sensors share no layer with another's.
    outlines : sequence of float64 (k, 2)
        Edges of the sensors in their planes, mm.
    shape : int64 (n,)
        Row of `outlines`.
    gap : float
        Planes, and distances from the axis, farther apart than this are different layers, mm. Nearer ones are
        different, too, where each covers the area by itself: the sheets of a stack, not the staggered halves of a plane.

    Returns
    -------
    int64 (n,)
        By subsystem; in each, what surrounds the axis from inside outwards, then what stands across it along the axis.
    """
    half = np.array([np.abs(outline).max(axis=0) for outline in outlines])[shape]
    area = np.array([_area(outline) for outline in outlines])[shape]
    result, first = np.empty(len(center), np.int64), 0
    for number in np.unique(system):
        rows = np.flatnonzero(system == number)
        # How far each sensor reaches along x, y and z.
        reach = np.einsum("nij,nj->ni", np.abs(rotation[rows, :, :2]), half[rows])
        own = _of_one_system(center[rows], rotation[rows, :, 2], reach, area[rows], gap)
        result[rows] = own + first
        first += int(own.max()) + 1
    return result


def filled_in(
    group: Ints,
    missing: NDArray[np.bool_],
    center: Floats,
    rotation: Floats,
    outlines: Sequence[Floats],
    shape: Ints,
) -> Ints:
    """Numbers of layers (n,): the file's own `group` (n,), split by `layers` where the file is `missing` its layers."""
    by_place = np.zeros(len(group), np.int64)
    if missing.any():
        some = (center[missing], rotation[missing], group[missing])
        by_place[missing] = layers(*some, outlines, shape[missing])
    _, number = np.unique(np.stack([group, by_place], axis=1), axis=0, return_inverse=True)
    return number.ravel()


def _area(outline: Floats) -> float:
    following = np.roll(outline, -1, axis=0)
    return abs(float((outline[:, 0] * following[:, 1] - outline[:, 1] * following[:, 0]).sum())) / 2


def _of_one_system(center: Floats, normal: Floats, reach: Floats, area: Floats, gap: float) -> Ints:
    direction = _directions(normal)
    plane = _planes(center, direction, gap)
    plane, gap = _sheets(center, direction, reach, area, plane, gap)
    frame = _frame(normal)
    center, direction = center @ frame, direction @ frame
    center = center - _middle(center, direction, gap)
    # One row a plane from here on: its normal, mean place along the axis, and distance from it.
    facing = direction[np.unique(plane, return_index=True)[1]]
    outward = _across(facing)
    height, radius, away = (
        np.bincount(plane, values) / np.bincount(plane)
        for values in (
            center[:, 2],
            np.hypot(center[:, 0], center[:, 1]),
            np.einsum("ni,ni->n", outward[plane], center[:, :2]),
        )
    )
    outward, away = outward * np.where(away < 0, -1.0, 1.0)[:, None], np.abs(away)
    flat = _flat(facing)
    # Towers that point to the middle, and modules that lean towards it, may look along the axis and yet surround it.
    leaning = flat & (np.abs(facing[:, 2]) < LEANING) & (away > radius * np.sqrt(0.5))
    if leaning.any() and _count(away[leaning], gap) < _count(height[leaning], gap):
        flat &= ~leaning
    azimuth = np.arctan2(outward[:, 1], outward[:, 0])
    group = _shells(np.where(flat, height, away), azimuth, facing, flat, gap)
    # Parallel walls are counted from one side to the other, shells from inside outwards.
    walls = facing[~flat]
    if len(walls) and (np.abs(walls @ walls[0]) > 1 - PARALLEL).all():
        away = away * np.sign(outward @ walls[0, :2]) * np.sign(walls[0, np.abs(walls[0]).argmax()])
    return _numbered(group, flat, np.where(flat, height, away), azimuth)[plane]


def _flat(normal: Floats) -> NDArray[np.bool_]:
    """Which sensors look along the third axis rather than away from it."""
    return np.asarray(np.abs(normal[:, 2]) > np.sqrt(0.5))


def _across(normal: Floats) -> Floats:
    """The part of each normal across the third axis, of length 1, (n, 2)."""
    return normal[:, :2] / np.maximum(np.hypot(normal[:, 0], normal[:, 1]), 1e-12)[:, None]


def _frame(normal: Floats) -> Floats:
    """Axes (3, 3), as columns, of which the third is what the normals turn around: z where they do not tell."""
    lines = np.unique(np.round(normal * np.sign(normal @ [1.0, 1e-3, 1e-6])[:, None], 2), axis=0)
    values, vectors = np.linalg.eigh(lines.T @ lines)
    if len(lines) >= 3 and values[0] < 1e-3 * values[2] and values[1] > 0.05 * values[2]:
        third = vectors[:, 0] * np.sign(vectors[np.abs(vectors[:, 0]).argmax(), 0])
    else:
        around = [int((np.abs(lines[:, axis]) < PARALLEL).sum()) for axis in range(3)]
        third = np.eye(3)[int(np.argmax(around)) if max(around) > 2 >= around[2] else 2]
    first = np.cross(np.eye(3)[(int(np.abs(third).argmax()) + 2) % 3], third)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(third, first), third], axis=1)


def _middle(center: Floats, normal: Floats, gap: float) -> Floats:
    """Where the axis stands, (3,): 0, unless around the point that the normals of a barrel meet in it has fewer layers."""
    around = ~_flat(normal)
    outward, place = _across(normal[around]), center[around, :2]
    tangent = np.stack([-outward[:, 1], outward[:, 0]], axis=1)
    square = tangent.T @ tangent
    values = np.linalg.eigvalsh(square)
    if values[0] <= 0.1 * values[1]:
        return np.zeros(3)
    met = np.linalg.solve(square, tangent.T @ np.einsum("ni,ni->n", tangent, place))
    met_at, from_0 = (np.abs(np.einsum("ni,ni->n", outward, place - middle)) for middle in (met, np.zeros(2)))
    return np.array([*met, 0.0]) if _count(met_at, gap) < _count(from_0, gap) else np.zeros(3)


def _directions(normal: Floats) -> Floats:
    """The normal (n, 3) that stands for all that are parallel to it, whichever way they look."""
    from scipy.spatial import cKDTree

    kinds, kind, count = np.unique(np.round(normal, 4), axis=0, return_inverse=True, return_counts=True)
    tree = cKDTree(np.concatenate([kinds, -kinds]))
    chief = np.full(len(kinds), -1, np.int64)
    for row in np.argsort(-count, kind="stable"):
        if chief[row] < 0:
            near = np.array(tree.query_ball_point(kinds[row], PARALLEL)) % len(kinds)
            chief[near[chief[near] < 0]] = row
    unit = kinds / np.linalg.norm(kinds, axis=1)[:, None]
    return np.asarray(unit[chief[kind.ravel()]])


def _planes(center: Floats, direction: Floats, gap: float) -> Ints:
    """Planes (n,) of sensors of one direction, whose places along it follow one another by at most `gap`."""
    _, family = np.unique(direction, axis=0, return_inverse=True)
    return _chained(np.einsum("ni,ni->n", direction, center), family.ravel(), gap)


def _sheets(
    center: Floats, direction: Floats, reach: Floats, area: Floats, plane: Ints, gap: float
) -> tuple[Ints, float]:
    """Planes split where their sensors would cover the same area again, and half the least distance of such sheets."""
    depth = np.einsum("ni,ni->n", direction, center)
    sheet = np.zeros(len(plane), np.int64)
    order = np.lexsort((depth, plane))
    for rows in np.split(order, np.flatnonzero(np.diff(plane[order])) + 1):
        if depth[rows[-1]] - depth[rows[0]] <= SAME:
            continue
        starts = np.flatnonzero(np.diff(depth[rows], prepend=-np.inf) > SAME)
        low = np.minimum.reduceat(center[rows] - reach[rows], starts)
        high = np.maximum.reduceat(center[rows] + reach[rows], starts)
        covered, place = np.add.reduceat(area[rows], starts), depth[rows][starts]
        level, number = np.zeros(len(starts), np.int64), 0
        for i in range(1, len(starts)):
            joined = np.minimum(low[i], low[i - 1]), np.maximum(high[i], high[i - 1])
            box = np.maximum(joined[1] - joined[0], SAME)
            # The face of the box that the sheet looks through, its other sides being those of the sensors.
            face = float(np.abs(direction[rows[0]]) @ (np.prod(box) / box))
            if covered[i - 1] + covered[i] > COVERED * face:
                gap = min(gap, float(place[i] - place[i - 1]) / 2)
                number += 1
            else:
                covered[i] += covered[i - 1]
                low[i], high[i] = joined
            level[i] = number
        sheet[rows] = np.repeat(level, np.diff(np.append(starts, len(rows))))
    _, split = np.unique(np.stack([plane, sheet], axis=1), axis=0, return_inverse=True)
    return split.ravel(), gap


def _chained(place: Floats, family: Ints, gap: float) -> Ints:
    """Groups (n,) of one family each, whose places follow one another by at most `gap`."""
    order = np.lexsort((place, family))
    new = (np.diff(family[order], prepend=family[order[0]]) != 0) | (
        np.diff(place[order], prepend=place[order[0]]) > gap
    )
    result = np.empty(len(order), np.int64)
    result[order] = np.cumsum(new)
    return result


def _count(place: Floats, gap: float) -> int:
    return int(_chained(place, np.zeros(len(place), np.int64), gap).max()) + 1


def _shells(place: Floats, azimuth: Floats, facing: Floats, flat: NDArray[np.bool_], gap: float) -> Ints:
    """Planes at one place whose normals turn step by step around the axis are one shell; others stand alone."""
    group = np.arange(len(place))
    near = _chained(place, flat.astype(np.int64), gap)
    order = np.lexsort((azimuth, near))
    for rows in np.split(order, np.flatnonzero(np.diff(near[order])) + 1):
        # Starts behind the widest step, so that a run does not end where the azimuth does.
        steps = np.diff(azimuth[rows], append=azimuth[rows[0]] + 2 * np.pi)
        rows = np.roll(rows, -int(steps.argmax()) - 1)
        steps = np.diff(azimuth[rows]) % (2 * np.pi)
        for run in np.split(rows, np.flatnonzero(steps > TURN) + 1):
            if (np.abs(facing[run] @ facing[run[0]]) < 1 - PARALLEL**2).any():
                group[run] = run[0]
    return group


def _numbered(group: Ints, flat: NDArray[np.bool_], place: Floats, azimuth: Floats) -> Ints:
    """Groups counted from 0: those around the axis first, each kind by its place."""
    _, first, row = np.unique(group, return_index=True, return_inverse=True)
    row = row.ravel()
    mean = np.bincount(row, place) / np.bincount(row)
    order = np.lexsort((azimuth[first], np.round(mean, 3), flat[first]))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank[row]
