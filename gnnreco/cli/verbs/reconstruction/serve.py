"""The verb `serve`: reconstruction that stays loaded and answers requests."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from gnnreco.cli.options import Verbs, above_zero, chain, observed, positive
from gnnreco.cli.table import one_line, show, silent_if_logged
from gnnreco.files.json_types import JsonDict

MEGABYTE = 1 << 20


def add(verbs: Verbs) -> None:
    """Declare it."""
    serve = verbs.add(
        "serve",
        "answer events over a local socket, or from a folder that is watched, with the model loaded once",
        "--detector trackml --bundle tracking-trackml --socket $XDG_RUNTIME_DIR/gnnreco.sock --warm-up events/",
        run,
        threads=True,
    )
    chain(serve)
    serve.add_argument("--socket", type=Path, metavar="PATH", help="where to listen; made for this user only")
    serve.add_argument(
        "--watch", type=Path, metavar="FOLDER", help="each file of events that comes in is a request"
    )
    serve.add_argument("-o", "--output", type=Path, metavar="FOLDER", help="of the answers, with --watch")
    serve.add_argument(
        "--warm-up",
        type=Path,
        metavar="INPUT",
        help="events to reconstruct first, so that no request waits for kernels",
    )
    serve.add_argument(
        "--queue", type=positive, default=16, metavar="N", help="requests that wait at most (default: 16)"
    )
    serve.add_argument(
        "--max-megabytes", type=positive, default=32, metavar="MB", help="of one request (default: 32)"
    )
    serve.add_argument(
        "--max-hits", type=positive, default=1_000_000, metavar="N", help="of one event (default: 1,000,000)"
    )
    serve.add_argument(
        "--max-events", type=positive, default=1000, metavar="N", help="of one file (default: 1,000)"
    )
    serve.add_argument(
        "--timeout",
        type=above_zero,
        default=60.0,
        metavar="S",
        help="for one request, in seconds (default: 60)",
    )
    serve.add_argument(
        "--memory", type=above_zero, metavar="GIB", help="most that the process with the model may hold"
    )
    observed(serve)


def run(args: Namespace) -> int:
    """Answer until a signal comes."""
    from gnnreco.files.news import listening
    from gnnreco.serve import Limits, serve

    limits = Limits(
        queue=args.queue,
        request_bytes=args.max_megabytes * MEGABYTE,
        hits=args.max_hits,
        events=args.max_events,
        seconds=args.timeout,
        memory_gib=args.memory,
    )
    with listening(args.log_json, args.prometheus) as log:
        health = serve(
            args.detector,
            args.bundle,
            socket_path=args.socket,
            watched=args.watch,
            output=args.output,
            any_detector=args.any_detector,
            engine=args.engine,
            threads=args.threads,
            warm_up=args.warm_up,
            limits=limits,
            say=_say,
            log=log,
        )
    with silent_if_logged(args.log_json):
        show([_row(health)], args.json, health)
    return 0


def _say(what: str) -> None:
    print("gnnreco:", one_line(what), file=sys.stderr, flush=True)


def _row(health: JsonDict) -> JsonDict:
    """A server in one line: how many requests, and what they took, s."""
    times = {name: health["latency_seconds"][name] for name in ("p50", "p90", "p99", "max")}
    return {
        "requests": health["requests"],
        "restarts": health["restarts"],
        "seconds": health["seconds"],
        **times,
    }
