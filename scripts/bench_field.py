"""Pulls of the track fit in five magnetic fields, and what a track costs in each.

Muons of the embedded simulation (Gaussian multiple scattering by Highland's formula at every sensor, energy loss, clusters of
cells, 99 % efficiency) fly through five detectors; all true hits of each are fitted, with the mean energy loss corrected.
The pull is that of q/p where a particle is made; core: interquartile range / 1.349. A second table gives the other parameters.

    python scripts/bench_field.py [--tracks N] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event, Floats
from gnnreco.evaluate.target import true_perigee
from gnnreco.fit.trackfit import fit_tracks
from gnnreco.geometry import ConstantField, Detector, Field, MapField, load_detector
from gnnreco.simulate import SimulationOptions, simulate

DIAGONAL = [0, 2, 5, 9, 14]
NAMES = ("d0", "z0", "phi", "theta", "q/p")
MUON = 0.10566


@dataclass(frozen=True)
class Case:
    """A detector, and the muons that fly through it."""

    name: str
    detector: Callable[[Path], Detector]
    energy: tuple[float, float]
    eta: tuple[float, float]
    min_hits: int


def planes(folder: Path, z: list[float], field: Field) -> Detector:
    """Eight planes across the beam, 800 mm wide, 1.5 % of a radiation length each."""
    (folder / "detector.yaml").write_text(f"""format: gnnreco-detector/1
name: planes
units: {{length: mm, angle: deg, field: T}}
templates:
  chip: {{kind: grid, pitch: [0.05, 0.05], cells: [16000, 16000], thickness: 0.3}}
subsystems:
  all: {{measures: [position], material: {{radiation_lengths: 0.015, interaction_lengths: 0.003}}}}
sensors:
  - {{rule: planes, template: chip, subsystem: all, z: {z}}}
""")
    return replace(load_detector(folder), field=field)


def along(nodes: list[float], component: int, values: Floats, reach: float = 1200.0) -> MapField:
    """A map that changes along z only, in one component."""
    tesla = np.zeros((2, 2, len(nodes), 3))
    tesla[..., component] = values
    side = np.array([-reach, reach])
    return MapField((side, side, np.array(nodes)), tesla)


def falling(folder: Path) -> Detector:
    nodes = [-3200.0, -1000.0, 0.0, 1000.0, 3200.0]
    field = along(nodes, 2, np.array([1.0, 1.9, 2.0, 1.9, 1.0]))
    return replace(load_detector("trackml"), field=field)


def off_origin(folder: Path) -> Detector:
    return planes(
        folder, [400.0 + 150 * i for i in range(8)], along([350.0, 1600.0], 2, np.array([2.0, 2.0]))
    )


def dipole(folder: Path) -> Detector:
    """Four planes before a magnet of 0.6 m and four behind it; 1.5 T at its middle."""
    nodes = np.linspace(800, 1500, 36)
    bend = 1.5 * np.cos(np.clip((nodes - 1150) / 700, -0.5, 0.5) * np.pi) ** 2
    return planes(folder, [200.0, 400, 600, 800, 1500, 1700, 1900, 2100], along(list(nodes), 1, bend))


def across(folder: Path) -> Detector:
    return planes(folder, [100.0 + 200 * i for i in range(8)], ConstantField(0.0, bx=1.0))


CASES = (
    Case("constant (trackml, 2 T)", lambda _: load_detector("trackml"), (0.7, 10.0), (-2.6, 2.6), 7),
    Case("falls off (trackml, 2 to 1 T)", falling, (0.7, 10.0), (-2.6, 2.6), 7),
    Case("map without the origin", off_origin, (1.0, 10.0), (2.0, 2.6), 6),
    Case("dipole spectrometer", dipole, (1.0, 20.0), (2.6, 4.0), 7),
    Case("along x, 1 T", across, (1.0, 10.0), (2.3, 4.0), 7),
)


def candidates(event: Event, min_hits: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Offsets, hits and particle of each true track, from the inside outwards; one hit of a particle on a sensor."""
    assert event.truth is not None
    hit, particle = event.truth.hit, event.truth.particle
    distance = np.linalg.norm(event.hits.xyz[hit], axis=1)
    order = np.lexsort((distance, particle))
    hit, particle = hit[order], particle[order]
    _, first = np.unique(np.stack([particle, event.hits.sensor[hit]]), axis=1, return_index=True)
    keep = np.zeros(len(hit), np.bool_)
    keep[first] = True
    alone = np.bincount(event.truth.hit, minlength=len(event.hits))[hit] == 1
    primary = np.abs(event.truth.particles.pdg[particle]) == 13
    keep &= alone & primary
    hit, particle = hit[keep], particle[keep]
    rows, counts = np.unique(particle, return_counts=True)
    long = rows[counts >= min_hits]
    keep = np.isin(particle, long)
    return np.append(0, np.cumsum(counts[counts >= min_hits])), hit[keep], long


