"""The figures of docs/performance/tracking.md, measured beside ACTS on the same events.

python scripts/bench.py                        makes the events it needs in .bench/events first (resumable)
python scripts/bench.py --events FOLDER        takes pu0, pu20, pu50 and pu200 (or test_pu0, ...) from FOLDER

Writes bench.json, cost.png and the evaluation report to .bench. Exit status 1 where a floor is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "peers")]

from bench_parts import cost_against_hits, cost_plot, graph_seconds, robustness  # noqa: E402
from contenders import compare, layout, run_gnnreco  # noqa: E402
from make_acts_events import make_events  # noqa: E402

from gnnreco.evaluate import plots  # noqa: E402
from gnnreco.events import open_events  # noqa: E402
from gnnreco.geometry import load_detector  # noqa: E402

SAMPLES = {0: (50, 1002), 20: (20, 1003), 50: (20, 1004), 200: (50, 1001)}  # pile-up: events, seed
FLOORS: dict[str, tuple[str, float, float, bool]] = {  # key: what, floor, target, more is better
    "efficiency": ("efficiency, pile-up 200", 0.93, 0.98, True),
    "fake_rate": ("fake rate, pile-up 200", 0.03, 0.001, False),
    "duplicate_rate": ("duplicate rate, pile-up 200", 0.01, 0.0, False),
    "cpu_seconds_per_event": ("CPU seconds an event, pile-up 200", 4.6, 0.5, False),
    "peak_rss_gib": ("peak memory, GiB", 1.5, 0.5, False),
    "trackml_score": ("TrackML score, all hits, pile-up 200", 0.75, 0.94, True),
    "graph_seconds": ("graph building, 100,000 hits, s", 1.5, 0.15, False),
}


def sample_folders(args: argparse.Namespace) -> dict[int, Path]:
    """The folder of each pile-up, made where it is missing."""
    folders = {}
    for pileup, (events, seed) in SAMPLES.items():
        given = [args.events / f"{prefix}pu{pileup}" for prefix in ("", "test_")] if args.events else []
        there = [folder for folder in given if folder.is_dir()]
        count = min(events, args.count or events)
        place = there[0] if there else args.bench / "events" / f"pu{pileup}-{count}"
        if not there:
            make_events(place, pileup, count, seed, acts_python=args.acts_python)
        folders[pileup] = place / "csv" if (place / "csv").is_dir() else place
    return folders


def main() -> None:
    args = arguments()
    args.bench.mkdir(parents=True, exist_ok=True)
    detector, folders = load_detector(args.detector), sample_folders(args)
    sources = {pileup: open_events([folder], detector, deposits=False) for pileup, folder in folders.items()}
    first = sources[0].files[0].name.split("-")[0]
    run_gnnreco(
        f"{folders[0]}/{first}-*", args.bench / "warm", args.detector, args.bundle
    )  # compiles the kernels

    rows, results = compare(
        folders[200], sources[200], detector, args.bench / "pu200", args.bundle, args.acts_python, say=_say
    )
    ours = rows[0]
    _print_comparison(rows, results)
    cost = cost_against_hits(folders, sources, detector, args, _say)
    cost_plot(cost, args.bench / "cost.png")
    print("\ncost against hits, one thread:", *(f"\n  {line}" for line in cost["lines"]))
    worse = robustness(sources[200], detector, args, _say)
    print("\nrobustness, pile-up 200:")
    print(layout(worse))
    graph = graph_seconds(folders[200], detector, args.bundle)
    figures = {**ours, "graph_seconds": graph}
    passed = _print_floors(figures)
    plots({name: result for name, result in results.items() if "CKF," not in name}, args.bench / "report")
    content: dict[str, Any] = {"rows": rows, "cost": cost, "robustness": worse, "graph_seconds": graph}
    output = args.json or args.bench / "bench.json"
    output.write_text(json.dumps({**content, "results": results}, indent=1, allow_nan=False) + "\n")
    print(f"\nwrote {output}, {args.bench / 'cost.png'} and {args.bench / 'report' / 'report.html'}")
    sys.exit(0 if passed else 1)


def _print_comparison(rows: list[dict[str, Any]], results: dict[str, Any]) -> None:
    first = next(iter(results.values()))
    print(f"{first['events']} events of ttbar with 200 pile-up; target: {first['definitions']['target']}")
    print(f"counted tracks: {first['definitions']['tracks']}; matching: acts; cost: hits in to tracks out")
    print(layout(rows))


def _print_floors(figures: dict[str, Any]) -> bool:
    print(f"\n{'figure':38}  {'measured':>9}  {'floor':>7}  {'target':>7}")
    passed = True
    for key, (what, floor, target, more) in FLOORS.items():
        value = figures[key]
        if value is None:  # no track was counted
            print(f"{what:38}  {'-':>9}  {floor:7g}  {target:7g}  FLOOR MISSED")
            passed = False
            continue
        good, best = ((value >= x) if more else (value <= x) for x in (floor, target))
        verdict = "target reached" if best else "floor met" if good else "FLOOR MISSED"
        print(f"{what:38}  {value:9.4f}  {floor:7g}  {target:7g}  {verdict}")
        passed &= bool(good)
    return passed


def _say(line: str) -> None:
    print(f"... {line}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=Path, help="folder of samples that are there already")
    parser.add_argument("--count", type=int, help="at most so many events of each sample that is made")
    parser.add_argument("--bundle", default="tracking-trackml")
    parser.add_argument("--detector", default="trackml")
    parser.add_argument("--robust-events", type=int, default=10, help="events of each robustness row")
    parser.add_argument(
        "--acts-python", default=sys.executable, help="Python with pyacts, pythia8mc, pyhepmc"
    )
    parser.add_argument("--bench", type=Path, default=Path(".bench"), help="keeps events and results")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
