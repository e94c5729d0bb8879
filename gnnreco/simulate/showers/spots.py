"""Spots of visible energy, the table that all showers write: a row a spot."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gnnreco.columns import Floats
from gnnreco.kernels import njit

from .ray import Ray, Stack

ENTRY, SENSOR, SPOT_U, SPOT_V, VISIBLE, WHEN = range(6)  # columns of a spot

LIGHT = 299.792458  # mm/ns


class Entry(NamedTuple):
    """A particle that comes upon a calorimeter: its number among those that do, and when (ns)."""

    row: int
    time: float


class Passage(NamedTuple):
    """What all spots of a particle share: the layers, the axis through them, and the particle."""

    stack: Stack
    ray: Ray
    entry: Entry


@njit(cache=True, error_model="numpy")
def room(spots: Floats, used: int, more: int) -> Floats:
    """The same table with room for more rows."""
    if used + more <= len(spots):
        return spots
    larger = np.empty((max(2 * len(spots), used + more), spots.shape[1]))
    larger[:used] = spots[:used]
    return larger


@njit(cache=True, error_model="numpy")
def put(
    spots: Floats,
    used: int,
    passage: Passage,
    place: int,
    landed: tuple[int, float, float],
    visible: float,
    delay: float,
) -> int:
    """Write a spot that landed at (row of the stack, u, v) in layer `place` of the axis; returns how many there are."""
    row, u, v = landed
    spots[used, ENTRY], spots[used, SENSOR] = passage.entry.row, row
    spots[used, SPOT_U], spots[used, SPOT_V] = u, v
    spots[used, VISIBLE] = visible
    spots[used, WHEN] = passage.entry.time + passage.ray.path[place] / LIGHT + delay
    return used + 1
