"""Tracks in detectors that no training knew: `bundle adapt`, then efficiency, fakes and pulls in events of other seeds, by region.

python scripts/bench_adapted.py [--bundle tracking-trackml] [--detector epic_tracker hex_tracker odd barrel] [--json FILE]

`barrel` is what `gnnreco detector new --kind barrel` writes. Adapted bundles are kept in .bench/adapted and used again.
Tracks are matched by the rule `acts`; core of a pull: interquartile range / 1.349, of the best track of each particle.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco import Reconstructor
from gnnreco.bundle import load_bundle
from gnnreco.columns import Event, Floats
from gnnreco.evaluate.matching import Mask, match
from gnnreco.evaluate.target import kinematics, track_kinematics, true_perigee
from gnnreco.evaluate.tracking import as_seen
from gnnreco.evaluate.tracking.resolution import residuals
from gnnreco.geometry import Detector, load_detector
from gnnreco.geometry.description.new import new_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.statistics import clopper_pearson
from gnnreco.train import adapt

NAMES = ("d0", "z0", "phi", "theta", "q/p")
MAX_ETA, BARREL_ETA = 3.0, 1.0
INSIDE = 30.0  # mm from the beam line: what is made farther out is a decay, or comes from matter
SEED = (
    40_000  # neither a training nor `bundle adapt` uses it; 30_000 was looked at when the latter was changed
)


@dataclass(frozen=True)
class Sample:
    """Events to look for tracks in; `events` are as many as make a measurement."""

    process: str
    pileup: int
    events: int
    options: SimulationOptions


SAMPLES = {
    # About as many particles as a collision of an electron and a proton has, and one background hit for each four others.
    "sparse": Sample("minbias", 0, 150, SimulationOptions(noise_hits=0.25)),
    "dense": Sample("ttbar", 10, 10, SimulationOptions(noise_hits=0.05)),
}


@dataclass(frozen=True)
class Counts:
    """All events of a sample: particles that should be found and tracks that are counted.

    Attributes
    ----------
    eta, found, inside : (particles,)
        `inside`: made within `INSIDE` of the beam line.
    track_eta, fake : (tracks,)
    pull_eta, pulls : (n,), (n, 5)
        Of the best track of each particle that was found; NaN where a fit gives no error.
    hits : (events,)
    """

    eta: Floats
    found: Mask
    inside: Mask
    track_eta: Floats
    fake: Mask
    pull_eta: Floats
    pulls: Floats
    hits: Floats


def regions(eta: Floats) -> dict[str, Mask]:
    """Which belong to each part of the detector, all first."""
    return {
        "all": np.abs(eta) < MAX_ETA,
        "backward": (eta > -MAX_ETA) & (eta < -BARREL_ETA),
        "barrel": np.abs(eta) <= BARREL_ETA,
        "forward": (eta > BARREL_ETA) & (eta < MAX_ETA),
    }


def measure(
    events: Iterator[Event], detector: Detector, bundle: str | Path, min_pt: float, min_hits: int
) -> Counts:
    """Find the tracks of some events and compare them with the truth."""
    reconstruct = Reconstructor(detector, [bundle], any_detector=True)
    parts: list[tuple[NDArray, ...]] = []
    pairs = ((event, reconstruct(event).tracks) for event in events)
    for event, tracks in as_seen(pairs, detector, ("position",)):
        assert event.truth is not None
        m, kin = match(tracks, event.truth, len(event.hits)), kinematics(event.truth.particles)
        pt, eta = track_kinematics(tracks.theta, tracks.q_over_p)
        wanted = (kin.pt > min_pt) & (kin.charge != 0) & (m.particle_hits >= min_hits)
        counted = (pt > min_pt) & (m.track_hits >= min_hits - 2)
        matched = m.matched("acts")
        found = np.zeros(len(wanted), np.bool_)
        found[m.particle[matched & (m.track_hits >= min_hits - 2)]] = True
        best = m.best(matched)
        best[best] = wanted[m.particle[best]]
        truth = true_perigee(event.truth.particles, detector.field)[m.particle]
        residual, sigma = residuals(tracks, truth)
        pulls = residual / np.where(sigma > 0, sigma, np.nan)
        of_best = kin.eta[m.particle[best]]
        parts.append(
            (
                *(kin.eta[wanted], found[wanted], kin.vertex[wanted] < INSIDE),
                *(eta[counted], ~matched[counted], of_best, pulls[best], np.array([float(len(event.hits))])),
            )
        )
    return Counts(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def table(counts: Counts) -> dict[str, dict[str, float | int | list[float]]]:
    """A row for each region that has particles."""
    rows = {}
    inside, tracks, fitted = (regions(eta) for eta in (counts.eta, counts.track_eta, counts.pull_eta))
    for name, mask in inside.items():
        n, k = int(mask.sum()), int((counts.found & mask).sum())
        if n == 0:
            continue
        n_tracks, fakes = int(tracks[name].sum()), int((counts.fake & tracks[name]).sum())
        row = {"particles": n, "efficiency": k / n, "interval": clopper_pearson(k, n).tolist()}
        near = mask & counts.inside
        row |= {"efficiency_inside": int((counts.found & near).sum()) / max(int(near.sum()), 1)}
        row |= {"tracks": n_tracks, "fake_rate": fakes / max(n_tracks, 1)}
        rows[name] = row | {
            f"pull_{what}": core(p) for what, p in zip(NAMES, counts.pulls[fitted[name]].T, strict=True)
        }
    return rows


def core(values: Floats) -> float:
    """Interquartile range in units of that of a Gaussian of width 1."""
    low, high = np.nanpercentile(values, [25, 75]) if np.isfinite(values).any() else (np.nan, np.nan)
    return float(high - low) / 1.349


def show(detector: str, sample: str, hits: float, rows: dict) -> None:
    """One line of a Markdown table for each region."""
    for region, row in rows.items():
        pulls = " | ".join(f"{row[f'pull_{name}']:.2f}" for name in NAMES)
        rates = " | ".join(f"{100 * row[k]:.1f} %" for k in ("efficiency", "efficiency_inside"))
        rates += f" | {100 * row['fake_rate']:.2f} %"
        print(
            f"| {detector} | {sample}, {hits:.0f} hits | {region} | {row['particles']} | {rates} | {pulls} |",
            flush=True,
        )


def adapted(folder: Path, name: str, detector: Detector, bundle: str, events: int) -> str | Path:
    """The bundle of a detector, made where it is not there yet; one that was trained there, as it is."""
    if load_bundle(bundle).manifest["detector"]["hash"] == detector.at_source().hash:
        return bundle
    output = folder / f"{name}-{Path(bundle).name}-{events}-{detector.hash[:8]}"
    if not (output / "manifest.json").exists():
        adapt(bundle, detector, output, events)
    return output


def load(folder: Path, name: str) -> Detector:
    """A shipped detector, a folder, or the barrel that `gnnreco detector new` makes."""
    if name != "barrel":
        return load_detector(name)
    if not (folder / name).exists():
        new_detector(folder / name, "barrel", {})
    return load_detector(folder / name)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", default="tracking-trackml", help="that is adapted (default: %(default)s)")
    parser.add_argument("--detector", nargs="+", default=["epic_tracker", "hex_tracker", "odd", "barrel"])
    parser.add_argument("--sample", nargs="+", choices=SAMPLES, default=list(SAMPLES))
    parser.add_argument("--adapt-events", type=int, default=24, help="events of `bundle adapt` (default: 24)")
    parser.add_argument("--scale", type=float, default=1.0, help="events of a sample, times this")
    parser.add_argument("--min-pt", type=float, default=0.5, help="GeV (default: 0.5)")
    parser.add_argument(
        "--min-hits", type=int, default=5, help="of a particle that should be found (default: 5)"
    )
    parser.add_argument("--bench", type=Path, default=Path(".bench/adapted"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.bench.mkdir(parents=True, exist_ok=True)
    print(
        f"{date.today()}, {args.bundle}, pt > {args.min_pt:g} GeV, |eta| < {MAX_ETA:g}, {args.min_hits} hits and more\n"
    )
    print(
        f"| detector | sample | region | particles | efficiency | made inside | fakes | {' | '.join(NAMES)} |\n|{'---|' * 12}"
    )
    told: dict[str, dict] = {}
    for name in args.detector:
        detector = load(args.bench, name)
        bundle = adapted(args.bench, name, detector, args.bundle, args.adapt_events)
        for kind in args.sample:
            sample = SAMPLES[kind]
            count = max(1, round(sample.events * args.scale))
            events = simulate(detector, sample.process, count, sample.pileup, SEED, sample.options)
            counts = measure(events, detector, bundle, args.min_pt, args.min_hits)
            told.setdefault(name, {})[kind] = rows = table(counts)
            show(name, kind, float(counts.hits.mean()), rows)
    if args.json:
        args.json.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
