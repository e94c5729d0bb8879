"""Showers of the same particles side by side in one scene: a row for each particle, a column for each maker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gnnreco.columns import Event, Floats, Hits, Particles, Truth
from gnnreco.geometry import ConstantField, Detector, GridTemplate, Subsystem
from gnnreco.simulate.showers.along import along_axes
from gnnreco.simulate.showers.ray import stack_of

APART = 1.25  # from column to column, in depths of the deepest shower
NEAR = 0.98  # of the energy lies within half the distance of two rows
THICK = 0.6  # of the way from layer to layer: as thick are cells drawn, since silicon is too thin to be seen


@dataclass(frozen=True, slots=True)
class Row:
    """A particle to look at: why, its event and identity, kind (PDG) and energy (GeV), and what a classifier says of it."""

    why: str
    event: int
    particle: int
    pdg: int
    energy: float
    odds: float | None


@dataclass(frozen=True, slots=True)
class Drawn:
    """A shower from its own axis: width of its cells, depth and distances of their centres (mm), and energies (GeV)."""

    row: int
    column: int
    width: float
    step: float
    depth: Floats
    a: Floats
    b: Floats
    deposit: Floats


@dataclass(frozen=True, slots=True)
class Scene:
    """What the display draws, and by row of particles which of them (with a hit) are its showers, by column."""

    event: Event
    detector: Detector
    particles: tuple[tuple[int | None, ...], ...]


def scene(
    rows: Sequence[Row], makers: Mapping[str, Mapping[int, Event]], detector: Detector, source: str
) -> Scene:
    """Lay the showers of some particles out in a plane.

    Parameters
    ----------
    rows : sequence of Row
    makers : mapping
        Events by their number, by the name of what made them.
    detector : Detector
        That all were made in; each shower is turned so that its axis is horizontal, and begins at the left.
    source : str
        What the event of the scene is said to come from.
    """
    drawn = [
        shower
        for i, row in enumerate(rows)
        for j, events in enumerate(makers.values())
        if (shower := _shower(i, j, row, events.get(row.event), detector)) is not None
    ]
    deep = max((float(s.depth.max()) for s in drawn), default=1.0)
    aside = np.concatenate([np.zeros(1), *(np.abs(s.b) for s in drawn)])
    energy = np.concatenate([np.zeros(1), *(s.deposit for s in drawn)])
    order = np.argsort(aside, kind="stable")
    share = np.cumsum(energy[order]) / max(energy.sum(), 1e-30)
    reach = float(aside[order][min(int(np.searchsorted(share, NEAR)), len(order) - 1)])
    wide = 2 * (reach + max((s.width for s in drawn), default=1.0))
    # The display looks from the side of x with z to the left: z falls along the showers and from column to column.
    placed = [
        np.stack([s.a, s.b - s.row * wide, -(s.depth + s.column * APART * deep)], axis=1) for s in drawn
    ]
    starts = np.array([[0.0, -s.row * wide, -s.column * APART * deep] for s in drawn]).reshape(-1, 3)
    numbers = {(s.row, s.column): i for i, s in enumerate(drawn)}
    return Scene(
        _event(drawn, rows, placed, starts, source),
        _cells(drawn, placed, tuple(makers)),
        tuple(tuple(numbers.get((i, j)) for j in range(len(makers))) for i in range(len(rows))),
    )


def _shower(row: int, column: int, asked: Row, event: Event | None, detector: Detector) -> Drawn | None:
    """The shower of a particle in an event; None where it left none."""
    if event is None or event.truth is None:
        return None
    along = along_axes(detector, event)
    mine = np.flatnonzero(event.truth.particles.particle_id[along.particle] == asked.particle)
    if not len(mine):
        return None
    i = int(mine[0])
    ray, cells = along.rays[i], along.shower == i
    there = detector.at_source()
    pitch = np.sqrt(there.pitch_u * there.pitch_v)[stack_of(there).sensor[ray.row]]
    known = pitch[np.isfinite(pitch) & (pitch > 0)]
    step = float(np.median(np.diff(ray.path))) if len(ray.path) > 1 else 1.0
    return Drawn(
        row,
        column,
        float(np.median(known)) if len(known) else 1.0,
        max(step, 1e-3),
        ray.path[along.place[cells]] - ray.path[0],
        along.a[cells],
        along.b[cells],
        along.deposit[cells],
    )


def _event(
    drawn: Sequence[Drawn], rows: Sequence[Row], placed: Sequence[Floats], starts: Floats, source: str
) -> Event:
    """Cells as hits, and each shower's particle along its axis."""
    counts = np.array([len(s.deposit) for s in drawn], np.int64)
    x, y, z = np.concatenate([np.zeros((0, 3)), *placed]).T
    n = len(x)
    energy = np.concatenate([np.zeros(0), *(s.deposit for s in drawn)])
    hits = Hits(np.arange(n), x, y, z, np.arange(n, dtype=np.int32), energy=energy)
    pdg = np.array([rows[s.row].pdg for s in drawn], np.int32)
    zero = np.zeros(len(drawn))
    particles = Particles(
        np.array([10 * (s.row + 1) + s.column + 1 for s in drawn], np.int64),
        pdg,
        -np.sign(pdg) * (pdg != 22).astype(np.float64),
        starts[:, 0],
        starts[:, 1],
        starts[:, 2],
        zero,
        zero,
        -np.array([rows[s.row].energy for s in drawn]),
    )
    return Event(
        0,
        source,
        hits,
        Truth(particles, np.arange(n), np.repeat(np.arange(len(drawn)), counts), energy=energy),
    )


def _cells(drawn: Sequence[Drawn], placed: Sequence[Floats], makers: tuple[str, ...]) -> Detector:
    """A sensor of one cell for each hit; makers are subsystems, so that each can be shown alone."""
    counts = np.array([len(s.deposit) for s in drawn], np.int64)
    column = np.repeat(np.array([s.column for s in drawn], np.int32), counts).astype(np.int32)
    n = int(counts.sum())
    zeros = np.zeros(n)
    sizes = [(s.width, s.step * THICK) for s in drawn]
    kinds = list(dict.fromkeys(sizes))
    template = np.repeat(np.array([kinds.index(size) for size in sizes], np.int32), counts).astype(np.int32)
    return Detector(
        name="showers side by side",
        folder=Path(),
        field=ConstantField(0.0),
        templates=tuple(GridTemplate(f"cell of {w:.3g} mm", t, w, w, 1, 1) for w, t in kinds),
        subsystems=tuple(Subsystem(name, ("energy",)) for name in makers),
        n_layers=len(makers),
        template=template,
        layer=column,
        subsystem=column,
        center=np.concatenate([np.zeros((0, 3)), *placed]),
        rotation=np.tile(np.eye(3), (n, 1, 1)),
        radiation_lengths=zeros,
        interaction_lengths=zeros,
        resolution_u=zeros,
        resolution_v=zeros,
        sensor_id=np.arange(n),
    )
