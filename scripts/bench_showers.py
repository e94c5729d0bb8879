"""Calorimeter hits to showers: every figure of docs/performance/showers.md, measured beside its peers on the same events.

    make bench-showers
    python scripts/bench_showers.py [--bundle showers-hgcal] [--events 20] [--quick] [--only crowds singles ...] [--json FILE]

`--events` counts the events of 50 showers; samples of 10 showers have five times as many, single showers 100 times. The test
seeds are in `peers/shower_samples.py`, and nothing was tuned on them. `--trained voronoi=BUNDLE` names a bundle that was
trained on a detector, to stand beside the one that serves all. Intervals hold 68 %.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent / "peers"))

from bench_showers_parts import (
    RATES,
    crowds,
    large_event,
    ours,
    sample_events,
    seconds,
    settings,
    singles,
    turn_changes,
    zero_shot,
)
from shower_cells import Calorimeter
from shower_samples import KINDS, NOISE, SHOWERS, crowded

from gnnreco.bundle import list_bundles
from gnnreco.bundle.shipped import CLUSTERS
from gnnreco.geometry import load_detector

PARTS = ("crowds", "singles", "seconds", "zero_shot", "turned")
CONE = 0.5
CELLS = 50_000
THREADS = (2, 1)
VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")


def main() -> None:
    asked = arguments()
    calorimeter = Calorimeter.of(load_detector("hgcal"))
    if asked.time_here:
        event = large_event(calorimeter.detector, CELLS)
        print(json.dumps({"cells": len(event.hits), **seconds(asked.bundle, calorimeter, event)}))
        return
    result: dict[str, Any] = {
        "bundle": asked.bundle,
        "events": asked.events,
        "noise": NOISE,
        "peers": settings(),
    }
    print(f"gnnreco runs {asked.bundle}; every interval holds 68 %")
    for part in asked.only:
        say(part)
        result[part] = globals()[f"run_{part}"](asked, calorimeter)
        if asked.json:  # what is done is kept, should a later part fail
            asked.json.write_text(json.dumps(result, indent=1, default=float) + "\n")


def run_crowds(asked: argparse.Namespace, calorimeter: Calorimeter) -> dict[str, Any]:
    """(a) Rates at 10 and 50 showers."""
    result = crowds(asked.bundle, calorimeter, list(KINDS), SHOWERS, asked.events, CONE)
    for key, rows in result.items():
        print(f"\n{key} of 2-50 GeV, {rows[0]['showers']} showers over 2 GeV, {NOISE:.0%} noise hits")
        print_rates(rows)
    return result


def run_singles(asked: argparse.Namespace, calorimeter: Calorimeter) -> dict[str, Any]:
    """(b) to (e): energy, its stated error, identity."""
    result = singles(asked.bundle, calorimeter, 100 * asked.events, 100 * asked.train)
    for name, ways in result["energy"].items():
        print(f"\nenergy of single {name}s: response, resolution; last: fit of a / sqrt(E) (+) c")
        edges = [f"{bin['low']:.0f}-{bin['high']:.0f}" for bin in ways["linear"]["bins"]]
        table(
            [
                ["", *edges, "a, %", "c, %"],
                *([way, *energy_cells(one)] for way, one in ways.items()),
                ["gnnreco / linear", *ratio_cells(ways["gnnreco"], ways["linear"])],
                ["gnnreco / trees", *ratio_cells(ways["gnnreco"], ways["trees"])],
            ]
        )
    print("\nhow often the true energy lies within the stated error (68 % if it is right)")
    for name, one in result["coverage"].items():
        print(f"  {name:9} {percent(one['coverage'], one['interval'])}")
    for pair, ways in result["auc"].items():
        print(f"\nAUC {pair}")
        for way, one in ways.items():
            said = (
                "-"
                if one["auc"] is None
                else f"{one['auc']:.4f} [{one['interval'][0]:.4f}, {one['interval'][1]:.4f}]"
            )
            print(f"  {way:42} {said}")
    return result


def run_seconds(asked: argparse.Namespace, calorimeter: Calorimeter) -> dict[str, Any]:
    """(f) Hits in to showers out, each number of threads in a process of its own."""
    result = {}
    for threads in THREADS:
        command = [sys.executable, __file__, "--time-here", "--bundle", asked.bundle]
        environment = {**os.environ, **dict.fromkeys(VARIABLES, str(threads))}
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        result[_threads(threads)] = json.loads(done.stdout.splitlines()[-1])
    first = result[_threads(THREADS[0])]
    names = [name for name in first if name != "cells"]
    print(f"\nan event of {first['cells']:,} cells, hits in to showers out, median of 5 warm runs")
    lines = [["", *names, "gnnreco / CLUE + CLUE3D"]]
    for key, one in result.items():
        for what, unit in (("seconds", "s"), ("cpu_seconds", "CPU s")):
            took = [one[name][what] for name in names]
            ratio = one["gnnreco"][what] / one["CLUE + CLUE3D"][what]
            lines.append([f"{key}, {unit}", *(f"{value:.3f}" for value in took), f"{ratio:.2f}"])
    table(lines)
    return result


def _threads(count: int) -> str:
    return f"{count} thread{'s' * (count > 1)}"


def run_zero_shot(asked: argparse.Namespace, calorimeter: Calorimeter) -> dict[str, Any]:
    """(g) Detectors that the bundle has not seen."""
    result = {}
    trained = dict(pair.split("=", 1) for pair in asked.trained)
    for name in ("voronoi", "clic_ecal"):
        bundles = {f"gnnreco {Path(asked.any).name}": asked.any}
        if name in trained:
            bundles[f"gnnreco, trained on {name}"] = trained[name]
        result[name] = zero_shot(load_detector(name), bundles, 2 * asked.events)
        print(f"\nzero-shot in {name}, four photons of 5-50 GeV, {result[name][0]['showers']} showers")
        print_rates(result[name])
    return result


def run_turned(asked: argparse.Namespace, calorimeter: Calorimeter) -> list[dict[str, Any]]:
    """(h) A turn about z by an angle that hgcal is symmetric under."""
    detector = calorimeter.detector
    events = sample_events(crowded("mix", 50), detector, max(1, asked.events // 4))
    finder = ours(asked.bundle, detector)
    result = [turn_changes(finder, detector, events, degrees) for degrees in (120.0, 60.0)]
    print(
        "\nwhat a turn about z changes; hits whose turned cell is none are left out of both (at 60 degrees the last layers)"
    )
    for one in result:
        print(
            f"  {one['degrees']:.0f} degrees, {100 * one['hits_on_cells']:.1f} % of the hits, {one['showers']} showers: energy at most "
            f"{100 * one['largest_energy_change']:.3f} % (median {100 * one['median_energy_change']:.4f} %), class at most "
            f"{one['largest_class_change']:.2g}, hits in another shower {100 * one['hits_that_changed']:.3f} %"
        )
    return result


def print_rates(rows: Sequence[dict[str, Any]]) -> None:
    """One line a finder; the ratios are of ours to the line's."""
    keys = [*RATES, "noise_in_clusters", "energy_resolution"]
    titles = [
        "efficiency, %",
        "purity, %",
        "fakes, %",
        "split, %",
        "merged, %",
        "noise in, %",
        "resolution, %",
    ]
    lines = [["", *titles, "response", "pull", "CPU ms", "eff. ratio", "lost ratio", "pur. ratio"]]
    for row in rows:
        cells = [percent(row[key], row[f"{key}_interval"]) for key in keys]
        numbers = [
            (row["energy_response_mean"], ".3f"),
            (row["pull_sigma"], ".2f"),
            (1e3 * row["cpu_seconds"], ".0f"),
        ]
        numbers += [
            (row[key], ".3f") for key in ("efficiency_ratio", "efficiency_loss_ratio", "purity_ratio")
        ]
        lines.append(
            [row["name"], *cells, *("-" if value is None else format(value, how) for value, how in numbers)]
        )
    table(lines)


