"""What `bench_pflow.py` measures: contenders on the events of a sample, their figures, ratios and costs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from flow_events import reconstructed, with_found
from flow_ideal import TrueFlow, calorimeter_alone, perfect_flow, tracks_alone, true_flow
from flow_pieces import FlowEvent, flow_event
from flow_rules import particle_flow
from flow_settings import FlowSettings

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import PARTICLE_CLASSES, Clusters, Event, Floats, ReconstructedParticles, Tracks
from gnnreco.evaluate.particles import ParticleScores, jets
from gnnreco.evaluate.particles.classes import HARD
from gnnreco.evaluate.particles.targets import four_vectors
from gnnreco.geometry import Detector
from gnnreco.graphs.elements.graph import ElementConfig
from gnnreco.statistics import COVERAGE
from gnnreco.tasks.particleflow.elements import Surroundings

PEER, PERFECT, TRACKS = "rules", "perfect", "tracks alone"
FOUND, OF_TRACK = 1, 2  # columns of `momentum_errors`
RESAMPLED, SEED = 400, 13
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as a contender may see it; the truth is for the perfect one."""

    event: Event
    flow: FlowEvent
    true: TrueFlow


Contender = Callable[[Seen], ReconstructedParticles]


@dataclass(frozen=True, slots=True)
class Sample:
    """Events, where what was found in them is kept, and the bundles that found it."""

    name: str
    events: Path
    found: Path
    detector: str
    bundles: Sequence[str]
    algorithm: str


@dataclass(slots=True)
class Rows:
    """What is kept of each event for one contender: scores, and rows that are resampled for ratios."""

    algorithm: str
    scores: ParticleScores = field(init=False)
    momentum: list[Floats] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.scores = ParticleScores(algorithms=(self.algorithm,))

    def add(self, seen: Seen, found: ReconstructedParticles, seconds: float) -> None:
        """Take what was found in an event, in so many CPU seconds."""
        self.scores.add(seen.true.targets, found)
        self.momentum.append(momentum_errors(seen, found))
        self.seconds.append(seconds)

    @property
    def jets(self) -> list[Floats]:
        """Responses of the central jets of each event (of anti-kt all); the ratio of visible energies where FastJet is missing."""
        if not jets.installed():
            return [row[:, 6] for row in self.scores.balances]
        limit = np.inf if self.algorithm == "antikt" else jets.CENTRAL
        return [rows[rows[:, 1] < limit, 2] for rows in self.scores.jet_rows(self.algorithm)]

    @property
    def mass(self) -> list[Floats]:
        """Visible mass of each event over the true one."""
        return [row[:, 4] / np.maximum(row[:, 5], 1e-9) for row in self.scores.balances]

    @property
    def met(self) -> list[Floats]:
        """Errors of both components of the missing transverse momentum of each event, GeV."""
        return [(row[:, 0:2] - row[:, 2:4]).ravel() for row in self.scores.balances]

    def lost(self, kind: int) -> list[Floats]:
        """For each target of a class above 2 GeV, in each event, 1 if it was not found as such, else 0."""
        tables = [targets for targets, _ in self.scores.tables]
        return [1.0 - t.right[t.counted & (t.kind == kind) & (t.energy > HARD)] for t in tables]

    def fake(self, kind: int) -> list[Floats]:
        """For each found particle of a class above 2 GeV, in each event, 1 if it is of no target, else 0."""
        tables = [found for _, found in self.scores.tables]
        return [1.0 * (t.true_kind[t.counted & (t.kind == kind) & (t.energy > HARD)] < 0) for t in tables]


def contenders(detector: Detector, bundles: Sequence[str], rules: FlowSettings) -> dict[str, Contender]:
    """All of them by name: networks first; `rules` are the settings of the peer."""
    tasks = {f"network {Path(b).name}": load_task(load_bundle(b), detector, True) for b in bundles}
    return {
        **{name: (lambda seen, task=task: task.reconstruct(seen.event)) for name, task in tasks.items()},
        PEER: lambda seen: particle_flow(seen.flow, rules),
        PERFECT: lambda seen: perfect_flow(seen.flow, seen.true, rules),
        "calorimeter alone": lambda seen: calorimeter_alone(seen.flow, rules),
        TRACKS: lambda seen: tracks_alone(seen.flow, rules),
    }


def run_sample(
    sample: Sample, detector: Detector, runs: dict[str, Contender], limit: int | None
) -> dict[str, Any]:
    """All figures of a sample."""
    before = reconstructed(sample.events, sample.found, sample.detector, sample.bundles)
    around = Surroundings.of(detector.at_source(), ElementConfig())
    rows, elements, reading = {name: Rows(sample.algorithm) for name in runs}, [], []
    for number, event in enumerate(with_found(sample.events, sample.found, detector, limit)):
        true = true_flow(event, around)
        begin = time.process_time()
        seen = Seen(event, flow_event(event, detector, around), true)
        reading.append(time.process_time() - begin)
        elements.append(len(event.found[Tracks]) + len(event.found[Clusters]))
        for name, run in runs.items():
            if number == 0:
                run(seen)  # kernels are compiled
            begin = time.process_time()
            found = run(seen)
            rows[name].add(seen, found, time.process_time() - begin)
        if number % 50 == 49:
            print(f"... {sample.name}: {number + 1} events", file=sys.stderr, flush=True)
    count = np.array(elements, float)
    spent = np.array(reading[1:])  # the first event compiles kernels
    out = {name: figures(one, rows) for name, one in rows.items()}
    for name, one in rows.items():
        # The rules read pieces, which cost more than they do themselves; a network makes its elements itself.
        own = np.array(one.seconds[1:]) + (spent if name == PEER else 0.0)
        out[name]["cpu_seconds"] = float(own.mean()) if len(own) else 0.0
        out[name]["cost"] = np.column_stack([count[1:], own]).tolist()
    return {
        "events": len(count),
        "elements": float(count.mean()),
        "cpu_seconds": before,
        "jets": sample.algorithm if jets.installed() else "visible energy",
        "contenders": out,
    }


