"""Showers of an event seen from their own axes: in which layer along it each deposit lies, and how far off."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats, Ints
from gnnreco.errors import BadInput
from gnnreco.events.select import seen
from gnnreco.geometry import Detector

from .ray import Ray, Stack, cast, stack_of

REACH = 6.0  # Moliere radii around the axis: as for showers that are made


@dataclass(frozen=True, slots=True)
class Along:
    """The showers of an event, each along its own axis.

    Attributes
    ----------
    particle : int64 (n,)
        Row of the truth's particle that made each shower.
    pdg : int32 (n,)
    energy : float64 (n,)
        Momentum, GeV: the energy of photons, and nearly that of electrons.
    rays : tuple of Ray (n,)
        The layers along each axis.
    shower, place : int64 (m,)
        Of each deposit, sorted by both: the shower, and the layer along its axis (from 0).
    a, b : float64 (m,)
        From the axis, mm, along ``ray.across`` and ``ray.along``.
    hit : int64 (m,)
        Row of the hit in the event as the task sees it (hits of calorimeters only).
    deposit : float64 (m,)
        What the shower left there, GeV.
    beside : float64 (n,)
        What each shower left in layers that its axis does not cross, GeV: not among the deposits.
    """

    particle: Ints
    pdg: NDArray[np.int32]
    energy: Floats
    rays: tuple[Ray, ...]
    shower: Ints
    place: Ints
    a: Floats
    b: Floats
    hit: Ints
    deposit: Floats
    beside: Floats

    def __len__(self) -> int:
        return len(self.particle)


def along_axes(detector: Detector, event: Event) -> Along:
    """Sort what the particles of an event left in calorimeters by shower, layer and distance from the axis.

    An axis is the straight line from where the particle was made along its momentum: right for photons, and for all
    particles where there is no field and nothing before the calorimeter.

    Parameters
    ----------
    detector : Detector
        As it was loaded.
    event : Event
        As it was read, with truth.

    Returns
    -------
    Along
        Of all particles that left energy in a layer on their axis.

    Raises
    ------
    BadInput
        An event without truth, or whose truth does not say how much energy each particle left in each hit.
    """
    event = seen(event, detector, ("energy",)).event
    truth = event.truth
    if truth is None or truth.energy is None:
        why = "has no truth, or its truth has no energies: showers need to know what each particle left in each hit"
        raise BadInput(event.source, f"event {event.number}", why)
    there = detector.at_source()
    stack, p = stack_of(there), truth.particles
    row = np.full(len(there.center), -1, np.int64)
    row[stack.sensor] = np.arange(len(stack.sensor))
    order = np.lexsort((truth.hit, truth.particle))
    particle, hit, deposit = truth.particle[order], truth.hit[order], truth.energy[order]
    rays: list[Ray] = []
    parts: list[tuple[Ints, Ints, Floats, Floats, Ints, Floats]] = []
    kept: list[int] = []
    beside: list[float] = []
    for one in np.unique(particle):
        mine = slice(*np.searchsorted(particle, [one, one + 1]))
        start = np.array([p.vx[one], p.vy[one], p.vz[one]])
        momentum = np.array([p.px[one], p.py[one], p.pz[one]])
        ray = _axis(stack, start, momentum)
        layer = np.full(stack.n_layers, -1, np.int64)
        layer[stack.layer[ray.row]] = np.arange(len(ray.row))
        hits = hit[mine]
        place = layer[stack.layer[row[event.hits.sensor[hits]]]]
        on = place >= 0
        if not on.any():
            continue
        away = event.hits.xyz[hits] - start
        a, b = away @ np.array(ray.across), away @ np.array(ray.along)
        by_layer = np.argsort(place[on], kind="stable")
        columns = (place[on], a[on], b[on], hits[on], deposit[mine][on])
        shower = np.full(on.sum(), len(kept))
        parts.append((shower, *(column[by_layer] for column in columns)))  # type: ignore[arg-type]
        kept.append(one)
        rays.append(ray)
        beside.append(float(deposit[mine][~on].sum()))
    rows = np.array(kept, np.int64)
    energy = np.sqrt(p.px[rows] ** 2 + p.py[rows] ** 2 + p.pz[rows] ** 2)
    nothing = (
        np.zeros(0, np.int64),
        np.zeros(0, np.int64),
        np.zeros(0),
        np.zeros(0),
        np.zeros(0, np.int64),
        np.zeros(0),
    )
    joined = [np.concatenate(column) for column in zip(*(parts or [nothing]), strict=True)]
    return Along(
        rows,
        p.pdg[rows].astype(np.int32),
        energy,
        tuple(rays),
        *joined,  # type: ignore[call-arg]
        np.array(beside),
    )


def _axis(stack: Stack, start: Floats, momentum: Floats) -> Ray:
    """The layers along the straight line of a particle."""
    t = momentum / np.sqrt((momentum**2).sum())
    return cast(stack, tuple(start.tolist()), tuple(t.tolist()), REACH, 0.0)  # type: ignore[return-value]