def energy_cells(one: dict[str, Any]) -> list[str]:
    """Response and resolution of each bin, and the fit."""
    bins = [
        f"{row['response']:.3f}, {100 * row['resolution']:.1f}({100 * row['error']:.1f})"
        for row in one["bins"]
    ]
    fit = [
        "-" if one[key] is None else f"{100 * one[key]:.1f}({100 * one[key + '_error']:.1f})"
        for key in ("a", "c")
    ]
    return [*bins, *fit]


def ratio_cells(one: dict[str, Any], two: dict[str, Any]) -> list[str]:
    """Resolution over resolution, bin by bin, and of the stochastic terms."""
    other = {row["low"]: row["resolution"] for row in two["bins"]}
    bins = [
        f"{row['resolution'] / other[row['low']]:.3f}" if row["low"] in other else "-" for row in one["bins"]
    ]
    return [
        *bins,
        *(f"{one[key] / two[key]:.3f}" if one[key] is not None and two[key] else "-" for key in ("a", "c")),
    ]


def percent(value: float | None, interval: Sequence[float] | None) -> str:
    """A rate and its interval, per cent."""
    if value is None:
        return "-"
    if interval is None:
        return f"{100 * value:.1f}"
    return f"{100 * value:.1f} [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]"


def table(lines: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they must be."""
    widths = [
        max(len(line[i]) for line in lines if i < len(line)) for i in range(max(len(line) for line in lines))
    ]
    for line in lines:
        print(
            "  ".join(
                f"{cell:<{width}}" if i == 0 else f"{cell:>{width}}"
                for i, (cell, width) in enumerate(zip(line, widths))
            )
        )


def say(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shipped = list_bundles()
    parser.add_argument("--bundle", default="showers-hgcal" if "showers-hgcal" in shipped else CLUSTERS)
    parser.add_argument(
        "--any",
        default="showers-any" if "showers-any" in shipped else CLUSTERS,
        help="bundle for unseen detectors",
    )
    parser.add_argument(
        "--trained",
        nargs="*",
        default=[],
        metavar="DETECTOR=BUNDLE",
        help="bundles trained on the unseen ones",
    )
    parser.add_argument("--events", type=int, default=20, help="of 50 showers in each sample")
    parser.add_argument(
        "--train", type=int, default=60, help="hundreds of single showers of each kind that train the trees"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the events")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), help="these parts only")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--time-here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.quick:
        asked.events, asked.train = 2, 6
    return asked


if __name__ == "__main__":
    main()
