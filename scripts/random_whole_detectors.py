"""Whole detectors that nobody will build, to train particle flow on: what one network sees in many it need not learn by heart.

    python scripts/random_whole_detectors.py -o FOLDER [--count 8] [--seed 1]

Each has CLD's tracker, made smaller, in another field, and calorimeters of its own: absorber, depth, number of layers, shape and
size of the cells are drawn at random. mm, degrees, tesla.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from build_cld_detector import CHAMBER, LAYERS, SIDES, tracker, vertex
from whole_detectors import Rows, Stack, cylinder, endcap, number_of, square, staves, subsystems_of

#: What a minimum-ionising particle loses, MeV per mm: Particle Data Group values, those of boards put together by weight.
LOSS = {
    "tungsten_alloy": 2.12,
    "steel": 1.14,
    "copper": 1.26,
    "silicon": 0.388,
    "polystyrene": 0.206,
    "g10": 0.33,
    "pcb_and_copper": 0.4,
    "ground_and_hv": 0.4,
    "pcb": 0.33,
}
SCATTERING = 21.2  # MeV: Moliere radius = this / (loss per mm), Rossi's formula
#: Electromagnetic energy that is seen, over what a minimum-ionising particle would leave of it there: as in CLD's description.
SEEN = {"ecal": 0.72, "hcal": 0.845}
LENGTHS = (
    "radius",
    "z",
    "thickness",
    "pitch",
    "outline",
)  # the keys of a description that scale with a detector


def main() -> None:
    """Write the folders."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    for i in range(args.count):
        folder = args.output / f"whole_{i}"
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(drawn(folder.name, i % 2 == 0, rng), sort_keys=False, default_flow_style=None)
        (folder / "detector.yaml").write_text(text)
        print(folder)


def drawn(name: str, hexagonal: bool, rng: np.random.Generator) -> dict[str, Any]:
    """The description of one detector."""

    def between(low: float, high: float) -> float:
        return number_of(np.exp(rng.uniform(np.log(low), np.log(high))))

    size = number_of(rng.uniform(0.55, 1.0))
    slabs = {
        "ecal": LAYERS["ecal"] | {"tungsten_alloy": between(1.4, 4.0), "silicon": between(0.2, 0.7)},
        "hcal": LAYERS["hcal"] | {str(rng.choice(["steel", "copper"])): between(15, 45)},
    }
    if "copper" in slabs["hcal"] and slabs["hcal"]["copper"] > 1:
        slabs["hcal"].pop("steel")
    cells = {"ecal": between(4.0, 16.0), "hcal": between(15.0, 60.0)}
    templates: dict[str, Any] = {}
    inside = scaled([*vertex(templates), *tracker(templates)], size)
    templates = {key: scaled(value, size) for key, value in templates.items()}
    radius, start, hole = 2150 * size, 2307 * size, 340 * size
    outside: Rows = []
    for part, wanted in (("ecal", 24.0), ("hcal", 5.5)):
        shape = {"kind": "hex", "flat_to_flat": cells[part]} if hexagonal else square(cells[part])
        stack = layers_of(slabs[part], part, wanted)
        outside += staves(templates, f"{part}_barrel", shape, stack, (radius, 2210 * size), SIDES)
        depth = stack[2] * stack[3]
        ends = (start, hole, radius + depth)
        outside.append(endcap(templates, f"{part}_endcap", shape, stack, ends, SIDES))
        radius, start = radius + depth + 40, start + depth + 40
    chambers: Stack = (2.0, 7.5, 217.0, 5)
    outside += staves(templates, "muon_barrel", square(30.0), chambers, (radius + 900, start), SIDES)
    outside.append(
        endcap(templates, "muon_endcap", square(30.0), chambers, (start + 40, 400, radius + 2000), SIDES)
    )
    layers = LAYERS | slabs | {"muon": CHAMBER | {"iron": 177.0}}
    return {
        "format": "gnnreco-detector/1",
        "name": name,
        "units": {"length": "mm", "angle": "deg", "field": "T"},
        "field": {"kind": "solenoid", "bz": number_of(rng.uniform(1.8, 4.0))},
        "templates": templates,
        "subsystems": subsystems_of(
            [*inside, *outside], layers, {part: facts(slabs[part], part) for part in slabs}
        ),
        "passive": [
            cylinder("tracker_support", 688.0 * size, 2300.0 * size, {"carbon_fibre": 0.0125 * 281}),
            cylinder("coil", radius + 200, start, {"aluminium": 90.0, "steel": 80.0}),
        ],
        "sensors": [*inside, *outside],
    }


def scaled(part: Any, size: float) -> Any:
    """The same with all lengths multiplied; angles and counts stay."""
    if isinstance(part, list):
        return [scaled(one, size) for one in part]
    if not isinstance(part, dict):
        return part
    if "outline" in part and "cells" in part:  # rounding must not leave its rim without cells
        part = part | {"cells": [n + 2 for n in part["cells"]]}
    return {
        key: _multiplied(value, size) if key in LENGTHS else scaled(value, size)
        for key, value in part.items()
    }


def _multiplied(value: Any, size: float) -> Any:
    if isinstance(value, list):
        return [_multiplied(one, size) for one in value]
    return round(value * size, 8)


def layers_of(slabs: dict[str, float], part: str, wanted: float) -> Stack:
    """Active thickness, its middle, a layer's thickness, and as many layers as have this depth (radiation or interaction lengths)."""
    from whole_detectors import thick

    active, depth = (
        ("silicon", "radiation_lengths") if part == "ecal" else ("polystyrene", "interaction_lengths")
    )
    step = number_of(sum(slabs.values()) + (0.3 if part == "ecal" else 2.5))
    middle = number_of(step - slabs[active] / 2 - (1.5 if part == "ecal" else 2.0))
    return slabs[active], middle, step, int(np.clip(round(wanted / thick(slabs)[depth]), 16, 60))


def facts(slabs: dict[str, float], part: str) -> dict[str, float]:
    """Moliere radius, mm, and sampling fraction of a calorimeter."""
    lost = {name: LOSS[name] * thickness for name, thickness in slabs.items()}
    active = "silicon" if part == "ecal" else "polystyrene"
    step = layers_of(slabs, part, 1.0)[2]
    return {
        "moliere_radius": round(SCATTERING * step / sum(lost.values()), 2),
        "sampling_fraction": round(SEEN[part] * lost[active] / sum(lost.values()), 5),
    }


if __name__ == "__main__":
    main()
