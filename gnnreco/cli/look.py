"""The verbs that look at what was found: score it against truth, draw one event, and look at data nobody has described."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnreco.errors import BadConfig, BadInput

from .progress import bar
from .table import one_line, say_left_aside, show_page, table, write_json

if TYPE_CHECKING:
    from gnnreco.columns import Event
    from gnnreco.events import EventSource

MOST_CLUSTERS = 15  # rows that `explore` prints


def evaluate(args: Namespace) -> int:
    """Scores of the output of `reconstruct`."""
    from dataclasses import replace

    from gnnreco.evaluate import ShowerTarget, plots, target_of
    from gnnreco.evaluate import evaluate as score
    from gnnreco.evaluate import table as scores_table
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector
    from gnnreco.reconstruct.manifest import versions

    detector = load_detector(args.detector or _detector(args.output))
    given = {"pt_min": args.min_pt, "eta_max": args.max_eta, "min_hits": args.min_hits}
    cuts: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    target = replace(target_of(detector), **cuts)
    chosen = {"energy_min": args.min_energy, "eta_max": args.max_eta, "min_hits": args.min_hits}
    showers = ShowerTarget(**{name: value for name, value in chosen.items() if value is not None})
    source = open_events(args.truth, detector, truth=True, deposits=False)
    result = score(args.output, source, detector, target, progress=bar(len(source), "event"), showers=showers)
    print(scores_table(result))
    ran = {"command": args.command, "versions": versions("native")}
    write_json(args.json, {**ran, **result, "left_aside": source.left_aside})
    say_left_aside(source.left_aside)
    for warning in result["warnings"]:
        print("gnnreco:", one_line(warning), file=sys.stderr)
    if args.plots:
        drawn = result.get("tasks", {args.output.name: result})
        print(f"wrote {plots(drawn, args.plots)}")
    return 0


def show(args: Namespace) -> int:
    """One page with one event."""
    from gnnreco.columns import Clusters, Tracks
    from gnnreco.display import show_event
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector

    if args.detector is None and args.tracks is None:
        raise BadConfig("name the detector with --detector, or the output of reconstruct with --output")
    detector = load_detector(args.detector or _detector(args.tracks))
    source = open_events(args.input, detector)
    event = _one_event(source, args)
    say_left_aside(event.left_aside)
    found = {} if args.tracks is None else _found(args.tracks, source, event)
    tracks, clusters = found.get(Tracks), found.get(Clusters)
    page = show_event(event, detector, tracks, args.page, clusters, command=args.command)
    return show_page(page, args.json)


def explore(args: Namespace) -> int:
    """One page with what clusters without training show of one event."""
    from gnnreco.display.explore_page import cluster_rows, first_view_page, odd_rows, part_rows
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector
    from gnnreco.tasks.explore import first_view

    detector = load_detector(args.detector) if args.detector else None
    view = first_view(_one_event(open_events(args.input, detector), args), detector)
    parts, clusters, odd = part_rows(view), cluster_rows(view), odd_rows(view)
    page = first_view_page(view, detector, args.page)
    say_left_aside(view.event.left_aside)
    shown = [{name: row[name] for name in list(row)[:6]} for row in clusters[:MOST_CLUSTERS]]
    counted = [row for row in odd if row["count"]]
    print("\n\n".join(table(rows) for rows in (parts, shown, counted) if rows))
    if len(clusters) > len(shown):
        print(
            f"(the {len(shown)} of {len(clusters)} clusters that have most energy; the page and --json have more)"
        )
    about = {"event": view.event.number, "source": view.event.source, "detector": args.detector}
    about["left_aside"] = dict(view.event.left_aside)
    write_json(args.json, {**about, "parts": parts, "clusters": clusters, "odd": odd, "page": str(page)})
    print(f"page: {page}")
    return 0


def _one_event(source: Any, args: Namespace) -> Any:
    """The event that was asked for, by default the first; a block of jets is none that can be drawn."""
    from gnnreco.events.select import require_hits

    number = source.numbers[0] if args.event is None else args.event
    if number not in source.numbers:
        raise BadInput(
            args.input[0], f"event {number}", f"there is none; there are {_ranges(source.numbers)}"
        )
    event = source[source.numbers.index(number)]
    require_hits(event)
    return event


def _found(folder: Path, source: EventSource, event: Event) -> dict[type, Any]:
    """What was reconstructed of one event, by its columns; several tasks lie in a folder each.

    Of two tasks that give the same columns the first is shown, as `task_names` orders them.
    """
    from gnnreco.columns import Clusters, Tracks
    from gnnreco.evaluate import Join
    from gnnreco.events.clusters_file import read_clusters
    from gnnreco.events.tracks_file import read_tracks
    from gnnreco.tasks.registry import find_task, task_names

    manifest = _manifest(folder)
    parts = manifest.get("tasks") or {manifest.get("task") or "tracking": manifest}
    readers: dict[type, Any] = {Tracks: read_tracks, Clusters: read_clusters}
    found: dict[type, Any] = {}
    warnings: dict[str, None] = {}
    for task in sorted(parts, key=[*task_names(), *parts].index):
        gives = find_task(task).gives
        if gives not in readers or gives in found:
            continue
        place = folder / task if "tasks" in manifest else folder
        join = Join(source, parts[task], place)
        row = source.numbers.index(event.number)
        mine = [
            each
            for each in readers[gives](place)
            if each[0] == event.number and join.row_of(*each[:2]) == row
        ]
        if not mine:
            raise BadInput(place, f"event {event.number}", "was not reconstructed; see its manifest.json")
        found[gives] = join.place(mine[0][2], event, row)
        warnings |= dict.fromkeys(join.warnings())
    for warning in warnings:
        print("gnnreco:", one_line(warning), file=sys.stderr)
    return found


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "manifest.json").read_text()))
    except (OSError, ValueError) as error:
        raise BadInput(
            folder, "manifest.json", f"cannot be read ({error}); name what `reconstruct -o` wrote"
        ) from error


def _detector(folder: Path) -> str:
    """The detector of an output: where the user said it is, or its name if that is not to be found from here."""
    detector = _manifest(folder).get("detector", {})
    there = Path(detector.get("path") or detector.get("name", ""))
    return str(there if there.exists() else detector.get("name", ""))


def _ranges(numbers: list[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}" if len(numbers) > 8 else ", ".join(map(str, numbers))
