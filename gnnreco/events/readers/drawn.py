"""Hits of files made for event displays: collections of points, strips and boxes, each with what the file tells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Collections, Event, Floats, Hits, Ints
from gnnreco.errors import BadInput
from gnnreco.events.sensors import SensorFinder


class Drawn(NamedTuple):
    """Hits of one collection.

    Attributes
    ----------
    name : str
    xyz : float64 (n, 3)
        Middle, mm.
    edges : float64 (n, 3, 3)
        As in `Collections`.
    energy, time : float64 (n,), optional
        GeV, ns.
    fields : mapping of str to int64 (n,)
        Fields of the numbers of the cells, where the file has and describes them.
    """

    name: str
    xyz: Floats
    edges: Floats
    energy: Floats | None = None
    time: Floats | None = None
    fields: Mapping[str, Ints] = MappingProxyType({})


def untold(n: int) -> Floats:
    """Edges of `n` hits of which the file says only where they are."""
    return np.full((n, 3, 3), np.nan)


def upright(size: Floats) -> Floats:
    """Edges of boxes along the axes (n, 3, 3) from their lengths (n, 3)."""
    return size[:, :, None] * np.eye(3)


def on_cylinder(outwards: Floats, radius: Floats | float, half: Floats | float) -> Floats:
    """Where lines from the origin along unit vectors (n, 3) meet a cylinder about z, or the disks that close it, mm."""
    with np.errstate(divide="ignore", invalid="ignore"):
        across = np.hypot(outwards[:, 0], outwards[:, 1])
        distance = np.fmin(radius / across, half / np.abs(outwards[:, 2]))
    return outwards * distance[:, None]


def strips(ends: Floats) -> tuple[Floats, Floats]:
    """Middles and edges of hits that are lines between two points, (n, 2, 3) mm."""
    edges = np.zeros((len(ends), 3, 3))
    edges[:, 0] = ends[:, 1] - ends[:, 0]
    return ends.mean(axis=1), edges


def boxes(front: Floats, back: Floats) -> tuple[Floats, Floats]:
    """Middles and edges of cells told by the corners of two faces, (n, 4, 3) mm, around each face in turn."""
    corners = np.stack([front, back], axis=1)  # side, corner
    across = corners[:, :, [1, 2]] - corners[:, :, [0, 3]]
    along = corners[:, :, [3, 2]] - corners[:, :, [0, 1]]
    edges = [across.mean(axis=(1, 2)), along.mean(axis=(1, 2)), back.mean(axis=1) - front.mean(axis=1)]
    return corners.mean(axis=(1, 2)), np.stack(edges, axis=1)


def numbers(file: Path, where: str, rows: Any, width: int) -> Floats:
    """Rows of a JSON list as float64 (n, width). Raises `BadInput` for rows of another length, or no numbers."""
    try:
        values = np.asarray(rows, np.float64)
        if values.size == 0 and len(rows) == 0:
            values = values.reshape(0, width)
        if values.ndim != 2 or values.shape[1] != width:
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        why = f"not rows of {width} numbers each; damaged, or of a version gnnreco does not know"
        raise BadInput(file, where, why) from None
    return values


def event_of(
    number: int,
    source: str,
    file: Path,
    where: str,
    parts: list[Drawn],
    finder: SensorFinder,
    aside: Mapping[str, int],
) -> Event:
    """One event from its collections; a hit of one that has no energy has energy NaN if others have one.

    What is left `aside` is counted by name; names with nothing in them are dropped.

    Raises
    ------
    BadInput
        No collection, none with hits, or a position that is not finite.
    """
    if not any(len(part.xyz) for part in parts):
        names = ", ".join(part.name for part in parts) or "no collection of hits"
        others = ", ".join(f"{name} ({count})" for name, count in aside.items() if count)
        others = f"; left aside: {others}" if others else ""
        raise BadInput(file, where, f"no hit in it ({names}{others}); name an event that has hits")
    for part in parts:
        lost = np.flatnonzero(~np.isfinite(part.xyz).all(axis=1))
        if len(lost):
            place = f"{where}, {part.name}[{lost[0]}]".removeprefix(", ")
            raise BadInput(file, place, f"a position that is no number ({len(lost)} such); correct the file")
    xyz = np.concatenate([part.xyz for part in parts])
    of = np.repeat(np.arange(len(parts), dtype=np.int32), [len(part.xyz) for part in parts])
    x, y, z = np.ascontiguousarray(xyz.T)
    time, energy = _column(parts, "time"), _column(parts, "energy")
    sensor = _sensors(parts, xyz, finder)
    hits = Hits(np.arange(len(xyz)), x, y, z, sensor, time=time, energy=energy)
    edges = np.concatenate([part.edges for part in parts])
    told = Collections(tuple(part.name for part in parts), of, edges)
    left = {name: count for name, count in aside.items() if count}
    return Event(number, source, hits, None, told, left_aside=left)


def _sensors(parts: list[Drawn], xyz: Floats, finder: SensorFinder) -> NDArray[np.int32]:
    """The sensor of each hit: by its cell's fields where the detector has labels for them, all others by their places."""
    sensor = np.full(len(xyz), -1, np.int32)
    first, left = 0, []
    for part in parts:
        rows = slice(first, first + len(part.xyz))
        named = finder.by_fields(part.fields, part.xyz) if part.fields else None
        if named is None:
            left.append(np.arange(rows.start, rows.stop))
        else:
            sensor[rows] = named
        first = rows.stop
    others = np.concatenate([np.zeros(0, np.int64), *left]).astype(np.int64)
    if len(others):
        sensor[others] = finder.by_label((), (), xyz[others])
    return sensor


def _column(parts: list[Drawn], name: str) -> Floats | None:
    """One column of all collections; None where none has it."""
    given = [getattr(part, name) for part in parts]
    if all(values is None for values in given):
        return None
    filled = [
        np.full(len(part.xyz), np.nan) if values is None else values
        for part, values in zip(parts, given, strict=True)
    ]
    return np.concatenate(filled)
