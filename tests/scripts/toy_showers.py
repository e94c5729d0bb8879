"""Showers with the mean profile of electromagnetic ones, in the files and by the options of a script that runs Geant4.

They stand for Geant4's where a page is followed that needs some, and where no figure is looked at.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

STEEL = 40 * [
    ["G4_Fe", 8.0],
    ["G4_AIR", 0.5],
    ["G4_PLASTIC_SC_VINYLTOLUENE", 3.0, "sensitive"],
    ["G4_AIR", 0.5],
]
TUNGSTEN = 28 * [["G4_W", 3.2], ["G4_Cu", 1.0], ["G4_Si", 0.3, "sensitive"], ["G4_AIR", 2.0]]
POINT = 0.5  # MeV in a deposit


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--particle", default="gamma")
    parser.add_argument("--events", type=int, default=100)
    parser.add_argument("--emin", type=float, default=1.0)
    parser.add_argument("--emax", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stack")
    asked = parser.parse_args()
    if asked.stack is None:
        stack = STEEL
    elif asked.stack.endswith(".json"):
        stack = json.loads(Path(asked.stack).read_text("utf-8"))
    else:
        stack = TUNGSTEN
    layers = sum(len(plate) == 3 for plate in stack)
    rng = np.random.default_rng(asked.seed)
    energy = asked.emin * (asked.emax / asked.emin) ** rng.random(asked.events)
    counts = rng.poisson(20 * energy) + 5
    event = np.repeat(np.arange(asked.events), counts)
    depth = rng.gamma(4 + 0.5 * np.log(energy[event]), layers / 15, len(event))
    r, phi = 5 * np.sqrt(-np.log1p(-rng.random(len(event)))), rng.uniform(0, 2 * np.pi, len(event))
    np.savez(
        asked.file,
        event=event.astype("i4"),
        layer=np.minimum(depth, layers - 1).astype("i2"),
        x_mm=r * np.cos(phi),
        y_mm=r * np.sin(phi),
        z_mm=depth,
        edep_mev=rng.exponential(POINT, len(event)),
        energy_gev=energy,
        px=np.zeros(asked.events),
        py=np.zeros(asked.events),
        pz=np.ones(asked.events),
        cpu_s=np.full(asked.events, 0.1),
        particle=asked.particle,
        stack=json.dumps(stack),
    )


if __name__ == "__main__":
    main()
