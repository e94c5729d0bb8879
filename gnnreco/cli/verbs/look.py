"""The verbs that draw one event: `show` with what was found in it, and `explore` of data nobody has described."""

from __future__ import annotations

import sys
from argparse import Action, Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnreco.cli.options import DETECTOR_HELP, INPUT_HELP, Verbs, column_map, output_page, say_renamed
from gnnreco.cli.table import one_line, say_left_aside, show_page, table, write_json
from gnnreco.errors import BadConfig

if TYPE_CHECKING:
    from gnnreco.events import EventSource
    from gnnreco.files.json_types import JsonDict
    from gnnreco.geometry import Detector
    from gnnreco.tasks.explore import Exploration, Ranking

MOST_CLUSTERS, MOST_RANKED = 15, 10  # rows that `explore` prints
MOST_EVENTS = 8  # of a ranking that its page holds


def add(verbs: Verbs) -> None:
    """Declare them."""
    _add_show(verbs)
    _add_explore(verbs)


def _add_show(verbs: Verbs) -> None:
    verb = verbs.add(
        "show", "draw one event as one HTML page", "events/ --found out --event 3 -o event.html", show
    )
    verb.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    column_map(verb)
    verb.add_argument("--found", type=Path, metavar="FOLDER", help="what `gnnreco reconstruct` wrote")
    verb.add_argument("--detector", metavar="DETECTOR", help=DETECTOR_HELP + " (default: that of --found)")
    verb.add_argument("--event", type=int, metavar="K", help="event number (default: the first)")
    verb.add_argument(
        *("-o", "--output"),
        dest="page",
        action=_PageOrFound,
        type=Path,
        required=True,
        metavar="PAGE",
        help="the page to write",
    )


class _PageOrFound(Action):
    """Names the page; a folder under `--output`, as that was called before, is what was found."""

    def __call__(
        self, parser: Any, namespace: Namespace, values: Any, option_string: str | None = None
    ) -> None:
        if option_string == "--output" and values.is_dir():
            say_renamed("--output FOLDER", "--found FOLDER")
            namespace.found = values
        else:
            namespace.page = values


def show(args: Namespace) -> int:
    """One page with one event."""
    from gnnreco.columns import Anomalies, Clusters, ReconstructedParticles, Tracks
    from gnnreco.display import show_event
    from gnnreco.events import open_events
    from gnnreco.front import found_in, one_event
    from gnnreco.geometry import load_detector
    from gnnreco.score import detector_of

    if args.page is None:
        raise BadConfig("name the page to write with -o PAGE")
    if args.detector is None and args.found is None:
        raise BadConfig("name the detector with --detector, or the output of reconstruct with --found")
    detector = load_detector(args.detector or detector_of(args.found))
    source = open_events(args.input, detector, columns=args.map)
    event = one_event(source, args.event)
    say_left_aside(event.left_aside, source.foreign)
    found, doubts = ({}, []) if args.found is None else found_in(args.found, source, event)
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
        "look at unknown data: clusters without training or detector, which events are strange and why, as one page",
        "collisions.ig --normal usual.ig -o explored.html",
        explore,
    )
    verb.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    column_map(verb)
    verb.add_argument("--detector", metavar="DETECTOR", help=DETECTOR_HELP + " (default: none)")
    verb.add_argument(
        "--normal",
        nargs="+",
        metavar="INPUT",
        help="events that count as normal, to judge all by (default: each is judged by the others)",
    )
    verb.add_argument(
        "--alone", action="store_true", help="look at one event only, and read no other to rank it"
    )
    verb.add_argument(
        "--event", type=int, metavar="K", help="the event that opens (default: the strangest, or the first)"
    )
    output_page(verb)


