"""Shower finders trained on Geant4 and on the embedded simulation, each tested on both; and what differs between the two.

    python scripts/geant4_events.py SHOWERS.npz ... -o FOLDER --events 300
    python scripts/geant4_events.py SHOWERS.npz ... -o FOLDER --events 100 --split test
    python scripts/geant4_events.py SHOWERS.npz ... -o FOLDER/singles --events 500 --count 1 --split test
    python scripts/geant4_vs_embedded.py FOLDER -o OUTPUT [--epochs 8] [--bundle NAME ...] [--json FILE]

Trains the task `clustering` on FOLDER/geant4-train and on FOLDER/embedded-train (a bundle that lies in OUTPUT already is not
trained again) and tests both, the density finder, CLUE where scripts/peers has it, and other bundles on both test samples.
The last events of a training sample watch the training; test showers are others. Crowds: rates and energies of showers above
2 GeV, by the rules of `gnnreco evaluate`. Singles, one shower an event: resolution by energy, and how often the particle's
energy lies within the stated error of the cluster's. OUTPUT/geant4_vs_embedded.png shows the difference of the simulations.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Clusters, Event, Floats
from gnnreco.evaluate import ShowerTarget, score_clusters
from gnnreco.evaluate.clustering import true_energy
from gnnreco.evaluate.sharing import share
from gnnreco.events import open_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.graphs.showers.cells import visible_fraction
from gnnreco.simulate.matter.medium import media
from gnnreco.train.settings import compose, run_training

Finder = Callable[[Event], Clusters]
KINDS = ("geant4", "embedded")
NAMES = {"geant4": "Geant4", "embedded": "embedded simulation"}
TARGET = ShowerTarget(min_energy=2.0)
RATES = ("efficiency", "purity", "split_rate", "merge_rate")
EDGES = np.array([2.0, 5.0, 10.0, 20.0, 50.0, 100.0])  # GeV
RINGS = np.array([0, 6, 12, 18, 25, 35, 50, 70, 100, 150, 200.0])  # mm
PEERS = Path(__file__).parent / "peers"


def trained(kind: str, folder: Path, output: Path, epochs: int, events: int) -> Path:
    """The bundle trained on a kind of events."""
    bundle = output / f"trained-on-{kind}"
    if not (bundle / "manifest.json").exists():
        overrides = [
            f"detector={folder / 'detector'}",
            f"sample.inputs=['{folder / f'{kind}-train'}']",
            f"sample.events={events}",
            "sample.validation_events=20",
            f"train.epochs={epochs}",
            "train.threads=1",
        ]
        row = run_training(
            compose("clustering", overrides),
            bundle,
            command=" ".join(sys.argv),
            progress=_say,
            overwrite=True,
        )
        print(f"\n{bundle}: {json.dumps(row, default=float)[:400]}", file=sys.stderr)
    return bundle


def _say(what: str, done: int, total: int) -> None:
    print(f"\r{what} {done} of {total}   ", end="", file=sys.stderr, flush=True)


def finders(detector: Detector, bundles: dict[str, Path | str]) -> dict[str, Finder]:
    """Every finder by the name it has in the tables."""
    found: dict[str, Finder] = {
        name: load_task(load_bundle(bundle), detector, any_detector=True).reconstruct
        for name, bundle in bundles.items()
    }
    if not (PEERS / "shower_finders.py").exists() or importlib.util.find_spec("sklearn") is None:
        print(
            "CLUE left out: no scripts/peers/shower_finders.py, or no scikit-learn (make bench brings it)",
            file=sys.stderr,
        )
        return found
    sys.path.insert(0, str(PEERS))
    from shower_cells import Calorimeter
    from shower_finders import find

    calorimeter = Calorimeter.of(detector)
    return {**found, "CLUE + CLUE3D": lambda event: find("CLUE + CLUE3D", event, calorimeter, "photons")}


def matched_energies(detector: Detector, event: Event, clusters: Clusters) -> Floats:
    """Energy of the particle, of its cluster, and the stated error, GeV (n, 3), of all matched clusters."""
    assert event.truth is not None
    sharing = share(event, clusters, visible_fraction(detector, event.hits.sensor))
    some = sharing.matched
    true = true_energy(event.truth.particles)[sharing.main[some]]
    return np.stack([true, clusters.energy[some], clusters.energy_sigma[some]], axis=1)


def energies(table: Floats) -> dict[str, float]:
    """Response, resolution (half of the central 68 % interval over the median) and coverage of some matched clusters."""
    ratio = table[:, 1] / table[:, 0] if len(table) >= 10 else np.full(1, np.nan)  # too few to tell
    low, middle, high = np.quantile(ratio, [0.1585, 0.5, 0.8415])
    within = np.abs(table[:, 1] - table[:, 0]) < table[:, 2]
    return {
        "showers": float(len(table)),
        "response": float(ratio.mean()),
        "resolution": float((high - low) / 2 / middle),
        "coverage": float(within.mean()) if len(table) >= 10 else float("nan"),
    }


def test(
    detector: Detector, crowds: Sequence[Event], singles: Sequence[Event], find: Finder
) -> dict[str, Any]:
    """Rates and energies in crowds; energies of single showers by energy."""
    pairs = [(event, find(event)) for event in crowds]
    figures = score_clusters(pairs, detector, TARGET)
    table = np.concatenate([matched_energies(detector, *pair) for pair in pairs])
    alone = np.concatenate([matched_energies(detector, event, find(event)) for event in singles])
    bins = [alone[(alone[:, 0] >= low) & (alone[:, 0] < high)] for low, high in pairwise(EDGES)]
    rates = {name: value for name, value in figures.items() if name.removesuffix("_interval") in RATES}
    crowded = energies(table[table[:, 0] > TARGET.min_energy])
    alike = energies(alone[alone[:, 0] > TARGET.min_energy])
    return {**rates, "crowds": crowded, "singles": alike, "bins": [energies(some) for some in bins]}


def showers(detector: Detector, events: Sequence[Event]) -> dict[str, Floats]:
    """What single showers look like: a row each, energies of hits as read out."""
    rows: dict[str, list[Any]] = {name: [] for name in ("energy", "depth", "radius", "hits", "visible")}
    spectrum: list[Floats] = []
    for event in events:
        assert event.truth is not None
        hits, particle = event.hits, event.truth.particles
        assert hits.energy is not None
        energy = float(true_energy(particle)[0])
        # along the particle's way, so that the few that were shot at an angle count like the others
        slope = np.array([particle.px[0], particle.py[0]]) / particle.pz[0]
        axis = np.stack([particle.vx, particle.vy], axis=1) + (hits.z - particle.vz)[:, None] * slope
        radius = np.hypot(hits.x - axis[:, 0], hits.y - axis[:, 1])
        rows["energy"].append(energy)
        rows["depth"].append(
            np.bincount(detector.layer[hits.sensor], hits.energy, detector.n_layers) / energy
        )
        rows["radius"].append(np.histogram(radius, RINGS, weights=hits.energy)[0] / energy)
        rows["hits"].append(len(hits) / energy)
        rows["visible"].append(hits.energy.sum() / energy / detector.sampling_fraction[0])
        spectrum.append(hits.energy / media(detector).mip[hits.sensor])
    return {**{name: np.array(values) for name, values in rows.items()}, "spectrum": np.concatenate(spectrum)}


def differences(looks: dict[str, dict[str, Floats]]) -> dict[str, dict[str, list[float]]]:
    """Mean hits a GeV, visible energy, its spread and mean depth (layers) by energy, of both simulations."""
    result = {}
    for kind, look in looks.items():
        layer = (look["depth"] * np.arange(look["depth"].shape[1])).sum(1) / look["depth"].sum(1)
        bins = [(look["energy"] >= low) & (look["energy"] < high) for low, high in pairwise(EDGES)]
        result[kind] = {
            "hits a GeV": [float(look["hits"][some].mean()) for some in bins],
            "visible over expected": [float(look["visible"][some].mean()) for some in bins],
            "relative spread of it": [
                float(look["visible"][some].std() / look["visible"][some].mean()) for some in bins
            ],
            "mean layer": [float(layer[some].mean()) for some in bins],
        }
    return result


def draw(looks: dict[str, dict[str, Floats]], results: dict[str, dict[str, Any]], file: Path) -> None:
    """Both simulations: depth, radius, spectrum of hits, hits a GeV, visible energy; and the resolution of the networks."""
    figure, axes = plt.subplots(2, 3, figsize=(15, 8))
    depth, radial, spectrum, hits, visible, resolution = axes.flat
    middle, steps = np.sqrt(EDGES[1:] * EDGES[:-1]), np.geomspace(0.5, 500, 40)
    for kind, colour in zip(KINDS, ("black", "tab:blue")):
        look, style = looks[kind], {"color": colour, "label": NAMES[kind]}
        n = len(look["energy"])
        for place, name in ((depth, "depth"), (radial, "radius")):
            scale = 1e3 if name == "depth" else 1e3 / np.diff(RINGS)
            mean, error = look[name].mean(0) * scale, look[name].std(0) / n**0.5 * scale
            at = np.arange(len(mean)) if name == "depth" else (RINGS[1:] + RINGS[:-1]) / 2
            place.errorbar(at, mean, error, drawstyle="steps-mid", **style)
        total = look["energy"].sum()
        spectrum.stairs(np.histogram(look["spectrum"], steps)[0] / total, steps, **style)
        which = np.digitize(look["energy"], EDGES) - 1
        for place, name in ((hits, "hits"), (visible, "visible")):
            groups = [look[name][which == k] for k in range(len(middle))]
            means = [g.mean() for g in groups]
            spread = [g.std() / (len(g) ** 0.5 if name == "hits" else 1.0) for g in groups]
            place.errorbar(
                middle * (0.98 if kind == "geant4" else 1.02), means, spread, fmt="o", capsize=3, **style
            )
        for at, line in zip(KINDS, ("-", "--")):
            bins = results[at].get(f"trained on {NAMES[kind]}", {}).get("bins", [])
            values = [row.get("resolution", np.nan) for row in bins]
            label = f"trained on {NAMES[kind]}, tested on {NAMES[at]}"
            resolution.plot(middle[: len(values)], values, line, marker="o", color=colour, label=label)
    texts = (
        ("layer", "visible energy, MeV for each GeV"),
        ("distance from the axis, mm", "visible energy, MeV for each GeV and mm"),
        ("energy of a hit, mip", "hits for each GeV"),
        ("energy, GeV", "hits for each GeV"),
        ("energy, GeV", "visible over expected; bars: spread"),
        ("energy, GeV", "energy resolution, single showers"),
    )
    for place, (x, y) in zip(axes.flat, texts, strict=True):
        place.set_xlabel(x)
        place.set_ylabel(y)
        if place in (spectrum, hits, visible, resolution):
            place.set_xscale("log")
        if place in (hits, visible, resolution):
            place.set_xticks(EDGES, [f"{edge:g}" for edge in EDGES])
            place.minorticks_off()
        if place in (spectrum, radial):
            place.set_yscale("log")
    depth.legend()
    resolution.margins(y=0.35)  # room for the names
    resolution.legend(fontsize=8, loc="upper right")
    figure.tight_layout()
    figure.savefig(file, dpi=90)


def show(results: dict[str, dict[str, Any]], gap: dict[str, dict[str, list[float]]]) -> None:
    """Print the tables."""
    spans = [f"{low:g}-{high:g} GeV" for low, high in pairwise(EDGES)]
    print(
        "| crowds, tested on | finder | efficiency | purity | split | merged | response | resolution | coverage |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for kind, rows in results.items():
        for name, row in rows.items():
            rates = " | ".join("-" if row[what] is None else f"{100 * row[what]:.1f} %" for what in RATES)
            print(f"| {NAMES[kind]} | {name} | {rates} | {' | '.join(_figures(row['crowds']))} |")
    print(f"\n| singles, tested on: response, resolution, coverage | finder | {' | '.join(spans)} | all |")
    print("|---" * (len(spans) + 3) + "|")
    for kind, rows in results.items():
        for name, row in rows.items():
            cells = [", ".join(_figures(some)) for some in (*row["bins"], row["singles"])]
            print(f"| {NAMES[kind]} | {name} | {' | '.join(cells)} |")
    print(f"\n| single showers as simulated | | {' | '.join(spans)} |")
    print("|---" * (len(spans) + 2) + "|")
    for what in gap[KINDS[0]]:
        for kind in KINDS:
            print(f"| {what} | {NAMES[kind]} | {' | '.join(f'{value:.3g}' for value in gap[kind][what])} |")


def _figures(some: dict[str, float]) -> list[str]:
    return [f"{some['response']:.3f}", f"{100 * some['resolution']:.1f} %", f"{100 * some['coverage']:.0f} %"]


def main() -> None:
    """Train, test, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--events", type=int, default=280, help="to train on; the rest watches")
    parser.add_argument("--bundle", nargs="*", default=["clusters-density"], help="others to test")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    folder, output = asked.folder.resolve(), asked.output
    output.mkdir(parents=True, exist_ok=True)
    bundles: dict[str, Path | str] = {
        f"trained on {NAMES[kind]}": trained(kind, folder, output, asked.epochs, asked.events)
        for kind in KINDS
    }
    detector = load_detector(folder / "detector")
    crowds, singles = (
        {kind: list(open_events(place / f"{kind}-test", detector)) for kind in KINDS}
        for place in (folder, folder / "singles")
    )
    every = finders(detector, {**bundles, **{name: name for name in asked.bundle}})
    results = {
        kind: {name: test(detector, crowds[kind], singles[kind], find) for name, find in every.items()}
        for kind in KINDS
    }
    looks = {kind: showers(detector, singles[kind]) for kind in KINDS}
    gap = differences(looks)
    show(results, gap)
    draw(looks, results, output / "geant4_vs_embedded.png")
    if asked.json:
        asked.json.write_text(json.dumps({"tests": results, "simulations": gap}, indent=1) + "\n")


if __name__ == "__main__":
    main()
