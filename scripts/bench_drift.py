"""Tracks straight from charge beside local-maximum clusters and a classical tracker, on the same events.

Usage: python scripts/bench_drift.py [--bundle tpc] [--json FILE] [--quick]

Target: charged, pt > 0.2 GeV, charge in at least 20 rows of pads. A track finds a particle if at least half of the track's
charge is the particle's and at least half of the particle's charge is on the track; a fake has less than half of its
charge from any one particle; a duplicate is a track with most charge of a particle that another track has more of.
Only tracks of 20 points or more count as fakes and duplicates. Intervals: 68 %.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import itertools

from peers.drift_clusters import classical, layers

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Clusters, Event, Tracks
from gnnreco.evaluate.sharing import share
from gnnreco.evaluate.target import true_perigee
from gnnreco.geometry import along_z, load_detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.statistics import clopper_pearson
from gnnreco.tasks.drift.points import energy_loss
from gnnreco.tasks.drift.task import main_particle

SEED = 9001  # no training saw it
ROWS, MIN_PT, MIN_POINTS = 20, 0.2, 20
APART = [0, 4, 6, 8, 10, 12, 16, 20, 30, 50]  # mm
MUON = {"particle": "muon", "eta": (-0.8, 0.8)}
SAMPLES: dict[str, tuple[str, int, int, dict[str, Any]]] = {
    "gun, 10 pions of 0.3-5 GeV": (
        "gun",
        0,
        8,
        {"particle": "pion", "energy": (0.3, 5.0), "count": 10, "eta": (-0.8, 0.8)},
    ),
    "gun, 200 pions of 0.3-5 GeV": (
        "gun",
        0,
        3,
        {"particle": "pion", "energy": (0.3, 5.0), "count": 200, "eta": (-0.8, 0.8)},
    ),
    "minimum bias": ("minbias", 0, 30, {}),
    "top pairs": ("ttbar", 0, 8, {}),
    "top pairs, pile-up 5": ("ttbar", 5, 4, {}),
    "top pairs, pile-up 20": ("ttbar", 20, 1, {}),
}
CROWD = {"particle": "muon", "energy": (1.0, 5.0), "count": 400, "eta": (0.0, 0.05)}
QUICK = ("gun, 10 pions of 0.3-5 GeV", "top pairs", "top pairs, pile-up 5")


@dataclass
class Tally:
    """Counts of one finder over the events of a sample."""

    wanted: int = 0
    found: int = 0
    tracks: int = 0
    fakes: int = 0
    duplicates: int = 0
    seconds: float = 0.0
    events: int = 0
    perfect: list[float] = field(default_factory=list)


def particle_rows(task: Any, event: Event) -> tuple[np.ndarray, np.ndarray]:
    """Number of rows of pads with charge of each particle, and the row of each hit."""
    detector, hits = task.detector, event.hits
    local = detector.to_local(hits.sensor, hits.xyz)
    cell = detector.cell_at(hits.sensor, local[:, 0], local[:, 1])
    layer, _ = layers(detector, hits.sensor, local, detector.cell_size(hits.sensor, cell))
    truth = event.truth
    pair = np.unique(np.column_stack([truth.particle, layer[truth.hit]]), axis=0)
    return np.bincount(pair[:, 0], minlength=len(truth.particles)), layer


def as_clusters(tracks: Tracks) -> Clusters:
    """The hits of tracks as clusters, to compare charge with charge."""
    return Clusters(
        tracks.offsets, tracks.hit_index, np.ones(len(tracks.hit_index)), *(np.zeros(len(tracks)),) * 5
    )


def compare(task: Any, event: Event, tracks: Tracks, tally: Tally) -> tuple[np.ndarray, np.ndarray]:
    """Count; returns whether each particle is wanted, and whether it is found."""
    _truth, p = event.truth, event.truth.particles
    rows, layer = particle_rows(task, event)
    sharing = share(event, as_clusters(tracks), np.ones(len(event.hits)))
    wanted = (np.hypot(p.px, p.py) > MIN_PT) & (p.charge != 0) & (rows >= ROWS)
    found = np.zeros(len(p), bool)
    found[sharing.main[sharing.matched]] = True
    owner = np.repeat(np.arange(len(tracks)), np.diff(tracks.offsets))
    crossed = np.unique(np.column_stack([owner, layer[tracks.hit_index]]), axis=0)[:, 0]
    long = np.bincount(crossed, minlength=len(tracks)) >= MIN_POINTS
    fake = sharing.main_share < 0.5 * sharing.cluster_energy
    most = np.zeros(len(p) + 1)
    np.maximum.at(most, sharing.main, sharing.main_share)
    extra = ~fake & (sharing.main_share < most[sharing.main])
    tally.wanted += int(wanted.sum())
    tally.found += int((wanted & found).sum())
    tally.tracks += int(long.sum())
    tally.fakes += int((long & fake).sum())
    tally.duplicates += int((long & extra).sum())
    tally.events += 1
    whole = sharing.matched & wanted[sharing.main]
    tally.perfect += list(
        sharing.main_share[whole] ** 2
        / sharing.cluster_energy[whole]
        / sharing.particle_energy[sharing.main[whole]]
    )
    return wanted, found


def percent(k: int, n: int) -> str:
    if not n:
        return "-"
    low, high = 100 * clopper_pearson(k, n)
    return f"{100 * k / n:.2f} % +{high - 100 * k / n:.2f} -{100 * k / n - low:.2f}"


def core(values: Any, center: bool = False) -> tuple[float, float]:
    """Half of the central 68 % interval (over the median, where `center`) and its error."""
    values = np.asarray(values)
    if len(values) < 10:
        return np.nan, np.nan
    low, mid, high = np.quantile(values, [0.15865, 0.5, 0.84135])
    width = (high - low) / 2 / (mid if center else 1.0)
    return float(width), float(width / np.sqrt(1.5 * len(values)))


class Contest:
    """Both finders, timed."""

    def __init__(self, task: Any) -> None:
        self.task = task
        self.finders = {
            "gnnreco": lambda event: task.tracks_and_points(event),
            "clusters + tracker": lambda event: classical(task, event),
        }

    def run(self, event: Event, tallies: dict[str, Tally]) -> dict[str, Any]:
        out = {}
        for name, find in self.finders.items():
            begin = time.process_time()
            tracks, points = find(event)
            tallies[name].seconds += time.process_time() - begin
            out[name] = (tracks, points, *compare(self.task, event, tracks, tallies[name]))
        return out

    def new(self) -> dict[str, Tally]:
        return {name: Tally() for name in self.finders}


def occupancy(contest: Contest, names: Any, result: dict[str, Any]) -> None:
    print(
        f"{'sample':30} {'samples':>8}  {'finder':19} {'efficiency':>22} {'fakes':>21} {'duplicates':>21} {'eff x pur':>9} {'CPU s':>6}"
    )
    for name in names:
        process, pileup, events, options = SAMPLES[name]
        tallies, sizes = contest.new(), []
        for event in simulate(
            contest.task.detector, process, events, pileup, SEED, SimulationOptions(**options)
        ):
            if not len(event.hits):
                continue
            sizes.append(len(event.hits))
            contest.run(event, tallies)
        for finder, t in tallies.items():
            print(
                f"{name:30} {np.mean(sizes):8,.0f}  {finder:19} {percent(t.found, t.wanted):>22} {percent(t.fakes, t.tracks):>21} "
                f"{percent(t.duplicates, t.tracks):>21} {np.mean(t.perfect):9.4f} {t.seconds / t.events:6.2f}",
                flush=True,
            )
            result.setdefault("occupancy", {}).setdefault(name, {})[finder] = {
                "efficiency": [t.found, t.wanted],
                "fakes": [t.fakes, t.tracks],
                "duplicates": [t.duplicates, t.tracks],
                "efficiency_times_purity": float(np.mean(t.perfect)),
                "seconds": t.seconds / t.events,
                "samples": float(np.mean(sizes)),
            }


def nearest(event: Event, layer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The particle that runs nearest to each one and the median of their distance in shared rows, mm."""
    truth, n = event.truth, len(event.truth.particles)
    key = truth.particle.astype(np.int64) * 100_000 + layer[truth.hit]
    unique, row = np.unique(key, return_inverse=True)
    weight = np.bincount(row, truth.energy)
    middle = np.stack(
        [np.bincount(row, truth.energy * event.hits.xyz[truth.hit, c]) / weight for c in range(3)], axis=1
    )
    particle, at = unique // 100_000, unique % 100_000
    table = np.full((n, at.max() + 1, 3), np.nan, np.float32)
    table[particle, at] = middle
    best, who = np.full(n, np.inf), np.full(n, -1)
    for i in np.flatnonzero(np.isfinite(table[:, :, 0]).any(axis=1)):
        mine = np.isfinite(table[i, :, 0])
        d = np.linalg.norm(table[:, mine] - table[i, mine], axis=2)
        shared = np.isfinite(d).sum(axis=1)
        d[shared < 40] = np.inf
        d[i] = np.inf
        with np.errstate(all="ignore"):
            middle_of = np.where(
                np.isfinite(d).any(axis=1), np.nanmedian(np.where(np.isnan(d), np.nan, d), axis=1), np.inf
            )
        who[i] = int(np.argmin(middle_of))
        best[i] = middle_of[who[i]]
    return who, best


