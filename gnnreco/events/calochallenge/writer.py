"""Write showers of single particles as the CaloChallenge does, a block of rows at a time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gnnreco.columns import Event, Floats, Particles
from gnnreco.errors import BadInput
from gnnreco.particles import species_of

from .reader import ENERGIES, KINDS, NUMBERS, SHOWERS
from .voxels import Voxels

if TYPE_CHECKING:
    from gnnreco.geometry import Detector

#: Bytes of a block of rows, which is what the file is cut into.
BLOCK = 4 << 20
#: Bits of an energy that are kept: fewer than the errors of a multiplication and a division, so that a file that was read
#: is the same when it is written again.
BITS = 44
#: How far from the axis a particle may pass any layer, in radii of the smallest innermost ring.
OFF_AXIS = 0.5


def write_calochallenge(file: Path, events: Iterable[Event], detector: Detector) -> None:
    """Write events of one particle each along the axis of the voxels.

    Beside the two data sets of the challenge stand ``event_number`` and ``pdg``, which its programs do not read: no
    event changes its number on the way, and no positron becomes an electron.

    Parameters
    ----------
    file : path
    events : iterable of Event
        Taken one at a time. What is written of a hit is its energy, divided by the sampling fraction of its layer.
    detector : Detector

    Raises
    ------
    BadInput
        The detector is no cylinder of voxels; an event has no truth, not one particle, or one that does not come along the
        axis; a hit lies in no voxel, or has no energy.
    """
    import h5py

    voxels = Voxels.of(detector)
    rows = max(BLOCK // (8 * len(voxels)), 1)
    with h5py.File(file, "w") as content:
        kinds = ((SHOWERS, len(voxels), "f8"), (ENERGIES, 1, "f8"), (NUMBERS, 1, "i8"), (KINDS, 1, "i4"))
        tables = [
            content.create_dataset(
                name, (0, width), kind, maxshape=(None, width), chunks=(rows, width), compression="gzip"
            )
            for name, width, kind in kinds
        ]
        block: list[tuple[Any, ...]] = []
        for event in events:
            block.append(_row(event, voxels))
            if len(block) == rows:
                _append(tables, block)
                block = []
        _append(tables, block)


def _append(tables: list[Any], block: list[tuple[Any, ...]]) -> None:
    for table, values in zip(tables, zip(*block, strict=True), strict=False):
        before = table.shape[0]
        table.resize(before + len(block), axis=0)
        table[before:] = np.stack(values).reshape(len(block), -1)


def _row(event: Event, voxels: Voxels) -> tuple[Floats, Floats, int, int]:
    """Energies of all voxels and of the particle, MeV; the number of the event; the kind of the particle."""
    where, hits = f"event {event.number}", event.hits
    if event.truth is None or len(event.truth.particles) != 1:
        there = "no truth" if event.truth is None else f"{len(event.truth.particles)} particles"
        why = f"has {there}, and a shower of the CaloChallenge is that of one particle"
        raise BadInput(
            event.source, where, f"{why}; simulate with --process beam --count 1, or write Parquet"
        )
    if hits.energy is None:
        raise BadInput(event.source, where, "its hits have no energy; write Parquet")
    number = voxels.find(hits)
    lost = np.flatnonzero((number < 0) | ~(np.isfinite(hits.energy) & (hits.energy >= 0)))
    if len(lost):
        hit = int(lost[0])
        why = (
            f"lies in no voxel of {voxels.detector.name}"
            if number[hit] < 0
            else f"has {hits.energy[hit]} GeV"
        )
        raise BadInput(
            event.source, f"{where}, hit {hits.hit_id[hit]}", f"{why}; leave it out, or write Parquet"
        )
    particle = event.truth.particles
    _check_axis(event, particle, voxels)
    seen = np.bincount(number, hits.energy, len(voxels))
    energy = np.array([1e3 * _energy(particle)])
    if not (np.isfinite(energy[0]) and energy[0] > 0):
        raise BadInput(
            event.source, where, f"its particle has {energy[0]} MeV; leave it out, or write Parquet"
        )
    return _rounded(seen / voxels.seen), _rounded(energy), event.number, int(particle.pdg[0])


def _energy(particle: Particles) -> float:
    """Total energy of a particle, GeV."""
    known = species_of(particle.pdg.tolist())
    mass = known.mass[known.rows(particle.pdg)]
    return float(np.sqrt(particle.px**2 + particle.py**2 + particle.pz**2 + mass**2)[0])


def _check_axis(event: Event, particle: Particles, voxels: Voxels) -> None:
    """Raise `BadInput` unless a straight line from where the particle was made passes the middle of each layer."""
    detector, sensors = voxels.detector, np.unique(voxels.sensor)
    point = np.array([[particle.vx[0], particle.vy[0], particle.vz[0]]])
    ahead = point + np.array([[particle.px[0], particle.py[0], particle.pz[0]]])
    start, end = (detector.to_local(sensors, np.repeat(where, len(sensors), 0)) for where in (point, ahead))
    step = end - start
    with np.errstate(divide="ignore", invalid="ignore"):
        met = start[:, :2] - step[:, :2] * (start[:, 2] / step[:, 2])[:, None]
    away = np.hypot(met[:, 0], met[:, 1])
    if not bool((away <= OFF_AXIS * voxels.core).all()):
        why = f"its particle passes {np.nanmax(away, initial=0):.3g} mm from the axis, farther than half the innermost ring"
        remedy = "simulate with beam_width=0.01 beam_divergence=0, or write Parquet"
        raise BadInput(event.source, f"event {event.number}", f"{why}; {remedy}")


def _rounded(values: Floats) -> Floats:
    """The nearest numbers of `BITS` bits."""
    part, power = np.frexp(values)
    return np.ldexp(np.rint(part * 2.0**BITS), power - BITS)
