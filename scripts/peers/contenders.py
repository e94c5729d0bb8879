"""Runs gnnreco and ACTS on the same events, each in a fresh process, and scores both with the same evaluator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from acts_config import write_config
from acts_tracks import read_acts_tracks

from gnnreco.columns import Tracks
from gnnreco.evaluate import Target, score_tracks
from gnnreco.events import EventSource
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import Detector

PEERS = Path(__file__).parent
GNNRECO = [sys.executable, "-c", "from gnnreco.cli import entry; entry()"]
STAGES = {"ckf": "CKF", "ambi": "CKF + ambiguity"}
COST = ("cpu_seconds_per_event", "seconds_per_event", "peak_rss_gib")
Row = dict[str, Any]


def one_library_thread(threads: int) -> dict[str, str]:
    """Environment in which no library starts more threads than asked for."""
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(names, str(threads))}


def run_acts(events: Path, output: Path, python: str, threads: int = 1, max_seeds: int = 5) -> Row:
    """Seeding, CKF and ambiguity resolution on a folder of ACTS CSV events; returns the cost of an event."""
    if not (output / "cost.json").exists():
        config = write_config(output / "config")
        command = [python, str(PEERS / "acts_sequence.py"), "find", str(events), "--config", str(config)]
        command += ["--threads", str(threads), "--max-seeds", str(max_seeds), "-o", str(output)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=one_library_thread(threads))
    cost: Row = json.loads((output / "cost.json").read_text())
    return cost


def run_gnnreco(events: Path, output: Path, detector: str, bundle: str, threads: int = 1) -> Row:
    """Reconstruct a folder of events in one process; returns the manifest."""
    command = [*GNNRECO, "reconstruct", str(events), "--detector", detector, "--bundle", bundle]
    command += ["--any-detector", "--threads", str(threads), "--overwrite", "-o", str(output)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=one_library_thread(threads))
    manifest: Row = json.loads((output / "manifest.json").read_text())
    return manifest


def score_acts(source: EventSource, tracks: Path, bz: float, stage: str, target: Target | None = None) -> Row:
    """Score the tracks of ACTS with our evaluator."""
    return score_tracks(((event, read_acts_tracks(tracks, event, stage)) for event in source), bz, target)


def score_gnnreco(source: EventSource, output: Path, bz: float, target: Target | None = None) -> Row:
    """Score the tracks of `run_gnnreco`; an event that failed counts with no tracks."""
    found = {number: tracks for number, _, tracks in read_tracks(output)}
    pairs = ((event, found.get(event.number, Tracks())) for event in source)
    return score_tracks(pairs, bz, target)


def compare(
    events: Path,
    source: EventSource,
    detector: Detector,
    work: Path,
    bundle: str,
    acts_python: str,
    threads: Sequence[int] = (1, 2),
    max_seeds: Sequence[int] = (5, 1),
    say: Callable[[str], None] = print,
) -> tuple[list[Row], dict[str, Row]]:
    """Run every contender on the same events, with every number of threads.

    Returns
    -------
    rows : list of dict
        One a contender and number of threads: rates, cost, memory.
    results : dict
        Everything the evaluator says, by contender.
    """
    rows, results = [], {}
    for count in threads:
        say(f"gnnreco, {count} threads")
        output = work / f"gnnreco-{count}"
        cost = run_gnnreco(events, output, detector.name, bundle, count)
        name = f"gnnreco {Path(bundle).name}"
        if name not in results:
            results[name] = score_gnnreco(source, output, detector.field.bz)
        rows.append(summary(name, results[name], cost, count))
    for seeds in max_seeds:
        for count in threads:
            say(f"ACTS, {seeds} seeds a middle space point, {count} threads")
            output = work / f"acts-seeds{seeds}-{count}"
            cost = run_acts(events, output, acts_python, count, seeds)
            for stage, label in STAGES.items():
                name = f"ACTS {label}, {seeds} seed{'s' * (seeds > 1)}"
                if name not in results:
                    results[name] = score_acts(source, output, detector.field.bz, stage)
                rows.append(summary(name, results[name], cost, count))
    return rows, results


def summary(name: str, result: Row, cost: Row, threads: int) -> Row:
    """One line of the comparison."""
    acts = result["acts"]
    rates = {key: acts[key] for key in ("efficiency", "fake_rate", "duplicate_rate")}
    extra = {f"efficiency_{row}": result[row]["acts"]["efficiency"] for row in ("low_pt", "displaced")}
    costs = {key: cost[key] for key in COST}
    return {
        "name": name,
        "threads": threads,
        **rates,
        **extra,
        "trackml_score": result["trackml_score"],
        **costs,
    }


COLUMNS = {
    "efficiency": ("eff %", 100, ".2f"),
    "fake_rate": ("fake %", 100, ".2f"),
    "duplicate_rate": ("dup %", 100, ".2f"),
    "efficiency_low_pt": ("low pt %", 100, ".1f"),
    "efficiency_displaced": ("displ %", 100, ".1f"),
    "trackml_score": ("TrackML", 1, ".3f"),
    "cpu_seconds_per_event": ("CPU s", 1, ".2f"),
    "seconds_per_event": ("s", 1, ".2f"),
    "peak_rss_gib": ("GiB", 1, ".2f"),
}


def layout(rows: Sequence[Row]) -> str:
    """The rows as a table for a terminal."""
    width = max((len(row["name"]) for row in rows), default=4)
    lines = ["  ".join([f"{'':{width}}  thr", *(f"{title:>8}" for title, _, _ in COLUMNS.values())])]
    for row in rows:
        cells = [
            f"{'-' if row.get(key) is None else format(scale * row[key], spec):>8}"
            for key, (_, scale, spec) in COLUMNS.items()
        ]
        lines.append("  ".join([f"{row['name']:{width}}  {row['threads']:>3}", *cells]))
    return "\n".join(lines)
