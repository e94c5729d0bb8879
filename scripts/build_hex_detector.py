"""Build detector_geometries/full_hex: a whole detector of hexagonal cells for proton collisions at high rates.

    python scripts/build_hex_detector.py

Invented here; where the numbers come from stands in the folder's README. mm, degrees.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from whole_detectors import (
    Rows,
    Stack,
    barrel_entry,
    cylinder,
    disk_entry,
    endcap,
    grid,
    number_of,
    square,
    staves,
    subsystems_of,
    wedge,
    write,
)

SIDES = 16
LAYERS = {
    "pixel": {"silicon": 0.5, "kapton": 0.3, "aluminium": 0.2, "carbon_fibre": 2.0},
    "tracker": {"silicon": 0.3, "kapton": 0.4, "aluminium": 0.25, "carbon_fibre": 3.5},
    "ecal": {"tungsten_alloy": 3.0, "g10": 0.9, "ground_and_hv": 0.1, "silicon": 0.3, "pcb_and_copper": 1.3},
    "hcal": {"steel": 35.0, "polystyrene": 3.0, "copper": 0.1, "pcb": 0.7},
    "muon": {"glass": 4.0, "aluminium": 2.0, "iron": 250.0},
}
# Moliere radius: Rossi's formula over the slabs of a layer. Sampling fraction: see README.md.
CALORIMETERS = {
    "ecal": {"moliere_radius": 16.5, "sampling_fraction": 0.0114, "air_gap": 0.25},
    "hcal": {"moliere_radius": 20.2, "sampling_fraction": 0.0128, "air_gap": 0},
}
EDGE = 0.4  # mm between sensors of the tracker in which nothing is measured
FLATTEST = np.sinh(3.0)  # z over radius at pseudorapidity 3


def main() -> None:
    """Write ``detector.yaml``."""
    templates: dict[str, Any] = {}
    pads, tiles, chambers = hexagons(10.0), hexagons(40.0), hexagons(30.0)
    ecal: Stack = (0.3, 4.55, 6.0, 30)
    hcal: Stack = (3.0, 36.5, 42.0, 32)
    sensors = [
        *pixels(templates),
        *tracker(templates),
        *staves(templates, "ecal_barrel", pads, ecal, (1250, 2800), SIDES),
        endcap(templates, "ecal_endcap", pads, ecal, (2900, 300, 1700), SIDES),
        *staves(templates, "hcal_barrel", tiles, hcal, (1440, 2800), SIDES),
        endcap(templates, "hcal_endcap", tiles, hcal, (3090, 320, 2780), SIDES),
        *staves(templates, "muon_barrel", chambers, (2.0, 270.0, 400.0, 4), (3300, 4600), SIDES),
        endcap(templates, "muon_endcap", chambers, (2.0, 270.0, 400.0, 4), (4700, 500, 4900), SIDES),
    ]
    write(__file__, description(templates, sensors))


def description(templates: dict[str, Any], sensors: Rows) -> dict[str, Any]:
    """What ``detector.yaml`` says."""
    coil = {"aluminium": 220.0, "steel": 60.0}
    return {
        "format": "gnnreco-detector/1",
        "name": "full_hex",
        "units": {"length": "mm", "angle": "deg", "field": "T"},
        "field": {"kind": "solenoid", "bz": 3.8},
        "templates": templates,
        "subsystems": subsystems_of(sensors, LAYERS, CALORIMETERS),
        "passive": [
            cylinder("beam_pipe", 22.0, 3000.0, {"beryllium": 0.8}),
            cylinder("tracker_support", 1150.0, 2750.0, {"carbon_fibre": 5.0}),
            cylinder("coil", 3050.0, 3000.0, coil),
        ],
        "sensors": sensors,
    }


def hexagons(width: float) -> dict[str, Any]:
    """Hexagonal cells, for `outlined`."""
    return {"kind": "hex", "flat_to_flat": width}


def pixels(templates: dict[str, Any]) -> Rows:
    """Four barrel layers of square pixels, and eight disks a side down to pseudorapidity 3."""
    entries: Rows = []
    for number, (radius, count) in enumerate([(32.0, 12), (68.0, 24), (114.0, 40), (164.0, 56)]):
        template = f"pixel_stave_{number}"
        side = 2 * (radius - 0.075) * np.tan(np.pi / count) - EDGE
        templates[template] = grid((0.05, 0.05), side, 560.0, 0.15)
        entries.append(barrel_entry(template, "pixel_barrel", [{"radius": radius, "count": count, "z": [0]}]))
    for number, z in enumerate([320.0, 390.0, 480.0, 590.0, 720.0, 870.0, 1040.0, 1200.0]):
        template, r_in = f"pixel_wedge_{number}", number_of(z / FLATTEST)
        templates[template] = wedge(square(0.05), r_in, 190.0, 16, 0.15, EDGE)
        entries.append(disk_entry(template, "pixel_endcap", [z], (r_in + 190.0) / 2, 16))
    return entries


def tracker(templates: dict[str, Any]) -> Rows:
    """Six barrel layers of staves of long pixels, and six disks a side tiled with hexagonal wafers."""
    entries: Rows = []
    layers = [(260.0, 16), (400.0, 24), (560.0, 34), (730.0, 44), (910.0, 54), (1100.0, 66)]
    for number, (radius, count) in enumerate(layers):
        template = f"tracker_stave_{number}"
        side = 2 * (radius - 0.15) * np.tan(np.pi / count) - EDGE
        templates[template] = grid((0.06, 0.6), side, 2400.0, 0.3)
        entries.append(
            barrel_entry(template, "tracker_barrel", [{"radius": radius, "count": count, "z": [0]}])
        )
    wafers = {"whole": None, "three_quarters": 29.75, "half": 0, "quarter": -29.75}
    for name, part in wafers.items():
        cut = {} if part is None else {"keep_below": part}
        templates[name] = {**hexagons(0.2), "thickness": 0.3, "hexagon": 119, **cut}
    for sign in (-1, 1):
        places = [1300.0, 1540.0, 1800.0, 2080.0, 2370.0, 2660.0]
        entries.append(
            {
                "rule": "wafers",
                "subsystem": "tracker_endcap",
                "templates": list(wafers),
                "spacing": 119.6,
                "z": [sign * z for z in places],
                "r_min": [number_of(z / FLATTEST) for z in places],
                "r_max": 1110,
            }
        )
    return entries


if __name__ == "__main__":
    main()
