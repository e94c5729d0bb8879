"""Particles of the simulation: which of them made which hit, where each came from and what became of it.

The particles are those that the generator left stable, those that the simulation made, and any other at which a hit or a
link points. What else the generator wrote down (partons, decayed hadrons) would count its energy twice, so it is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints, Particles, Truth
from gnnreco.errors import BadInput

from .content import Collection, Content
from .fates import fates_of
from .kinds import CREATED_IN_SIMULATION

MC, SIMULATED = "MCParticle", "SimTrackerHit"
#: What the generator calls a particle that it leaves to the simulation.
STABLE = 1


@dataclass(frozen=True, slots=True)
class Simulated:
    """The particles of one event.

    Attributes
    ----------
    truth : Truth
        Ids are 1 + row in the file.
    place : int64 (n_in_file,)
        Row in ``truth.particles`` of each particle of the file; -1 for those that are left out.
    generator_status : int32 (n,)
    mass : float64 (n,)
        GeV.
    """

    truth: Truth
    place: Ints
    generator_status: NDArray[np.int32]
    mass: Floats


def simulated(content: Content, hits: list[Collection]) -> Simulated | None:
    """The particles of an event and their links to its hits; None where the file has none.

    Parameters
    ----------
    content : Content
    hits : list of Collection
        Those that the hits of the event come from, in order.

    Raises
    ------
    BadInput
        Damaged: numbers that are none, pointers to nowhere, particles that are their own ancestors.
    """
    collections = content.of(MC)
    if not collections:
        return None
    hit, pointed, energy = _deposits(content, hits)
    status, simulation = (_whole(collections, name) for name in ("generator_status", "simulator_status"))
    keep = (status == STABLE) | ((simulation.view(np.uint32) >> CREATED_IN_SIMULATION & 1) == 1)
    keep[pointed] = True
    for relation in content.relations(MC):
        to = content.rows(relation.table.unsigned("to"), MC, collections, relation.name)
        keep[to[to >= 0]] = True
    place = np.where(keep, np.cumsum(keep) - 1, -1).astype(np.int64)
    vertex, momentum = (_reals(collections, name, 3) for name in ("vertex", "momentum"))
    charge, mass = (_reals(collections, name)[keep] for name in ("charge", "mass"))
    lost = np.flatnonzero(
        ~np.isfinite(np.column_stack([vertex, momentum])[keep]).all(axis=1) | ~np.isfinite(charge)
    )
    if len(lost):
        row, why = (
            np.flatnonzero(keep)[lost[0]],
            f"a number that is none ({len(lost)} such); fetch the file again",
        )
        raise BadInput(content.file, f"{content.where}, {MC}[{row}]", why)
    particles = Particles(
        np.flatnonzero(keep) + 1,
        _whole(collections, "pdg")[keep],
        charge,
        *np.ascontiguousarray(vertex[keep].T),
        *np.ascontiguousarray(momentum[keep].T),
    )
    # One integer a pair: a particle may leave energy in one cell in many steps.
    count = max(len(particles), 1)
    pair, step = np.unique(hit * count + place[pointed], return_inverse=True)
    total = np.bincount(step, energy, len(pair)).astype(np.float64)
    fates = fates_of(content, collections, particles, mass, place)
    return Simulated(
        Truth(particles, *np.divmod(pair, count), energy=total, fates=fates), place, status[keep], mass
    )


def _whole(collections: list[Collection], name: str) -> NDArray[np.int32]:
    return np.concatenate([np.zeros(0, np.int32), *(c.table.signed(name) for c in collections)])


def _reals(collections: list[Collection], name: str, *shape: int) -> Floats:
    return np.concatenate([np.zeros((0, *shape)), *(c.table.floats(name) for c in collections)])


def _deposits(content: Content, hits: list[Collection]) -> tuple[Ints, Ints, Floats]:
    """Row of the hit, row of the particle in the file, and energy of each deposit whose particle is known."""
    hit, particle, energy = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros(0)]
    first = 0
    for collection in hits:
        table = collection.table
        if "shares" in table.lists:
            offsets, shares = table.lists["shares"]
            row = np.repeat(np.arange(len(table)), np.diff(offsets))
            pointers, left = shares.unsigned("particle"), shares.floats("energy")
        elif "particle" in table:
            row, pointers, left = np.arange(len(table)), table.unsigned("particle"), table.floats("energy")
        else:
            row, pointers, left = _linked(content, collection)
        to = content.rows(pointers, MC, content.of(MC), collection.name)
        known = to >= 0
        hit.append(first + row[known])
        particle.append(to[known])
        energy.append(left[known])
        first += len(collection)
    return np.concatenate(hit), np.concatenate(particle), np.concatenate(energy)


def _linked(content: Content, hits: Collection) -> tuple[Ints, NDArray[np.uint32], Floats]:
    """Of measured hits: row, pointer to the particle, and energy, by way of the simulated hits that links lead to.

    Where there are none, by the links to particles themselves; the energy is then the weight's part of that of the hit.
    """
    parts = [(np.zeros(0, np.int64), np.zeros(0, np.uint32), np.zeros(0))]
    made = [c for c in content.of(SIMULATED) if "particle" in c.table]
    if made:
        particle = np.concatenate([c.table.unsigned("particle") for c in made])
        left = np.concatenate([c.table.floats("energy") for c in made])
        for relation in content.relations(SIMULATED, hits.kind):
            table = relation.table
            row = content.rows(table.unsigned("from"), hits.kind, [hits], relation.name)
            to = content.rows(table.unsigned("to"), SIMULATED, made, relation.name)
            both = (row >= 0) & (to >= 0)
            parts.append((row[both], particle[to[both]], left[to[both]]))
    if sum(len(row) for row, _, _ in parts) == 0:
        for relation in content.relations(MC, hits.kind):
            table = relation.table
            row = content.rows(table.unsigned("from"), hits.kind, [hits], relation.name)
            known = row >= 0
            weight = table.floats("weight") if "weight" in table else np.ones(len(table))
            energy = weight[known] * hits.table.floats("energy")[row[known]]
            parts.append((row[known], table.unsigned("to")[known], energy))
    rows, pointers, energies = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(pointers), np.concatenate(energies)
