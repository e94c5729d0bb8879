"""Build detector_geometries/odd from the published dimensions of the Open Data Detector.

    python scripts/build_odd_detector.py

The numbers are those of the XML files and the placement rules of its C++ factories (github.com/OpenDataDetector,
commit b2e95fc, October 2025, 3 T); this file is ours. Angles in rad, lengths in mm.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from scipy.spatial.transform import Rotation

from gnnreco.columns import Floats
from gnnreco.geometry.description.placement import AXES

TARGET = Path(__file__).resolve().parents[1] / "detector_geometries" / "odd"
Rows = dict[str, Any]
Side = tuple[float, float]  # height in the module, stereo angle


@dataclass(frozen=True)
class Ring:
    """Modules of a disk: `dz` outwards from the disk, every second one `gap` this way, the others that way."""

    template: str
    radius: float
    count: int
    dz: float
    gap: float
    sides: list[Side]
    phi0: float = 0.0


# Radiation length and nuclear interaction length, mm: Particle Data Group values put together by weight.
X0_LAMBDA = {
    "silicon": (93.7, 465.2),
    "kapton": (283.8, 541.0),
    "aluminium": (88.97, 397.0),
    "carbon_fibre": (281.0, 558.0),
    "carbon_foam": (1719.0, 3418.0),
    "titanium": (35.6, 278.0),
    "copper": (14.35, 153.2),
    "tungsten_alloy": (3.928, 104.6),
    "g10": (162.0, 564.0),
    "ground_and_hv": (27.33, 244.0),
    "pcb_and_copper": (28.18, 252.0),
    "steel": (17.62, 168.3),
    "polystyrene": (424.0, 785.0),
}
# Mean thickness (mm) of each material over the area of one sensor: cables, pipes, foam and supports spread evenly.
LAYERS = {
    "pixel_barrel": {
        "silicon": 0.125,
        "kapton": 0.23,
        "aluminium": 0.022,
        "carbon_foam": 1.4,
        "titanium": 0.039,
    }
    | {"copper": 0.041, "carbon_fibre": 1.64},
    "pixel_disk": {
        "silicon": 0.125,
        "kapton": 0.25,
        "aluminium": 0.021,
        "titanium": 0.074,
        "carbon_fibre": 3.6,
    },
    "short_strip_barrel": {
        "silicon": 0.2,
        "kapton": 0.25,
        "aluminium": 0.052,
        "carbon_foam": 3.54,
        "titanium": 0.042,
    }
    | {"copper": 0.071, "carbon_fibre": 1.7},
    "short_strip_disk": {
        "silicon": 0.25,
        "kapton": 0.26,
        "aluminium": 0.057,
        "titanium": 0.023,
        "carbon_fibre": 1.66,
    },
    # One of the two sides of a module carries half of what they share.
    "long_strip_barrel": {
        "silicon": 0.25,
        "kapton": 0.25,
        "aluminium": 0.052,
        "titanium": 0.024,
        "copper": 0.018,
    }
    | {"carbon_fibre": 3.4},
    "long_strip_disk": {"silicon": 0.25, "kapton": 0.26, "titanium": 0.02, "carbon_fibre": 2.8},
    "ecal": {"tungsten_alloy": 1.9, "g10": 0.9, "ground_and_hv": 0.1, "silicon": 0.5, "pcb_and_copper": 1.3},
    "hcal": {"steel": 30.0, "pcb_and_copper": 16.0, "polystyrene": 3.0},
}
SIDES = 16  # of the polygons of both calorimeters
HALF_ANGLE = np.pi / SIDES


def main() -> None:
    """Write the folder."""
    templates: dict[str, Any] = {}
    parts = [
        *tracker_part("pixel", 16, 6, pixel_barrel(templates), pixel_disks(templates)),
        *tracker_part("short_strip", 23, 9, short_strip_barrel(templates), short_strip_disks(templates)),
        *tracker_part("long_strip", 28, 12, long_strip_barrel(templates), long_strip_disks(templates)),
        *calorimeter(templates, "ecal", 16, 5.1, (0.5, 2.4, 5.05, 48), (1250, 3050), (3200, 315, 1500)),
        *calorimeter(templates, "hcal", 19, 30.0, (3.0, 47.5, 51.0, 36), (1600, 3450), (3600, 355, 3436)),
    ]
    first = 0
    for part in parts:
        part["layer"] = part["layer"] + first
        first = int(part["layer"].max()) + 1
    rows = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    table = {
        "sensor_id": np.arange(first_row := len(rows["layer"])),
        "template": pa.array(rows["template"]).dictionary_encode(),
        "subsystem": pa.array(rows["subsystem"]).dictionary_encode(),
        "layer": rows["layer"].astype(np.int32),
        **{axis: rows["center"][:, i] for i, axis in enumerate("xyz")},
        **{axis: rows["rotation"][:, i // 3, i % 3] for i, axis in enumerate(AXES)},
        **{name: rows[name].astype(np.int32) for name in LABELS},
        "volume_id": rows["volume_id"].astype(np.int32),
    }
    print(f"{first_row} sensors, {first} layers, {len(templates)} templates")
    pq.write_table(pa.table(table), TARGET / "sensors.parquet", compression="zstd", write_page_checksum=True)
    text = yaml.safe_dump(description(templates), sort_keys=False, default_flow_style=None, width=110)
    (TARGET / "detector.yaml").write_text(
        "# Written by scripts/build_odd_detector.py; see README.md.\n" + text
    )


LABELS = ("system", "layer_id", "stave_id", "module_id", "side_id")


def description(templates: dict[str, Any]) -> dict[str, Any]:
    """What ``detector.yaml`` says."""
    subsystems: dict[str, Any] = {}
    for kind in ("pixel", "short_strip", "long_strip"):
        for part in ("negative", "barrel", "positive"):
            where = "barrel" if part == "barrel" else "disk"
            subsystems[f"{kind}_{part}"] = {"measures": ["position"], "material": thick(f"{kind}_{where}")}
    for kind, showers in CALORIMETERS.items():
        for part in ("negative", "barrel", "positive"):
            material = {**thick(kind), **showers}
            subsystems[f"{kind}_{part}"] = {"measures": ["energy", "time"], "material": material}
    return {
        "format": "gnnreco-detector/1",
        "name": "odd",
        "units": {"length": "mm", "angle": "rad", "field": "T"},
        "field": {"kind": "solenoid", "bz": 3.0},
        "templates": templates,
        "subsystems": subsystems,
        "passive": [
            cylinder("beam_pipe", 24.0, 4000.0, 0.8 / 352.8, 0.8 / 421.0),
            cylinder("pixel_support_tube", 203.0, 2000.0, 2.0 / 281.0, 2.0 / 558.0),
            cylinder("solenoid", 1180.0, 3000.0, 40.0 / 88.97, 40.0 / 397.0),
        ],
        "sensors": [{"table": "sensors.parquet", "identify": [list(LABELS)]}],
    }


# Moliere radius: Rossi's formula over the slabs of a layer. Sampling fraction: see README.md.
CALORIMETERS = {
    "ecal": {"moliere_radius": 19.4, "sampling_fraction": 0.027, "air_gap": 0.25},
    "hcal": {"moliere_radius": 21.8, "sampling_fraction": 0.0112},
}


def thick(layer: str) -> dict[str, float]:
    """Radiation and interaction lengths of a layer at normal incidence."""
    sums = [sum(t / X0_LAMBDA[name][k] for name, t in LAYERS[layer].items()) for k in (0, 1)]
    return {"radiation_lengths": round(sums[0], 5), "interaction_lengths": round(sums[1], 5)}


def cylinder(name: str, radius: float, half_length: float, x0: float, nuclear: float) -> dict[str, Any]:
    """A passive cylinder."""
    lengths = {"radiation_lengths": round(x0, 5), "interaction_lengths": round(nuclear, 5)}
    return {"name": name, "radius": radius, "half_length": half_length, **lengths}


def grid(pitch: tuple[float, float], half: tuple[float, float], thickness: float) -> dict[str, Any]:
    """A rectangle of whole cells."""
    cells = [round(2 * half[k] / pitch[k]) for k in (0, 1)]
    return {"kind": "grid", "pitch": list(pitch), "cells": cells, "thickness": thickness}


def wedge(
    pitch: tuple[float, float], low: float, high: float, half_v: float, thickness: float, odd: bool = False
) -> dict[str, Any]:
    """A trapezoid cut out of a grid; `odd`: a cell, not a corner, sits on the origin."""
    cells = [
        int(np.ceil(2 * half / p - 1e-9)) for half, p in zip((max(low, high), half_v), pitch, strict=True)
    ]
    if odd:
        cells = [n + 1 - n % 2 for n in cells]
    low, high, half_v = (round(float(x), 4) for x in (low, high, half_v))
    outline = [[-low, -half_v], [low, -half_v], [high, half_v], [-high, half_v]]
    return {"kind": "grid", "pitch": list(pitch), "cells": cells, "thickness": thickness, "outline": outline}


def tracker_part(name: str, volume: int, system: int, barrel: Rows, disks: dict[int, Rows]) -> list[Rows]:
    """Negative disks, barrel, positive disks; the numbers of DD4hep and of ACTS as labels."""
    parts = [disks[-1], barrel, disks[1]]
    for number, word in enumerate(("negative", "barrel", "positive")):
        n = len(parts[number]["layer"])
        parts[number]["subsystem"] = np.full(n, f"{name}_{word}", object)
        parts[number]["volume_id"] = np.full(n, volume + number)
        parts[number]["system"] = np.full(n, system + (1, 0, 2)[number])
    return parts


def staves(
    template: str, layers: list[tuple[float, int]], n_z: int, step: float, tilt: float, sides: list[Side]
) -> Rows:
    """Layers of (radius, staves) of `n_z` modules `step` apart; `sides` are (height in the stave, stereo angle)."""
    parts = []
    for layer, (radius, count) in enumerate(layers):
        stave, module, side = (i.ravel() for i in np.mgrid[:count, :n_z, : len(sides)])
        phi = stave * 2 * np.pi / count
        z = (module - (n_z - 1) / 2) * step
        height, stereo = np.array(sides)[side].T
        axes = matrices("Y", np.pi / 2) @ matrices("Z", np.pi / 2) @ matrices("Y", phi + tilt)
        center = np.stack([radius * np.cos(phi), radius * np.sin(phi), z], axis=1)
        center += height[:, None] * axes[:, :, 2]
        axes = axes @ matrices("Z", stereo)
        parts.append(rows(template, layer, center, axes, layer, stave, module, side))
    return joined(parts)


def disks(places: list[float], rings: list[Ring], turns: bool) -> dict[int, Rows]:
    """Disks at -`places` and at +`places`; both sides of a module are of one layer.

    `turns`: every second module is turned over, as in the strips.
    """
    result = {}
    for sign in (-1, 1):
        parts = []
        for layer, place in enumerate(places):
            for number, ring in enumerate(rings):
                module, side = (i.ravel() for i in np.mgrid[: ring.count, : len(ring.sides)])
                phi, odd = ring.phi0 + module * 2 * np.pi / ring.count, module % 2 == 1
                over = odd if turns else np.ones_like(odd)
                axes = matrices("X", np.where(over, 1.5 * np.pi, 0.5 * np.pi))
                axes = axes @ matrices("Y", np.where(over, 0.5 * np.pi - phi, 0.5 * np.pi + phi))
                height, stereo = np.array(ring.sides)[side].T * [[1 if turns else sign], [sign]]
                z = sign * (place + ring.dz) + np.where(odd, -ring.gap, ring.gap)
                center = np.stack([ring.radius * np.cos(phi), ring.radius * np.sin(phi), z], axis=1)
                center += height[:, None] * axes[:, :, 1]
                axes = axes @ matrices("Y", stereo)
                v, w = axes[:, :, 2], axes[:, :, 1] * np.sign(axes[:, 2:, 1] * sign)
                axes = np.stack([np.cross(v, w), v, w], axis=2)
                parts.append(
                    rows(ring.template, layer, center, axes, layer, 0 * module + number, module, side)
                )
        result[sign] = joined(parts)
    return result


def matrices(axis: str, angle: Any) -> Floats:
    """Rotation matrices (n, 3, 3) about one axis."""
    return Rotation.from_euler(axis, np.reshape(angle, (-1, 1))).as_matrix()


def rows(template: str, layer: Any, center: Floats, rotation: Floats, layer_id: int, *labels: Any) -> Rows:
    """Columns of one layer."""
    n = len(center)
    stave, module, side = labels
    return {
        "template": np.full(n, template, object),
        "layer": np.broadcast_to(layer, n),
        "center": center,
        "rotation": rotation,
        "layer_id": np.full(n, layer_id),
        "stave_id": stave,
        "module_id": module,
        "side_id": side,
    }


def joined(parts: list[Rows]) -> Rows:
    """The columns of all parts one after another."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def pixel_barrel(templates: dict[str, Any]) -> Rows:
    templates["pixel_barrel"] = grid((0.05, 0.05), (8.4, 36), 0.125)
    layers = [(34.0, 16), (70.0, 32), (116.0, 52), (172.0, 78)]
    return staves("pixel_barrel", layers, 14, 72.5, 0.12, [(-1.8, 0.0)])


