"""All parts of a detector read out, each by what it measures, and their hits in one table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gnnreco.columns import Deposits, Floats, Hits, Ints
from gnnreco.geometry import Detector
from gnnreco.simulate.drift.charge import drift
from gnnreco.simulate.showers.hits import ionised, read_out
from gnnreco.simulate.showers.learned import Engines
from gnnreco.simulate.showers.shower import gathered, shower, showering

from .digitize import digitize
from .options import SimulationOptions
from .transport import Transported

Part = tuple[Hits, Ints, Ints, Floats]


def measured(
    detector: Detector,
    flown: Transported,
    options: SimulationOptions,
    rng: np.random.Generator,
    engine: Engines | None = None,
) -> Part:
    """Hits of trackers, then of calorimeters, then of drift chambers; and who left what in them.

    Returns
    -------
    hits : Hits
    hit, particle, energy : int64, int64, float64 (m,)
        Which particle (row) left how much (GeV) in which hit (row), sorted.
    """
    crossings, parts = flown.crossings, []
    calorimeter = showering(detector)[crossings.sensor]
    if not calorimeter.all() or not (len(calorimeter) or len(flown.entries) or len(flown.paths)):
        trackers = crossings.select(~calorimeter) if calorimeter.any() else crossings
        parts.append(digitize(detector, trackers, options, rng))
    if len(flown.entries) or calorimeter.any():
        shares = shower(detector, flown.entries, flown.particles, options, rng, engine)
        if calorimeter.any():
            shares = gathered(shares, ionised(detector, crossings.select(calorimeter)))
        parts.append(read_out(detector, shares, options, rng))
    if len(flown.paths):
        parts.append(drift(detector, flown.paths, options, rng))
    return joined(parts)


def joined(parts: Sequence[Part]) -> Part:
    """Several tables of hits, with their links, as one; empty ones leave no trace."""
    filled = [part for part in parts if len(part[0])] or list(parts[:1])
    if len(filled) == 1:
        return filled[0]
    tables = [part[0] for part in filled]
    counts = np.array([len(table) for table in tables])
    first = np.cumsum(counts) - counts
    x, y, z, var_u, var_v, energy, time = (
        np.concatenate([_column(table, name) for table in tables])
        for name in ("x", "y", "z", "var_u", "var_v", "energy", "time")
    )
    hits = Hits(
        np.arange(1, counts.sum() + 1),
        x,
        y,
        z,
        np.concatenate([table.sensor for table in tables]),
        var_u,
        var_v,
        energy=energy,
        deposits=_deposits(tables),
    )
    return (
        replace(hits, time=time) if any(table.time is not None for table in tables) else hits,
        np.concatenate([part[1] + start for part, start in zip(filled, first, strict=True)]),
        np.concatenate([part[2] for part in filled]),
        np.concatenate([part[3] for part in filled]),
    )


def _column(table: Hits, name: str) -> Floats:
    values = getattr(table, name)
    return np.full(len(table), np.nan) if values is None else values


def _deposits(tables: Sequence[Hits]) -> Deposits:
    held = [table.deposits for table in tables if table.deposits is not None]
    count = np.concatenate([np.diff(one.offsets) for one in held])
    return Deposits(
        np.concatenate([[0], np.cumsum(count)]),
        np.concatenate([one.u for one in held]),
        np.concatenate([one.v for one in held]),
        np.concatenate([one.value for one in held]),
    )
