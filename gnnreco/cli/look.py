"""The verbs that look at what was found: score it against truth, draw one event, and look at data nobody has described."""

from __future__ import annotations

import sys
from argparse import Namespace

from gnnreco.errors import BadConfig

from .progress import bar
from .table import one_line, say_left_aside, show_page, table, write_json

MOST_CLUSTERS = 15  # rows that `explore` prints


def evaluate(args: Namespace) -> int:
    """Scores of the output of `reconstruct`."""
    from gnnreco.evaluate import plots
    from gnnreco.evaluate import table as scores_table
    from gnnreco.events import open_events
    from gnnreco.front import detector_of
    from gnnreco.front import evaluate as score
    from gnnreco.geometry import load_detector
    from gnnreco.reconstruct.manifest import versions

    detector = load_detector(args.detector or detector_of(args.output))
    source = open_events(args.truth, detector, truth=True, deposits=False)
    result = score(
        args.output,
        source,
        detector,
        min_pt=args.min_pt,
        max_eta=args.max_eta,
        min_hits=args.min_hits,
        min_energy=args.min_energy,
        progress=bar(len(source), "event"),
    )
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
    from gnnreco.front import detector_of, found_in, one_event
    from gnnreco.geometry import load_detector

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
    page = show_event(event, detector, tracks, args.page, clusters, command=args.command)
    return show_page(page, args.json)


def explore(args: Namespace) -> int:
    """One page with what clusters without training show of one event."""
    from gnnreco.display.explore_page import cluster_rows, first_view_page, odd_rows, part_rows
    from gnnreco.events import open_events
    from gnnreco.front import one_event
    from gnnreco.geometry import load_detector
    from gnnreco.tasks.explore import first_view

    detector = load_detector(args.detector) if args.detector else None
    view = first_view(one_event(open_events(args.input, detector), args.event), detector)
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