def pixel_disks(templates: dict[str, Any]) -> dict[int, Rows]:
    templates["pixel_inner"] = wedge((0.05, 0.05), 8.5, 14.5, 34, 0.125)
    templates["pixel_outer"] = wedge((0.05, 0.05), 10.5, 16.5, 34, 0.125)
    # The sensors of the outer ring sit 5 mm inwards of their modules, at 139 mm.
    rings = [
        Ring("pixel_inner", 76, 24, -3.5, 0.6, [(0.3, 0.0)]),
        Ring("pixel_outer", 139, 36, 3.5, 0.6, [(0.3, 0.0)]),
    ]
    return disks([620, 720, 840, 980, 1120, 1320, 1520], rings, turns=False)


def short_strip_barrel(templates: dict[str, Any]) -> Rows:
    templates["short_strip_barrel"] = grid((0.075, 0.5), (24, 54), 0.2)
    layers = [(260.0, 40), (360.0, 56), (500.0, 78), (660.0, 102)]
    return staves("short_strip_barrel", layers, 21, 108.5, -0.15, [(0.0, 0.0)])


def short_strip_disks(templates: dict[str, Any]) -> dict[int, Rows]:
    rings = []
    for name, radius, low, high, dz, phi0 in (
        ("inner", 318, 18.4, 32.2, -5, 0.0),
        ("middle", 470, 30.2, 44.0, 5, 0.0748),
        ("outer", 622, 40.8, 56.4, -5, 0.0),
    ):
        templates[f"short_strip_{name}"] = wedge((0.075, 0.5), low, high, 78, 0.25)
        rings.append(Ring(f"short_strip_{name}", float(radius), 42, dz, 2.5, [(0.0, 0.0)], phi0))
    return disks([1300, 1550, 1850, 2200, 2550, 2950], rings, turns=True)


