"""Build detector_geometries/full_cld from the published dimensions of CLD, a detector for the FCC-ee.

    python scripts/build_cld_detector.py

The numbers are those of `CLD_o2_v07` in key4hep/k4geo; what was made simpler stands in the folder's README. mm, degrees.
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

MODULE = {"kapton": 0.368, "aluminium": 0.25, "silicon": 0.2, "water": 0.235}
SANDWICH = MODULE | {"epoxy": 0.4, "carbon_foam": 0.7, "rohacell": 2.8}
CHAMBER = {"glass": 8.0, "aluminium": 4.0}  # two chambers of resistive plates, of which one is read out
# Thickness (mm) of each material over one sensor; `support` is given in radiation lengths, so as carbon fibre of as many.
LAYERS = {
    "vertex_barrel": {"silicon": 0.285},
    "vertex_endcap": {"silicon": 0.33},
    "inner_tracker_barrel": MODULE
    | {"epoxy": 0.3, "carbon_fleece": 0.04, "carbon_fibre": 0.27 + 0.0023 * 281},
    "inner_tracker_endcap": SANDWICH | {"carbon_fibre": 0.35 + 0.0034 * 281},
    "outer_tracker_barrel": SANDWICH | {"carbon_fibre": 0.35 + 0.0017 * 281},
    "outer_tracker_endcap": SANDWICH | {"carbon_fibre": 0.35 + 0.00365 * 281},
    "ecal": {"tungsten_alloy": 1.9, "g10": 0.9, "ground_and_hv": 0.1, "silicon": 0.5, "pcb_and_copper": 1.3},
    "hcal": {"steel": 20.0, "polystyrene": 3.0, "copper": 0.1, "pcb": 0.7},
    "muon_barrel": CHAMBER | {"iron": 177.0},
    "muon_endcap": CHAMBER | {"iron": 210.0},
}
# Moliere radius: Rossi's formula over the slabs of a layer. Sampling fraction: see README.md.
CALORIMETERS = {
    "ecal": {"moliere_radius": 19.4, "sampling_fraction": 0.0267, "air_gap": 0.25},
    "hcal": {"moliere_radius": 21.9, "sampling_fraction": 0.022, "air_gap": 0},
}
EDGE = 0.2  # mm between sensors of the tracker in which nothing is measured
SIDES = 12  # of the polygons of calorimeters and yoke; a flat side lies along x


def main() -> None:
    """Write ``detector.yaml``."""
    templates: dict[str, Any] = {}
    tiles = square(30.0)
    sensors = [
        *vertex(templates),
        *tracker(templates),
        *calorimeter(templates, "ecal", 5.1, (0.5, 2.4, 5.05, 40), (2150, 2210), (2307, 340, 2455)),
        *calorimeter(templates, "hcal", 30.0, (3.0, 21.0, 26.5, 44), (2400, 2210), (2539, 340, 3566)),
        endcap(templates, "hcal_ring", tiles, (3.0, 21.0, 26.5, 7), (2353.5, 2475, 3566), SIDES),
        *staves(templates, "muon_barrel", tiles, (2.0, 7.5, 217.0, 7), (4479, 3755), SIDES),
        endcap(templates, "muon_endcap", tiles, (2.0, 217.5, 240.0, 6), (3755, 400, 6000), SIDES),
    ]
    write(__file__, description(templates, sensors))


def description(templates: dict[str, Any], sensors: Rows) -> dict[str, Any]:
    """What ``detector.yaml`` says."""
    return {
        "format": "gnnreco-detector/1",
        "name": "full_cld",
        "units": {"length": "mm", "angle": "deg", "field": "T"},
        "field": {"kind": "solenoid", "bz": 2.0},
        "source": {"position": [0, 0, 0], "direction": [0, 0, 1], "spread": [0.01, 0.001, 0.5]},
        "templates": templates,
        "subsystems": subsystems_of(sensors, LAYERS, CALORIMETERS),
        "passive": [
            cylinder("beam_pipe", 10.85, 90.0, {"albemet": 0.7, "paraffin": 1.0, "gold": 0.005}),
            cylinder("tracker_support", 688.0, 2300.0, {"carbon_fibre": 0.0125 * 281}),
            cylinder("inner_tank", 3739.0, 3705.0, {"steel": 40.0}),
            cylinder("coil", 3930.0, 3476.0, {"aluminium": 90.0}),
            cylinder("outer_tank", 4252.0, 3705.0, {"steel": 40.0}),
        ],
        "sensors": sensors,
    }


def vertex(templates: dict[str, Any]) -> Rows:
    """Three double layers of ladders, set like the blades of a windmill; three double disks of eight wedges a side."""
    entries: Rows = []
    for number, (r, count, width, offset) in enumerate(
        [(13.0, 16, 5.5, 1.12903), (35.0, 12, 19.25, 0.840909), (57.0, 16, 23.0948, 0.982759)]
    ):
        template = f"vertex_ladder_{number}"
        templates[template] = grid((0.01, 0.01), width, 218.0, 0.05)
        for height in (0.26, 1.31):
            radius, tilt = np.hypot(r + height, offset), np.degrees(np.arctan2(offset, r + height))
            layers = [{"radius": number_of(radius), "count": count, "z": [0], "tilt": number_of(-tilt)}]
            entries.append(barrel_entry(template, "vertex_barrel", layers))
    for number, (z, r_in) in enumerate([(160.0, 24.0), (230.0, 34.5), (300.0, 45.0)]):
        template = f"vertex_wedge_{number}"
        templates[template] = wedge(square(0.01), r_in, 102.0, 8, 0.05, EDGE)
        places = [z - 1.04, z + 1.04]
        entries.append(disk_entry(template, "vertex_endcap", places, (r_in + 102.0) / 2, 8))
    return entries


def tracker(templates: dict[str, Any]) -> Rows:
    """Barrels of flat staves, closed polygons; disks of wedges."""
    entries: Rows = []
    inner = [(128.25, 28, 481.6), (401.25, 86, 481.6), (671.25, 142, 692.3)]
    outer = [(1000.9, 53, 1264.2), (1568.9, 83, 1264.2), (2140.6, 113, 1264.2)]
    for name, layers in (("inner_tracker", inner), ("outer_tracker", outer)):
        for number, (radius, count, half) in enumerate(layers):
            template = f"{name}_stave_{number}"
            side = 2 * (radius - 0.05) * np.tan(np.pi / count) - EDGE
            templates[template] = grid((0.025, 0.3), side, 2 * half, 0.1)
            layer = {"radius": radius, "count": count, "z": [0]}
            entries.append(barrel_entry(template, f"{name}_barrel", [layer]))
    disks = [
        ("inner_tracker", 24, 525.85, 79.5, 457.0),
        ("inner_tracker", 24, 806.15, 123.5, 652.0),
        ("inner_tracker", 24, 1094.85, 165.0, 663.3),
        ("inner_tracker", 24, 1375.15, 207.5, 660.5),
        ("inner_tracker", 24, 1662.85, 249.5, 657.2),
        ("inner_tracker", 24, 1944.15, 293.0, 640.3),
        ("inner_tracker", 24, 2191.85, 330.0, 647.1),
        *(("outer_tracker", 48, z, 718.0, 2080.0) for z in (1308.15, 1618.85, 1881.15, 2191.85)),
    ]
    for number, (name, count, z, r_in, r_out) in enumerate(disks):
        first = number == 0  # pixels of 25 micrometres
        template = f"{name}_wedge_{number}" if name == "inner_tracker" else "outer_tracker_wedge"
        cells = square(0.018) if first else {"kind": "grid", "pitch": [0.025, 0.3]}
        templates[template] = wedge(cells, r_in, r_out, count, 0.1, EDGE)
        entries.append(disk_entry(template, f"{name}_endcap", [z], (r_in + r_out) / 2, count))
    return entries


def calorimeter(
    templates: dict[str, Any],
    name: str,
    cell: float,
    stack: Stack,
    barrel: tuple[float, float],
    ends: tuple[float, float, float],
) -> Rows:
    """A barrel of flat staves and endcaps of as many wedges; see `staves` and `endcap`."""
    return [
        *staves(templates, f"{name}_barrel", square(cell), stack, barrel, SIDES),
        endcap(templates, f"{name}_endcap", square(cell), stack, ends, SIDES),
    ]


if __name__ == "__main__":
    main()
