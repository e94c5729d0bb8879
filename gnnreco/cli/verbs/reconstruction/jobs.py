"""The verbs `status`, `resubmit` and `verify`: what became of a job of `reconstruct`, and whether it is whole."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from gnnreco.cli.options import Verbs, observed, positive
from gnnreco.cli.progress import News
from gnnreco.cli.table import one_line, show
from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict

FOLDER_HELP = "what `gnnreco reconstruct -o` named"


def add(verbs: Verbs) -> None:
    """Declare them."""
    status = verbs.add(
        "status", "say how far a job of `reconstruct` is, whether it runs, died or is done", "out", say_status
    )
    status.add_argument("folder", type=Path, metavar="FOLDER", help=FOLDER_HELP)
    again = verbs.add(
        "resubmit", "list and redo exactly what failed or is missing of a job", "out --workers 2", resubmit
    )
    again.add_argument("folder", type=Path, metavar="FOLDER", help=FOLDER_HELP)
    again.add_argument("--list", action="store_true", help="list it only; status 1 if there is anything")
    where = again.add_mutually_exclusive_group()
    where.add_argument("--workers", type=positive, metavar="N", help="local processes (default: as before)")
    where.add_argument(
        "--dask", metavar="ADDRESS", help="scheduler of a Dask cluster that sees the same files"
    )
    observed(again)
    whole = verbs.add("verify", "prove an output of `reconstruct` whole by its sums", "out", verify)
    whole.add_argument("folder", type=Path, metavar="FOLDER", help=FOLDER_HELP)
    whole.add_argument("--inputs", action="store_true", help="check the sums of the files of the events too")


def say_status(args: Namespace) -> int:
    """How far a job is."""
    from gnnreco.reconstruct.observe import in_short
    from gnnreco.reconstruct.status import status

    told = status(args.folder)
    tasks = told.get("tasks", {"": told})
    rows = []
    for task, one in tasks.items():
        parts = [] if len(one["parts"]) == 1 else one["parts"]
        head = {"task": task} if task else {}
        total = {k: v for k, v in one.items() if k not in ("parts", "report")}
        rows += [head | ({"part": "all"} if parts else {}) | total]
        rows += [head | part for part in parts if part["state"] != "finished"]
    show(rows, args.json, told)
    if told["report"]:
        print("\n" + "\n".join(map(one_line, in_short(told["report"]))))
    return 0


def resubmit(args: Namespace) -> int:
    """What failed or is missing, done again; status 1 if something is left."""
    import contextlib

    from gnnreco.reconstruct import reconstruct
    from gnnreco.reconstruct.status import left_to_do, parts_of, task_folders

    folder = args.folder.absolute()
    places = task_folders(folder) or [folder]
    found = [(part, list(left_to_do(part, place))) for place in places for part in parts_of(place)]
    rows = [row for _, due in found for row in due]
    show(rows, args.json, empty="nothing failed, nothing is missing")
    if args.list or not rows:
        return 1 if rows else 0
    about: JsonDict = next((dict(part.about) for part, _ in found if part.about.get("call")), {})
    if not about:
        raise BadInput(
            folder, "", "does not say how it was made; call `gnnreco reconstruct` again with resume=True"
        )
    call = arguments(about["call"]) | {"dask": args.dask}
    if args.workers:
        call["workers"] = args.workers
    failures, news = 0, News(args.log_json, args.prometheus)
    for part in dict.fromkeys(part.part for part, due in found if due):
        # Paths mean what they meant where the job was begun.
        with news as log, contextlib.chdir(about["folder"]):
            manifest = reconstruct(
                **call,
                output=folder,
                shard=part,
                resume=True,
                redo_failed=True,
                command=args.command,
                log=log,
            )
        news.say_report()
        failures += len(manifest["failures"])
    if failures:
        line = f"{failures:,} events failed again: see {args.folder / 'manifest.json'}"
        print("gnnreco:", one_line(line), file=sys.stderr)
    return 1 if failures else 0


def arguments(call: JsonDict) -> dict[str, Any]:
    """The arguments of `gnnreco.reconstruct` that a record of an output holds."""
    same = (
        "inputs",
        "detector",
        "bundles",
        "workers",
        "threads",
        "format",
        "any_detector",
        "engine",
        "scorer",
    )
    given = {name: call[name] for name in (*same, "memory_gib", "event_timeout")}
    return given | {"cells": call["clusters"], "columns": call.get("columns", "")}


def verify(args: Namespace) -> int:
    """Whether an output is whole; status 1 if it is not."""
    from gnnreco.reconstruct.folder import NO_FOLDER
    from gnnreco.reconstruct.integrity import verify as check

    if not args.folder.is_dir():
        raise BadInput(args.folder, "", NO_FOLDER)
    told = check(args.folder, args.inputs)
    problems = told["problems"]
    show([{k: v for k, v in told.items() if k != "problems"}], args.json, told)
    for problem in problems[:20]:
        print("gnnreco:", one_line(problem), file=sys.stderr)
    if len(problems) > 20:
        print(f"gnnreco: and {len(problems) - 20} more: see --json", file=sys.stderr)
    return 1 if problems else 0