def explore(args: Namespace) -> int:
    """One page with what clusters without training show of the strangest events, and how strange all are."""
    from gnnreco.display.explore_page import explore_page, ranked_page
    from gnnreco.display.ranking_sheet import ranking_notes, ranking_rows
    from gnnreco.events import open_events
    from gnnreco.front import one_event
    from gnnreco.geometry import load_detector
    from gnnreco.tasks.explore import explore as explored

    if args.alone and args.normal:
        raise BadConfig("--alone and --normal: an event that is looked at alone is judged by no others")
    detector = load_detector(args.detector) if args.detector else None
    source = open_events(args.input, detector, columns=args.map)
    asked = None if args.event is None else source.numbers.index(one_event(source, args.event).number)
    ranking, why = (None, "") if args.alone else _ranked(source, detector, args.normal, args.map)
    if ranking is None:
        view = explored(source[asked or 0], detector)
        page = explore_page(view, detector, args.page)
    else:
        shown = dict.fromkeys([*([] if asked is None else [asked]), *ranking.order[:MOST_EVENTS].tolist()])
        views = {i: explored(source[i], detector) for i in list(shown)[:MOST_EVENTS]}
        view = next(iter(views.values()))
        page = ranked_page(ranking, views, detector, args.page)
    about = {"event": view.event.number, "source": view.event.source, "detector": args.detector}
    about["left_aside"] = dict(view.event.left_aside)
    about["ranking"] = None
    say_left_aside(view.event.left_aside, source.foreign)
    if ranking is not None:
        rows, notes = ranking_rows(ranking), ranking_notes(ranking)
        _print_ranking(rows, notes)
        found = ranking.found
        about["ranking"] = {
            "events": rows,
            "judged_by": "normal" if ranking.normal_given else "one another",
            "normal_events": len(ranking.normal_row),
            "smallest_p_value": ranking.smallest_p,
            "false_discovery_rate": found.rate,
            "listed": int(found.chosen.sum()),
            "notes": notes,
        }
    elif why:
        print("gnnreco:", one_line(f"nothing is ranked: {why}"), file=sys.stderr)
        about["ranking_refused"] = why
    tables = _print_event(view)
    write_json(args.json, {**about, **tables, "page": str(page)})
    print(f"page: {page}")
    return 0


def _ranked(
    source: EventSource, detector: Detector | None, given: list[str] | None, columns: str
) -> tuple[Ranking | None, str]:
    """The ranking of all events; or None and why there is none, where no others were given to judge them by."""
    from itertools import chain

    from gnnreco.cli.progress import bar
    from gnnreco.events import open_events
    from gnnreco.tasks.explore import FEWEST, measure, rank, too_few

    if given is None and len(source) < FEWEST:
        return None, too_few(len(source))
    normal = [] if given is None else open_events(given, detector, columns=columns)
    both = bar(len(source) + len(normal), "event")(chain(source, normal))
    measured = [measure(event, detector).without_hits() for event in both]
    n = len(source)
    return rank(measured[:n], measured[n:]), ""


def _print_ranking(rows: list[JsonDict], notes: list[str]) -> None:
    several = len({row["source"] for row in rows}) > 1
    shown = []
    for row in rows[:MOST_RANKED]:
        source = {"file": Path(row["source"]).name} if several else {}
        why = row["reasons"][0]["text"] if row["reasons"] else "nothing"
        line = {"rank": row["rank"], "event": str(row["event"]), **source, "p_value": row["p_value"]}
        shown.append({**line, "most_strange": one_line(why), "known_effect": row["known_effect"]})
    print(table(shown))
    for row in rows[:MOST_RANKED]:
        if row["known_effect"] != "ordinary":
            print(f"{row['event']}: {row['known_effect']}: {one_line(row['explanation'])}")
    if len(rows) > MOST_RANKED:
        print(f"(the {MOST_RANKED} of {len(rows):,} events that are strangest; --json has all)")
    print("; ".join(notes) + "\n")


def _print_event(view: Exploration) -> dict[str, list[JsonDict]]:
    """Print what one event holds; returns the same tables, whole."""
    from gnnreco.display.explore_page import cluster_rows, odd_rows, part_rows

    parts, clusters, odd = part_rows(view), cluster_rows(view), odd_rows(view)
    shown = [{name: row[name] for name in list(row)[:6]} for row in clusters[:MOST_CLUSTERS]]
    counted = [row for row in odd if row["count"]]
    print(f"event {view.event.number}\n")
    print("\n\n".join(table(rows) for rows in (parts, shown, counted) if rows))
    if len(clusters) > len(shown):
        print(
            f"(the {len(shown)} of {len(clusters)} clusters that have most energy; the page and --json have more)"
        )
    return {"parts": parts, "clusters": clusters, "odd": odd}
