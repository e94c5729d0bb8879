"""Generated showers beside Geant4's in stacks of plates: classifiers, response, profiles, CPU time, what is reconstructed.

    python scripts/bench_fastsim.py --geant4 GEANT4_SHOWERS.py -o FOLDER [--events 1000] [--bundle fastsim-any ...] [--json FILE]
        [--plot FILE.svg]
    python scripts/bench_fastsim.py --showers PIONS.npz --electrons ELECTRONS.npz --cells 30 -o FOLDER --bundle MY_PIONS

GEANT4_SHOWERS.py makes single showers in a stack of plates (see `scripts/geant4_events.py`); its files stay in FOLDER and
serve the next run. The stacks: that of a high-granularity endcap, which is among those that the network was trained on, in
hexagons of 11.7 mm; uranium with scintillator, an absorber, a number of layers and cells (15 by 20 mm) that it never saw; and the
thick layers and rings of the CaloChallenge's first data set (photons), with plates that fit the detector's description
(`scripts/thick_layers.py`; the challenge's own showers are ATLAS's, in an accordion). The same photons are made by the
parametrisation and by each bundle. The floor is Geant4 against itself, with as many showers. The plot
has the CPU times and AUC among those of the CaloChallenge (see `scripts/fastsim_front.py`).
`--showers` takes showers that are there already, of any particle, in squares of `--cells` mm; where they are of pions,
electrons in the same plates give the sampling fraction.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import fastsim_front
import numpy as np
from fastsim_reconstruction import drawn, reconstruction, seen_lines
from fastsim_stacks import FOR_TESTS, STACKS, Stack
from geant4_events import (
    GUN,
    Placed,
    Showers,
    e_over_mip,
    embedded_event,
    every_shower,
    geant4_event,
    primaries,
    write_detector,
)
from geant4_plates import FRONT, description
from thick_layers import in_layers, plates_of

from gnnreco.bundle import load_engine
from gnnreco.columns import Event, Ints
from gnnreco.evaluate.fastsim import Comparison, Training, compare, shower_sample
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import Engines, SimulationOptions
from gnnreco.simulate.readout import measured
from gnnreco.simulate.transport import Transport

EVERYTHING = SimulationOptions(cell_noise=0.0, cell_threshold=0.0)
PER_EVENT = 20
TIMED = 400  # showers whose time is taken
HIGH = (50.0, 100.0)  # GeV


def made_by_geant4(script: Path, stack: Stack, folder: Path, events: int) -> Path:
    """The file of Geant4's showers of this stack: photons of 1 to 100 GeV, log-uniform, along the normal."""
    file, plates = folder / f"{stack.name}.npz", stack.plates
    if plates.endswith(".json"):
        name = Path(plates).stem
        made = FOR_TESTS[name] if name in FOR_TESTS else plates_of(load_detector(stack.cells)).stack
        (folder / plates).write_text(json.dumps(made))
        plates = str(folder / plates)
    if not file.exists():
        asked = [sys.executable, str(script), str(file), "--particle", "gamma", "--events", str(events)]
        asked += ["--emin", "1", "--emax", "100", "--seed", "7007", "--stack", plates]
        subprocess.run(asked, check=True, stdout=subprocess.DEVNULL)
    return file


def laid_out(stack: Stack, showers: Showers, folder: Path, scale: Showers) -> tuple[Detector, Showers]:
    """The detector that stands in these plates, and the showers in its layers; `scale` gives the sampling fraction."""
    if "kind:" in stack.cells:
        text = description(showers.stack, e_over_mip(scale), stack.cells)
        return write_detector(folder / stack.name, text), showers
    detector = load_detector(stack.cells)
    return detector, in_layers(showers, plates_of(detector))


def placed(rows: Ints, detector: Detector) -> Placed:
    """Showers shot along the axis, right before the detector."""
    front = float((detector.center[:, 2] - detector.thickness / 2).min())
    return Placed(rows, *(np.zeros(len(rows)) for _ in range(3)), np.ones(len(rows)), min(front, FRONT) - GUN)


