"""How the rule-based particle flow was tuned: calibration first, then a scan of every threshold by the resolution of jets.

    python scripts/peers/flow_scan.py --events EVENTS --found OUTPUT [--limit 100] [--passes 2] [--json FILE]

EVENTS are e+e- -> qq at 380 GeV with seeds that no test uses; OUTPUT is what `gnnreco reconstruct` found in them (tracks and
clusters). The weights of energies in front and behind are fitted to photons and neutral hadrons with all their true cells. Then
one setting after the other goes through its values in `flow_settings.GRID`, and the best one stays. The merit is the mean distance
of the response of Durham jets (two an event, |cos theta| < 0.95) from its median, without the worst tenth, over the median:
it follows the interquartile range, with half its noise. At the end `belief` counts what particles of each class truly are.
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

from gnnreco.columns import PARTICLE_CLASSES, Event, Floats
from gnnreco.evaluate.particles import jets, match_particles
from gnnreco.evaluate.particles.targets import four_vectors
from gnnreco.geometry import load_detector
from gnnreco.graphs.elements.graph import ElementConfig
from gnnreco.tasks.particleflow.elements import Surroundings

WIDEST = 0.95  # |cos theta| of jets in the scan
KEPT = 0.9  # of them, nearest to the median
WORTH = 2e-3  # relative gain from which a value is taken over the one before


@dataclass(frozen=True, slots=True)
class Case:
    """An event of the tuning sample: what the rules read, and the truth."""

    event: FlowEvent
    true: TrueFlow


def cases_of(events: Path, found: Path, detector_name: str, limit: int | None) -> list[Case]:
    """All events of the sample, as the rules see them."""
    detector = load_detector(detector_name)
    around = Surroundings.of(detector.at_source(), ElementConfig())

    def case(event: Event) -> Case:
        return Case(flow_event(event, detector, around), true_flow(event, around))

    return [case(event) for event in with_found(events, found, detector, limit)]


def fitted(cases: list[Case], s: FlowSettings) -> FlowSettings:
    """Weights of energies in front and behind, by least squares of relative differences times the root of the energy."""
    kind = np.concatenate([c.true.targets.pdg_class for c in cases])
    energy = np.concatenate([c.true.targets.energy for c in cases])
    left = np.concatenate([c.true.energy for c in cases])
    out: dict[str, tuple[float, float]] = {}
    for name, wanted, least in (("photon", PHOTON, 0.5), ("hadron", NEUTRAL, 2.0)):
        rows = (kind == wanted) & (energy > least) & (left.sum(axis=1) > 0.2 * energy)
        scale = 1 / np.sqrt(energy[rows])
        for _ in range(3):  # what lies far off (leakage, folded targets) does not count
            weights, *_ = np.linalg.lstsq(left[rows] * scale[:, None], energy[rows] * scale)
            off = np.abs(left[rows] @ weights - energy[rows]) * scale
            rows[np.flatnonzero(rows)[off > 3 * np.median(off) + 1e-9]] = False
            scale = 1 / np.sqrt(energy[rows])
        out[f"{name}_weights"] = (round(float(weights[0]), 3), round(float(weights[1]), 3))
    return replace(s, **out)


def merit(cases: list[Case], s: FlowSettings) -> float:
    """See the head of this file."""
    ratio = np.concatenate([responses(four_vectors(particle_flow(c.event, s)), c.true) for c in cases])
    middle = np.median(ratio)
    off = np.sort(np.abs(ratio - middle))
    return float(off[: int(KEPT * len(off))].mean() / middle)


def responses(found: Floats, true: TrueFlow) -> Floats:
    """Of the jets of an event; 0 for one that was not found."""
    rows, _ = jets.compare_jets(found, four_vectors(true.targets), "durham")
    return np.nan_to_num(rows[rows[:, 1] < WIDEST, 2])


def scan(cases: list[Case], s: FlowSettings, passes: int) -> tuple[FlowSettings, float]:
    """One setting after the other; each value that is better stays."""
    best = merit(cases, s)
    print(f"... start {best:.4f}", file=sys.stderr, flush=True)
    for _ in range(passes):
        before = s
        for name, values in GRID.items():
            for value in values:
                if value == getattr(s, name):
                    continue
                trial = replace(s, **{name: value})
                got = merit(cases, trial)
                if got < best * (1 - WORTH):
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
    parser.add_argument("--events", type=Path, required=True)
    parser.add_argument("--found", type=Path, required=True)
    parser.add_argument("--detector", default="full_cld")
    parser.add_argument("--limit", type=int, default=100)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    begin = time.perf_counter()
    cases = cases_of(asked.events, asked.found, asked.detector, asked.limit)
    print(f"{len(cases)} events, {time.perf_counter() - begin:.0f} s", flush=True)
    s, best = scan(cases, fitted(cases, TUNED), asked.passes)
    belief = beliefs(cases, s)
    result: dict[str, Any] = {
        "merit": best,
        "edges": edges(s),
        "settings": {**asdict(s), "belief": belief.tolist()},
    }
    for name in GRID:
        print(f"    {name}={getattr(s, name)},")
    print(f"    photon_weights={s.photon_weights}, hadron_weights={s.hadron_weights}")
    for name, row in zip(PARTICLE_CLASSES, belief, strict=True):
        print(f"    {name:16} {row.tolist()}")
    print(f"merit {best:.4f}; at an edge of the grid: {', '.join(result['edges']) or 'none'}")
    if asked.json:
        asked.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
