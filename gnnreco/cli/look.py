"""The verbs that draw one event: `show` with what was found in it, and `explore` of data nobody has described."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnreco.errors import BadConfig, BadInput

from .options import DETECTOR_HELP, INPUT_HELP, Parser, Verbs
from .table import one_line, say_left_aside, show_page, table, write_json

if TYPE_CHECKING:
    from gnnreco.columns import Event
    from gnnreco.events import EventSource

MOST_CLUSTERS = 15  # rows that `explore` prints


def add(verbs: Verbs) -> None:
    """Declare them."""
    _add_show(verbs)
    _add_explore(verbs)


def _event_and_page(verb: Parser) -> None:
    verb.add_argument("--event", type=int, metavar="K", help="event number (default: the first)")
    verb.add_argument("-o", dest="page", type=Path, required=True, metavar="PAGE", help="the page to write")


def _add_show(verbs: Verbs) -> None:
    verb = verbs.add(
        "show", "draw one event as one HTML page", "events/ --output out --event 3 -o event.html", show
    )
    verb.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    verb.add_argument(
        "--output", dest="tracks", type=Path, metavar="FOLDER", help="what `gnnreco reconstruct` wrote"
    )
    verb.add_argument("--detector", metavar="DETECTOR", help=DETECTOR_HELP + " (default: that of --output)")
    _event_and_page(verb)


def show(args: Namespace) -> int:
    """One page with one event."""
    from gnnreco.display import show_event
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector

    if args.detector is None and args.tracks is None:
        raise BadConfig("name the detector with --detector, or the output of reconstruct with --output")
    detector = load_detector(args.detector or detector_of(args.tracks))
    source = open_events(args.input, detector)
    event = _one_event(source, args)
    say_left_aside(event.left_aside)
    found = {} if args.tracks is None else _found(args.tracks, source, event)
    tracks, clusters = found.get("tracking", found.get("drift")), found.get("clustering")
    page = show_event(event, detector, tracks, args.page, clusters, command=args.command)
    return show_page(page, args.json)


def _add_explore(verbs: Verbs) -> None:
    verb = verbs.add(
        "explore",
        "look at unknown data: clusters without training or detector, spectra and what is odd, as one page",
        "collisions.ig --event 20657260 -o explored.html",
        explore,
    )
    verb.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    verb.add_argument("--detector", metavar="DETECTOR", help=DETECTOR_HELP + " (default: none)")
    _event_and_page(verb)


def explore(args: Namespace) -> int:
    """One page with what clusters without training show of one event."""
    from gnnreco.display.explore_page import cluster_rows, explore_page, odd_rows, part_rows
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector
    from gnnreco.tasks.explore import explore as explored

    detector = load_detector(args.detector) if args.detector else None
    view = explored(_one_event(open_events(args.input, detector), args), detector)
    parts, clusters, odd = part_rows(view), cluster_rows(view), odd_rows(view)
    page = explore_page(view, detector, args.page)
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


def _found(folder: Path, source: EventSource, event: Event) -> dict[str, Any]:
    """What was reconstructed of one event, by task; several tasks lie in a folder each."""
    from gnnreco.evaluate import Join
    from gnnreco.events.clusters_file import read_clusters
    from gnnreco.events.tracks_file import read_tracks

    manifest = _manifest(folder)
    parts = manifest.get("tasks") or {manifest.get("task") or "tracking": manifest}
    found: dict[str, Any] = {}
    warnings: dict[str, None] = {}
    for task, part in parts.items():
        place = folder / task if "tasks" in manifest else folder
        join = Join(source, part, place)
        read: Any = read_clusters if task == "clustering" else read_tracks
        row = source.numbers.index(event.number)
        mine = [each for each in read(place) if each[0] == event.number and join.row_of(*each[:2]) == row]
        if not mine:
            raise BadInput(place, f"event {event.number}", "was not reconstructed; see its manifest.json")
        found[task] = join.place(mine[0][2], event, row)
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


def detector_of(folder: Path) -> str:
    """The detector of an output: where the user said it is, or its name if that is not to be found from here."""
    detector = _manifest(folder).get("detector", {})
    there = Path(detector.get("path") or detector.get("name", ""))
    return str(there if there.exists() else detector.get("name", ""))


def _ranges(numbers: list[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}" if len(numbers) > 8 else ", ".join(map(str, numbers))
