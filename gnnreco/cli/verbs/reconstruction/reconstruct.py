"""The verb `reconstruct`: tracks and clusters from raw events."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from gnnreco.cli.options import (
    INPUT_HELP,
    Verbs,
    above_zero,
    chain,
    column_map,
    observed,
    old_name,
    output_folder,
    positive,
    shard,
)
from gnnreco.cli.progress import News
from gnnreco.cli.table import (
    one_line,
    say_left_aside,
    show,
    silent_if_logged,
    table,
    terminal_width,
    write_json,
)
from gnnreco.cli.voice import insist
from gnnreco.files.json_types import JsonDict


def add(verbs: Verbs) -> None:
    """Declare it."""
    reco = verbs.add(
        "reconstruct",
        "reconstruct events with trained bundles",
        "events/ --detector trackml --bundle tracking-trackml -o out --workers 2",
        reconstruct,
        threads=True,
    )
    reco.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    column_map(reco)
    chain(reco)
    output_folder(reco)
    reco.add_argument(
        "--format", choices=["parquet", "root"], default="parquet", help="of the output (default: parquet)"
    )
    where = reco.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=positive, default=1, metavar="N", help="local processes (default: 1)"
    )
    where.add_argument(
        "--dask", metavar="ADDRESS", help="scheduler of a Dask cluster that sees the same files"
    )
    reco.add_argument(
        "--shard", type=shard, metavar="i/n", help="do part i, from 0 to n - 1, of n equal parts"
    )
    reco.add_argument("--resume", action="store_true", help="keep the shards that are complete")
    reco.add_argument(
        "--redo-failed",
        action="store_true",
        help="with --resume: do again the shards in which an event failed or was quarantined",
    )
    reco.add_argument(
        "--memory", type=above_zero, metavar="GIB", help="most that each worker process may hold"
    )
    reco.add_argument(
        "--event-timeout",
        type=above_zero,
        default=1800.0,
        metavar="S",
        help="seconds after which a worker process is said to hang at an event (default: 1800)",
    )
    reco.add_argument(
        "--scorer",
        metavar="FILE",
        help="a network of your own in place of the bundle's: ONNX from x, edge_index, edge_attr to edge_logits",
    )
    no_cells = reco.add_argument(
        "--no-cells",
        dest="cells",
        action="store_false",
        help="leave the cells under hits unread: for files whose cells look unlike those of the training",
    )
    old_name(reco, "--no-clusters", no_cells)
    observed(reco)


def reconstruct(args: Namespace) -> int:
    """Tracks and clusters from raw events; status 1 if an event failed."""
    from gnnreco.reconstruct import reconstruct as run

    news = News(args.log_json, args.prometheus)
    with news as log:
        manifest = run(
            args.input,
            args.detector,
            args.bundle,
            args.output,
            workers=args.workers,
            dask=args.dask,
            threads=args.threads,
            shard=args.shard,
            resume=args.resume,
            redo_failed=args.redo_failed,
            memory_gib=args.memory,
            event_timeout=args.event_timeout,
            overwrite=args.overwrite,
            columns=args.map,
            format=args.format,
            any_detector=args.any_detector,
            cells=args.cells,
            engine=args.engine,
            scorer=args.scorer,
            command=args.command,
            log=log,
        )
    with silent_if_logged(args.log_json):
        _show(manifest, args.json)
    news.say_report()
    say_left_aside(manifest["left_aside"])
    for line in (*manifest["notes"], *manifest["warnings"]):
        print("gnnreco:", one_line(line), file=sys.stderr)
    for failure in manifest["failures"][:20]:
        insist(_failure(failure))
    left = len(manifest["failures"]) - 20
    if left > 0:
        insist(f"and {left} more: see {args.output / 'manifest.json'}")
    return _status(manifest)


def _show(manifest: JsonDict, file: Path | None) -> None:
    """Print what a run says of itself, a table for each task, and write it to a file."""
    if "tasks" in manifest:
        rows = {task: _reconstructed(part) for task, part in manifest["tasks"].items()}
        counts = {
            name: manifest[name]
            for name in ("events_in", "events_out", "events_failed", "failures", "warnings", "left_aside")
        }
        print("\n\n".join(table([{"task": task, **row}], terminal_width()) for task, row in rows.items()))
        write_json(file, {**counts, "tasks": rows})
    else:
        row = _reconstructed(manifest)
        more = {name: manifest[name] for name in ("failures", "warnings", "left_aside")}
        show([row], file, row | more)


def _reconstructed(manifest: JsonDict) -> JsonDict:
    """What a run of one task says of itself: counts of events, hits and objects, and the cost."""
    counts = ("events_in", "events_out", "events_failed", *manifest["counted"])
    quarantined = {"events_quarantined": n} if (n := manifest["events_quarantined"]) else {}
    return quarantined | {
        name: manifest[name]
        for name in (*counts, "seconds_per_event", "cpu_seconds_per_event", "warm_up_seconds", "peak_rss_gib")
    }


def _failure(failure: JsonDict) -> str:
    """Where and why an event failed, each said once."""
    event = f"event {failure['event']}: "
    reason = str(failure["reason"]).removeprefix(event)
    place = "" if reason.startswith(failure["source"]) else f"{failure['source']}: "
    return one_line(place + event + reason)


def _status(manifest: JsonDict) -> int:
    """0 if every event came out and nothing warns; 2 if nothing did because the input is bad; else 1."""
    failures = manifest["failures"]
    if not failures:
        return 1 if manifest["warnings"] else 0
    bad_input = all(failure["kind"] == "BadInput" for failure in failures)
    return 2 if bad_input and not manifest["events_out"] else 1
