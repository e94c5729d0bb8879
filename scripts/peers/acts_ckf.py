"""gnnreco beside ACTS's seeding and combinatorial Kalman filter: same events, target and matching, one run.

python scripts/peers/acts_ckf.py EVENTS --bundle tracking-trackml --json figures.json

EVENTS is a folder of ACTS CSV events in the Generic (TrackML) detector, as scripts/make_acts_events.py makes it.
ACTS is tuned to 5 seeds a middle space point, and runs with its default of 1 as well. Cost is CPU time from hits
in to tracks out: for ACTS space points, seeding, parameter estimate, filter and ambiguity resolution, by the clock
of the thread that works on the event; without reading, writing and simulating for both.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from contenders import compare, layout, run_gnnreco

from gnnreco.events import open_events
from gnnreco.geometry import load_detector


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("events", type=Path)
    parser.add_argument("--bundle", default="tracking-trackml")
    parser.add_argument("--detector", default="trackml")
    parser.add_argument("--acts-python", default=sys.executable, help="Python with pyacts")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--max-seeds", type=int, nargs="+", default=[5, 1])
    parser.add_argument(
        "--work", type=Path, help="keeps the tracks of all; a later run takes those of ACTS from it"
    )
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    detector = load_detector(args.detector)
    source = open_events([args.events], detector, deposits=False)
    with tempfile.TemporaryDirectory() as scratch:
        work = args.work or Path(scratch)
        warm_up(args, work)
        rows, results = compare(
            args.events,
            source,
            detector,
            work,
            args.bundle,
            args.acts_python,
            args.threads,
            args.max_seeds,
            lambda line: print(line, file=sys.stderr),
        )
    target = next(iter(results.values()))["definitions"]
    print(
        f"{len(source)} events; target: {target['target']}; counted tracks: {target['tracks']}; matching: acts"
    )
    print(layout(rows))
    if args.json:
        args.json.write_text(json.dumps({"rows": rows, "results": results}, indent=1, allow_nan=False) + "\n")


def warm_up(args: argparse.Namespace, work: Path) -> None:
    """One event first: the compiled kernels are then in their cache, as the C++ of ACTS is."""
    first = sorted(args.events.glob("event*-measurements.csv"))[:1]
    if first:
        run_gnnreco(
            first[0].parent / first[0].name.replace("measurements", "*"),
            work / "warm",
            args.detector,
            args.bundle,
        )


if __name__ == "__main__":
    main()
