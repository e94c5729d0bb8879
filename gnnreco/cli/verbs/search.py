"""The verb `search`: a bump hunt with weak supervision."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from gnnreco.cli.options import Verbs, output_folder, positive
from gnnreco.cli.progress import Progress
from gnnreco.cli.table import table, write_json

TABLE_HELP = ".npy, .parquet, .csv, or a folder of Parquet"
METHODS = ("supervised", "idealised", "cwola", "cathode", "anode")


def add(verbs: Verbs) -> None:
    """Declare it."""
    verb = verbs.add(
        "search",
        "look for a resonance in a table of events, with a score that needs no labels, and tell how sure it is",
        "events.parquet --resonance mjj --method cwola -o found --page search.html --json search.json",
        search,
        threads=True,
    )
    verb.add_argument("table", metavar="TABLE", help=f"the events: {TABLE_HELP}")
    verb.add_argument(
        "--resonance", required=True, metavar="NAME", help="the column that a resonance would peak in"
    )
    verb.add_argument(
        "--columns",
        type=_names,
        default=(),
        metavar="A,B,...",
        help="names of the columns of an .npy matrix, in order; of other files the columns to use (default: all)",
    )
    verb.add_argument(
        "--method", choices=METHODS, default="cwola", help="how the score is learned (default: cwola)"
    )
    for name, what in {
        "--test": "labelled events that nothing is learned from, for the significance improvement (default: held-out folds)",
        "--reference": "background of another sample to learn from, for idealised and supervised",
        "--signal": "signal of another sample to learn from, for supervised",
    }.items():
        verb.add_argument(name, metavar="TABLE", help=what)
    for name, what in {
        "--mass-range": "leave out events of other masses (default: keep all)",
        "--signal-region": "the one window of mass (default: a scan of windows)",
    }.items():
        verb.add_argument(name, nargs=2, type=float, metavar=("LO", "HI"), help=what)
    verb.add_argument(
        "--label", default="label", metavar="NAME", help="the column of the truth, 0 or 1 (default: label)"
    )
    verb.add_argument(
        "--background",
        choices=("function", "gp"),
        default="function",
        help="the smooth spectrum: a function of dijet searches, or a Gaussian process upon it (default: function)",
    )
    verb.add_argument(
        "--keep",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="part of the events that is kept, those with the highest scores (default: 0.01)",
    )
    numbers = {
        "--folds": (5, "parts of the events, each judged by scores that learned from the others"),
        "--members": (10, "boosted classifiers whose answers are averaged"),
        "--epochs": (30, "of each flow of anode and cathode"),
        "--toys": (1000, "pseudo-experiments for the global p-value"),
    }
    for name, (default, what) in numbers.items():
        verb.add_argument(
            name, type=positive, default=default, metavar="N", help=f"{what} (default: {default})"
        )
    verb.add_argument(
        "--trees",
        type=positive,
        metavar="N",
        help="most trees of a boosted classifier (default: what suits the method)",
    )
    verb.add_argument(
        "--seed", type=int, default=0, metavar="S", help="of folds, trees and toys (default: 0)"
    )
    output_folder(verb, "the folder to write: the events in excess, and every number", required=False)
    verb.add_argument("--page", type=Path, metavar="F.html", help="the page to write")


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _limits(given: list[float] | None) -> tuple[float, ...] | None:
    return None if given is None else tuple(given)


def search(args: Namespace) -> int:
    """Search, and print the scan."""
    from gnnreco.search import search_table as told

    with Progress("") as progress:
        result = told(
            args.table,
            args.resonance,
            columns=args.columns,
            method=args.method,
            test=args.test,
            reference=args.reference,
            signal=args.signal,
            label=args.label,
            output=args.output,
            overwrite=args.overwrite,
            page=args.page,
            mass_range=_limits(args.mass_range),
            signal_region=_limits(args.signal_region),
            background=args.background,
            keep=args.keep,
            folds=args.folds,
            members=args.members,
            trees=args.trees,
            epochs=args.epochs,
            toys=args.toys,
            seed=args.seed,
            command=args.command,
            progress=progress.named,
        )
    print(table([{"window": "{:g} to {:g}".format(*row["window"])} | _rest(row) for row in result["scan"]]))
    print(
        f"p-value of the search: {result['p_value']:.3g} ({result['significance']:.1f} standard deviations)"
    )
    if result["max_significance_improvement"] is not None:
        low, high = result["max_significance_improvement_interval"]
        gain = result["max_significance_improvement"]
        print(
            f"maximum significance improvement: {gain:.1f} ({low:.1f} to {high:.1f}), {result['judged_on']}"
        )
    write_json(args.json, result)
    for name, path in (("page", args.page), ("events in excess", args.output)):
        if path is not None:
            print(f"{name}: {path}")
    return 0


def _rest(row: dict[str, object]) -> dict[str, object]:
    return {
        name: row[name]
        for name in ("observed", "expected", "expected_error", "p_value_local", "significance_local")
    }
