"""Plates for Geant4 that are, in all that a detector's description says of them, its thick layers.

A layer that one sensor fills is described by radiation and interaction lengths, Moliere radius and sampling fraction. Lead,
iron, liquid argon and air have one mixture with just these; it is cut into as many plates as the simulation takes to be
hidden in the layer, about one each 0.35 radiation lengths. Where no such mixture exists (much iron, little else) iron
and scintillator keep the radiation lengths, the Moliere radius and the sampling fraction.

    python scripts/thick_layers.py calochallenge_ds1_photons --stack PLATES.json

writes these plates as a stack for `scripts/geant4_events.py`. `scripts/geant4_points.py --thick DETECTOR` turns showers in them
into showers in the pieces of which the fast simulation makes such layers.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from geant4_events import Showers
from geant4_materials import MATERIALS
from geant4_plates import FRONT, described

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate.showers.learned.pieces import UNDIVIDED, active_of, pieces_of
from gnnreco.simulate.showers.ray import stack_of

E_OVER_MIP = 0.8  # assumed to choose how much is active; Geant4's own is divided out afterwards
MIXED, SECOND = ("G4_Pb", "G4_Fe", "G4_lAr"), ("G4_Fe", "G4_PLASTIC_SC_VINYLTOLUENE")
BEFORE = 4  # parts into which what stands before a single sensor is cut, so that it is mixed
DIVIDED = np.full_like(UNDIVIDED, -np.inf)  # ranges of a network that takes no such layer as it is
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


def in_pieces(showers: Showers, detector: Detector, template: str) -> tuple[str, Showers]:
    """Showers in plates as showers in the pieces in which the fast simulation makes thick layers, and where these stand.

    A plate on the border of two pieces gives each of its deposits to either of them, by how much of it lies there.

    Returns
    -------
    description : str
        A detector.yaml: a layer for each piece, with cells as in `template`.
    showers : Showers
        Their layers are those of the description.
    """
    stack, plates = stack_of(detector), plates_of(detector)
    kinds: dict[tuple[float, ...], list[float]] = {}
    order = np.argsort(stack.center[:, 2])
    start, pieces = float((stack.center[:, 2] - stack.half).min()), np.zeros(len(order), np.int64)
    for number, row in enumerate(order):
        pieces[number] = many = pieces_of(stack, row, DIVIDED)
        interaction = float(detector.interaction_lengths[stack.sensor[row]]) / many
        numbers = (stack.radiation[row] / many, interaction, stack.moliere[row], stack.fraction[row])
        key = (float(active_of(stack, row, many)), *(float(f"{one:.6g}") for one in numbers))
        middle = FRONT + stack.center[row, 2] - start
        across = stack.half[row] * (2 * np.arange(many) + 1 - many) / many
        kinds.setdefault((*key, float(stack.air_gap[row])), []).extend(np.round(middle + across, 4).tolist())
    layered, plate = in_layers(showers, plates), _number_in_group(plates.layer)[showers.layer]
    many_plates, mine = np.bincount(plates.layer), layered.layer
    depth = (plate + np.random.default_rng(1).random(len(plate))) / many_plates[mine]
    piece = (depth * pieces[mine]).astype(np.int64)
    return described(kinds, template), replace(layered, layer=(np.cumsum(pieces) - pieces)[mine] + piece)


def _number_in_group(group: Ints) -> Ints:
    """Which of its group each is; groups lie one after the other."""
    return np.arange(len(group)) - np.searchsorted(group, group)


def main() -> None:
    """Write the plates of a detector."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("--stack", type=Path, required=True, help="the file to write")
    asked = parser.parse_args()
    asked.stack.write_text(json.dumps(plates_of(load_detector(asked.detector)).stack))


if __name__ == "__main__":
    main()
