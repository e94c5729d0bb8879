"""Particles of the simulation, and which of them made which hit."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats, Ints, Particles, Truth
from gnnreco.errors import BadInput

from .content import Collection, Content

MC = "MCParticle"


def particles_of(content: Content) -> Particles:
    """All particles of the simulation, those of the generator before it among them; their ids are 1 + row.

    Raises
    ------
    BadInput
        A momentum or a place that is no number.
    """
    tables = [c.table for c in content.of(MC)]
    pdg = np.concatenate([np.zeros(0, np.int32), *(t.signed("pdg") for t in tables)])
    charge = np.concatenate([np.zeros(0), *(t.floats("charge") for t in tables)])
    vertex, momentum = (
        np.concatenate([np.zeros((0, 3)), *(t.floats(name) for t in tables)]) for name in ("vertex", "momentum")
    )
    lost = np.flatnonzero(~np.isfinite(np.column_stack([vertex, momentum, charge])).all(axis=1))
    if len(lost):
        why = f"a number that is none ({len(lost)} such); damaged: fetch the file again"
        raise BadInput(content.file, f"{content.where}, {MC}[{lost[0]}]", why)
    return Particles(
        np.arange(1, len(pdg) + 1), pdg, charge, *np.ascontiguousarray(vertex.T), *np.ascontiguousarray(momentum.T)
    )


def truth_of(content: Content, hits: list[Collection]) -> Truth | None:
    """The truth of an event; None where the file has none.

    Parameters
    ----------
    content : Content
    hits : list of Collection
        Those that the hits of the event come from, in order.

    Raises
    ------
    BadInput
        Damaged.
    """
    if not content.of(MC):
        return None
    particles = particles_of(content)
    hit, particle, energy = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    first = 0
    for collection in hits:
        row, pointers, left = _shares(collection)
        to = content.rows(pointers, MC, content.of(MC), collection.name)
        hit.append(first + row[to >= 0])
        particle.append(to[to >= 0])
        energy.append(left[to >= 0])
        first += len(collection)
    # One integer a pair: a particle may leave energy in one cell in many steps.
    count = max(len(particles), 1)
    pair, step = np.unique(np.concatenate(hit) * count + np.concatenate(particle), return_inverse=True)
    total = np.bincount(step, np.concatenate(energy), len(pair)).astype(np.float64)
    return Truth(particles, *np.divmod(pair, count), energy=total)


def _shares(collection: Collection) -> tuple[Ints, np.ndarray, Floats]:
    """Row of the hit, pointer to the particle and energy of each deposit of a collection; none where nobody knows."""
    table = collection.table
    if "shares" in table.lists:
        offsets, shares = table.lists["shares"]
        row = np.repeat(np.arange(len(table)), np.diff(offsets))
        return row, shares.unsigned("particle"), shares.floats("energy")
    if "particle" in table:
        return np.arange(len(table)), table.unsigned("particle"), table.floats("energy")
    return np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros(0)
