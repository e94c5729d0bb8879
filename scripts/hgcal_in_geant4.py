"""Photons of Geant4 in the plates of `hgcal`, beside the CMS full simulation: how deep showers go, layer by layer.

    python scripts/hgcal_in_geant4.py GEANT4_SHOWERS.py DATA_FOLDER -o FOLDER [--energy 5 50] [--events 300]
    python scripts/hgcal_in_geant4.py --stack PLATES.json    # the plates alone, as a stack for GEANT4_SHOWERS.py

GEANT4_SHOWERS.py makes single showers in a stack of plates (see `scripts/geant4_events.py`); what it made stays in FOLDER.
DATA_FOLDER and the figures are those of `scripts/shower_vs_geant4.py`: this is the least chi-square that showers can have
there which are as Geant4 makes them in the plates that the detector describes.

Plates are those of `build_wafer_layers.py`, seen at eta 2 where showers are compared. Tungsten with copper becomes a plate of each; boards, glue and foils
become acrylic with as many radiation lengths.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from build_wafer_layers import MATERIAL, layers
from shower_vs_geant4 import SILICON, WEIGHTS, Comparison

from gnnreco.columns import Floats

SLANT = np.tanh(2.0)  # cosine to the normal of the layers
NAMES = {"Pb": "G4_Pb", "Cu": "G4_Cu", "steel": "G4_Fe", "Si": "G4_Si", "air": "G4_AIR"}
ACRYLIC = 340.7  # mm, its radiation length
WCU = (("G4_W", 0.582), ("G4_Cu", 0.418))  # mm of each in a mm of the mixture, by mass 75 and 25 %
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


def made(script: Path, folder: Path, energy: float, events: int) -> Path:
    """The file of these showers, made if it is not there."""
    stack, file = folder / "plates.json", folder / f"photon_{energy:g}.npz"
    stack.write_text(json.dumps(plates(SILICON, SLANT)))
    if not file.exists():
        asked = [sys.executable, str(script), str(file), "--particle", "gamma", "--events", str(events)]
        asked += ["--emin", str(energy), "--emax", str(energy), "--seed", "11", "--stack", str(stack)]
        subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    return file


def depth(file: Path, reference: Path, name: str) -> Comparison:
    """Fraction of the weighted energy in each layer, beside the reference."""
    with np.load(file, allow_pickle=False) as table:
        layer, n = table["layer"].astype(np.int64), len(table["energy_gev"])
        flat = table["event"] * len(WEIGHTS) + layer
        energy = np.bincount(flat, table["edep_mev"] * WEIGHTS[layer], n * len(WEIGHTS)).reshape(n, -1)
    fraction = energy / energy.sum(1, keepdims=True)
    with np.load(reference, allow_pickle=False) as table:
        theirs, error = table["ref_mean"], table["ref_sem"]
    mean, ours = fraction.mean(0), fraction.std(0) / n**0.5
    return Comparison(name, np.arange(len(WEIGHTS), dtype=float), mean, ours, theirs, error)


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
    parser.add_argument("--events", type=int, default=300)
    args = parser.parse_args()
    if args.stack:
        args.stack.write_text(json.dumps(plates(SILICON, 1.0)))
        return
    if not (args.geant4 and args.data and args.output):
        parser.error("give GEANT4_SHOWERS.py, DATA_FOLDER and -o FOLDER, or --stack PLATES.json alone")
    args.output.mkdir(parents=True, exist_ok=True)
    for energy in args.energy:
        file = made(args.geant4, args.output, energy, args.events)
        reference = args.data / "hgcal" / "geant4_reference" / f"Photon_E{energy}_LongitudinalProfile.npz"
        one = depth(file, reference, f"photon {energy} GeV: depth")
        means = [np.average(one.axis, weights=side) for side in (one.ours, one.theirs)]
        figures = one.figures()
        print(
            f"{one.name}: mean layer (from 0) {means[0]:.2f}, CMS {means[1]:.2f}; chi2/bin {figures['chi2_per_bin']:.1f}, "
            f"difference {figures['difference']:.1%}"
        )
        share = np.divide(one.theirs, one.ours, where=one.ours > 0, out=np.zeros(len(one.ours)))
        print("CMS over Geant4 in these plates, from layer 1:", *np.round(share[:DEEPEST], 2))


if __name__ == "__main__":
    main()
