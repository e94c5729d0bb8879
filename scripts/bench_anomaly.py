"""The anomaly head on hits: signals that trained nothing beside an isolation forest, p-values of normal events, cost.

    python scripts/bench_anomaly.py -o FOLDER [--bundle anomaly-hits] [--normal 400] [--signal 120] [--json FILE]

Normal events are dijets with pile-up, of seeds that no training has seen; the signals are a heavy resonance, displaced decays and
a highly ionising particle on top of a normal event (see docs/reference/signals.md), then two faults of the detector put into normal events.
The peers learn from as many normal events as are judged: an isolation forest and a normal distribution on the summary of an event
(13 totals of energies and hits, no network). Abroad are normal events of another simulation: showers of photons and electrons by
the network that learned them from Geant4, other hadronic showers, more noise, more pile-up. The cost is CPU time beside the chain
that finds tracks, clusters and particles in the same events. Each event is kept as its row of numbers in FOLDER, so a run that stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gnnreco
from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Event
from gnnreco.geometry import Detector, load_detector
from gnnreco.models.anomaly.heads import fit_head
from gnnreco.pipeline import Reconstructor
from gnnreco.statistics import coverage, drift
from gnnreco.tasks.anomaly import AnomalyTask
from gnnreco.testing.implants import hot_tower, noise_burst

NORMAL = {"process": "dijet", "pileup": 2}
IONISING = {**NORMAL, "extra": "hip", "energy": (1000.0, 2000.0), "eta": (-2.0, 2.0)}
SIGNALS: dict[str, dict[str, Any]] = {
    "heavy resonance": {"process": "wprime", "pileup": 2},
    "displaced decays": {"process": "displaced", "pileup": 2},
    "highly ionising": IONISING,
}
ABROAD: dict[str, dict[str, Any]] = {
    "showers by the network": {**NORMAL, "engine": "fastsim"},
    "hadron_response 0.85": {**NORMAL, "hadron_response": 0.85},
    "cell_noise 0.2": {**NORMAL, "cell_noise": 0.2},
    "pile-up 4": {**NORMAL, "pileup": 4},
}
FAULTS: dict[str, Callable[..., Any]] = {"hot tower": hot_tower, "noise burst": noise_burst}
PEERS = ("forest", "gaussian")
TIMED = 10


def events(detector: Detector, what: dict[str, Any], n: int, seed: int) -> Iterator[Event]:
    """Events of a kind."""
    yield from gnnreco.simulate(detector, events=n, seed=seed, **what)


class Rows:
    """Events as rows of numbers, kept in a folder by name."""

    def __init__(self, task: AnomalyTask, folder: Path) -> None:
        self.task, self.folder = task, folder

    def __call__(self, name: str, made: Iterator[Event]) -> np.ndarray:
        """The rows of events (n, k), their p-values last."""
        file = self.folder / f"{name.replace(' ', '_')}.npy"
        if not file.exists():
            rows = [self._row(event) for event in made]
            np.save(file, np.array(rows))
        return np.load(file, allow_pickle=False)

    def _row(self, event: Event) -> np.ndarray:
        found = self.task.reconstruct(event)
        totals = self.task.sample(event).totals[0]
        return np.concatenate([totals, found.score, found.p_value])


def auc(normal: np.ndarray, strange: np.ndarray) -> tuple[float, float]:
    """Chance that a strange event has the higher score, and its error (Hanley and McNeil)."""
    a = float((np.searchsorted(np.sort(normal), strange, "left") / len(normal)).mean())
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    n, m = len(strange), len(normal)
    variance = (a * (1 - a) + (n - 1) * (q1 - a * a) + (m - 1) * (q2 - a * a)) / (n * m)
    return a, float(np.sqrt(max(variance, 0.0)))


def signals(rows: Rows, detector: Detector, args: argparse.Namespace) -> dict[str, Any]:
    """AUC of each signal by each method, efficiencies at a rate of one in a hundred, and coverage at home and abroad."""
    learn = rows("peers learn", events(detector, NORMAL, args.normal, 7101))
    normal = rows("normal", events(detector, NORMAL, args.normal, 7001))
    heads = {name: fit_head(name, learn[:, :-2].astype(np.float32), 0) for name in PEERS}
    strange = {
        name: rows(name, events(detector, what, args.signal, 7002 + k))
        for k, (name, what) in enumerate(SIGNALS.items())
    }
    for name, fault in FAULTS.items():
        made = (fault(event, detector, seed=1).event for event in events(detector, NORMAL, args.signal, 7020))
        strange[name] = rows(name, made)
    found: dict[str, Any] = {"signals": {}, "coverage": {}}
    cut = float(np.quantile(normal[:, -2], 0.99))
    for name, table in strange.items():
        by = {"gnnreco": auc(normal[:, -2], table[:, -2])}
        for peer, head in heads.items():
            scores = (head.score(x[:, :-2].astype(np.float32)) for x in (normal, table))
            by[peer] = auc(*scores)
        found["signals"][name] = {"auc": by, "efficiency_at_0.01": float((table[:, -2] > cut).mean())}
    assert rows.task.calibration is not None
    size = len(rows.task.calibration)
    abroad = {name: rows(name, events(detector, what, args.abroad, 7040)) for name, what in ABROAD.items()}
    for name, table in {"home": normal, **abroad}.items():
        seen, moved = coverage(table[:, -1], size), drift(table[:, -1], size)
        below = dict(zip(map(float, seen.level), map(float, seen.below), strict=True))
        found["coverage"][name] = {
            "events": len(table),
            "error": seen.error,
            "expected_error": seen.expected_error,
            "below_0.05": below[0.05],
            "below_0.01": below[0.01],
            "drift_p_value": moved.p_value,
            "drifted": bool(moved.drifted),
        }
    return found


def cost(detector: Detector, bundle: str) -> dict[str, float]:
    """CPU ms an event of the anomaly head and of the chain to particles, medians."""
    chain, head = Reconstructor(detector), Reconstructor(detector, bundle)
    made = list(events(detector, NORMAL, TIMED + 1, 7030))
    spent: dict[str, list[float]] = {"chain": [], "anomaly": []}
    for event in made:  # the first one compiles
        for name, run in (("chain", chain), ("anomaly", head)):
            begin = time.process_time()
            run(event)
            spent[name].append((time.process_time() - begin) * 1e3)
    ms = {name: float(np.median(values[1:])) for name, values in spent.items()}
    return {**ms, "share": ms["anomaly"] / ms["chain"]}


def lines(found: dict[str, Any]) -> str:
    """What is printed."""
    rows = [
        "AUC, normal events against                gnnreco          forest           gaussian     efficiency at 1 % of normal"
    ]
    for name, one in found["signals"].items():
        by = "   ".join(f"{a:.4f} +- {e:.4f}" for a, e in one["auc"].values())
        rows.append(f"  {name:36} {by}   {one['efficiency_at_0.01']:.3f}")
    rows.append("p-values of normal events: error of coverage (expected), part below 0.05 and 0.01, drift")
    for name, one in found["coverage"].items():
        rows.append(
            f"  {name:36} {one['error']:.3f} ({one['expected_error']:.3f})  {one['below_0.05']:.3f}  {one['below_0.01']:.3f}  "
            f"p = {one['drift_p_value']:.2g}{' drifted' if one['drifted'] else ''}   {one['events']} events"
        )
    ms = found["cost"]
    rows.append(
        f"CPU: {ms['anomaly']:.1f} ms an event, {100 * ms['share']:.1f} % of the chain to particles ({ms['chain']:.0f} ms)"
    )
    return "\n".join(rows)


def main(asked: Sequence[str] | None = None) -> None:
    """Make what is missing, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", dest="folder", type=Path, required=True, help="rows of numbers are kept here")
    parser.add_argument("--bundle", default="anomaly-hits")
    parser.add_argument("--detector", default="odd")
    parser.add_argument("--normal", type=int, default=400, help="normal events to judge")
    parser.add_argument("--signal", type=int, default=120, help="events of each signal")
    parser.add_argument("--abroad", type=int, default=150, help="normal events of each other simulation")
    parser.add_argument("--json", type=Path, help="write the figures")
    args = parser.parse_args(asked)
    args.folder.mkdir(parents=True, exist_ok=True)
    detector = load_detector(args.detector)
    task = load_task(load_bundle(args.bundle), detector)
    assert isinstance(task, AnomalyTask)
    found = {**signals(Rows(task, args.folder), detector, args), "cost": cost(detector, args.bundle)}
    print(lines(found))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