def figures(mine: Rows, rows: dict[str, Rows]) -> dict[str, Any]:
    """Figures of one contender, and ratios to the peer and to the ceiling on the same events."""
    out, peer = mine.scores.result(mine.algorithm), rows[PEER]
    out["ratio"] = {
        "jets": compared(mine.jets, peer.jets, relative),
        "jets_perfect": compared(mine.jets, rows[PERFECT].jets, relative),
        "visible_mass": compared(mine.mass, peer.mass, relative),
        "met": compared(mine.met, peer.met, spread),
    }
    out["ratio"] |= {
        f"{name}_{what}": compared(ours(k), theirs(k), np.mean)
        for k, name in enumerate(PARTICLE_CLASSES)
        for what, ours, theirs in (("lost", mine.lost, peer.lost), ("fakes", mine.fake, peer.fake))
    }
    out["momentum"] = {
        name: compared(*(of_kind(mine.momentum, k, column) for column in (FOUND, OF_TRACK)), spread)
        for k, name in enumerate(PARTICLE_CLASSES)
    }
    return out


def of_kind(rows: Sequence[Floats], kind: int, column: int) -> list[Floats]:
    """Relative errors of the momentum of targets of a class."""
    return [row[row[:, 0] == kind, column] for row in rows]


def momentum_errors(seen: Seen, found: ReconstructedParticles) -> Floats:
    """Class of targets, and relative errors of what holds their track and of this track itself (k, 3)."""
    true, targets = four_vectors(seen.true.targets), seen.true.targets
    holder = np.full(len(seen.flow.error) + 1, -1, np.int64)
    holder[found.track_index] = np.repeat(np.arange(len(found)), np.diff(found.track_offsets))
    row = holder[seen.true.track]
    row = np.where(seen.true.track >= 0, row, -1)
    have = np.flatnonzero(row >= 0)
    size = np.linalg.norm(four_vectors(found)[row[have], :3], axis=1)
    track = np.linalg.norm(seen.flow.momentum[seen.true.track[have]], axis=1)
    truth = np.maximum(np.linalg.norm(true[have, :3], axis=1), 1e-9)
    return np.column_stack([targets.pdg_class[have], size / truth - 1, track / truth - 1])


def spread(values: Floats) -> float:
    """Interquartile range."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high - low)


def relative(values: Floats) -> float:
    """Interquartile range over the median."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float((high - low) / middle) if middle > 0 else np.nan


def compared(
    mine: Sequence[Floats], other: Sequence[Floats], width: Callable[[Floats], Any]
) -> dict[str, Any]:
    """Ratio of widths, and its interval from resampling events, the same ones for both."""

    def of(rows: Sequence[int]) -> float:
        a, b = (np.concatenate([one[row] for row in rows]) for one in (mine, other))
        a, b = a[np.isfinite(a)], b[np.isfinite(b)]
        if min(len(a), len(b)) < FEWEST:
            return np.nan
        below = width(b)
        return width(a) / below if below > 0 else np.nan

    if not len(mine):
        return {"value": None, "interval": None}
    value, rng = of(range(len(mine))), np.random.default_rng(SEED)
    again = np.array([of(rng.integers(0, len(mine), len(mine)).tolist()) for _ in range(RESAMPLED)])
    if not np.isfinite(value) or np.isnan(again).all():
        return {"value": None, "interval": None}
    tail = (1 - COVERAGE) / 2
    return {"value": value, "interval": np.nanquantile(again, [tail, 1 - tail]).tolist()}


def exponent(costs: Floats) -> dict[str, Any]:
    """Power of the number of elements that CPU time grows with, and its interval; a row (n, 2) of both for each event.

    A straight line through logarithms.
    """
    elements, seconds = costs.reshape(-1, 2).T
    good = (elements > 0) & (seconds > 0)
    x, y = np.log(elements[good]), np.log(seconds[good])
    if len(x) < FEWEST or np.ptp(x) == 0:
        return {"value": None, "interval": None}
    rng, tail = np.random.default_rng(SEED), (1 - COVERAGE) / 2
    again = []
    for _ in range(RESAMPLED):
        rows = rng.integers(0, len(x), len(x))
        if np.ptp(x[rows]) > 0:
            again.append(np.polyfit(x[rows], y[rows], 1)[0])
    return {"value": float(np.polyfit(x, y, 1)[0]), "interval": np.quantile(again, [tail, 1 - tail]).tolist()}
