"""Any track finder that is a program beside gnnreco: the same events, the same scores, one thread each.

python scripts/peers/track_finder.py EVENTS --program "./finder {hits} {tracks}" --json figures.json

EVENTS are of any format that gnnreco reads. For each event the program gets {hits}: CSV with hit_id (1, 2, ...), x, y, z
(mm), volume_id, layer_id, module_id, as in TrackML's hits files; it writes {tracks}: CSV with hit_id, track_id, a row for
each hit that is on a track. It runs on one core; its CPU seconds and memory are those of its process. Events with truth
give scores; all give the agreement of the two finders.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from finder_program import Cost, Program
from finder_scores import LONG, HitLists, agreement, definitions
from our_tracks import Ours

from gnnreco.cli.options import positive
from gnnreco.columns import Tracks
from gnnreco.errors import GnnrecoError
from gnnreco.evaluate import target_of
from gnnreco.events import open_events
from gnnreco.geometry import load_detector

COLUMNS = {  # title: path in a row, scale, format
    "TrackML": (("trackml_score",), 1, ".4f"),
    "eff %": (("usual", "efficiency"), 100, ".2f"),
    "soft %": (("soft", "efficiency"), 100, ".1f"),
    "displ %": (("displaced", "efficiency"), 100, ".1f"),
    "fake %": (("usual", "fake_rate"), 100, ".2f"),
    "dup %": (("usual", "duplicate_rate"), 100, ".2f"),
    "tracks": (("tracks",), 1, ",d"),
    f">= {LONG} hits": (("long_tracks",), 1, ",d"),
    "CPU s": (("cpu_seconds_per_event",), 1, ".3f"),
    "process": (("process_cpu_seconds_per_event",), 1, ".3f"),
    "MiB": (("peak_mib",), 1, ".0f"),
}


def compare(args: argparse.Namespace, work: Path) -> dict[str, Any]:
    """Run both on all events; what `--json` writes."""
    program = Program.parse(args.program, args.timeout, args.unassigned) if args.program else None
    detector = load_detector(args.detector)
    source = open_events(args.events, detector, deposits=False)
    usual = target_of(detector)
    theirs, ours = HitLists(), HitLists()
    agreed, costs, hits = Counter[str](), list[Cost](), 0
    known, our_cost = Ours(args.events, args.detector, args.bundle, args.cells).find(
        source, work / "ours", args.repeat
    )
    for event in source:
        own = known.get((event.source, event.number), Tracks())
        ours.add(event, own)
        hits += len(event.hits)
        if program is None:
            continue
        for _ in range(args.repeat):
            found, cost = program.find(event, detector, work / "program")
            costs.append(cost)
        theirs.add(event, found)
        for name, (mine, other) in {"program": (found, own), "gnnreco": (own, found)}.items():
            long, same = agreement(event, mine, other)
            agreed.update({f"{name}_long_tracks": long, f"{name}_matched": same})
    rows = [{"name": f"gnnreco {Path(args.bundle).name}", **ours.result(usual), **our_cost}]
    if program is not None:
        rows.append({"name": args.name or program.name, **theirs.result(usual), **_cost(costs, args.repeat)})
    about = {
        "events": len(source),
        "events_with_truth": ours.with_truth,
        "hits": hits,
        "repeat": args.repeat,
    }
    about |= {"program": args.program, "inputs": args.events, "cells": args.cells}
    return {**about, "definitions": definitions(usual), "rows": rows, "agreement": dict(agreed)}


def _cost(costs: list[Cost], repeat: int) -> dict[str, float]:
    """Of a program that was run `repeat` times on each event: medians of the runs, means over events."""
    events = [costs[i : i + repeat] for i in range(0, len(costs), repeat)]
    cpu = statistics.mean(statistics.median(c.cpu_seconds for c in runs) for runs in events)
    wall = statistics.mean(statistics.median(c.seconds for c in runs) for runs in events)
    process = {"cpu_seconds_per_event": cpu, "process_cpu_seconds_per_event": cpu, "seconds_per_event": wall}
    return process | {"peak_mib": max(c.peak_mib for c in costs)}


def layout(rows: list[dict[str, Any]]) -> str:
    """The rows as a table for a terminal."""
    width = max(len(row["name"]) for row in rows)
    lines = ["  ".join([" " * width, *(f"{title:>9}" for title in COLUMNS)])]
    for row in rows:
        cells = []
        for path, scale, spec in COLUMNS.values():
            value: Any = row
            for key in path:
                value = None if value is None else value[key]
            cells.append(f"{'-' if value is None else format(scale * value, spec):>9}")
        lines.append("  ".join([f"{row['name']:{width}}", *cells]))
    return "\n".join(lines)


def show(result: dict[str, Any]) -> None:
    """Print what was compared, the table, and how far the two agree."""
    count, known = result["events"], result["events_with_truth"]
    print(f"events: {count} ({known} with truth), {result['hits']:,} hits; one thread")
    if known:
        for what in ("usual", "soft", "displaced"):
            particles = result["rows"][0][what]["particles"]
            print(f"  {what + ':':10} {result['definitions'][f'target {what}']}: {particles:,} particles")
        print("  fakes and duplicates are of every track; both fractions of hits at least one half")
    print(layout(result["rows"]))
    ours, theirs = result["rows"][0]["name"], result["rows"][-1]["name"]
    for key, name, other in (
        (("program", theirs, ours), ("gnnreco", ours, theirs)) if result["agreement"] else ()
    ):
        long, same = result["agreement"][f"{key}_long_tracks"], result["agreement"][f"{key}_matched"]
        part = f" ({100 * same / long:.1f} %)" if long else ""
        print(f"of {long:,} tracks of {LONG} and more hits of {name}, {other} has {same:,}{part}")
    for failure in result["rows"][0]["failures"]:
        print(f"gnnreco: event {failure['event']}: {failure['reason']}", file=sys.stderr)


def main() -> None:
    args = arguments()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            result = compare(args, args.work or Path(scratch))
    except GnnrecoError as error:
        print(f"track_finder: {error}", file=sys.stderr)
        sys.exit(2)
    show(result)
    if args.json:
        args.json.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("events", nargs="+", metavar="EVENTS", help="files, folders, prefixes or globs")
    parser.add_argument(
        "--program", required=True, metavar="LINE", help="command line with {hits} and {tracks}"
    )
    parser.add_argument("--name", help="of the program in the table (default: that of its file)")
    parser.add_argument(
        "--timeout", type=float, default=600.0, metavar="S", help="for one event (default: 600)"
    )
    parser.add_argument(
        "--unassigned",
        type=int,
        metavar="ID",
        help="track_id by which it means no track (always: negative ones)",
    )
    parser.add_argument("--bundle", default="tracking-trackml")
    parser.add_argument("--detector", default="trackml")
    parser.add_argument("--no-cells", dest="cells", action="store_false", help="gnnreco leaves cells unread")
    parser.add_argument(
        "--repeat", type=positive, default=1, metavar="N", help="runs of both; medians (default: 1)"
    )
    parser.add_argument("--work", type=Path, help="keeps hits, tracks and what the program said")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
