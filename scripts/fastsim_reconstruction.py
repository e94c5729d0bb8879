"""What reconstruction makes of generated photons beside Geant4's: energies, pi0, and two photons by their distance.

    python scripts/fastsim_reconstruction.py SHOWERS.npz ... -o FOLDER --stack endcap [--bundle fastsim-any ...] [--json FILE]

SHOWERS.npz are photons that Geant4 shot at a stack of plates along its normal (see `scripts/geant4_events.py`), their energies
alike in the logarithm. Made of them, and of the same photons by the parametrisation and each bundle (`fastsim_samples.py`):

- photons 250 mm from each other: efficiency, response, resolution.
- pi0 of 20 to 80 GeV and photons of the same energies: how well the bundle's classes tell them apart.
- two photons of 10 to 40 GeV, as equal as there are, 5 to 60 mm from each other. They are told apart where each has a cluster
  that holds at least half of what it left, and gets at least half of its energy from it (compare arXiv 2511.17293).

Each shower is used once in a sample (once at each distance), by Geant4 and by the others alike.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fastsim_samples import Maker, alone, far_apart, nearest, pairs, pions
from fastsim_stacks import STACKS
from geant4_events import Showers, e_over_mip, every_shower, write_detector
from geant4_plates import description
from matplotlib.figure import Figure

from gnnreco.bundle import load_engine
from gnnreco.cli.threads import use_threads
from gnnreco.columns import Event
from gnnreco.evaluate.clustering import ShowerTarget
from gnnreco.evaluate.fastsim import Reconstructed, compare_reconstruction
from gnnreco.evaluate.sharing import share
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.cells import visible_fraction
from gnnreco.pipeline import Reconstructor
from gnnreco.simulate import Engines
from gnnreco.statistics import clopper_pearson

DISTANCES = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 40.0, 60.0)  # mm
MOST = 3000  # photons far apart
PER_PI0 = 8  # showers of the file for each pi0: with fewer there are none of the energies that are asked for
MOST_PAIRS = 100  # at each distance
TARGET = ShowerTarget(min_energy=0.5)
SHOWN = ("efficiency", "purity", "split_rate", "energy_response_mean", "energy_resolution", "photon_pi0")
RATIO = "energy_resolution_ratio"


def looked_at(events: Iterable[Event], reconstruct: Reconstructor) -> Reconstructed:
    """A sample, reconstructed and scored."""
    look = Reconstructed(reconstruct, TARGET)
    for event in events:
        look.add(event)
    return look


def told_apart(event: Event, reconstruct: Reconstructor) -> bool:
    """Whether each of two photons has a matched cluster."""
    fraction = visible_fraction(reconstruct.detector, event.hits.sensor)
    sharing = share(event, reconstruct(event).clusters, fraction)
    return len(np.unique(sharing.main[sharing.matched])) == 2


def reconstruction(
    showers: Showers,
    detector: Detector,
    engines: dict[str, Engines | None],
    finder: str,
    most: int = MOST,
    most_pairs: int = MOST_PAIRS,
) -> dict[str, Any]:
    """Each engine beside Geant4, and the parts of two photons that are told apart, by distance, of all."""
    reconstruct, energy = Reconstructor(detector, finder, any_detector=True), showers.energy[:most]
    decays = pions(energy, len(energy) // PER_PI0)
    like = alone(nearest(energy, np.array([energy[rows].sum() for rows in decays.rows])))
    makers = [Maker("geant4", showers, detector)]
    makers += [Maker(name, showers, detector, engine) for name, engine in engines.items()]
    far: dict[str, Reconstructed] = {}
    kinds: dict[str, Reconstructed] = {}
    apart: dict[str, Any] = {}
    for maker in makers:
        far[maker.name] = looked_at(maker(far_apart(np.arange(len(energy)))), reconstruct)
        kinds[maker.name] = looked_at(
            (event for shots in (like, decays) for event in maker(shots)), reconstruct
        )
        told = [
            [told_apart(event, reconstruct) for event in maker(pairs(energy, distance).first(most_pairs))]
            for distance in DISTANCES
        ]
        k, n = np.array([[sum(each), len(each)] for each in told]).T
        apart[maker.name] = {
            "fraction": (k / n).tolist(),
            "interval": clopper_pearson(k, n).tolist(),
            "events": n.tolist(),
        }
    found: dict[str, Any] = {"finder": finder, "distances": list(DISTANCES), "apart": apart, "engines": {}}
    for name in engines:
        result = compare_reconstruction(far[name], far["geant4"])
        other = compare_reconstruction(kinds[name], kinds["geant4"])
        for side in ("generated", "truth", "difference"):
            result[side] |= {key: other[side].get(key) for key in ("photon_pi0", "photon_pi0_interval")}
        found["engines"][name] = result
    return found


def seen_lines(stack: str, found: dict[str, Any]) -> str:
    """What is printed of a stack."""
    rows = []
    for name, result in found["engines"].items():
        one, other, off = (result[side] for side in ("generated", "truth", "difference"))
        rows.append(
            f"{stack}: {found['finder']} on {name}, {one['particles']} photons (Geant4 {other['particles']}): "
            "generated, Geant4, difference"
        )
        for key in SHOWN:
            cells = (_with_error(side[key], side[f"{key}_interval"]) for side in (one, other, off))
            rows.append(f"  {key:22}" + "  ".join(cells))
        rows += [f"  resolution over Geant4's, {where}: {ratio}" for where, ratio in _ratios(off)]
    for name, row in found["apart"].items():
        cells = (
            f"{distance:g} mm {100 * fraction:.0f} +{100 * (high - fraction):.0f} -{100 * (fraction - low):.0f} %"
            for distance, fraction, (low, high) in zip(
                found["distances"], row["fraction"], row["interval"], strict=True
            )
        )
        rows.append(f"  two photons told apart, {name}: " + ", ".join(cells))
    return "\n".join(rows)


def _ratios(off: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "mean of the bins", _with_error(off[RATIO], off[f"{RATIO}_interval"])
    bins = off["bins"]
    edges = bins["edges"]
    for low, high, value, within in zip(
        edges[:-1], edges[1:], bins[RATIO], bins[f"{RATIO}_interval"], strict=True
    ):
        if value is not None:
            yield f"{low:g} to {high:g} GeV", _with_error(value, within)


def _with_error(value: float | None, within: Sequence[float] | None) -> str:
    if value is None or within is None:
        return "-"
    return f"{value:.4f} +- {(within[1] - within[0]) / 2:.4f}"


def drawn(found: dict[str, Any]) -> Figure:
    """The part of two photons that is told apart against their distance."""
    figure = Figure(figsize=(5.5, 4), layout="constrained")
    axes = figure.add_subplot()
    for k, (name, row) in enumerate(found["apart"].items()):
        fraction, interval = np.array(row["fraction"]), np.array(row["interval"]).T
        shifted = np.array(found["distances"]) + 0.6 * (k - 1)  # bars side by side
        axes.errorbar(shifted, fraction, np.abs(interval - fraction), fmt="o-", label=name, markersize=4)
    axes.set_xlabel("distance of two photons of 10 to 40 GeV [mm]")
    axes.set_ylabel(f"told apart by {found['finder']}")
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def main(asked: Sequence[str] | None = None) -> None:
    """Make all samples of a stack, reconstruct and compare them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument(
        "--stack", choices=[stack.name for stack in STACKS if stack.finder], default=STACKS[0].name
    )
    parser.add_argument("--bundle", nargs="+", default=["fastsim-any"])
    parser.add_argument("--finder", help="bundle that finds showers (default: by the stack)")
    parser.add_argument("--most", type=int, default=MOST, help="photons that are used")
    parser.add_argument("--pairs", type=int, default=MOST_PAIRS, help="pairs of photons at each distance")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(asked)
    use_threads(1)  # networks on single showers are too small to share: a second thread only waits
    stack = next(each for each in STACKS if each.name == args.stack)
    showers = every_shower(args.files)
    text = description(showers.stack, e_over_mip(showers), stack.cells)
    detector = write_detector(args.output / stack.name, text)
    engines: dict[str, Engines | None] = {"parametric": None}
    engines |= {Path(name).name: load_engine(name) for name in args.bundle}
    found = reconstruction(showers, detector, engines, args.finder or stack.finder, args.most, args.pairs)
    print(seen_lines(stack.name, found))
    drawn(found).savefig(args.output / f"{stack.name}_apart.svg")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
