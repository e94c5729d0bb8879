"""Tracks in events that no training knew: another simulation, other fields, softer particles; beside any other finder.

python scripts/bench_abroad.py [--program "./finder {hits} {tracks}"] [--full ../shared/data/trackml/event000001001]

Makes the ACTS events that it needs in .bench/abroad first. `--program` runs a track finder on the same events: see
scripts/peers/track_finder.py. `--full` names more events, without truth: both finders are compared with each other there.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent / "peers")]

from make_acts_events import make_events  # noqa: E402
from track_finder import compare, show  # noqa: E402

REAL = Path(__file__).parent.parent / "examples" / "events"
COIL = (4800.0, 1220.0)  # mm; no training has it


def samples(args: argparse.Namespace) -> dict[str, list[str]]:
    """Inputs of each row, made where they are missing; at home first."""
    made = {
        "ACTS, 2 T, p > 0.5 GeV": make(args, "home", 1001),
        "ACTS, 2 T, p > 0.05 GeV": make(args, "soft", 1005, min_momentum=0.05),
        f"ACTS in a coil of {COIL[0] / 1000:g} m, p > 0.05 GeV": make(
            args, "coil", 1006, min_momentum=0.05, solenoid=COIL
        ),
    }
    rows = {name: [str(folder)] for name, folder in made.items()}
    rows["the real (reduced) TrackML event"] = [str(REAL / "event000000001")]
    return rows | {f"{Path(name).name}, no truth": [name] for name in args.full}


def make(args: argparse.Namespace, name: str, seed: int, **how: Any) -> Path:
    """A folder of top-quark pairs with 200 collisions on top."""
    folder = args.bench / "events" / f"{name}-{args.events}"
    return make_events(folder, 200, args.events, seed, acts_python=args.acts_python, **how)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", default="tracking-trackml")
    parser.add_argument("--program", help="command of another finder, with {hits} and {tracks}")
    parser.add_argument("--name", help="what to call it")
    parser.add_argument("--full", nargs="*", default=[], help="more events, with or without truth")
    parser.add_argument("--events", type=int, default=4, help="of each ACTS sample (default: 4)")
    parser.add_argument("--repeat", type=int, default=1, help="runs of which medians are taken (default: 1)")
    parser.add_argument("--only", help="rows whose name holds this")
    parser.add_argument("--acts-python", default=sys.executable)
    parser.add_argument("--bench", type=Path, default=Path(".bench/abroad"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.bench.mkdir(parents=True, exist_ok=True)
    told = {}
    for name, inputs in samples(args).items():
        if args.only and args.only not in name:
            continue
        how = argparse.Namespace(
            events=inputs, detector="trackml", cells=True, timeout=600.0, unassigned=None
        )
        for key in ("bundle", "program", "name", "repeat"):
            setattr(how, key, getattr(args, key))
        print(f"\n{name}")
        told[name] = result = compare(how, args.bench / "work")
        show(result)
    if args.json:
        args.json.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