def separation(contest: Contest, events: int, result: dict[str, Any]) -> None:
    found: dict[str, list[Any]] = {name: [] for name in contest.finders}
    tallies = contest.new()
    for event in simulate(contest.task.detector, "gun", events, 0, SEED + 1, SimulationOptions(**CROWD)):
        layer = particle_rows(contest.task, event)[1]
        who, far = nearest(event, layer)
        for name, (_, _, wanted, got) in contest.run(event, tallies).items():
            use = wanted & (who >= 0) & np.isfinite(far)
            found[name].append(np.column_stack([far, got & got[who]])[use])
    print("\ntwo tracks, both found, by the median of their distance in shared rows, mm")
    for name, parts in found.items():
        far, both = np.concatenate(parts).T
        cells = []
        for low, high in itertools.pairwise(APART):
            here = (far >= low) & (far < high)
            cells.append(f"{low}-{high}: {percent(int(both[here].sum()), int(here.sum()))} of {here.sum()}")
            result.setdefault("separation", {}).setdefault(name, {})[f"{low}-{high}"] = [
                int(both[here].sum()),
                int(here.sum()),
            ]
        print(f"{name:19} " + "; ".join(cells), flush=True)


def resolution(contest: Contest, events: int, result: dict[str, Any]) -> None:
    field = contest.task.detector.field
    bz = along_z(field)
    assert bz is not None
    for label, options in (
        ("muons of 1 GeV", MUON | {"energy": (1.0, 1.0), "count": 20}),
        ("muons of 10 GeV", MUON | {"energy": (10.0, 10.0), "count": 20}),
        ("pions of 0.5 GeV", {"particle": "pion", "eta": (-0.8, 0.8), "energy": (0.5, 0.5), "count": 20}),
        ("muons of 10 GeV among 200", MUON | {"energy": (10.0, 10.0), "count": 200}),
    ):
        tallies = contest.new()
        rows: dict[str, Any] = {
            name: {"residual": [], "pull": [], "loss": [], "u": [], "w": []} for name in contest.finders
        }
        n = max(2, events // (10 if "among" in label else 1))
        for event in simulate(contest.task.detector, "gun", n, 0, SEED + 2, SimulationOptions(**options)):
            truth = true_perigee(event.truth.particles, field)
            owner = main_particle(event.truth, len(event.hits))
            primary = np.arange(options["count"])
            for name, (tracks, points, _, _) in contest.run(event, tallies).items():
                # The tracks are those of the points that passed: by their number of samples.
                loss, offsets = energy_loss(points), points.offsets
                good = points_of_tracks(tracks, points)
                for i in range(len(tracks)):
                    hits = tracks.hit_index[tracks.offsets[i] : tracks.offsets[i + 1]]
                    p = np.bincount(np.maximum(owner[hits], 0)).argmax()
                    if p not in primary or offsets[good[i] + 1] - offsets[good[i]] < 100:
                        continue
                    fitted = np.array(
                        [tracks.d0[i], tracks.z0[i], tracks.phi[i], tracks.theta[i], tracks.q_over_p[i]]
                    )
                    off = fitted - truth[p]
                    off[2] = (off[2] + np.pi) % (2 * np.pi) - np.pi
                    rows[name]["residual"].append(np.append(off, off[4] / abs(truth[p, 4])))
                    rows[name]["pull"].append(off / np.sqrt(tracks.covariance[i, [0, 2, 5, 9, 14]]))
                    rows[name]["loss"].append(loss[good[i]])
                    if "10 GeV" in label:
                        u, w = space_residuals(points, good[i], event, p, bz)
                        rows[name]["u"] += list(u)
                        rows[name]["w"] += list(w)
        print(f"\n{label}, |eta| < 0.8, tracks of 100 rows or more: half of the central 68 %")
        for name, kept in rows.items():
            residual, pull = np.array(kept["residual"]).reshape(-1, 6), np.array(kept["pull"]).reshape(-1, 5)
            parts = [
                f"{what} {core(residual[:, k])[0] * scale:.3g} +- {core(residual[:, k])[1] * scale:.1g} {unit}"
                for k, (what, unit, scale) in enumerate(
                    (("d0", "mm", 1), ("z0", "mm", 1), ("phi", "mrad", 1e3), ("theta", "mrad", 1e3))
                )
            ]
            parts.append(f"p {100 * core(residual[:, 5])[0]:.2f} +- {100 * core(residual[:, 5])[1]:.2f} %")
            loss = core(kept["loss"], center=True)
            parts.append(f"dE/dx {100 * loss[0]:.2f} +- {100 * loss[1]:.2f} %")
            if kept["u"]:
                parts.append(
                    f"points {core(kept['u'])[0]:.3f} mm across, {core(kept['w'])[0]:.3f} mm along the drift"
                )
            print(
                f"{name:19} {len(residual)} tracks: "
                + ", ".join(parts)
                + "; pulls "
                + " ".join(f"{core(pull[:, k])[0]:.2f}" for k in range(5)),
                flush=True,
            )
            result.setdefault("resolution", {}).setdefault(label, {})[name] = {
                "tracks": len(residual),
                "core": [core(residual[:, k]) for k in range(6)],
                "dedx": loss,
                "u": core(kept["u"]),
                "w": core(kept["w"]),
                "pulls": [core(pull[:, k])[0] for k in range(5)],
            }


def points_of_tracks(tracks: Tracks, points: Any) -> np.ndarray:
    """Row of the piece of points that each track came from: tracks keep the order of the pieces."""
    kept = points.piece_of_track
    assert len(kept) == len(tracks)
    return kept


def space_residuals(
    points: Any, piece: int, event: Event, particle: int, bz: float
) -> tuple[np.ndarray, np.ndarray]:
    """Distance of points from the true helix, along the pads and along the drift, mm; scattering is left in."""
    p = event.truth.particles
    first, stop = points.offsets[piece], points.offsets[piece + 1]
    xyz = points.hits.xyz[first:stop]
    pt = np.hypot(p.px[particle], p.py[particle])
    radius = pt / (0.299792458e-3 * bz)
    sign = -np.sign(p.charge[particle])
    cx = p.vx[particle] - sign * radius * p.py[particle] / pt
    cy = p.vy[particle] + sign * radius * p.px[particle] / pt
    across = np.hypot(xyz[:, 0] - cx, xyz[:, 1] - cy) - radius
    chord = np.hypot(xyz[:, 0] - p.vx[particle], xyz[:, 1] - p.vy[particle])
    path = 2 * radius * np.arcsin(np.clip(chord / 2 / radius, 0, 1))
    return across, xyz[:, 2] - p.vz[particle] - path * p.pz[particle] / pt


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", default="tpc")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="occupancy, separation or resolution")
    args = parser.parse_args()
    contest, result = Contest(load_task(load_bundle(args.bundle), load_detector("tpc"))), {}
    for event in simulate(contest.task.detector, "gun", 1, 0, 1, SimulationOptions(**MUON)):
        contest.run(event, contest.new())  # compiles
    if args.only in ("", "occupancy"):
        occupancy(contest, QUICK if args.quick else SAMPLES, result)
    if args.only in ("", "separation"):
        separation(contest, 1 if args.quick else 4, result)
    if args.only in ("", "resolution"):
        resolution(contest, 6 if args.quick else 20, result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
