"""Events of a barrel of cells with chambers at both ends, all alike, and what can be put into one of them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from gnnreco.columns import Collections, Event, Floats, Hits

NAMES = ("barrel", "chambers")
RADIUS, CELL = 1300.0, 225.0  # mm: 36 cells around, 20 along the beam
AROUND, ALONG = 36, 20


def cells() -> tuple[Floats, Floats]:
    """Middles (720, 3) and edges (720, 3, 3) of the barrel's cells."""
    phi = np.repeat((np.arange(AROUND) + 0.5) * 2 * np.pi / AROUND, ALONG)
    z = np.tile((np.arange(ALONG) - ALONG / 2 + 0.5) * CELL, AROUND)
    cos, sin, zero = np.cos(phi), np.sin(phi), np.zeros_like(phi)
    beside, out = np.stack([-sin, cos, zero], 1), np.stack([cos, sin, zero], 1)
    along = np.tile([0.0, 0.0, CELL], (len(phi), 1))
    return np.stack([RADIUS * cos, RADIUS * sin, z], 1), np.stack([CELL * beside, along, 300 * out], 1)


def plain(number: int, many: float = 1.0, chambers: bool = True) -> Event:
    """An event of soft particles everywhere: some 120 cells of 0.3 GeV each, times `many`, and a few chambers."""
    chance = np.random.default_rng(number)
    xyz, edges = cells()
    energy = chance.exponential(0.3, len(xyz)) * (chance.random(len(xyz)) < 0.16 * many)
    rows = np.flatnonzero(energy > 0)
    event = put(_empty(number), "barrel", xyz[rows], edges[rows], energy[rows])
    if not chambers:
        return event
    n = chance.poisson(6 * many)
    phi, end = chance.uniform(-np.pi, np.pi, n), chance.choice([-1.0, 1.0], n)
    return chambers_at(event, chance.uniform(1500, 3000, n), phi, end * chance.uniform(4000, 7000, n))


def _empty(number: int) -> Event:
    zero = np.zeros(0)
    hits = Hits(zero.astype(np.int64), zero, zero, zero, zero.astype(np.int32), energy=zero)
    return Event(
        number, "made", hits, collections=Collections(NAMES, zero.astype(np.int32), np.zeros((0, 3, 3)))
    )


def put(event: Event, name: str, xyz: Floats, edges: Floats, energy: Floats) -> Event:
    """The event with hits added to a collection."""
    old, told = event.hits, event.collections
    assert told is not None
    assert old.energy is not None
    n = len(old) + len(xyz)
    x, y, z = np.concatenate([old.xyz, xyz]).T
    hits = Hits(np.arange(n), x, y, z, np.full(n, -1, np.int32), energy=np.append(old.energy, energy))
    of = np.append(told.of, np.full(len(xyz), NAMES.index(name))).astype(np.int32)
    return replace(event, hits=hits, collections=Collections(NAMES, of, np.concatenate([told.edges, edges])))


def chambers_at(event: Event, radius: Floats, phi: Floats, z: Floats) -> Event:
    """The event with chambers of 150 mm, which measure no energy."""
    radius, phi, z = np.broadcast_arrays(radius, phi, z)
    cos, sin, zero = np.cos(phi), np.sin(phi), np.zeros(len(phi))
    axes = np.stack(
        [np.stack(axis, 1) for axis in ((-sin, cos, zero), (cos, sin, zero), (zero, zero, zero + 1))], 1
    )
    xyz = np.stack([radius * cos, radius * sin, z], 1)
    return put(
        event, "chambers", xyz, axes * np.array([150.0, 150.0, 20.0])[:, None], np.full(len(phi), np.nan)
    )


def hot(event: Event, gev: float, row: int = 407) -> Event:
    """The event with one hot cell; the cells around it are as they were."""
    xyz, edges = cells()
    return put(event, "barrel", xyz[[row]], edges[[row]], np.array([gev]))


def shower(event: Event, gev: float, rows: Sequence[int] = (407, 406, 408, 387, 427)) -> Event:
    """The event with a shower: a cell and those beside it, of which each has a quarter of the middle's energy."""
    xyz, edges = cells()
    part = np.array([0.5, 0.125, 0.125, 0.125, 0.125])
    return put(event, "barrel", xyz[list(rows)], edges[list(rows)], gev * part)


def shuffled(event: Event, seed: int) -> Event:
    """The event with its hits in another order."""
    order, told = np.random.default_rng(seed).permutation(len(event.hits)), event.collections
    assert told is not None
    return replace(
        event,
        hits=event.hits[order],
        collections=Collections(told.names, told.of[order], told.edges[order]),
    )


def write_ig(path: Path, events: Sequence[Event], vertices: int = 0) -> Path:
    """The events as an archive of iSpy, in m; vertices are listed but not told of."""
    corners = [f"{face}_{corner}" for face in ("front", "back") for corner in (1, 2, 3, 4)]
    boxes = [[name, "v3d"] for name in corners]
    types = {
        "barrel_V2": [["energy", "double"], *boxes],
        "chambers_V1": boxes,
        "Vertices_V1": [["chi2", "double"]],
    }
    with zipfile.ZipFile(path, "w") as archive:
        for event in events:
            told, hits = event.collections, event.hits
            assert told is not None
            assert hits.energy is not None
            u, v, w = (told.edges[:, k] / 2 for k in range(3))
            turns = [-u - v, u - v, u + v, v - u]
            box = 1e-3 * (hits.xyz[:, None] + np.stack([s * w + turn for s in (-1, 1) for turn in turns], 1))
            rows = [
                [
                    [e, *b] if e == e else b
                    for e, b in zip(hits.energy[of].tolist(), box[of].tolist(), strict=True)
                ]
                for of in (told.of == 0, told.of == 1)
            ]
            lists = dict(zip(types, [*rows, [[1.0]] * vertices], strict=True))
            archive.writestr(
                f"Events/Run_1/Event_{event.number}", json.dumps({"Types": types, "Collections": lists})
            )
    return path
