"""The verbs that draw one event: `show` with what was found in it, and `explore` of data nobody has described."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from gnnreco.cli.options import DETECTOR_HELP, INPUT_HELP, Parser, Verbs
from gnnreco.cli.table import one_line, say_left_aside, show_page, table, write_json
from gnnreco.errors import BadConfig

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
    from gnnreco.columns import Anomalies, Clusters, ReconstructedParticles, Tracks
    from gnnreco.display import show_event
    from gnnreco.events import open_events
    from gnnreco.front import found_in, one_event
    from gnnreco.geometry import load_detector
    from gnnreco.score import detector_of

    if args.detector is None and args.tracks is None:
        raise BadConfig("name the detector with --detector, or the output of reconstruct with --output")
    detector = load_detector(args.detector or detector_of(args.tracks))
    source = open_events(args.input, detector)
    event = one_event(source, args.event)
    say_left_aside(event.left_aside)
    found, doubts = ({}, []) if args.tracks is None else found_in(args.tracks, source, event)
    for doubt in doubts:
        print("gnnreco:", one_line(doubt), file=sys.stderr)
    tracks, clusters = found.get(Tracks), found.get(Clusters)
    particles = found.get(ReconstructedParticles)
    page = show_event(
        event,
        detector,
        tracks,
        args.page,
        clusters,
        command=args.command,
        particles=particles,
        anomalies=found.get(Anomalies),
    )
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
    from gnnreco.front import one_event
    from gnnreco.geometry import load_detector
    from gnnreco.tasks.explore import explore as explored

    detector = load_detector(args.detector) if args.detector else None
    view = explored(one_event(open_events(args.input, detector), args.event), detector)
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
