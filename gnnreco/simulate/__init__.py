"""The embedded simulation: events for any detector, with no download and no other program."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Event
from gnnreco.errors import BadConfig
from gnnreco.events.select import out_of_source_frame
from gnnreco.geometry import Detector, load_detector
from gnnreco.schema import build, plain
from gnnreco.simulate.generators.generator import generator

from .coils import random_field
from .made import made_event, same_particles
from .options import SimulationOptions
from .showers.learned import Engines
from .transport import Transport

FIELDS = 1  # stream of random numbers of its own for fields: without them events stay as they are

__all__ = ["Engines", "SimulationOptions", "same_particles", "simulate"]


def simulate(
    detector: Detector | str | Path,
    process: str = "gun",
    events: int = 1,
    pileup: int = 0,
    seed: int = 1,
    options: SimulationOptions | None = None,
    first: int = 0,
    engine: Engines | None = None,
    **settings: Any,
) -> Iterator[Event]:
    """Make events, one at a time as they are asked for.

    Parameters
    ----------
    detector : Detector, name or path
    process, events, pileup, seed, options, first, **settings
        As of `gnnreco.generate.simulate`.
    engine : Engines, optional
        Trained networks that make showers; see `gnnreco.bundle.load_engine`. Without them the parametrisation makes them.

    Yields
    ------
    Event

    Raises
    ------
    BadConfig
        An unknown process, particle or setting, a negative count, or a Pythia that is missing.

    Examples
    --------
    >>> import gnnreco
    >>> for event in gnnreco.simulate("telescope", "beam", particle="muon", energy=(1, 10), events=2, seed=1):
    ...     print(event)
    Event(0: 6 hits, 1 true particle, from 'simulate beam seed 1')
    Event(1: 6 hits, 1 true particle, from 'simulate beam seed 1')
    """
    if events < 0 or pileup < 0 or seed < 0 or first < 0:
        raise BadConfig("events, pileup, seed and first must not be negative")
    chosen = options or SimulationOptions()
    if settings:
        chosen = build(SimulationOptions, plain(chosen) | settings)
    whole = detector if isinstance(detector, Detector) else load_detector(detector)
    there = (
        whole.at_source()
    )  # all happens in the source's frame, so a detector that moves with it sees the same
    source, transport = generator(process, there, chosen, pileup), Transport(there, chosen)

    def transport_of(i: int) -> Transport:
        if not chosen.any_field:
            return transport
        return Transport(random_field(there, np.random.default_rng([seed, i, FIELDS])), chosen)

    made = (
        made_event(
            i,
            f"simulate {process} seed {seed}",
            there,
            chosen,
            source(stream, i),
            transport_of(i),
            stream,
            engine,
        )
        for i in range(first, first + events)
        for stream in [np.random.default_rng([seed, i])]
    )
    return (out_of_source_frame(event, whole.source) for event in made)
