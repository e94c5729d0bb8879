"""Rebuild detector_geometries/belle2_ecl: the 8,736 crystals of Belle II's electromagnetic calorimeter.

    python scripts/build_belle2_detector.py crystals.csv

The table (marcneu/vck190-caloclusternet-demo, MIT) gives the middle and the axis of each crystal, its number, its ring in theta
and its place in the ring. A crystal is a sensor of one cell, across its axis; its walls lie half way to its neighbours in the
ring and to those in the next rings of its part of the calorimeter, and lean to the beam.
"""

from __future__ import annotations

import csv
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import check, load_detector
from gnnreco.geometry.importers.folder import UNITS, placed, write_folder

TARGET = Path(__file__).resolve().parents[1] / "detector_geometries" / "belle2_ecl"
LENGTH, WRAP = 300.0, 0.25  # mm: of a crystal; of what it is wrapped in, with its gap
PARTS = (
    range(13),
    range(13, 59),
    range(59, 69),
)  # rings of the forward endcap, the barrel, the backward endcap
RADIATION, INTERACTION, MOLIERE = 18.6, 380.4, 35.7  # mm of caesium iodide (PDG)


@dataclass(frozen=True)
class Ring:
    """Crystals of one angle: how many; the middle, the axis and the way across it in the plane of rho and z; the step in phi."""

    count: int
    middle: Floats
    axis: Floats
    across: Floats
    step: float

    @property
    def focus(self) -> float:
        """Distance of the beam along the axis, mm."""
        return float(self.middle[0] / self.axis[0])

    def half_width(self, v: float) -> float:
        """Of a crystal `v` mm above its middle."""
        return float((self.middle[0] + v * self.across[0]) * np.tan(self.step / 2))


def axes_of(along: Floats) -> Floats:
    """Rotations (n, 3, 3): u goes around the beam, w along the crystal away from it."""
    w = along / np.linalg.norm(along, axis=1, keepdims=True)
    u = np.cross([0.0, 0.0, 1.0], w)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    return np.stack([u, np.cross(w, u), w], axis=2)


def rings_of(number: Ints, center: Floats, rotation: Floats) -> list[Ring]:
    """The rings by their numbers; two crystals are nowhere closer in phi than the step."""
    found = []
    for i in range(number.max() + 1):
        mine = number == i
        place = center[mine]
        rho, phi = np.hypot(place[:, 0], place[:, 1]), np.sort(np.arctan2(place[:, 1], place[:, 0]))
        outward = place[:, :2] / rho[:, None]
        ways = [
            np.array([(rotation[mine, :2, k] * outward).sum(axis=1).mean(), rotation[mine, 2, k].mean()])
            for k in (1, 2)
        ]
        step = np.diff(phi, append=phi[0] + 2 * np.pi).min()
        middle = np.array([rho.mean(), place[:, 2].mean()])
        found.append(Ring(len(rho), middle, ways[1], ways[0], float(step)))
    return found


def wall(one: Ring, two: Ring) -> float:
    """Where the cells of a ring end towards the next one: neither at the front nor at the back beyond the plane between them."""
    between = (two.middle - one.middle) / 2
    plane = one.axis + two.axis
    away = between @ one.across
    slope = (plane @ one.across) / (plane @ one.axis)
    start = away - slope * (between @ one.axis)
    ends = [(start + slope * w) / (1 + w / one.focus) for w in (-LENGTH / 2, LENGTH / 2)]
    least = min(ends, key=abs)
    if (
        one.count != two.count and away * one.across[0] > 0
    ):  # corners stand out over the wall of wider crystals
        least -= np.sign(least) * one.half_width(least) ** 2 / (2 * one.middle[0])
    return float(least)


def template(i: int, rings: list[Ring]) -> dict[str, Any]:
    """The cell of a ring; at the rim of a part it ends there as far out as inside."""
    part = next(part for part in PARTS if i in part)
    ends = [wall(rings[i], rings[j]) for j in (i - 1, i + 1) if j in part]
    low, high = sorted(ends if len(ends) == 2 else [ends[0], -ends[0]])
    low, high = low + WRAP, high - WRAP
    wide = [rings[i].half_width(v) - WRAP for v in (low, high)]
    corners = [[-wide[0], low], [wide[0], low], [wide[1], high], [-wide[1], high]]
    focus = [0, 0, -round(rings[i].focus, 1)]
    return {"kind": "polygons", "thickness": LENGTH, "focus": focus, "cells": [np.round(corners, 3).tolist()]}


def main(table: Path) -> None:
    """Write the table and the description; the README stays."""
    with table.open(encoding="utf-8") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: int(row["cellID"]))
    number, ring, place = (
        np.array([int(row[name]) for row in rows], np.int32) for name in ("cellID", "ThetaID", "PhiID")
    )
    center = 10 * np.array([[float(row[f"{axis} cm"]) for axis in "XYZ"] for row in rows])
    along = np.array([[float(row[f"direction_{axis}"]) for axis in "xyz"] for row in rows])
    rotation = axes_of(along)
    rings = rings_of(ring, center, rotation)
    columns = {
        "sensor_id": number,
        "template": np.array([f"ring_{i}" for i in ring]),
        "subsystem": np.full(len(rows), "crystals"),
        "layer": np.zeros(len(rows), np.int32),
        "theta_id": ring,
        "phi_id": place,
        **placed(center, rotation.round(7)),
    }
    material = {
        "radiation_lengths": round(LENGTH / RADIATION, 2),
        "interaction_lengths": round(LENGTH / INTERACTION, 3),
        "moliere_radius": MOLIERE,
        "sampling_fraction": 1.0,
    }
    description = {
        "name": "belle2_ecl",
        "units": UNITS,
        "field": {"kind": "solenoid", "bz": 1.5},
        "templates": {f"ring_{i}": template(i, rings) for i in range(len(rings))},
        "subsystems": {"crystals": {"measures": ["energy", "time"], "material": material}},
        "sensors": [{"table": "sensors.parquet", "identify": [["theta_id", "phi_id"]]}],
    }
    write_folder(TARGET, description, {"sensors": columns})
    for finding in check(load_detector(TARGET)):
        print(finding.severity, finding.code, finding.where, finding.message)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
