"""Whether an engine knows what it is asked for: energies, and the layers of a detector."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.particles import gun_codes
from gnnreco.simulate.options import SimulationOptions
from gnnreco.simulate.showers.ray import Stack, stack_of

from .features import FEATURES, OF_DETECTOR, SMALL_GAP
from .pieces import all_pieces
from .weights import Engine, Engines

#: Features that the material of a layer decides, whatever the angle; those of its place are left out.
OF_MATERIAL = (
    "log thickness",
    "log critical",
    "log mip",
    "log moliere",
    "log fraction",
    "log active",
    "log air gap",
)
WORDS = {
    "thickness": "radiation lengths of a layer",
    "critical": "critical energy of a layer (GeV)",
    "mip": "energy of a minimum-ionising particle in a sensor (GeV)",
    "moliere": "Moliere radius (mm)",
    "fraction": "sampling fraction",
    "active": "thickness of a sensor (mm)",
    "air gap": "air gap before a sensor (mm)",
}
BEYOND, LEAST = (
    0.1,
    0.05,
)  # of the range, and of the logarithm: a layer may lie so far outside and still count as known
NEAR = 0.01  # of an energy: 99.9 GeV was the highest drawn where training went up to 100
MOST = 0.2  # share of unknown sensors, or of radiation lengths before them, about which nothing is said
#: Who makes the showers of other energies: of photons and electrons (False), of pions (True).
OF_OTHERS = {
    False: "the parametrisation makes showers of less, and those of more are split by the first steps of the cascade",
    True: "the parametrisation makes the showers of all others",
}
PI0, PION = 111, 211  # PDG
HADRONS = range(100, 10_000_000)  # PDG; what is highly ionising has larger numbers


def unknown_layers(engine: Engine, detector: Detector) -> dict[str, tuple[float, float, float, float]]:
    """In what a detector's layers differ from all that an engine was trained on.

    Returns
    -------
    dict
        By the name of the quantity: its smallest and largest value in training, and among those layers of the detector
        that lie outside, which are more than a fifth of all sensors and of their radiation lengths. Of layers that are
        divided (see `gnnreco.simulate.showers.learned.pieces`) it is that of the pieces.

    Raises
    ------
    BadConfig
        A detector without a calorimeter.
    """
    stack = stack_of(detector.at_source())
    if len(stack.sensor) == 0:
        raise BadConfig(
            f"the detector '{detector.name}' has no calorimeter (no subsystem measures energy): "
            "there is nothing for a fast simulation of showers to do; leave the engine out"
        )
    found = {}
    for name, (low, high), value in _material(engine, stack):
        room = max(BEYOND * np.log(high / low), LEAST)
        outside = (np.log(value) < np.log(low) - room) | (np.log(value) > np.log(high) + room)
        of_all = outside.mean(), stack.radiation[outside].sum() / stack.radiation.sum()
        if min(of_all) > MOST:
            seen = value[outside]
            found[name] = (low, high, float(seen.min()), float(seen.max()))
    return found


def material(engine: Engine, detector: Detector) -> Iterator[tuple[str, tuple[float, float], Floats]]:
    """Each quantity of a layer's material in words, its range in training, and its values in a detector's sensors."""
    for name, known, here in _material(engine, stack_of(detector.at_source())):
        if (told := np.isfinite(here)).any():
            yield WORDS[name], known, here[told]


def _material(engine: Engine, stack: Stack) -> Iterator[tuple[str, tuple[float, float], Floats]]:
    pieces, active = all_pieces(stack, engine.ranges)
    here: dict[str, Floats] = {
        "log thickness": stack.radiation / pieces,
        "log critical": stack.critical,
        "log mip": stack.mip / pieces,
        "log moliere": stack.moliere,
        "log fraction": stack.fraction,
        "log active": active,
        "log air gap": np.maximum(stack.air_gap, SMALL_GAP),  # NaN where the description is silent
    }
    names = FEATURES[OF_DETECTOR]
    for name in OF_MATERIAL:
        low, high = np.exp(engine.ranges[names.index(name)].astype(float)).tolist()
        if name == "log air gap":
            low, high = (max(gap - SMALL_GAP, SMALL_GAP) for gap in (low, high))
        yield name.removeprefix("log "), (low, high), here[name]


def doubts(engines: Engines, detector: Detector, process: str, options: SimulationOptions) -> list[str]:
    """What engines do not know of a detector and of what is shot at it, a line each; raises as `unknown_layers`."""
    found, shot = [], process in ("gun", "beam")
    if engines.electromagnetic is not None:
        found += _doubts(engines.electromagnetic, detector, options.energy if shot else None)
    if engines.pions is not None:
        shot = shot and any(
            abs(code) == PION for name in options.particle.split(",") for code in gun_codes(name.strip())
        )
        found += [
            f"pions: {doubt}"
            for doubt in _doubts(engines.pions, detector, options.energy if shot else None, pions=True)
        ]
    if process in ("gun", "beam"):
        names = [name.strip() for name in options.particle.split(",")]
        if unknown := [name for name in names if any(_unknown(engines, code) for code in gun_codes(name))]:
            found.append(
                f"{', '.join(unknown)}: no engine was trained on such showers; the parametrisation makes them"
            )
    return found


def _unknown(engines: Engines, code: int) -> bool:
    """Whether a particle (PDG) makes showers of hadrons that no engine was trained on."""
    known = (PI0, PION) if engines.pions is not None else (PI0,)
    return abs(code) in HADRONS and abs(code) not in known


def _doubts(
    engine: Engine, detector: Detector, energy: tuple[float, float] | None, pions: bool = False
) -> list[str]:
    """The same of one engine, and of energies that are asked for, GeV."""
    found = [
        f"{detector.name}: {WORDS[name]} {a:.3g} to {b:.3g}, trained on {low:.3g} to {high:.3g}: check its showers"
        for name, (low, high, a, b) in unknown_layers(engine, detector).items()
    ]
    low, high = energy or (engine.lowest, engine.highest)
    if low < engine.lowest * (1 - NEAR) or high > engine.highest * (1 + NEAR):
        found.append(
            f"energies of {low:g} to {high:g} GeV: the engine was trained on {engine.lowest:.3g} to "
            f"{engine.highest:.3g} GeV; {OF_OTHERS[pions]}"
        )
    return found
