"""The embedded simulation beside ACTS Fatras: the same process, pile-up and acceptance, in the same detector.

    python scripts/simulation_vs_acts.py ACTS_CSV_FOLDER --process ttbar --pileup 200 --events 5

Fatras as it is driven by scripts/peers has no nuclear interactions, no decays in flight and no inefficiency, follows no
particle below 0.5 GeV and gives one up after half a turn. The same is switched off here, so that what differs is geometry,
material and digitisation.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from gnnreco.columns import Event
from gnnreco.events import open_events
from gnnreco.geometry import Detector, load_detector
from gnnreco.simulate import SimulationOptions, simulate

AS_FATRAS = SimulationOptions(
    nuclear=False, decays=False, efficiency=1.0, max_turns=0.5, max_eta=3.0, threshold=0.0, min_momentum=0.5
)
ETA = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0])


def figures(detector: Detector, events: Iterable[Event]) -> dict[str, np.ndarray]:
    """Sums over events, by name; the first axis of a (2, n) figure holds sum and count."""
    total: dict[str, np.ndarray] = {}

    def add(name: str, value: np.ndarray | float) -> None:
        total[name] = total.get(name, 0.0) + np.asarray(value, np.float64)

    for event in events:
        hits, truth = event.hits, event.truth
        assert truth is not None
        assert hits.deposits is not None
        p = truth.particles
        pt, radius = np.hypot(p.px, p.py), np.hypot(p.vx, p.vy)
        eta = np.arcsinh(p.pz / np.maximum(pt, 1e-12))
        count = np.bincount(truth.particle, minlength=len(p)).astype(float)
        target = (p.charge != 0) & (pt > 1) & (np.abs(eta) < 3) & (radius < 5)
        add("events", 1)
        add("hits", len(hits))
        followed = (pt > 0.15) & (np.hypot(pt, p.pz) > 0.5)
        add("charged, p > 0.5", ((p.charge != 0) & followed & (np.abs(eta) < 3) & (radius < 24)).sum())
        add("conversion electrons", (followed & (np.abs(p.pdg) == 11) & (radius > 15)).sum())
        for name, chosen in (
            ("hits per track, pt > 1", target),
            (
                "hits per track, pt < 0.3",
                (p.charge != 0) & followed & (pt < 0.3) & (np.abs(eta) < 3) & (radius < 5),
            ),
        ):
            add(name, [count[chosen].sum(), chosen.sum()])
        place = np.digitize(np.abs(eta[target]), ETA) - 1
        add(
            "hits per track by eta",
            [np.bincount(place, count[target], len(ETA) - 1), np.bincount(place, minlength=len(ETA) - 1)],
        )
        add("hits by layer", np.bincount(detector.layer[hits.sensor], minlength=detector.n_layers))
        hit = np.repeat(np.arange(len(hits)), np.diff(hits.deposits.offsets))
        subsystem = detector.subsystem[hits.sensor]
        n = len(detector.subsystems)
        for axis in ("u", "v"):
            width = np.zeros(len(hits))
            np.maximum.at(width, hit, getattr(hits.deposits, axis))
            low = np.full(len(hits), np.inf)
            np.minimum.at(low, hit, getattr(hits.deposits, axis))
            add(
                f"cluster width {axis}",
                [np.bincount(subsystem, width - low + 1, n), np.bincount(subsystem, minlength=n)],
            )
    return total


def value(total: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A mean where the figure has a count, else the sum per event."""
    figure = total[name]
    return (
        figure[0] / np.maximum(figure[1], 1) if figure.ndim and len(figure) == 2 else figure / total["events"]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--detector", default="trackml")
    parser.add_argument("--process", default="ttbar")
    parser.add_argument("--pileup", type=int, default=200)
    parser.add_argument("--events", type=int, default=5)
    parser.add_argument("--json", type=Path)
    a = parser.parse_args()
    detector = load_detector(a.detector)
    acts = figures(detector, itertools.islice(iter(open_events(a.folder, detector)), a.events))
    next(simulate(detector, a.process, 1, a.pileup, 1, AS_FATRAS))  # compile
    started = time.process_time()
    made = list(simulate(detector, a.process, a.events, a.pileup, 7, AS_FATRAS))
    seconds = (time.process_time() - started) / a.events
    ours = figures(detector, made)
    print(f"{'':42s}{'ACTS':>10s}{'gnnreco':>10s}{'ratio':>8s}")
    report: dict[str, object] = {"cpu_seconds_per_event": seconds}
    for name in acts:
        one, two = np.atleast_1d(value(acts, name)), np.atleast_1d(value(ours, name))
        ratio = two / np.where(one == 0, np.nan, one)
        report[name] = {"acts": one.tolist(), "gnnreco": two.tolist()}
        labels = (
            [f"layer {i}" for i in range(len(one))]
            if name == "hits by layer"
            else [s.name for s in detector.subsystems]
            if name.startswith("cluster")
            else [f"|eta| < {e}" for e in ETA[1:]]
            if len(one) > 1
            else [""]
        )
        for label, x, y, r in zip(labels, one, two, ratio, strict=True):
            print(f"{name + ('  ' + label if label else ''):42s}{x:10.3f}{y:10.3f}{r:8.3f}")
    print(f"CPU seconds per event: {seconds:.2f}")
    if a.json:
        a.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
