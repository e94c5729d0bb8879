"""Showers in Belle II's calorimeter beside the clusters that the experiment's own offline reconstruction found there.

    python scripts/belle2_vs_offline.py COLLISIONS.parquet ... [--background FILE.parquet ...] [--bundle NAME ...] [--json FILE]

The files (marcneu/vck190-caloclusternet-demo, MIT) hold a row for each crystal above 20 MeV of the full simulation, with the part of it
(`b2clst_K_cell_energy`) that belongs to offline cluster K of its event. Their `bkg_energy` is no truth: it is what lies in no such cluster.

A target is an offline cluster whose crystals hold over 20 MeV and that the experiment matches to a particle of the collision; the other
offline clusters are beam background. A target is found by a cluster with at least half of its energy, at least half of which is the
target's; `purity` is how many clusters over 20 MeV find one. It is split where two clusters, each with a tenth of it, are mainly its own;
merged where most of it lies in a cluster that is mainly another's. `background_kept`: how many of the other offline clusters are found.
`ratio` is the energy of a cluster over that of its target after the experiment's corrections (median, and half of its central 68 %).
`empty_events` counts the clusters over 20 MeV of an event that holds nothing but background; the first row says how many offline has.

CLUE is tuned (sum of efficiency and purity, then the median ratio) on the events with even numbers, all are judged on the others; once
more without clusters whose loudest crystal is more than `--window` ns from the collision, which `clusters-belle2` drops too (and whose
settings were chosen on the same events).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.sparse import csr_array

sys.path.insert(0, str(Path(__file__).parent / "peers"))

from clue import ClueConfig, Points, clue

from gnnreco.bundle import load_bundle, load_task
from gnnreco.bundle.shipped import CLUSTERS
from gnnreco.cli.table import show
from gnnreco.columns import Event, Floats, Ints
from gnnreco.events import open_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.statistics import clopper_pearson
from gnnreco.tasks.showers.task import ClusteringTask

MAP = "event=event,x=x[cm],y=y[cm],z=z[cm],sensor=cell_id,energy=rec_energy,time=tc_time"
LEAST, HALF, FRAGMENT = 0.02, 0.5, 0.1
#: To which values CLUE is tuned; lengths in crystals, energies in GeV.
GRID: dict[str, list[float]] = {
    "kernel": [0.0, 0.15, 0.5],
    "reach": [1.2, 1.6, 2.0],
    "density": [0.025, 0.03, 0.035, 0.04, 0.05],
}

Flags = NDArray[np.bool_]


class Shares(NamedTuple):
    """Clusters: which part (n_clusters, n_hits) of each hit is theirs; their energies, GeV."""

    part: csr_array
    energy: Floats


@dataclass(frozen=True)
class Collision:
    """An event, its offline clusters, and which of them the experiment matches to a particle of the collision."""

    event: Event
    offline: Shares
    of_particle: Flags


Finder = Callable[[Event], Shares]


def read(file: Path, detector: Detector) -> list[Collision]:
    """The events of a file."""
    table = pq.read_table(file)
    names = [
        name.removesuffix("_cell_energy") for name in table.column_names if name.endswith("_cell_energy")
    ]
    number = table["event"].to_numpy().astype(np.int64)
    part, energy, matched = (
        np.stack([table[f"{name}_{what}"].to_numpy() for name in names], axis=1).astype(float)
        for what in ("cell_energy", "totEnergy", "mc_matched")
    )
    found = []
    for event in open_events(file, detector, columns=MAP):
        rows = np.flatnonzero(number == event.number)
        there = (part[rows] > 0).any(axis=0)
        offline = Shares(csr_array(part[rows][:, there].T), energy[rows[0], there])
        found.append(Collision(event, offline, matched[rows[0], there] > 0))
    return found


def by_bundle(task: ClusteringTask) -> Finder:
    """Clusters of a bundle."""

    def find(event: Event) -> Shares:
        found = task.reconstruct(event)
        columns = (found.hit_weight, found.hit_index, found.offsets)
        return Shares(csr_array(columns, shape=(len(found), len(event.hits))), found.energy)

    return find


def by_clue(detector: Detector, chosen: Mapping[str, float], response: float) -> Finder:
    """Clusters of CLUE on Mercator's map of the sphere, which keeps angles: distances there are those of crystals."""
    config = ClueConfig(chosen["density"], outlier=1.0, kernel=chosen["kernel"])
    size = np.sqrt(4 * detector.half_u * detector.half_v) / np.linalg.norm(detector.center, axis=1)

    def find(event: Event) -> Shares:
        x, y, z = event.hits.xyz.T
        eta = np.arcsinh(z / np.hypot(x, y))
        n, energy = len(eta), event.hits.energy
        layer, turn = np.zeros(n, np.int64), np.array([2 * np.pi])
        reach = chosen["reach"] * size[event.hits.sensor] * np.cosh(eta)
        points = Points(np.arctan2(y, x), eta, np.zeros(n), layer, energy, reach, layer[:1], turn)
        label, _ = clue(points, np.ones(n), config)
        return whole(label, energy / response)

    return find


def whole(label: Ints, energy: Floats) -> Shares:
    """Clusters from the number of each hit (n,), -1: none."""
    hit, n = np.flatnonzero(label >= 0), int(label.max(initial=-1)) + 1
    part = csr_array((np.ones(len(hit)), (label[hit], hit)), shape=(n, len(label)))
    return Shares(part, part @ energy)


