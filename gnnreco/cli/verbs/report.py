"""The verb `report`: what a trained model does, on what, how sure, and why."""

from __future__ import annotations

import sys
from argparse import Namespace

from gnnreco.cli.options import DETECTOR_HELP, INPUT_HELP, Verbs, output_page, positive
from gnnreco.cli.progress import Progress
from gnnreco.cli.table import one_line, table, write_json


def add(verbs: Verbs) -> None:
    """Declare it."""
    verb = verbs.add(
        "report",
        "tell what a trained model does, what it reads, how sure it is and where it fails, as one HTML page",
        "tracking-telescope --data unseen/ --train trained/ -o report.html",
        report,
    )
    verb.add_argument(
        "bundle", metavar="BUNDLE", help="a shipped bundle (see `gnnreco bundle list`) or a folder"
    )
    verb.add_argument(
        "--data",
        required=True,
        nargs="+",
        metavar="INPUT",
        help=INPUT_HELP + ", with truth, unseen in training",
    )
    verb.add_argument(
        "--train", nargs="+", metavar="INPUT", help="events that it was trained on: is it over-trained?"
    )
    verb.add_argument(
        "--seeds", nargs="+", default=[], metavar="BUNDLE", help="the same training from other seeds"
    )
    verb.add_argument(
        "--bundle",
        action="append",
        default=[],
        dest="before",
        metavar="BUNDLE",
        help="finds tracks or clusters for particle flow; once for each (default: what BUNDLE was trained with)",
    )
    verb.add_argument("--detector", metavar="DETECTOR", help=DETECTOR_HELP + " (default: that of BUNDLE)")
    verb.add_argument(
        "--any-detector", action="store_true", help="allow a bundle that was trained on another detector"
    )
    verb.add_argument(
        "--explained",
        type=positive,
        default=10,
        metavar="N",
        help="events in which columns of the input are shuffled (default: 10)",
    )
    verb.add_argument("--seed", type=int, default=0, metavar="S", help="of the shuffles (default: 0)")
    output_page(verb)


def report(args: Namespace) -> int:
    """One page and one table on a trained model."""
    from gnnreco.front import report as told

    with Progress("") as progress:
        result = told(
            args.bundle,
            args.data,
            args.page,
            detector=args.detector,
            train=args.train,
            seeds=args.seeds,
            bundles=args.before,
            any_detector=args.any_detector,
            explained=args.explained,
            seed=args.seed,
            command=args.command,
            progress=progress.named,
        )
    rows = [{k: row[k] for k in ("figure", "value")} | _ends(row["interval"]) for row in result["figures"]]
    ranked = [{k: row[k] for k in ("kind", "feature", "rise")} for row in result["ranking"][:5]]
    print("\n\n".join(table(some) for some in (rows, ranked) if some))
    for line in [*result["warnings"], *result["left_out"]]:
        print("gnnreco:", one_line(line), file=sys.stderr)
    write_json(args.json, result)
    print(f"page: {args.page}")
    return 0


def _ends(interval: list[float] | None) -> dict[str, float | None]:
    low, high = interval or (None, None)
    return {"low": low, "high": high}