def long_strip_barrel(templates: dict[str, Any]) -> Rows:
    templates["long_strip_barrel"] = grid((0.15, 1.5), (48, 54), 0.25)
    sides = [(-3.31, 0.04), (3.3, 0.0)]
    return staves("long_strip_barrel", [(820.0, 60), (1020.0, 80)], 21, 108.5, -0.15, sides)


def long_strip_disks(templates: dict[str, Any]) -> dict[int, Rows]:
    rings = []
    for name, radius, low, high, dz in (("inner", 820, 53.2, 58.6, -15), ("outer", 990, 64.6, 70.0, 15)):
        templates[f"long_strip_{name}"] = wedge((0.15, 1.5), low, high, 78, 0.25)
        rings.append(Ring(f"long_strip_{name}", radius, 48, dz, 8.0, [(2.5, 0.02), (-2.5, -0.02)]))
    return disks([1300, 1600, 1900, 2250, 2600, 3000], rings, turns=True)


def calorimeter(
    templates: dict[str, Any],
    name: str,
    system: int,
    cell: float,
    stack: tuple[float, float, float, int],
    barrel: tuple[float, float],
    endcap: tuple[float, float, float],
) -> list[Rows]:
    """A barrel of sixteen flat staves, and endcaps of sixteen wedges.

    Parameters
    ----------
    stack : (active thickness, depth of its middle in a layer, thickness of a layer, layers)
    barrel : (inner radius, half length)
    endcap : (first z, inner radius, outer radius of the corners)
    """
    thickness, middle, step, count = stack
    tangent = np.tan(HALF_ANGLE)
    z_first, r_in, r_corner = endcap
    r_out = r_corner * np.cos(HALF_ANGLE)
    low, high = r_in * tangent - 2.5, r_out * tangent - 2.5  # 2.5 mm of gap on either side of a wedge
    templates[f"{name}_endcap"] = wedge((cell, cell), low, high, (r_out - r_in) / 2, thickness, odd=True)
    layer, module = (i.ravel() for i in np.mgrid[:count, :SIDES])
    phi = np.pi / 8 - np.pi / 2 - module * 2 * HALF_ANGLE
    zero, one = np.zeros_like(phi), np.ones_like(phi)
    outwards = np.stack([np.cos(phi), np.sin(phi), zero], axis=1)
    z_axis = np.stack([zero, zero, one], axis=1)
    parts = []
    for number, sign in ((2, -1), (0, 0), (1, 1)):
        if sign:
            z = sign * (z_first + middle + step * layer)
            center = outwards * (r_in + r_out) / 2 + z[:, None] * [0, 0, 1]
            kind = np.full(len(layer), f"{name}_endcap", object)
            axes = np.stack([np.cross(outwards, z_axis * sign), outwards, z_axis * sign], axis=2)
        else:
            for k in range(count):
                half = (barrel[0] + step * k) * tangent
                templates[f"{name}_{k}"] = wedge((cell, cell), half, half, barrel[1], thickness, odd=True)
            center = outwards * (barrel[0] + middle + step * layer)[:, None]
            kind = np.array([f"{name}_{k}" for k in layer], object)
            axes = np.stack([np.cross(z_axis, outwards), z_axis, outwards], axis=2)
        part = rows("", layer, center, axes, 0, 0 * layer + number, module + 1, 0 * layer)
        part["template"], part["layer_id"] = kind, layer + 1
        part["subsystem"] = np.full(
            len(layer), f"{name}_{('barrel', 'positive', 'negative')[number]}", object
        )
        part["system"] = np.full(len(layer), system + bool(sign))
        part["volume_id"] = np.zeros(len(layer))
        parts.append(part)
    return parts


if __name__ == "__main__":
    main()
