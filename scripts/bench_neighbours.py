"""Neighbours of a million hexagonal cells, across the edges of their wafers too, beside scipy's tree on their centres.

    python scripts/bench_neighbours.py [--cells 1000000] [--json FILE]

gnnreco says which cells touch, and which cells of two wafers come within 2 mm, by their polygons; the tree can only say
which centres are nearer than a distance, so cut cells and cracks between wafers cost it pairs. Each side makes one warm-up
pass on a small detector (compiled kernels), then one timed pass in a process of its own, whose peak of memory is measured.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from gnnreco.geometry import Detector, first_cell, load_detector, neighbours

CELL, GAP = 8.0, 2.0
PER_PLANE = 115_000
DESCRIPTION = """
format: gnnreco-detector/1
name: bench
units: {{length: mm, angle: deg}}
templates:
  whole: {{kind: hex, flat_to_flat: 8, thickness: 0.3, hexagon: 166}}
  half: {{kind: hex, flat_to_flat: 8, thickness: 0.3, hexagon: 166, keep_below: 0}}
subsystems: {{all: {{measures: [energy]}}}}
sensors:
  - {{rule: wafers, subsystem: all, templates: [whole, half], spacing: 167.5, z: {z}, r_min: 300, r_max: {r_max}}}
"""


def build(folder: Path, planes: int, r_max: float) -> Detector:
    """Planes tiled with wafers, whole ones and halves at the rims."""
    z = [3000 + 30 * plane for plane in range(planes)]
    (folder / "detector.yaml").write_text(DESCRIPTION.format(z=z, r_max=r_max))
    return load_detector(folder)


def centers(detector: Detector) -> np.ndarray:
    """Middles of all cells (n, 3), mm."""
    parts = []
    for t, template in enumerate(detector.templates):
        cells = np.arange(template.n_cells, dtype=np.int32)
        cells = cells[template.exists(cells)]
        sensors = np.flatnonzero(detector.template == t)
        parts.append(detector.cell_position(np.repeat(sensors, len(cells)), np.tile(cells, len(sensors))))
    return np.concatenate(parts)


def ours(detector: Detector) -> tuple[int, int]:
    """Cells with neighbours, and pairs."""
    offsets, indices = neighbours(detector, gap=GAP)
    assert len(offsets) == first_cell(detector)[-1] + 1
    return int((np.diff(offsets) > 0).sum()), len(indices)


def tree(points: np.ndarray) -> tuple[int, int]:
    """Points, and pairs both ways round, as CSR in the same form as ours."""
    pairs = cKDTree(points).query_pairs(1.2 * CELL, output_type="ndarray")
    both = np.concatenate([pairs, pairs[:, ::-1]])
    order = np.lexsort((both[:, 1], both[:, 0]))
    offsets = np.concatenate([[0], np.cumsum(np.bincount(both[:, 0], minlength=len(points)))])
    return len(offsets) - 1, len(both[order, 1])


def measure(side: str, folder: str, planes: int) -> dict[str, Any]:
    """One timed pass, in this process."""
    small, large = (Path(folder) / name for name in ("small", "large"))
    warm, detector = build(small, 1, 600.0), build(large, planes, 1500.0)
    if side == "gnnreco":
        ours(warm)
        work: Any = lambda: ours(detector)  # noqa: E731
    else:
        tree(centers(warm))
        points = centers(detector)
        work = lambda: tree(points)  # noqa: E731
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    cells, pairs = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        "who": side,
        "cells": cells,
        "pairs": pairs,
        "sensors": detector.n_sensors,
        "seconds": wall,
        "cpu_seconds": cpu,
        "extra_peak_mib": grown / 1024,
        "bytes_a_pair": grown * 1024 / pairs,
    }


def main() -> None:
    """Both sides on the same detector."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    planes = max(1, round(options.cells / PER_PLANE))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in ("small", "large"):
            (Path(folder) / name).mkdir()
        for side in ("gnnreco", "scipy"):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                rows.append(pool.apply(measure, (side, folder, planes)))
            row = rows[-1]
            print(
                f"{row['who']:8} {row['cells']:>9,} cells {row['pairs']:>10,} pairs {row['seconds']:6.2f} s "
                f"({row['cpu_seconds']:.2f} s of CPU) {row['extra_peak_mib']:7.0f} MiB "
                f"{row['bytes_a_pair']:4.0f} bytes a pair"
            )
    ratio = rows[0]["seconds"] / rows[1]["seconds"]
    print(f"gnnreco takes {ratio:.2f} of the time of scipy's tree")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, "ratio": ratio}, indent=1) + "\n")


if __name__ == "__main__":
    main()
