"""The verb `simulate` as a function: it takes the name of an engine where `gnnreco.simulate.simulate` takes the engine."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from gnnreco.bundle import load_engine
from gnnreco.columns import Event
from gnnreco.geometry import Detector, load_detector
from gnnreco.schema import build, plain
from gnnreco.simulate import Engines, SimulationOptions
from gnnreco.simulate import simulate as simulated
from gnnreco.simulate.showers.learned.known import doubts

#: The engine of the embedded simulation that needs no training.
PARAMETRIC = "parametric"


def simulate(
    detector: Detector | str | Path,
    process: str = "gun",
    events: int = 1,
    pileup: int = 0,
    seed: int = 1,
    options: SimulationOptions | None = None,
    first: int = 0,
    engine: Engines | str | Path | Sequence[str | Path] = PARAMETRIC,
    **settings: Any,
) -> Iterator[Event]:
    """Make events, one at a time as they are asked for.

    Parameters
    ----------
    detector : Detector, name or path
    process : str
        ``gun`` (from the detector's source), ``beam`` (along the source's direction, from upstream: a test beam),
        or collisions at the source: of e+e- ``qq`` (hadrons, any quark but top), ``tautau`` and ``zh`` (Z and Higgs decay
        to anything), without radiation of the beams and with every particle, neutrinos too; of protons ``minbias``,
        ``ttbar``, ``dijet``, and new physics: ``wprime`` (a heavy resonance that becomes two fat jets), ``displaced`` (pairs
        of long-lived particles that become quarks). Where Pythia 8 is installed also ``ww`` (e+e-), ``zmumu``, ``zee``,
        ``higgs`` (protons). Or a file of HepMC 2 or 3 (``*.hepmc``, ``*.hepmc3``, also gzip): event i is its collision i,
        where it is and with all final particles.
    events : int
    pileup : int
        Minimum-bias collisions added to each event of protons or a gun.
    seed : int
        Event i depends on the seed and i alone, so that any worker may make any event.
    options : SimulationOptions, optional
    first : int
        Number of the first event.
    engine : str, path, several of these, or Engines
        What makes showers: ``parametric`` (mean shapes and their published fluctuations), ``fastsim`` (the network for
        photons and electrons that ships), or bundles that `gnnreco train fastsim` made, each of which knows photons and
        electrons or charged pions. Showers of particles and energies that none was trained on are parametric; hadrons
        take the one for photons for what their neutral pions make.
    **settings
        Any field of `SimulationOptions` by its name, over those of `options`: ``particle="muon", energy=(1, 10)`` (GeV),
        ``count=5, eta=(-2, 2)``, ``noise_hits=0.1``, ...

    Yields
    ------
    Event
        Its truth holds all particles that were followed, with hits or without: those generated in the acceptance, then
        what they became; `Truth.fates` says what became of each. `particle_id` packs vertex, particle and generation as
        `gnnreco.events` packs barcodes.

    Raises
    ------
    BadConfig, BadBundle
        An unknown process, particle or setting; a bundle that makes no showers; an engine where there is no calorimeter.

    Warns
    -----
    UserWarning
        Energies that are asked for, or layers of the detector, lie outside all that the engine was trained on.

    Examples
    --------
    >>> import gnnreco
    >>> for event in gnnreco.simulate("telescope", "beam", particle="muon", energy=(1, 10), events=2, seed=1):
    ...     print(event)
    Event(0: 6 hits, 1 true particle, from 'simulate beam seed 1')
    Event(1: 6 hits, 1 true particle, from 'simulate beam seed 1')
    """

    there = detector if isinstance(detector, Detector) else load_detector(detector)
    maker: Engines | None = None
    if isinstance(engine, str | Path):
        engine = (engine,)
    if isinstance(engine, Engines):
        maker = engine
    elif names := [name for name in engine if name != PARAMETRIC]:
        maker = load_engine(*names)
    if maker is not None:
        for doubt in doubts(
            maker, there, process, build(SimulationOptions, plain(options or SimulationOptions()) | settings)
        ):
            warnings.warn(doubt, stacklevel=2)
    return simulated(there, process, events, pileup, seed, options, first, maker, **settings)
