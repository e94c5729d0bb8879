"""Calorimeters that nobody will build, to train on: what one network sees in many geometries it need not learn by heart.

    python scripts/random_calorimeters.py -o FOLDER [--count 8] [--seed 1] [--beam]

Every second one is an endcap of hexagonal cells in wafers, the others are blocks of square cells; the size of the cells,
the depth and number of the layers and the distance from the collisions are drawn at random. With `--beam` all are blocks in
a test beam: so near their origin that the beam, parallel to itself, crosses them by another way than from there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gnnreco.geometry.description.new import new_detector

NEAR, WIDTH = (40.0, 800.0), (120.0, 700.0)  # mm: blocks in a beam, from the origin and across
CELL, MOST_CELLS = (3.0, 25.0), 120  # mm; along each side of a layer


def numbers(kind: str, rng: np.random.Generator, beam: bool = False) -> dict[str, str]:
    """Settings of `gnnreco detector new` for one calorimeter."""
    if beam:
        return _in_beam(rng)
    depth = np.exp(rng.uniform(np.log(0.4), np.log(1.6)))
    cell = np.exp(rng.uniform(np.log(5.0), np.log(25.0)))
    first = rng.uniform(1500, 3500)
    chosen = {"layers": int(np.clip(24 / depth, 14, 50)), "depth": depth, "cell": cell, "first": first}
    if kind == "endcap-wafers":
        chosen |= {
            "wafer": max(160.0, 6 * cell),
            "r_min": 0.1 * first,
            "r_max": 0.1 * first + 900,
            "field": 0,
        }
    else:
        chosen |= {"width": 1500}
    return {name: f"{value:.4g}" for name, value in chosen.items()}


def _in_beam(rng: np.random.Generator) -> dict[str, str]:
    depth, cell, first, width = (np.exp(rng.uniform(*np.log(x))) for x in ((0.4, 2.0), CELL, NEAR, WIDTH))
    chosen = {"layers": int(np.clip(rng.uniform(18, 28) / depth, 12, 60)), "depth": depth, "cell": cell}
    chosen |= {"first": first, "width": min(width, MOST_CELLS * cell)}
    return {name: f"{value:.4g}" for name, value in chosen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--beam", action="store_true", help="blocks in a test beam")
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    for i in range(args.count):
        kind = "calorimeter" if args.beam else ("endcap-wafers", "calorimeter")[i % 2]
        name = f"beam_{i}" if args.beam else f"random_{i}"
        print(new_detector(args.output / name, kind, numbers(kind, rng, args.beam)))


if __name__ == "__main__":
    main()
