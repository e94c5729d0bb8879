"""Photons of Geant4 in the plates of `hgcal`, beside the CMS full simulation: how deep and how wide showers go.

    python scripts/hgcal_in_geant4.py GEANT4_SHOWERS.py DATA_FOLDER -o FOLDER [--energy 5 50] [--events 400]
    python scripts/hgcal_in_geant4.py --stack PLATES.json    # the plates alone, as a stack for GEANT4_SHOWERS.py

GEANT4_SHOWERS.py makes single showers in a stack of plates (see `scripts/geant4_events.py`); what it made stays in FOLDER.
DATA_FOLDER and the figures are those of `scripts/shower_vs_geant4.py`: this is the least chi-square that showers can have
there which are as Geant4 makes them in the plates that the detector describes. Photons are shot as those of the reference
(`hgcal_reference.py`): those that begin behind a layer go through the plates that are left.

Plates are those of `build_wafer_layers.py`, seen at eta 2 where showers are compared. Tungsten with copper becomes a plate of each; boards, glue and foils
become acrylic with as many radiation lengths. Deposits are read out in the cells of `hgcal`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from build_wafer_layers import MATERIAL, layers
from hgcal_reference import SILICON, WEIGHTS, cells_at, planes, reference, rings, shots
from shower_vs_geant4 import binned, sample_of

from gnnreco.columns import Floats
from gnnreco.geometry import Detector, load_detector

SLANT = np.tanh(2.0)  # cosine to the normal of the layers
NAMES = {"Pb": "G4_Pb", "Cu": "G4_Cu", "steel": "G4_Fe", "Si": "G4_Si", "air": "G4_AIR"}
ACRYLIC = 340.7  # mm, its radiation length
WCU = (("G4_W", 0.582), ("G4_Cu", 0.418))  # mm of each in a mm of the mixture, by mass 75 and 25 %
RINGS = 21
DEEPEST = 34  # layers: photons of 50 GeV leave nothing behind these


def plates(silicon: Floats, slant: float) -> list[list[object]]:
    """Front to back, along a track with this cosine to the normal: material, mm, and whether it measures."""
    found: list[list[object]] = []
    for number, (front, module) in enumerate(layers()[:DEEPEST]):
        for name, mm in (*front, *module):
            along = mm / slant
            if name == "Si":
                thick = silicon[number] / slant
                found += [["G4_Si", round(thick, 4), "sensitive"], ["G4_Si", round(along - thick + 1e-4, 4)]]
            elif name == "WCu":
                found += [[part, round(share * along, 4)] for part, share in WCU]
            elif name in NAMES:
                found.append([NAMES[name], round(along, 4)])
            else:
                found.append(["G4_PLEXIGLASS", round(along * ACRYLIC / MATERIAL[name][0], 4)])
    return found


def made(script: Path, folder: Path, energy: float, first: int, events: int) -> dict[str, Floats]:
    """Showers that begin before the layer `first`, made unless they are there."""
    name = f"photon_{energy:g}_from_{first}_{events}"
    stack, file = folder / f"plates_from_{first}.json", folder / f"{name}.npz"
    if not file.exists():
        every = plates(SILICON, SLANT)
        sensors = [k for k, plate in enumerate(every) if len(plate) == 3]
        stack.write_text(json.dumps(every[sensors[first - 1] + 1 if first else 0 :]))
        asked = [sys.executable, str(script), str(file), "--particle", "gamma", "--events", str(events)]
        asked += [
            "--emin",
            str(energy),
            "--emax",
            str(energy),
            "--seed",
            str(11 + first),
            "--stack",
            str(stack),
        ]
        subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    with np.load(file, allow_pickle=False) as table:
        return {name: table[name] for name in ("event", "layer", "x_mm", "y_mm", "edep_mev")}


def shares(
    detector: Detector, script: Path, folder: Path, energy: float, events: int
) -> tuple[Floats, Floats]:
    """Shares of the weighted energy of each shower in the layers (events, 47) and in the rings (events, 21)."""
    rng, z = np.random.default_rng(2), planes(detector)
    direction, start = shots(detector, events)
    begins, columns = np.searchsorted(z, start[:, 2]), []
    for first in np.unique(begins).tolist():
        mine = np.flatnonzero(begins == first)
        table = made(script, folder, energy, first, len(mine))
        shower, layer = mine[table["event"].astype(np.int64)], table["layer"].astype(np.int64) + first
        # Deposits are on a grid of 1 mm, in plates across the axis; the layers are tilted against them.
        x, y = (table[name] + rng.uniform(-0.5, 0.5, len(layer)) for name in ("x_mm", "y_mm"))
        way = direction[shower] / direction[shower, 2:]
        place = start[shower] + (z[layer] - start[shower, 2])[:, None] * way
        place += np.column_stack([x, y / SLANT, 0 * x])
        _, center, rows = cells_at(detector, place)
        layer = layer[rows]
        ring = rings(detector, layer, center)
        columns.append((shower[rows], layer, ring, table["edep_mev"][rows] * WEIGHTS[layer]))
    shower, layer, ring, energies = (np.concatenate(column) for column in zip(*columns, strict=True))
    total = np.bincount(shower, energies, events)[:, None]
    by_layer = binned(shower, layer, energies, (events, len(WEIGHTS)))
    return by_layer / total, binned(shower, ring, energies, (events, RINGS)) / total


def main() -> None:
    """Make what is missing, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("geant4", type=Path, nargs="?")
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("-o", "--output", type=Path)
    parser.add_argument("--stack", type=Path, help="write the plates there, at normal incidence, and end")
    parser.add_argument("--energy", type=int, nargs="+", default=[5, 50])
    parser.add_argument("--events", type=int, default=400)
    args = parser.parse_args()
    if args.stack:
        args.stack.write_text(json.dumps(plates(SILICON, 1.0)))
        return
    if not (args.geant4 and args.data and args.output):
        parser.error("give GEANT4_SHOWERS.py, DATA_FOLDER and -o FOLDER, or --stack PLATES.json alone")
    args.output.mkdir(parents=True, exist_ok=True)
    detector = load_detector("hgcal")
    for energy in args.energy:
        depth, across = shares(detector, args.geant4, args.output, energy, args.events)
        for kind, ours in (("LongitudinalProfile", depth), ("Transverse", across)):
            theirs = reference(args.data / "hgcal", "photon", energy, kind)
            one = sample_of(f"photon {energy} GeV: {kind}", ours, theirs)
            figures = one.figures()
            means = [np.average(one.axis, weights=side) for side in (one.ours, one.theirs)]
            print(
                f"{one.name}: mean {means[0]:.2f}, CMS {means[1]:.2f}; chi2/bin {figures['chi2_per_bin']:.1f}, "
                f"difference {figures['difference']:.1%}"
            )
            ratio = np.divide(one.theirs, one.ours, where=one.ours > 0, out=np.zeros(len(one.ours)))
            print("CMS over Geant4 in these plates, bin by bin:", *np.round(ratio[:DEEPEST], 2))


if __name__ == "__main__":
    main()
