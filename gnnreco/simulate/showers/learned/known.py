"""Whether an engine knows what it is asked for: energies, and the layers of a detector."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Floats
from gnnreco.errors import BadConfig
from gnnreco.geometry import Detector
from gnnreco.particles import gun_codes
from gnnreco.simulate.options import SimulationOptions
from gnnreco.simulate.showers.ray import stack_of

from .features import FEATURES, OF_DETECTOR
from .weights import Engine, Engines

#: Features that the material of a layer decides, whatever the angle; those of its place are left out.
OF_MATERIAL = ("log thickness", "log critical", "log mip", "log moliere", "log fraction", "log active")
BEYOND, LEAST = (
    0.1,
    0.05,
)  # of the range, and of the logarithm: a layer may lie so far outside and still count as known
PION = 211  # PDG
MOST = 0.2  # share of unknown sensors about which nothing is said


def unknown_layers(engine: Engine, detector: Detector) -> dict[str, tuple[float, float, float, float]]:
    """In what a detector's layers differ from all that an engine was trained on.

    Returns
    -------
    dict
        By the name of the quantity: its smallest and largest value in training, and among those layers of the detector
        that lie outside, which are at least a fifth of all sensors.

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
    here: dict[str, Floats] = {
        "log thickness": stack.radiation,
        "log critical": stack.critical,
        "log mip": stack.mip,
        "log moliere": stack.moliere,
        "log fraction": stack.fraction,
        "log active": 2 * stack.half,
    }
    names, found = FEATURES[OF_DETECTOR], {}
    for name in OF_MATERIAL:
        low, high = engine.ranges[names.index(name)].astype(float)
        value, room = np.log(here[name]), max(BEYOND * (high - low), LEAST)
        outside = (value < low - room) | (value > high + room)
        if outside.mean() > MOST:
            seen = here[name][outside]
            found[name.removeprefix("log ")] = (np.exp(low), np.exp(high), seen.min(), seen.max())
    return found


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
            f"pions: {doubt}" for doubt in _doubts(engines.pions, detector, options.energy if shot else None)
        ]
    return found


def _doubts(engine: Engine, detector: Detector, energy: tuple[float, float] | None) -> list[str]:
    """The same of one engine, and of energies that are asked for, GeV."""
    words = {
        "thickness": "radiation lengths of a layer",
        "critical": "critical energy of a layer (GeV)",
        "mip": "energy of a minimum-ionising particle in a sensor (GeV)",
        "moliere": "Moliere radius (mm)",
        "fraction": "sampling fraction",
        "active": "thickness of a sensor (mm)",
    }
    found = [
        f"{detector.name}: {words[name]} {a:.3g} to {b:.3g}, trained on {low:.3g} to {high:.3g}: check its showers"
        for name, (low, high, a, b) in unknown_layers(engine, detector).items()
    ]
    low, high = energy or (engine.lowest, engine.highest)
    if low < engine.lowest or high > engine.highest:
        found.append(
            f"energies of {low:g} to {high:g} GeV: the engine was trained on {engine.lowest:.3g} to "
            f"{engine.highest:.3g} GeV; the parametrisation makes the showers of all others"
        )
    return found