def in_time(find: Finder, window: float | None) -> Finder:
    """The same without clusters whose loudest hit is more than a window early or late."""
    if window is None:
        return find

    def timely(event: Event) -> Shares:
        found = find(event)
        if not found.part.shape[0]:
            return found
        loudest = (found.part * event.hits.energy[None]).toarray().argmax(axis=1)
        keep = np.flatnonzero(np.abs(event.hits.time[loudest]) < window)
        return Shares(found.part[keep], found.energy[keep])

    return timely


def compared(sample: Iterable[Collision], find: Finder) -> dict[str, Any]:
    """Rates, and the ratio of energies, of a finder beside the offline clusters."""
    targets, others, clusters, ratios = [], [], [], []
    for one in sample:
        energy, ours, theirs = one.event.hits.energy, some(find(one.event)), some(one.offline)
        held, aimed = ours.part @ energy, theirs.part @ energy
        shared = ((ours.part * energy[None]) @ theirs.part.T).toarray()
        main = shared.argmax(axis=1)
        match = (shared >= HALF * held[:, None]) & (shared >= HALF * aimed) & (held[:, None] > 0)
        mine = shared[np.arange(len(held)), main]
        pieces = np.bincount(main[mine >= np.maximum(FRAGMENT * aimed[main], 1e-9)], minlength=len(aimed))
        holder = shared.argmax(axis=0)
        merged = (shared.max(axis=0) > HALF * aimed) & (main[holder] != np.arange(len(aimed)))
        real = np.append(one.of_particle, np.zeros(len(aimed) - len(one.of_particle), bool))
        seen, found = aimed > LEAST, match.any(axis=0)
        targets.append(np.stack([found, pieces > 1, merged], axis=1)[seen & real])
        others.append(found[seen & ~real])
        clusters.append(match[:, real].any(axis=1)[held > LEAST])
        ratios.append((ours.energy[match.argmax(axis=0)] / theirs.energy)[seen & real & found])
    t, ratio = np.concatenate(targets), np.concatenate(ratios)
    rates = {
        "efficiency": t[:, 0],
        "purity": np.concatenate(clusters),
        "split": t[:, 1],
        "merged": t[:, 2],
        "background_kept": np.concatenate(others),
    }
    out: dict[str, Any] = {"targets": len(t)}
    for name, values in rates.items():
        out[name] = float(values.mean()) if len(values) else None
        out[f"{name}_interval"] = [float(end) for end in clopper_pearson(int(values.sum()), len(values))]
    low, middle, high = np.quantile(ratio, [0.16, 0.5, 0.84]) if len(ratio) else 3 * [0.0]
    return out | {"ratio": float(middle), "ratio_width": float((high - low) / 2 / middle) if middle else None}


def some(clusters: Shares) -> Shares:
    """The same, or one without any hit where there is none."""
    n, hits = clusters.part.shape
    return clusters if n else Shares(csr_array((1, hits)), np.full(1, np.nan))


def in_offline(sample: Sequence[Collision]) -> float:
    """Offline clusters over 20 MeV an event."""
    return float(np.mean([(one.offline.part @ one.event.hits.energy > LEAST).sum() for one in sample]))


def clusters_an_event(sample: Sequence[Collision], find: Finder) -> float:
    """Clusters over 20 MeV an event, in events that hold nothing but background."""
    return float(np.mean([(find(one.event).part @ one.event.hits.energy > LEAST).sum() for one in sample]))


def tuned_clue(
    detector: Detector, window: float | None, sample: Sequence[Collision]
) -> tuple[dict[str, float], Finder]:
    """One setting after the other, twice; then the energies are divided by the median ratio."""
    best = {key: values[len(values) // 2] for key, values in GRID.items()}
    merit: dict[tuple[float, ...], float] = {}

    def judge(chosen: dict[str, float]) -> float:
        key = tuple(chosen.values())
        if key not in merit:
            got = compared(sample, in_time(by_clue(detector, chosen, 1.0), window))
            merit[key] = got["efficiency"] + (got["purity"] or 0.0)
        return merit[key]

    for _ in range(2):
        for key, values in GRID.items():
            best = max(({**best, key: value} for value in values), key=judge)
    response = compared(sample, by_clue(detector, best, 1.0))["ratio"]
    return best, in_time(by_clue(detector, best, response), window)


def main() -> None:
    """Print one row a finder."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="collisions")
    parser.add_argument(
        "--background", type=Path, nargs="*", default=[], help="events of nothing but beam background"
    )
    parser.add_argument("--bundle", nargs="*", default=["clusters-belle2", "showers-any", CLUSTERS])
    parser.add_argument("--clue", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--window", type=float, default=60.0, help="ns (default: 60)")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    detector = load_detector("belle2_ecl")
    events = [one for file in args.files for one in read(file, detector)]
    empty = [one for file in args.background for one in read(file, detector)]
    tuning, judged = ([one for one in events if one.event.number % 2 == half] for half in (0, 1))
    finders: dict[str, Finder] = {}
    for name in args.bundle:
        finders[Path(name).name] = by_bundle(load_task(load_bundle(name), detector))
    for window in (None, args.window) if args.clue else ():
        chosen, find = tuned_clue(detector, window, tuning)
        said = ", ".join(f"{name} {value:g}" for name, value in chosen.items())
        finders[f"CLUE ({said})" + (f" within {window:g} ns" if window else "")] = find
    rows: list[dict[str, Any]] = [{"finder": "offline", "empty_events": in_offline(empty)}] if empty else []
    for name, find in finders.items():
        row = {"finder": name, **compared(judged, find)}
        rows.append(row | ({"empty_events": clusters_an_event(empty, find)} if empty else {}))
    show(rows, args.json)


if __name__ == "__main__":
    main()
