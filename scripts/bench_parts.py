"""The parts of `bench.py` that are more than one comparison: scaling, robustness, graph building."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from contenders import run_acts, run_gnnreco, score_gnnreco, summary
from degraded import misaligned, overlaid, with_noise, without_sensors
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Event
from gnnreco.events import EventSource, open_events, write_events
from gnnreco.geometry import Detector

DEAD, SHIFT_MM, NOISE, SEED = 0.05, 0.1, 0.2, 5
GRAPH_HITS = 100_000
Say = Callable[[str], None]


def cost_against_hits(
    folders: dict[int, Path],
    sources: dict[int, EventSource],
    detector: Detector,
    args: argparse.Namespace,
    say: Say,
) -> dict[str, Any]:
    """CPU time of an event at every pile-up, for both, and the exponent of a power law through it."""
    hits, ours, peer = [], [], []
    for pileup, folder in folders.items():
        say(f"cost at pile-up {pileup}")
        work = args.bench / f"pu{pileup}"
        hits.append(float(np.mean([len(event.hits) for event in sources[pileup]])))
        ours.append(run_gnnreco(folder, work / "cost", args.detector, args.bundle)["cpu_seconds_per_event"])
        acts = run_acts(folder, work / "acts-seeds5-1", args.acts_python)
        peer.append(acts["cpu_seconds_per_event"])
    lines = [
        f"pile-up {p:3}: {h:8,.0f} hits, gnnreco {a:6.3f} CPU s, ACTS (5 seeds) {b:6.3f} CPU s"
        for p, h, a, b in zip(folders, hits, ours, peer, strict=True)
    ]
    exponents = {"gnnreco": exponent(hits, ours), "ACTS": exponent(hits, peer)}
    lines.append(f"exponent: gnnreco {exponents['gnnreco']:.2f}, ACTS {exponents['ACTS']:.2f}")
    return {
        "pileup": list(folders),
        "hits": hits,
        "gnnreco": ours,
        "ACTS": peer,
        "exponent": exponents,
        "lines": lines,
    }


def exponent(hits: list[float], seconds: list[float]) -> float:
    """Slope of log(seconds) against log(hits)."""
    return float(np.polyfit(np.log(hits), np.log(seconds), 1)[0])


def cost_plot(cost: dict[str, Any], path: Path) -> None:
    """CPU seconds against hits, both axes logarithmic."""
    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    for name, marker in (("gnnreco", "o"), ("ACTS", "s")):
        label = f"{name}, exponent {cost['exponent'][name]:.2f}"
        axes.loglog(cost["hits"], cost[name], marker=marker, label=label)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("hits in the event")
    axes.set_ylabel("CPU seconds an event, hits to tracks")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, dpi=120)


def robustness(
    source: EventSource, detector: Detector, args: argparse.Namespace, say: Say
) -> list[dict[str, Any]]:
    """The same events as they are, with dead sensors, with sensors out of place, with noise."""
    changes: dict[str, Callable[[Event], Event]] = {
        "as simulated": lambda event: event,
        f"{DEAD:.0%} of the sensors dead": lambda event: without_sensors(event, detector, DEAD, SEED),
        f"sensors {SHIFT_MM} mm out of place": lambda event: misaligned(event, detector, SHIFT_MM, SEED),
        f"{NOISE:.0%} noise hits": lambda event: with_noise(event, detector, NOISE, SEED),
    }
    events = source.select(range(min(len(source), args.robust_events)))
    events.deposits = True
    rows = []
    for i, (name, change) in enumerate(changes.items()):
        say(name)
        folder = args.bench / "robustness" / str(i)
        if not folder.is_dir():
            write_events(map(change, events), folder, "parquet", detector)
        changed = open_events([folder], detector, deposits=False)
        cost = run_gnnreco(folder, args.bench / "robustness" / f"{i}-tracks", args.detector, args.bundle)
        result = score_gnnreco(changed, args.bench / "robustness" / f"{i}-tracks", detector.field)
        rows.append(summary(name, result, cost, 1))
    return rows


def graph_seconds(folder: Path, detector: Detector, bundle: str) -> float:
    """Wall time to build the graph of 100,000 hits: the fastest of three runs."""
    graph = load_task(load_bundle(bundle), detector, any_detector=True).graph
    source = open_events([folder], detector, truth=False)
    event, i = source[0], 1
    while len(event.hits) < GRAPH_HITS:
        other = source[i % len(source)]
        event, i = overlaid(event, other, min(GRAPH_HITS, len(event.hits) + len(other.hits)), SEED), i + 1
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        graph.build(event)
        seconds.append(time.perf_counter() - begin)
    return min(seconds)
