"""Write events with a fault of the detector in some of them, and which hits that made: to test an anomaly search.

    gnnreco simulate --detector odd --process dijet --events 20 --seed 5 -o events
    python scripts/implant.py events --detector odd --fault hot-tower --fraction 0.5 -o faulty
    gnnreco reconstruct faulty --detector odd --bundle BUNDLE -o out

The output holds the events in their order and `implants.json`: by event number the fault, `hits` (hit ids that it made or
changed) and `gone` (hit ids that it took away).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from gnnreco.columns import Event
from gnnreco.events import open_events, write_events
from gnnreco.files.json_types import JsonDict
from gnnreco.geometry import Detector, load_detector
from gnnreco.testing.implants import FAULTS


def implanted(
    events: Iterable[Event],
    detector: Detector,
    faults: list[str],
    fraction: float,
    seed: int,
    told: dict[int, JsonDict],
) -> Iterator[Event]:
    """The events, a fraction of them with one of the faults; `told` is filled on the way."""
    for event in events:
        random = np.random.default_rng((seed, event.number, 1))
        if random.random() >= fraction:
            yield event
            continue
        name = str(random.choice(faults))
        made = FAULTS[name](event, detector, seed)
        told[event.number] = {"fault": name, "hits": made.hits.tolist(), "gone": made.gone.tolist()}
        yield made.event


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("events", nargs="+")
    parser.add_argument("--detector", required=True)
    parser.add_argument(
        "--fault", choices=FAULTS, action="append", help="again for one of several (default: all)"
    )
    parser.add_argument("--fraction", type=float, default=1.0, help="of the events that get one (default: 1)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    detector = load_detector(args.detector)
    told: dict[int, JsonDict] = {}
    source = open_events(args.events, detector)
    made = implanted(source, detector, args.fault or list(FAULTS), args.fraction, args.seed, told)
    write_events(made, args.output, detector=detector)
    (args.output / "implants.json").write_text(json.dumps(told, indent=1) + "\n")
    print(f"{len(told)} of {len(source)} events have a fault")


if __name__ == "__main__":
    main()
