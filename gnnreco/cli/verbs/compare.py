"""The verb `compare-detectors`: the same particles in every detector."""

from __future__ import annotations

import sys
from argparse import Namespace

from gnnreco.cli.options import DETECTOR_HELP, Verbs, output_folder, positive
from gnnreco.cli.progress import Progress
from gnnreco.cli.table import one_line
from gnnreco.cli.table import show as print_table
from gnnreco.files.atomic import refuse
from gnnreco.files.json_types import JsonDict


def add(verbs: Verbs) -> None:
    """Declare it."""
    verb = verbs.add(
        "compare-detectors",
        "run the same particles through detectors: occupancy, coverage, efficiency of trained and of foreign bundles",
        "trackml odd --events 10 -o comparison --json comparison.json",
        compare_detectors,
        threads=True,
    )
    verb.add_argument("detectors", nargs="*", metavar="DETECTOR", help=DETECTOR_HELP + " (default: all)")
    verb.add_argument(
        "--events",
        type=positive,
        default=10,
        metavar="N",
        help="of each sample; bundles learn from events in proportion (default: 10)",
    )
    verb.add_argument(
        "--no-transfer",
        dest="transfer",
        action="store_false",
        help="do not adapt and tune bundles of other detectors",
    )
    output_folder(
        verb, "page, samples that are done and adapted bundles, which a later run uses again", "comparison"
    )


def compare_detectors(args: Namespace) -> int:
    """The same particles in every detector; status 1 if one could not be reconstructed."""
    from gnnreco.compare import compare_detectors as compared
    from gnnreco.display import compare_page

    page = args.output / "comparison.html"
    refuse(page, args.overwrite)
    with Progress("") as progress:
        named = progress.named
        report = compared(args.detectors, args.output, args.events, args.transfer, named, _say)
    rows = [
        {
            "detector": d["name"],
            "sample": name,
            "hits": round(s["hits_per_event"], 1),
            "occupancy": f"{s['occupancy']:.2g}",
        }
        | {how: _percent(s, how) for how in ("trained", "zero_shot", "fine_tuned")}
        | {"response": "" if s.get("response") is None else f"{s['response']:.3f}"}
        for d in report["detectors"]
        for name, s in d["samples"].items()
    ]
    print_table(rows, args.json, report)
    print(f"page: {compare_page(report, page)}")
    failed = [
        (d["name"], s["failure"])
        for d in report["detectors"]
        for s in d["samples"].values()
        if "failure" in s
    ]
    for name, failure in failed:
        print(f"gnnreco: {name}: {one_line(str(failure))}", file=sys.stderr)
    return 1 if failed else 0


def _percent(sample: JsonDict, how: str) -> str:
    entry = sample.get("efficiency", {}).get(how)
    if entry is None or entry["value"] is None:
        return ""
    fakes = entry.get("fake_rate")
    return f"{100 * entry['value']:.1f} %" + ("" if fakes is None else f", fakes {100 * fakes:.1f} %")


def _say(line: str) -> None:
    """A line on stderr, above a bar where there is one."""
    from tqdm import tqdm

    tqdm.write(line, sys.stderr)
