"""Plates for Geant4 that are, in all that a detector's description says of them, its thick layers.

A layer that one sensor fills is described by radiation and interaction lengths, Moliere radius and sampling fraction. Lead,
iron, liquid argon and air have one mixture with just these; it is cut into as many plates as the simulation takes to be
hidden in the layer, about one each 0.35 radiation lengths. Where no such mixture exists (much iron, little else) iron
and scintillator keep the radiation lengths, the Moliere radius and the sampling fraction.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from geant4_events import Showers
from geant4_materials import MATERIALS

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.simulate.showers.ray import stack_of

E_OVER_MIP = 0.8  # assumed to choose how much is active; Geant4's own is divided out afterwards
MIXED, SECOND = ("G4_Pb", "G4_Fe", "G4_lAr"), ("G4_Fe", "G4_PLASTIC_SC_VINYLTOLUENE")
BEFORE = 4  # parts into which what stands before a single sensor is cut, so that it is mixed
SCATTER = 21.2  # MeV: the Moliere radius is this over the critical energy, in radiation lengths


@dataclass(frozen=True)
class Plates:
    """A stack for Geant4.

    Attributes
    ----------
    stack : list
        As in `Showers.stack`.
    layer : int64 (n,)
        The detector's layer, from the front, of each plate that measures.
    share : float64 (n,)
        Of what a minimum-ionising particle loses there, the part in that plate.
    """

    stack: list[list[object]]
    layer: Ints
    share: Floats


def plates_of(detector: Detector) -> Plates:
    """The plates that a stack of one sensor a layer along z describes."""
    stack = stack_of(detector)
    plates: list[list[object]] = []
    layer: list[int] = []
    share: list[float] = []
    for number, row in enumerate(np.argsort(stack.center[:, 2])):
        radiation = float(stack.radiation[row])
        fraction = float(stack.fraction[row]) / E_OVER_MIP
        interaction = float(detector.interaction_lengths[stack.sensor[row]])
        *passive, active = mixture(radiation, interaction, float(stack.moliere[row]), fraction)
        many = max(round(radiation / float(stack.sample[row])), 1)
        before = BEFORE if many == 1 else 1
        for _ in range(many):
            plates += before * [[name, round(float(mm) / many / before, 4)] for name, mm in passive if mm > 0]
            plates.append([active[0], round(float(active[1]) / many, 4), "sensitive"])
            layer.append(number)
            share.append(fraction)
    return Plates(plates, np.array(layer), np.array(share))


def mixture(radiation: float, interaction: float, moliere: float, share: float) -> list[tuple[str, float]]:
    """Materials and their mm of a layer; the last one is active, and takes `share` of what a track loses."""
    lost = np.array([MATERIALS[name][2] / MATERIALS[name][0] for name in MIXED])  # MeV/mm
    rules = np.zeros((4, 4))
    rules[0, :3] = [1 / MATERIALS[name][0] for name in MIXED]
    rules[1, :3] = [1 / MATERIALS[name][1] for name in MIXED]
    rules[2, :3] = lost * (np.arange(3) == 2) - share * lost
    rules[3] = [*(1 - moliere / SCATTER * lost), 1]
    lead, iron, argon, air = np.linalg.solve(rules, [radiation, interaction, 0, 0])
    if min(lead, iron, argon, air) >= 0:
        return [("G4_Pb", lead), ("G4_Fe", iron), ("G4_AIR", air), ("G4_lAr", argon)]
    (steel, _, critical), (light, _, bright) = (MATERIALS[name] for name in SECOND)
    # A radiation length in steel, a part p of one in the scintillator: p * bright = share * (p * bright + critical).
    p = share * critical / (1 - share) / bright
    iron, scintillator = radiation / (1 + p) * steel, radiation / (1 + p) * p * light
    ionised = radiation / (1 + p) * (critical + p * bright)
    air = max(moliere * ionised / SCATTER - iron - scintillator, 0.0)
    return [("G4_Fe", iron), ("G4_AIR", air), (SECOND[1], scintillator)]


def in_layers(showers: Showers, plates: Plates) -> Showers:
    """The deposits of plates as those of the detector's layers, on its scale.

    The description says how much of a shower is seen in a layer, Geant4 sees another part (e / mip), which is not the
    same behind a block of iron and in fine plates. So layers of one plate and those of many have a factor each, by
    least squares: on average the energies of layers over their sampling fractions add up to that of the shower.
    """
    n, layer = len(showers.energy), plates.layer[showers.layer]
    event = np.repeat(np.arange(n), np.diff(showers.offsets))
    many = (np.bincount(plates.layer) > 1)[layer]
    true = showers.deposit / plates.share[showers.layer]
    columns = [np.bincount(event, true * kind, n) / showers.energy for kind in (many, ~many)]
    used = [column for column in columns if column.any()]
    weight = np.sqrt(showers.energy)
    factors = np.linalg.lstsq(np.stack(used, axis=1) * weight[:, None], weight, rcond=None)[0]
    factor = np.zeros(2)
    factor[[column.any() for column in columns]] = factors
    return replace(
        showers, layer=layer, deposit=showers.deposit * E_OVER_MIP * np.where(many, factor[0], factor[1])
    )
