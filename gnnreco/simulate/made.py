"""An event from the particles of a generator, or from those of another event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np

from gnnreco.columns import Event, Ints, Particles, Truth
from gnnreco.errors import BadInput
from gnnreco.events.select import in_source_frame, out_of_source_frame
from gnnreco.geometry import Detector
from gnnreco.particles import species_of

from .generators.generated import Generated
from .options import SimulationOptions
from .readout import measured
from .showers.along import along_axes
from .showers.learned import Engines
from .transport import Transport

#: Particles that an engine makes the showers of: photon, electron, positron (PDG).
ELECTROMAGNETIC = (22, 11, -11)


def made_event(
    number: int,
    source: str,
    detector: Detector,
    options: SimulationOptions,
    generated: Generated,
    transport: Transport,
    rng: np.random.Generator,
    engine: Engines | None,
) -> Event:
    """One event of what a generator gave, in the source's frame."""
    flown = transport(generated, rng)
    hits, hit, particle, energy = measured(detector, flown, options, rng, engine)
    return Event(
        number,
        source,
        hits,
        Truth(_particles(flown.particles, flown.generation), hit, particle, energy=energy, fates=flown.fates),
    )


def _particles(generated: Generated, generation: Ints) -> Particles:
    codes, row = np.unique(generated.pdg, return_inverse=True)
    species = species_of(codes)
    g = generated
    return Particles(
        _barcode(g.vertex.astype(np.int64), generation),
        g.pdg,
        species.charge[species.rows(codes)][row],
        g.vx,
        g.vy,
        g.vz,
        g.px,
        g.py,
        g.pz,
    )


def _barcode(vertex: Ints, generation: Ints) -> Ints:
    """Vertex (from 1), running number in the vertex (from 1) and generation in the fields of an ACTS barcode."""
    order = np.argsort(vertex, kind="stable")
    first = np.searchsorted(vertex[order], vertex[order])
    running = np.empty(len(vertex), np.int64)
    running[order] = np.arange(len(vertex)) - first
    return (vertex + 1) << 51 | (running + 1) << 23 | generation << 15


def same_particles(
    events: Iterable[Event],
    detector: Detector,
    options: SimulationOptions | None = None,
    engine: Engines | None = None,
    seed: int = 0,
) -> Iterator[Event]:
    """The photons and electrons that showered in other events, simulated once more from where each was made.

    Parameters
    ----------
    events : iterable of Event
        With truth that says how much energy each particle left in each hit.
    detector : Detector
        As it was loaded.
    options : SimulationOptions, optional
    engine : Engines, optional
        What makes the showers; None: the parametrisation.
    seed : int
        An event depends on it and on its own number alone.

    Yields
    ------
    Event
        Of the same number, its particles of the same identities; then what they became on their way. An event without any
        such particle yields none.

    Raises
    ------
    BadInput
        An event without truth, or without energies in it.
    """
    there, chosen = detector.at_source(), options or SimulationOptions()
    transport = Transport(there, chosen)
    for event in events:
        truth = in_source_frame(event, detector.source).truth
        if truth is None:
            raise BadInput(event.source, f"event {event.number}", "has no truth: it tells of no particle")
        p = truth.particles
        row = along_axes(detector, event).particle
        row = row[np.isin(p.pdg[row], ELECTROMAGNETIC)]
        if not len(row):
            continue
        none = np.zeros(len(row))
        momentum, place = (p.px[row], p.py[row], p.pz[row]), (p.vx[row], p.vy[row], p.vz[row])
        shot = Generated(p.pdg[row].astype(np.int32), *momentum, *place, none, none.astype(np.int32))
        rng = np.random.default_rng([seed, event.number])
        made = made_event(event.number, event.source, there, chosen, shot, transport, rng, engine)
        yield out_of_source_frame(_named(made, p.particle_id[row]), detector.source)


def _named(event: Event, identities: Ints) -> Event:
    """The event with these identities of its first particles."""
    truth = event.truth
    if truth is None:
        return event
    whose = truth.particles.particle_id.copy()
    whose[: len(identities)] = identities
    particles = replace(truth.particles, particle_id=whose)
    return replace(event, truth=replace(truth, particles=particles))
