"""CPU seconds of the embedded simulation, part by part: pile-up in a tracker, single showers, tracks in a drift chamber.

    python scripts/bench_simulation.py [--detector trackml] [--pileup 200] [--events 5] [--json FILE]

Prints, for each case, the median over the events (after one to warm up) of generation, transport and reading out, the hits
made, and the peak memory of the process. One thread: `OMP_NUM_THREADS=1`.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

import numpy as np

from gnnreco.geometry import load_detector
from gnnreco.simulate import SimulationOptions
from gnnreco.simulate.generators.generator import generator
from gnnreco.simulate.readout import measured
from gnnreco.simulate.transport import Transport

SHOWER = SimulationOptions(particle="photon", energy=(50.0, 50.0), eta=(1.8, 2.6))
TRACKS = SimulationOptions(particle="pion", energy=(0.5, 10.0), count=100, eta=(-0.9, 0.9))


def measure(
    detector: str, process: str, pileup: int, events: int, options: SimulationOptions
) -> dict[str, float]:
    """Median CPU seconds of each part, and median counts."""
    loaded = load_detector(detector)
    source, transport = generator(process, loaded, options, pileup), Transport(loaded, options)
    rows = []
    for number in range(events + 1):
        rng = np.random.default_rng([1, number])
        clock = [time.process_time()]
        particles = source(rng)
        clock.append(time.process_time())
        flown = transport(particles, rng)
        clock.append(time.process_time())
        hits = measured(loaded, flown, options, rng)[0]
        clock.append(time.process_time())
        rows.append(
            [*np.diff(clock), clock[-1] - clock[0], len(particles), len(flown.crossings.u), len(hits)]
        )
    names = ("generation", "transport", "readout", "event", "particles", "crossings", "hits")
    return dict(zip(names, np.median(rows[1:], axis=0).tolist(), strict=True))


def main() -> None:
    """Run the cases and print them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--detector", default="trackml")
    parser.add_argument("--pileup", type=int, default=200)
    parser.add_argument("--events", type=int, default=5)
    parser.add_argument("--only", choices=("pileup", "shower", "tracks"))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cases = {
        "pileup": (asked.detector, "ttbar", asked.pileup, SimulationOptions()),
        "shower": ("hgcal", "gun", 0, SHOWER),
        "tracks": ("tpc", "gun", 0, TRACKS),
    }
    result = {}
    for name, (detector, process, pileup, options) in cases.items():
        if asked.only not in (None, name):
            continue
        result[name] = one = measure(detector, process, pileup, asked.events, options)
        print(
            f"{name:8} {detector} {process} + {pileup}: "
            + ", ".join(
                f"{part} {one[part] * 1e3:.1f} ms" for part in ("generation", "transport", "readout", "event")
            )
            + f"; {one['particles']:.0f} particles, {one['crossings']:.0f} crossings, {one['hits']:.0f} hits"
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB")
    if asked.json:
        asked.json.write_text(json.dumps({**result, "peak_rss_gib": peak}, indent=1))


if __name__ == "__main__":
    main()
