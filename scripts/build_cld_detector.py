"""Build detector_geometries/full_cld from the published dimensions of CLD, a detector for the FCC-ee.

    python scripts/build_cld_detector.py

The numbers are those of `CLD_o2_v07` in key4hep/k4geo; what was made simpler stands in the folder's README. mm, degrees.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import yaml

TARGET = Path(__file__).resolve().parents[1] / "detector_geometries" / "full_cld"
Rows = list[dict[str, Any]]

# Radiation length and nuclear interaction length, mm: Particle Data Group values put together by weight.
X0_LAMBDA = {
    "silicon": (93.7, 465.2),
    "kapton": (283.8, 541.0),
    "aluminium": (88.97, 397.0),
    "epoxy": (315.9, 617.0),
    "carbon_fibre": (281.0, 558.0),
    "carbon_fleece": (1123.0, 2232.0),
    "water": (360.8, 833.0),
    "carbon_foam": (1911.0, 3794.0),
    "rohacell": (8110.0, 16207.0),
    "copper": (14.35, 153.2),
    "tungsten_alloy": (3.928, 104.6),
    "g10": (162.0, 564.0),
    "ground_and_hv": (27.33, 244.0),
    "pcb_and_copper": (28.18, 252.0),
    "pcb": (175.0, 526.0),
    "steel": (17.62, 168.3),
    "iron": (17.57, 167.7),
    "polystyrene": (424.0, 785.0),
    "glass": (126.9, 436.0),
    "albemet": (188.0, 414.0),
    "paraffin": (613.0, 1073.0),
    "gold": (3.344, 101.2),
}
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
    "ecal": {"moliere_radius": 19.4, "sampling_fraction": 0.0267},
    "hcal": {"moliere_radius": 21.9, "sampling_fraction": 0.022},
}
SIDES = 12  # of the polygons of calorimeters and yoke; a flat side lies along x


def main() -> None:
    """Write ``detector.yaml``."""
    templates: dict[str, Any] = {}
    sensors = [
        *vertex(templates),
        *tracker(templates),
        *calorimeter(templates, "ecal", 5.1, (0.5, 2.4, 5.05, 40), (2150, 2210), (2307, 340, 2455)),
        *calorimeter(templates, "hcal", 30.0, (3.0, 21.0, 26.5, 44), (2400, 2210), (2539, 340, 3566)),
        endcap(templates, "hcal_ring", "hcal_ring", 30.0, (3.0, 21.0, 26.5, 7), (2353.5, 2475, 3566)),
        *staves(templates, "muon_barrel", "muon", 30.0, (2.0, 7.5, 217.0, 7), (4479, 3755)),
        endcap(templates, "muon_endcap", "muon_endcap", 30.0, (2.0, 217.5, 240.0, 6), (3755, 400, 6000)),
    ]
    text = yaml.safe_dump(
        description(templates, sensors), sort_keys=False, default_flow_style=None, width=110
    )
    head = "# Written by scripts/build_cld_detector.py; see README.md.\n"
    (TARGET / "detector.yaml").write_text(head + text)
    print(f"{len(templates)} templates, {len(sensors)} entries")


def description(templates: dict[str, Any], sensors: Rows) -> dict[str, Any]:
    """What ``detector.yaml`` says."""
    subsystems: dict[str, Any] = {}
    for entry in sensors:
        name = entry["subsystem"]
        kind = name.split("_")[0]
        if kind in CALORIMETERS:
            material = thick(LAYERS[kind]) | CALORIMETERS[kind]
            subsystems[name] = {"measures": ["energy", "time"], "material": material}
        else:
            subsystems[name] = {"measures": ["position"], "material": thick(LAYERS[name])}
    return {
        "format": "gnnreco-detector/1",
        "name": "full_cld",
        "units": {"length": "mm", "angle": "deg", "field": "T"},
        "field": {"kind": "solenoid", "bz": 2.0},
        "source": {"position": [0, 0, 0], "direction": [0, 0, 1], "spread": [0.01, 0.001, 0.5]},
        "templates": templates,
        "subsystems": subsystems,
        "passive": [
            cylinder("beam_pipe", 10.85, 90.0, {"albemet": 0.7, "paraffin": 1.0, "gold": 0.005}),
            cylinder("tracker_support", 688.0, 2300.0, {"carbon_fibre": 0.0125 * 281}),
            cylinder("inner_tank", 3739.0, 3705.0, {"steel": 40.0}),
            cylinder("coil", 3930.0, 3476.0, {"aluminium": 90.0}),
            cylinder("outer_tank", 4252.0, 3705.0, {"steel": 40.0}),
        ],
        "sensors": sensors,
    }


def thick(slabs: dict[str, float]) -> dict[str, float]:
    """Radiation and interaction lengths of slabs at normal incidence."""
    sums = [sum(t / X0_LAMBDA[name][k] for name, t in slabs.items()) for k in (0, 1)]
    return {"radiation_lengths": round(sums[0], 5), "interaction_lengths": round(sums[1], 5)}


def cylinder(name: str, radius: float, half_length: float, slabs: dict[str, float]) -> dict[str, Any]:
    """A passive cylinder."""
    return {"name": name, "radius": radius, "half_length": half_length, **thick(slabs)}


def vertex(templates: dict[str, Any]) -> Rows:
    """Three double layers of ladders, set like the blades of a windmill; three double disks of eight wedges a side."""
    layers: Rows = []
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
        templates[template] = wedge((0.01, 0.01), r_in, 102.0, 8, 0.05)
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
            side = 2 * (radius - 0.05) * np.tan(np.pi / count)  # where the inner faces of two staves meet
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
        pitch = (0.018, 0.018) if first else (0.025, 0.3)
        templates[template] = wedge(pitch, r_in, r_out, count, 0.1)
        entries.append(disk_entry(template, f"{name}_endcap", [z], (r_in + r_out) / 2, count))
    return entries


def calorimeter(
    templates: dict[str, Any],
    name: str,
    cell: float,
    stack: tuple[float, float, float, int],
    barrel: tuple[float, float],
    ends: tuple[float, float, float],
) -> Rows:
    """A barrel of flat staves and endcaps of as many wedges; see `staves` and `endcap`."""
    return [
        *staves(templates, f"{name}_barrel", name, cell, stack, barrel),
        endcap(templates, f"{name}_endcap", f"{name}_endcap", cell, stack, ends),
    ]


def staves(
    templates: dict[str, Any],
    subsystem: str,
    prefix: str,
    cell: float,
    stack: tuple[float, float, float, int],
    barrel: tuple[float, float],
) -> Rows:
    """A sensor for each layer of each side of a barrel; the cells along the rims of a stave are cut.

    Parameters
    ----------
    stack : (active thickness, depth of its middle in a layer, thickness of a layer, layers)
    barrel : (inner radius, half length)
    """
    thickness, middle, step, count = stack
    entries = []
    for k in range(count):
        half = (barrel[0] + step * k) * np.tan(np.pi / SIDES)
        template = f"{prefix}_{k}"
        templates[template] = outlined(
            (cell, cell), [[-half, -barrel[1]], [half, -barrel[1]], [half, barrel[1]], [-half, barrel[1]]]
        ) | {"thickness": thickness}
        radius = number_of(barrel[0] + middle + step * k)
        layer = {"radius": radius, "count": SIDES, "z": [0], "phi0": 180 / SIDES}
        entries.append(barrel_entry(template, subsystem, [layer]))
    return entries


def endcap(
    templates: dict[str, Any],
    subsystem: str,
    template: str,
    cell: float,
    stack: tuple[float, float, float, int],
    ends: tuple[float, float, float],
) -> dict[str, Any]:
    """A sensor for each layer of each twelfth of both endcaps; `ends`: first z, inner and outer radius of the flat sides."""
    thickness, middle, step, count = stack
    z_first, r_in, r_out = ends
    templates[template] = wedge((cell, cell), r_in, r_out, SIDES, thickness)
    places = [number_of(z_first + middle + step * k) for k in range(count)]
    return disk_entry(template, subsystem, places, (r_in + r_out) / 2, SIDES, 180 / SIDES)


def barrel_entry(template: str, subsystem: str, layers: Rows) -> dict[str, Any]:
    """An entry of ``sensors``."""
    return {"rule": "barrel", "template": template, "subsystem": subsystem, "layers": layers}


def disk_entry(
    template: str, subsystem: str, places: list[float], radius: float, count: int, phi0: float = 0.0
) -> dict[str, Any]:
    """An entry of ``sensors``: disks at each of the places on both sides."""
    ring = {"template": template, "radius": number_of(radius), "count": count}
    return {
        "rule": "disks",
        "subsystem": subsystem,
        "z": [number_of(sign * z) for sign in (-1, 1) for z in places],
        "rings": [ring | ({"phi0": phi0} if phi0 else {})],
    }


def grid(pitch: tuple[float, float], width: float, length: float, thickness: float) -> dict[str, Any]:
    """A rectangle of whole cells."""
    cells = [int(np.floor(size / p + 1e-9)) for size, p in zip((width, length), pitch, strict=True)]
    return {"kind": "grid", "pitch": list(pitch), "cells": cells, "thickness": thickness}


def wedge(
    pitch: tuple[float, float], r_in: float, r_out: float, count: int, thickness: float
) -> dict[str, Any]:
    """One of `count` equal parts of a polygonal ring whose flat sides lie at these radii."""
    low, high = (r * np.tan(np.pi / count) for r in (r_in, r_out))
    half = (r_out - r_in) / 2
    outline = [[-low, -half], [low, -half], [high, half], [-high, half]]
    return outlined(pitch, outline) | {"thickness": thickness}


def outlined(pitch: tuple[float, float], outline: list[list[float]]) -> dict[str, Any]:
    """Cells cut by an outline; a cell, not a corner of one, sits on the origin."""
    reach = np.abs(outline).max(axis=0)
    cells = [int(np.ceil(2 * half / p - 1e-9)) for half, p in zip(reach, pitch, strict=True)]
    rounded = [[number_of(x) for x in corner] for corner in outline]
    return {
        "kind": "grid",
        "pitch": list(pitch),
        "cells": [n + 1 - n % 2 for n in cells],
        "outline": rounded,
    }


def number_of(value: float) -> float:
    """A plain number for YAML, to a tenth of a micrometre."""
    return round(float(value), 4)


if __name__ == "__main__":
    main()