def pulls(case: Case, tracks: int, seed: int = 5) -> tuple[Floats, float, float]:
    """Pulls (n, 5) of valid fits, the share of fits that failed, and CPU seconds for each track."""
    options = SimulationOptions(particle="muon", energy=case.energy, count=50, eta=case.eta)
    found, failed, fitted, seconds = [], 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        detector = case.detector(Path(folder))
    for event in simulate(detector, "gun", -(-tracks // 50), 0, seed, options):
        assert event.truth is not None
        offsets, hits, rows = candidates(event, case.min_hits)
        for attempt in range(2):  # the first one warms the caches
            began = time.process_time()
            result = fit_tracks(detector, event.hits, offsets, hits, energy_loss=True, mass=MUON)
            seconds += (time.process_time() - began) * attempt
        off = result.parameters - true_perigee(event.truth.particles, detector.field)[rows]
        off[:, 2] = np.remainder(off[:, 2] + np.pi, 2 * np.pi) - np.pi
        found.append((off / np.sqrt(np.maximum(result.covariance[:, DIAGONAL], 1e-300)))[result.valid])
        failed, fitted = failed + int((~result.valid).sum()), fitted + len(rows)
    return np.concatenate(found), failed / max(fitted, 1), seconds / max(fitted, 1)


def core(values: Floats) -> float:
    """Interquartile range in units of that of a Gaussian of width 1."""
    low, high = np.percentile(values, [25, 75])
    return float(high - low) / 1.349


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tracks", type=int, default=4000)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    report: dict[str, dict[str, float]] = {}
    print(
        f"{'field':31}{'tracks':>7}{'q/p pull: core':>16}{'error':>7}{'rms < 5':>9}{'mean':>8}{'failed':>8}{'us/track':>10}{'ratio':>7}"
    )
    widths = []
    for case in CASES:
        values, failed, seconds = pulls(case, options.tracks)
        qp = values[:, 4]
        near = qp[np.abs(qp) < 5]
        row = {
            "tracks": len(qp),
            "core": core(qp),
            "error": 1.65 / np.sqrt(2 * len(qp)),
            "rms": float(near.std()),
            "mean": float(near.mean()),
            "failed": failed,
            "us": 1e6 * seconds,
        }
        report[case.name] = row
        ratio = row["us"] / next(iter(report.values()))["us"]
        widths.append(
            f"{case.name:31}" + "  ".join(f"{name} {core(values[:, i]):.2f}" for i, name in enumerate(NAMES))
        )
        print(
            f"{case.name:31}{row['tracks']:7}{row['core']:16.3f}{row['error']:7.3f}{row['rms']:9.3f}{row['mean']:8.3f}"
            f"{failed:8.2%}{row['us']:10.1f}{ratio:7.2f}",
            flush=True,
        )
    print("core width of all pulls", *widths, sep="\n  ")
    if options.json:
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
