"""How the rule-based particle flow was tuned: calibration first, then a scan of every threshold by the resolution of jets.

    python scripts/peers/flow_scan.py --events EVENTS ... --found OUTPUT ... [--limit 120] [--passes 2] [--merit met] [--json FILE]

EVENTS are samples with seeds (and a pool of collisions) that no test uses, OUTPUT what `gnnreco reconstruct` found in them (tracks
and clusters). The weights of energies in front and behind, and how the calibration of hadrons bends, are fitted to photons and
neutral hadrons with all their true cells. Then each setting climbs from value to value in `flow_settings.GRID` as long as the merit
gets better. The merit of a sample is the geometric mean of two widths: of the response of Durham jets (two an event, |cos theta| <
0.95), and of the visible energy over the true one. A width is the mean distance from the median, without the worst fifth, over the
median: it follows the interquartile range with less noise. The merit of several samples is their geometric mean, weighted by events.
With `--merit met` it is, in place of the first, the width of the components of the missing transverse momentum, for pile-up. At the end
`belief` counts what particles of each class truly are.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from flow_events import with_found
from flow_ideal import TrueFlow, true_flow
from flow_output import NEUTRAL, PHOTON
from flow_pieces import FlowEvent, flow_event
from flow_rules import particle_flow
from flow_settings import GRID, TUNED, FlowSettings
from flow_showers import straight

from gnnreco.columns import PARTICLE_CLASSES, Event, Floats
from gnnreco.evaluate.particles import jets, match_particles
from gnnreco.evaluate.particles.matching import assign
from gnnreco.evaluate.particles.targets import four_vectors
from gnnreco.geometry import load_detector
from gnnreco.graphs.elements.graph import ElementConfig
from gnnreco.tasks.particleflow.elements import Surroundings

WIDEST = 0.95  # |cos theta| of jets in the scan
BENDS = (0.0, 0.02, 0.04, 0.06, 0.08, 0.1, 0.12)
KEPT = 0.8  # of them, nearest to the median
WORTH = 2e-3  # relative gain from which a value is taken over the one before


@dataclass(frozen=True, slots=True)
class Case:
    """An event of the tuning sample: what the rules read, the truth, and its two jets (2, 4)."""

    event: FlowEvent
    true: TrueFlow
    jets: Floats


def cases_of(events: Path, found: Path, detector_name: str, limit: int | None) -> list[Case]:
    """All events of the sample, as the rules see them."""
    detector = load_detector(detector_name)
    around = Surroundings.of(detector.at_source(), ElementConfig())

    def case(event: Event) -> Case:
        true = true_flow(event, around)
        both = jets.find_jets(four_vectors(true.targets), "durham")
        return Case(flow_event(event, detector, around), true, both)

    return [case(event) for event in with_found(events, found, detector, limit)]


def fitted(cases: list[Case], s: FlowSettings) -> FlowSettings:
    """Weights of energies in front and behind, and the bend of hadrons, by least squares of relative differences times the
    root of the energy."""
    kind = np.concatenate([c.true.targets.pdg_class for c in cases])
    energy = np.concatenate([c.true.targets.energy for c in cases])
    left = np.concatenate([c.true.energy for c in cases])
    seen = left.sum(axis=1) > 0.2 * energy
    photon, hadron = ((kind == wanted) & (energy > 1.0) & seen for wanted in (PHOTON, NEUTRAL))
    weights, _ = _weights(left[photon], energy[photon])
    trials = []
    for bend in BENDS:
        trial = replace(s, bend=bend)
        found, off = _weights(left[hadron], straight(energy[hadron], trial))
        trials.append((off, replace(trial, hadron_weights=found)))
    best = min(trials, key=lambda one: one[0])[1]
    return replace(best, photon_weights=weights)


def _weights(left: Floats, energy: Floats) -> tuple[tuple[float, float], float]:
    """Weights of both energies, and how far off the middle half of showers is on average."""
    rows = np.ones(len(energy), bool)
    for _ in range(3):  # what lies far off (leakage, folded targets) does not count
        scale = 1 / np.sqrt(energy[rows])
        weights, *_ = np.linalg.lstsq(left[rows] * scale[:, None], energy[rows] * scale)
        off = np.abs(left @ weights - energy) / np.sqrt(energy)
        rows = off <= 3 * np.median(off) + 1e-9
    spread = np.sort(off / np.sqrt(energy))[: max(len(off) // 2, 1)].mean()
    return (round(float(weights[0]), 3), round(float(weights[1]), 3)), float(spread)


def merit(samples: list[list[Case]], s: FlowSettings, of: str) -> float:
    """See the head of this file."""
    logs = []
    for cases in samples:
        found = [four_vectors(particle_flow(c.event, s)) for c in cases]
        if of == "met":
            first = missed(found, cases)
        else:
            first = width(
                np.concatenate([responses(one, c.jets) for one, c in zip(found, cases, strict=True)])
            )
        visible = np.array(
            [one[:, 3].sum() / c.true.targets.energy.sum() for one, c in zip(found, cases, strict=True)]
        )
        logs.append(np.log(first * width(visible)) / 2)
    return float(np.exp(np.average(logs, weights=[len(cases) for cases in samples])))


def width(values: Floats) -> float:
    """Mean distance from the median of those nearest to it, over the median."""
    middle = np.median(values)
    off = np.sort(np.abs(values - middle))
    return float(off[: int(KEPT * len(off))].mean() / middle)


def missed(found: list[Floats], cases: list[Case]) -> float:
    """Mean error of a component of the missing transverse momentum, GeV, without the worst fifth, over 100 GeV."""
    sums = [
        one[:, :2].sum(axis=0) - four_vectors(c.true.targets)[:, :2].sum(axis=0)
        for one, c in zip(found, cases, strict=True)
    ]
    off = np.sort(np.abs(np.concatenate(sums)))
    return float(off[: int(KEPT * len(off))].mean() / 100)


def responses(found: Floats, true: Floats) -> Floats:
    """Of the true jets (2, 4) that are not too near the beam, from found particles (n, 4); 0 for one that is not found."""
    ours = jets.find_jets(found, "durham")
    one, two = assign(ours, true, jets.MATCHED)
    ratio = np.zeros(len(true))
    ratio[two] = ours[one, 3] / true[two, 3]
    return ratio[np.abs(true[:, 2]) < WIDEST * np.linalg.norm(true[:, :3], axis=1)]


def scan(
    samples: list[list[Case]], s: FlowSettings, passes: int, of: str, names: list[str]
) -> tuple[FlowSettings, float]:
    """One setting after the other climbs through its values while they get better."""
    best = merit(samples, s, of)
    print(f"... start {best:.4f}", file=sys.stderr, flush=True)
    for _ in range(passes):
        before = s
        for name in names:
            values = GRID[name]
            for ahead in (True, False):
                ways = [v for v in values if (v > getattr(s, name)) == ahead and v != getattr(s, name)]
                for value in sorted(ways, reverse=not ahead):
                    trial = replace(s, **{name: value})
                    got = merit(samples, trial, of)
                    if got >= best * (1 - WORTH):
                        break
                    best, s = got, trial
            print(f"... {name} = {getattr(s, name):g}, {best:.4f}", file=sys.stderr, flush=True)
        if s == before:
            break
    return s, best


def beliefs(cases: list[Case], s: FlowSettings) -> Floats:
    """For each class that is said, the parts that truly are of each, and last of none (5, 6)."""
    counts = np.zeros((5, 6))
    for c in cases:
        found = particle_flow(c.event, s)
        true = four_vectors(c.true.targets), c.true.targets.pdg_class
        pairs = match_particles(four_vectors(found), found.class_index, *true)
        np.add.at(counts, (found.class_index, np.append(true[1], 5)[pairs.target]), 1)
    counts += np.column_stack([np.eye(5), np.zeros(5)])
    return np.round(counts / counts.sum(axis=1, keepdims=True), 4)


def edges(s: FlowSettings) -> list[str]:
    """Settings whose best value is the first or the last of the grid."""
    return [name for name, values in GRID.items() if getattr(s, name) in (values[0], values[-1])]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=Path, nargs="+", required=True)
    parser.add_argument("--found", type=Path, nargs="+", required=True, help="in the same order")
    parser.add_argument("--detector", default="full_cld")
    parser.add_argument("--limit", type=int, default=120, help="events of each sample")
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--merit", choices=["jets", "met"], default="jets")
    parser.add_argument("--settings", nargs="+", choices=list(GRID), default=list(GRID), help="to scan")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    begin = time.perf_counter()
    samples = [
        cases_of(events, found, asked.detector, asked.limit)
        for events, found in zip(asked.events, asked.found, strict=True)
    ]
    cases = [case for sample in samples for case in sample]
    print(f"{len(cases)} events, {time.perf_counter() - begin:.0f} s", flush=True)
    s, best = scan(samples, fitted(cases, TUNED), asked.passes, asked.merit, asked.settings)
    belief = beliefs(cases, s)
    result: dict[str, Any] = {
        "merit": best,
        "edges": edges(s),
        "settings": {**asdict(s), "belief": belief.tolist()},
    }
    for name in GRID:
        print(f"    {name}={getattr(s, name)},")
    print(f"    photon_weights={s.photon_weights}, hadron_weights={s.hadron_weights}, bend={s.bend}")
    for name, row in zip(PARTICLE_CLASSES, belief, strict=True):
        print(f"    {name:16} {row.tolist()}")
    print(f"merit {best:.4f}; at an edge of the grid: {', '.join(result['edges']) or 'none'}")
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
