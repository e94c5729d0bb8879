"""Compares the track fit with ACTS's Kalman filter on the hits of ACTS's own tracks, against the truth.

Both fit the same hits of the same particles. The first table is for tracks whose hits all come from one particle; then
our fit alone on all hits of every true particle, down to 0.15 GeV, and its time.

    python scripts/track_fit_pulls.py FOLDER_OF_ACTS_CSV [--events N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from peers.acts_tracks import read_acts_tracks

from gnnreco.columns import Event, Floats, Truth
from gnnreco.events import open_events
from gnnreco.fit.propagate import perigee
from gnnreco.fit.trackfit import FitResult, fit_tracks
from gnnreco.geometry import Detector, Field, load_detector

NAMES = ("d0 / mm", "z0 / mm", "phi", "theta", "q/p / (1/GeV)")
DIAGONAL = [0, 2, 5, 9, 14]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder")
    parser.add_argument("--events", type=int, default=20)
    parser.add_argument("--detector", default="trackml")
    parser.add_argument("--json", metavar="FILE")
    return parser.parse_args()


def of_particles(truth: Truth, field: Field) -> tuple[Floats, Floats]:
    """True perigee parameters (n, 5) and pt (n,) of all particles."""
    p = truth.particles
    momentum = np.stack([p.px, p.py, p.pz], 1)
    return perigee(np.stack([p.vx, p.vy, p.vz], 1), momentum, p.charge, field), np.hypot(p.px, p.py)


def outwards(event: Event, offsets: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.int64]:
    """`index` with each track's hits sorted by distance from the origin."""
    track = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    return index[np.lexsort((np.linalg.norm(event.hits.xyz[index], axis=1), track))]


def only_particle(event: Event, offsets: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Row of the particle that made every hit of the track and shares none, else -1."""
    assert event.truth is not None
    owner = np.full(len(event.hits), -1)
    owner[event.truth.hit] = event.truth.particle
    owner[np.bincount(event.truth.hit, minlength=len(owner)) > 1] = -1
    first = owner[index[offsets[:-1]]]
    same = owner[index] == np.repeat(first, np.diff(offsets))
    return np.where(np.add.reduceat(same, offsets[:-1]) == np.diff(offsets), first, -1)


def true_candidates(
    event: Event, low: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Offsets, hits and particle rows: particles over `low` GeV with at least five hits."""
    assert event.truth is not None
    p, hit, particle = event.truth.particles, event.truth.hit, event.truth.particle
    good = (np.hypot(p.px, p.py) > low) & (np.bincount(particle, minlength=len(p)) >= 5) & (p.charge != 0)
    hit, particle = hit[good[particle]], particle[good[particle]]
    order = np.argsort(particle, kind="stable")
    rows, counts = np.unique(particle, return_counts=True)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return offsets, outwards(event, offsets, hit[order]), rows


def residual(values: Floats, truth: Floats) -> Floats:
    out = values - truth
    out[:, 2] = np.remainder(out[:, 2] + np.pi, 2 * np.pi) - np.pi
    return out


def core(values: Floats) -> float:
    """Half the width of the central 68 %."""
    low, high = np.percentile(values, [15.87, 84.13])
    return float(high - low) / 2


def fit(detector: Detector, event: Event, offsets: NDArray[np.int64], index: NDArray[np.int64]) -> FitResult:
    return fit_tracks(detector, event.hits, offsets, index)


def main() -> None:
    options = arguments()
    detector = load_detector(options.detector)
    source = open_events(options.folder, detector, deposits=False)
    ours, theirs, alone, alone_pt, failed, seconds, hits = [], [], [], [], 0, 0.0, 0
    for number in range(min(options.events, len(source))):
        event = source[number]
        assert event.truth is not None
        truth, pt = of_particles(event.truth, detector.field)
        acts = read_acts_tracks(options.folder, event)
        offsets, index = acts.offsets, outwards(event, acts.offsets, acts.hit_index)
        particle = only_particle(event, offsets, index)
        result = fit(detector, event, offsets, index)
        keep = (particle >= 0) & (pt[particle] > 1) & result.valid
        values = np.stack([acts.d0, acts.z0, acts.phi, acts.theta, acts.q_over_p], 1)
        for store, parameters, covariance in (
            (theirs, values, acts.covariance),
            (ours, result.parameters, result.covariance),
        ):
            delta = residual(parameters, truth[particle])[keep]
            store.append(np.stack([delta, delta / np.sqrt(covariance[keep][:, DIAGONAL])]))
        offsets, index, rows = true_candidates(event, 0.15)
        began = time.process_time()
        result = fit(detector, event, offsets, index)
        if number:  # the first call compiles
            seconds, hits = seconds + time.process_time() - began, hits + len(index)
        failed += int(np.sum(~result.valid))
        delta = residual(result.parameters, truth[rows])
        alone.append(
            np.stack(
                [
                    delta,
                    delta
                    / np.sqrt(
                        np.where(result.covariance[:, DIAGONAL] > 0, result.covariance[:, DIAGONAL], np.inf)
                    ),
                ]
            )
        )
        alone_pt.append(pt[rows])
    report: dict[str, object] = {}
    a, b = np.concatenate(ours, axis=1), np.concatenate(theirs, axis=1)
    print(f"{a.shape[1]} tracks of ACTS over 1 GeV in {options.folder}: same hits, both fits")
    print(
        f"{'':16}{'resolution':>12}{'ACTS':>10}{'ratio':>8}{'pull mean':>12}{'width':>8}{'ACTS mean':>12}{'width':>8}"
    )
    for i, name in enumerate(NAMES):
        row = {
            "resolution": core(a[0, :, i]),
            "acts_resolution": core(b[0, :, i]),
            "ratio": core(a[0, :, i]) / core(b[0, :, i]),
            "pull_mean": float(np.median(a[1, :, i])),
            "pull_width": core(a[1, :, i]),
            "acts_pull_mean": float(np.median(b[1, :, i])),
            "acts_pull_width": core(b[1, :, i]),
        }
        report[name] = row
        print(
            f"{name:16}{row['resolution']:12.4g}{row['acts_resolution']:10.4g}{row['ratio']:8.3f}{row['pull_mean']:12.3f}"
            f"{row['pull_width']:8.3f}{row['acts_pull_mean']:12.3f}{row['acts_pull_width']:8.3f}"
        )
    every, pt_all = np.concatenate(alone, axis=1), np.concatenate(alone_pt)
    print(
        f"all {len(pt_all)} true tracks over 0.15 GeV: {failed} failed, {1e6 * seconds / max(hits, 1):.2f} us of CPU a hit"
    )
    for low, high in ((0.15, 0.3), (0.3, 0.5), (0.5, 1), (1, 2), (2, 5), (5, 1000)):
        some = every[1][(pt_all > low) & (pt_all < high)]
        if len(some) > 10:
            print(
                f"  pt {low:g} to {high:g} GeV, {len(some)} tracks: pull widths "
                + "  ".join(f"{n.split(' ')[0]} {core(some[:, i]):.2f}" for i, n in enumerate(NAMES))
            )
    report["us_per_hit"] = 1e6 * seconds / max(hits, 1)
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
