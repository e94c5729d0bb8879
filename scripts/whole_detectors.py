"""What the scripts that build whole detectors share: materials, and the entries of ``detector.yaml``; mm, degrees."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import yaml

FOLDER = Path(__file__).resolve().parents[1] / "detector_geometries"
Rows = list[dict[str, Any]]
Stack = tuple[
    float, float, float, int
]  # active thickness, depth of its middle in a layer, layer's thickness, layers

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
    "beryllium": (352.8, 421.0),
}


def write(script: str, description: dict[str, Any]) -> None:
    """Write ``detector.yaml`` of the detector that the description names."""
    text = yaml.safe_dump(description, sort_keys=False, default_flow_style=None, width=110)
    head = f"# Written by scripts/{Path(script).name}; see README.md.\n"
    (FOLDER / description["name"] / "detector.yaml").write_text(head + text)


def subsystems_of(
    sensors: Rows, layers: dict[str, dict[str, float]], calorimeters: dict[str, dict[str, float]]
) -> dict[str, Any]:
    """The subsystems that entries name: their slabs stand under their name, or under its first word."""
    result: dict[str, Any] = {}
    for name in (entry["subsystem"] for entry in sensors):
        kind = name.split("_")[0]
        if kind in calorimeters:
            result[name] = {
                "measures": ["energy", "time"],
                "material": thick(layers[kind]) | calorimeters[kind],
            }
        else:
            result[name] = {
                "measures": ["position"],
                "material": thick(layers.get(name, layers.get(kind, {}))),
            }
    return result


def thick(slabs: dict[str, float]) -> dict[str, float]:
    """Radiation and interaction lengths of slabs at normal incidence."""
    sums = [sum(t / X0_LAMBDA[name][k] for name, t in slabs.items()) for k in (0, 1)]
    return {"radiation_lengths": round(sums[0], 5), "interaction_lengths": round(sums[1], 5)}


def cylinder(name: str, radius: float, half_length: float, slabs: dict[str, float]) -> dict[str, Any]:
    """A passive cylinder."""
    return {"name": name, "radius": radius, "half_length": half_length, **thick(slabs)}


def staves(
    templates: dict[str, Any],
    subsystem: str,
    cells: dict[str, Any],
    stack: Stack,
    barrel: tuple[float, float],
    sides: int,
) -> Rows:
    """A sensor for each layer of each side of a barrel; the cells along the rims of a stave are cut.

    Parameters
    ----------
    cells : dict
        ``kind`` and size, as in a template; see `outlined`.
    barrel : (inner radius of the flat sides, half length)
    """
    thickness, middle, step, count = stack
    entries = []
    for k in range(count):
        half = (barrel[0] + step * k) * np.tan(np.pi / sides)
        template = f"{subsystem}_{k}"
        outline = [[-half, -barrel[1]], [half, -barrel[1]], [half, barrel[1]], [-half, barrel[1]]]
        templates[template] = outlined(cells, outline) | {"thickness": thickness}
        radius = number_of(barrel[0] + middle + step * k)
        layer = {"radius": radius, "count": sides, "z": [0], "phi0": 180 / sides}
        entries.append(barrel_entry(template, subsystem, [layer]))
    return entries


def endcap(
    templates: dict[str, Any],
    subsystem: str,
    cells: dict[str, Any],
    stack: Stack,
    ends: tuple[float, float, float],
    sides: int,
) -> dict[str, Any]:
    """A sensor for each layer of each wedge of both endcaps; `ends`: first z, inner and outer radius of the flat sides."""
    thickness, middle, step, count = stack
    z_first, r_in, r_out = ends
    templates[subsystem] = wedge(cells, r_in, r_out, sides, thickness)
    places = [number_of(z_first + middle + step * k) for k in range(count)]
    return disk_entry(subsystem, subsystem, places, (r_in + r_out) / 2, sides, 180 / sides)


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


def square(size: float) -> dict[str, Any]:
    """Square cells, for `outlined`."""
    return {"kind": "grid", "pitch": [size, size]}


def grid(pitch: tuple[float, float], width: float, length: float, thickness: float) -> dict[str, Any]:
    """A rectangle of whole cells."""
    cells = [int(np.floor(size / p + 1e-9)) for size, p in zip((width, length), pitch, strict=True)]
    return {"kind": "grid", "pitch": list(pitch), "cells": cells, "thickness": thickness}


def wedge(
    cells: dict[str, Any], r_in: float, r_out: float, count: int, thickness: float, edge: float = 0.0
) -> dict[str, Any]:
    """One of `count` equal parts of a polygonal ring whose flat sides lie at these radii, `edge` mm from the next."""
    low, high = (r * np.tan(np.pi / count) - edge / 2 for r in (r_in, r_out))
    half = (r_out - r_in) / 2
    outline = [[-low, -half], [low, -half], [high, half], [-high, half]]
    return outlined(cells, outline) | {"thickness": thickness}


def outlined(cells: dict[str, Any], outline: list[list[float]]) -> dict[str, Any]:
    """Cells cut by an outline; of a grid a cell, not a corner of one, sits on the origin.

    Parameters
    ----------
    cells : dict
        ``{"kind": "grid", "pitch": [u, v]}`` or ``{"kind": "hex", "flat_to_flat": width}``.
    """
    result = copy.deepcopy(cells)  # YAML would write the same list as an alias
    if cells["kind"] == "grid":
        reach = np.abs(outline).max(axis=0)
        counts = [int(np.ceil(2 * half / p - 1e-9)) for half, p in zip(reach, cells["pitch"], strict=True)]
        result["cells"] = [n + 1 - n % 2 for n in counts]
    return result | {"outline": [[number_of(x) for x in corner] for corner in outline]}


def number_of(value: float) -> float:
    """A plain number for YAML, to a tenth of a micrometre."""
    return round(float(value), 4)