def events(showers: Showers, detector: Detector, engine: Engines | None, geant4: bool) -> Iterator[Event]:
    """All showers, by Geant4, or the same particles by the embedded simulation."""
    transport = Transport(detector, EVERYTHING)
    for number, rows in enumerate(
        np.array_split(np.arange(len(showers.energy)), -(-len(showers.energy) // PER_EVENT))
    ):
        at, rng = placed(rows, detector), np.random.default_rng([3, number])
        if geant4:
            yield Event(number, "geant4", *geant4_event(showers, at, detector, EVERYTHING, rng))
        else:
            shot = primaries(showers, at)
            yield Event(number, "made", *embedded_event(shot, transport, detector, EVERYTHING, rng, engine))


def milliseconds(
    showers: Showers, detector: Detector, engine: Engines | None, batch: int, rows: Ints
) -> float:
    """CPU time of a shower, from the particle before the first plate to the hits."""
    transport, spent = Transport(detector, EVERYTHING), []
    for part in np.array_split(rows, max(len(rows) // batch, 1)):
        shot, rng = primaries(showers, placed(part, detector)), np.random.default_rng(1)
        begin = time.process_time()
        measured(detector, transport(shot, rng), EVERYTHING, rng, engine)
        spent.append((time.process_time() - begin) / len(part))
    return float(np.median(spent) * 1e3)


def figures(
    stack: Stack,
    file: Path,
    folder: Path,
    engines: dict[str, Engines | None],
    trainings: int,
    electrons: Path | None = None,
) -> dict[str, Any]:
    """All figures of a stack, by what made the showers; the scale of energies is that of `electrons`."""
    showers = every_shower([file])
    scale = every_shower([electrons]) if electrons else showers
    detector, showers = laid_out(stack, showers, folder, scale)
    with np.load(file, allow_pickle=False) as table:
        seconds, energy = table["cpu_s"], table["energy_gev"]
    truth = shower_sample(events(showers, detector, None, True), detector, stack.threshold)
    few = np.arange(min(TIMED, len(showers.energy)))
    high = np.flatnonzero((showers.energy > HIGH[0]) & (showers.energy < HIGH[1]))[:100]
    slow = seconds[(energy > HIGH[0]) & (energy < HIGH[1])].mean() * 1e3
    found: dict[str, Any] = {"geant4": {"ms": float(seconds.mean() * 1e3), "ms_high": float(slow)}}
    for name, engine in engines.items():
        sample = shower_sample(events(showers, detector, engine, False), detector, stack.threshold)
        settings = Comparison(stack.threshold, Training(trainings=trainings))
        result = compare(sample, truth, settings)
        result.pop("histograms")
        milliseconds(showers, detector, engine, 100, few[:20])  # compiles
        took = {
            "ms_1": milliseconds(showers, detector, engine, 1, few[:100]),
            "ms_100": milliseconds(showers, detector, engine, 100, few),
            "ms_high_1": milliseconds(showers, detector, engine, 1, high),
            "ms_high_100": milliseconds(showers, detector, engine, 100, high),
        }
        found[name] = {**result, **took, "speed_high": slow / took["ms_high_100"]}
        print(lines(stack.name, name, found), flush=True)
    if not stack.finder:
        return found
    seen = reconstruction(showers, detector, engines, stack.finder)
    drawn(seen).savefig(folder / f"{stack.name}_apart.svg")
    print(seen_lines(stack.name, seen), flush=True)
    return found | {"reconstruction": seen}


def lines(stack: str, name: str, found: dict[str, Any]) -> str:
    """What is printed of one engine in one stack."""
    one, rows = found[name], [f"{stack}: {name}, {found[name]['showers']['compared']} showers a side"]

    def auc(side: dict[str, Any], key: str) -> str:
        row = side["classifier"][key]
        spread = row["auc_spread"]
        return f"{row['auc']:.3f}" + ("" if spread is None else f" +- {spread:.3f}")

    for key in one["classifier"]:
        rows.append(f"  AUC {key:16} {auc(one, key)}   Geant4 against itself {auc(one['floor'], key)}")
    distances = {
        k: v for k, v in one.items() if isinstance(v, int | float) and not k.startswith(("ms", "speed"))
    }
    rows.append(
        "  " + "  ".join(f"{k} {v:.4g} ({one['floor'].get(k, np.nan):.4g})" for k, v in distances.items())
    )
    for row in [one["response"]["all"], *one["response"]["bins"]]:
        if row["mean_ratio"] is None:
            continue  # too few showers in the bin
        where = row.get("energy", [1, 100])
        rows.append(
            f"  response {where[0]:.3g} to {where[1]:.3g} GeV: mean {row['mean_ratio']:.4f} +- {row['mean_ratio_error']:.4f}, "
            f"width {row['width_ratio']:.3f} +- {row['width_ratio_error']:.3f} of Geant4's"
        )
    rows.append(
        f"  chi2 per bin: longitudinal {one['profiles']['longitudinal']['chi2']:.2f}, radial {one['profiles']['radial']['chi2']:.2f}"
    )
    rows.append(
        f"  CPU: {one['ms_1']:.2f} ms a shower alone, {one['ms_100']:.2f} in hundreds (Geant4 {found['geant4']['ms']:.0f}); "
        f"50 to 100 GeV {one['ms_high_1']:.2f} ms alone, {one['ms_high_100']:.2f} in hundreds, {one['speed_high']:.0f} times as fast as Geant4"
    )
    return "\n".join(rows)


def main(asked: Sequence[str] | None = None) -> None:
    """Make what is missing, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--geant4", type=Path, help="the script that makes showers")
    source.add_argument("--showers", type=Path, help="a file of showers")
    parser.add_argument("--electrons", type=Path, help="a file of electrons in the same plates")
    parser.add_argument("--cells", type=float, default=30.0, help="width of a cell for --showers, mm")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--bundle", nargs="+", default=["fastsim-any"])
    parser.add_argument("--trainings", type=int, default=5, help="of each classifier")
    parser.add_argument(
        "--stack", nargs="+", choices=[s.name for s in STACKS], default=[s.name for s in STACKS]
    )
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args(asked)
    args.output.mkdir(parents=True, exist_ok=True)
    engines: dict[str, Engines | None] = {"parametric": None}
    engines |= {Path(name).name: load_engine(name) for name in args.bundle}
    found = {}
    if args.showers:
        count = int(2000 / args.cells)
        cells = f"kind: grid, pitch: [{args.cells}, {args.cells}], cells: [{count}, {count}]"
        own = Stack(args.showers.stem, "", cells, "")
        found[own.name] = figures(own, args.showers, args.output, engines, args.trainings, args.electrons)
    for stack in STACKS:
        if args.geant4 and stack.name in args.stack:
            file = made_by_geant4(args.geant4, stack, args.output, args.events)
            found[stack.name] = figures(stack, file, args.output, engines, args.trainings)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))
    if args.plot:
        sheet = fastsim_front.draw(fastsim_front.measured(found), fastsim_front.challenge())
        args.plot.write_text(sheet.standalone())


if __name__ == "__main__":
    main()
