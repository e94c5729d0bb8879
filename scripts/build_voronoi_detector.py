"""Rebuild detector_geometries/voronoi: a calorimeter whose cells are the Voronoi cells of random points.

python scripts/build_voronoi_detector.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from gnnreco.geometry import check, load_detector
from gnnreco.geometry.importers.folder import UNITS, placed, write_folder
from gnnreco.geometry.importers.tiling import corner_table, voronoi_cells

TARGET = Path(__file__).resolve().parents[1] / "detector_geometries" / "voronoi"
SEED, RADIUS, START, STEP, SILICON = 2026, 600.0, 1600.0, 6.0, 0.5
#: Layers, and distance of the points in the middle and at the rim, mm.
TILINGS = {"front": (8, 6.0, 36.0), "middle": (10, 8.0, 48.0), "back": (10, 14.0, 70.0)}
MATERIAL = {"radiation_lengths": 0.810, "interaction_lengths": 0.0311, "moliere_radius": 18.4}


def outline() -> NDArray[np.float64]:
    """A regular polygon with twelve corners."""
    angle = np.arange(12) * np.pi / 6
    return RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def points(near: float, far: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Random points, none much closer to an earlier one than the distance wanted at its radius."""
    inner = RADIUS * np.cos(np.pi / 12) - near / 4
    place = rng.uniform(-RADIUS, RADIUS, (300_000, 2))
    radius = np.hypot(*place.T)
    wanted = near + (far - near) * radius / RADIUS
    # As many darts everywhere for the room there is.
    chosen = (radius < inner) & (rng.random(len(place)) < 3 * (near / wanted) ** 2)
    place, wanted = place[chosen], 0.6 * wanted[chosen]
    kept = np.ones(len(place), bool)
    for late, others in enumerate(cKDTree(place).query_ball_point(place, wanted, return_sorted=True)):
        kept[late] = not kept[[other for other in others if other < late]].any()
    return place[kept]


def main() -> None:
    """Write the tables and the description; the README stays."""
    rng = np.random.default_rng(SEED)
    templates, tables, kinds = {}, {}, []
    for name, (layers, near, far) in TILINGS.items():
        polygons, counts = voronoi_cells(points(near, far, rng), outline())
        table = corner_table(polygons, counts)
        tables[f"cells_{name}"] = table | {axis: table[axis].round(5) for axis in "uv"}
        templates[name] = {
            "kind": "polygons",
            "table": f"cells_{name}.parquet",
            "thickness": SILICON,
            "outline": outline().round(5).tolist(),
        }
        kinds += layers * [name]
        print(name, len(counts), "cells")
    n = len(kinds)
    center = np.zeros((n, 3))
    center[:, 2] = START + STEP * np.arange(n)
    columns = {
        "sensor_id": np.arange(n, dtype=np.int32),
        "template": np.array(kinds),
        "subsystem": np.full(n, "calorimeter"),
        "layer": np.arange(n, dtype=np.int32),
        **placed(center, np.broadcast_to(np.eye(3), (n, 3, 3))),
    }
    description = {
        "name": "voronoi",
        "units": UNITS,
        "field": {"kind": "solenoid", "bz": 2.0},
        "templates": templates,
        "subsystems": {
            "calorimeter": {
                "measures": ["energy", "time"],
                "material": MATERIAL | {"sampling_fraction": 0.019},
            }
        },
        "sensors": [{"table": "sensors.parquet"}],
    }
    write_folder(TARGET, description, tables | {"sensors": columns})
    detector = load_detector(TARGET)
    for finding in check(detector):
        print(finding.severity, finding.code, finding.where, finding.message)


if __name__ == "__main__":
    main()
