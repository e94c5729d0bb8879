"""Calorimeters that nobody will build, to train on: what one network sees in many geometries it need not learn by heart.

    python scripts/random_calorimeters.py -o FOLDER [--count 8] [--seed 1]

Every second one is an endcap of hexagonal cells in wafers, the others are blocks of square cells; the size of the cells,
the depth and number of the layers and the distance from the collisions are drawn at random.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from gnnreco.geometry.description.new import new_detector


def numbers(kind: str, rng: np.random.Generator) -> dict[str, str]:
    """Settings of `gnnreco detector new` for one calorimeter."""
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    for i in range(args.count):
        kind = ("endcap-wafers", "calorimeter")[i % 2]
        print(new_detector(args.output / f"random_{i}", kind, numbers(kind, rng)))


if __name__ == "__main__":
    main()
