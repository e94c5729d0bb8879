"""The verbs that make files of events: `simulate` and `convert`."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from gnnreco.cli.options import DETECTOR_HELP, INPUT_HELP, Verbs, column_map, output_folder, positive
from gnnreco.cli.progress import Progress
from gnnreco.cli.table import one_line, say_field, say_left_aside
from gnnreco.cli.table import show as print_table
from gnnreco.errors import BadConfig

if TYPE_CHECKING:
    from gnnreco.columns import Event
    from gnnreco.geometry import Detector


def add(verbs: Verbs) -> None:
    """Declare them."""
    _add_simulate(verbs)
    _add_convert(verbs)


def _add_simulate(verbs: Verbs) -> None:
    sim = verbs.add(
        "simulate",
        "make events for a detector with the embedded simulation",
        "--detector odd --process qq --ecm 91 --events 20 --seed 1 -o events",
        simulate,
        threads=True,
    )
    sim.add_argument("--detector", required=True, metavar="DETECTOR", help=DETECTOR_HELP)
    sim.add_argument(
        "--process",
        default="gun",
        help="gun, beam; e+e-: qq, tautau, zh; proton-proton: minbias, ttbar, dijet, wprime (a heavy resonance), "
        "displaced (long-lived particles); where Pythia 8 is installed also ww (e+e-), zmumu, zee, higgs; "
        "or a HepMC file, whose collisions are taken in order (default: gun)",
    )
    sim.add_argument(
        "--ecm",
        type=float,
        metavar="GEV",
        help="energy of the collision; qq ships at 91, 240 and 380 (its default), with Pythia 8 (generator=pythia) any",
    )
    sim.add_argument("--events", type=positive, required=True, metavar="N", help="number of events")
    sim.add_argument(
        "--pileup", type=int, default=0, metavar="K", help="minimum-bias collisions on top of each event"
    )
    sim.add_argument(
        "--seed", type=int, default=1, metavar="S", help="event i depends on the seed and i only (default: 1)"
    )
    sim.add_argument(
        "--engine",
        action="append",
        metavar="NAME",
        help="of showers: parametric, fastsim (a network that ships, trained on full simulation), or a bundle of "
        "`gnnreco train fastsim`; may be repeated, for one that knows other particles (default: parametric)",
    )
    output_folder(sim)
    sim.add_argument(
        "--format",
        default="parquet",
        help="format of the events: parquet, trackml, calochallenge (default: parquet)",
    )
    sim.add_argument("settings", nargs="*", metavar="key=value", help="any field of SimulationOptions")
    gun = sim.add_argument_group("gun (with extra=NAME also of particles added to every collision)")
    gun.add_argument(
        "--particle", metavar="NAME", help="photon, electron, pion, muon, hip (highly ionising), ..."
    )
    gun.add_argument("--energy", type=float, nargs=2, metavar=("MIN", "MAX"), help="GeV")
    gun.add_argument("--count", type=positive, metavar="N", help="particles in an event")
    gun.add_argument("--eta", type=float, nargs=2, metavar=("MIN", "MAX"), help="pseudorapidity")


def simulate(args: Namespace) -> int:
    """Events of the embedded simulation."""
    import warnings

    from gnnreco.generate import PARAMETRIC
    from gnnreco.generate import simulate as simulated
    from gnnreco.geometry import load_detector
    from gnnreco.schema import build, parse_settings
    from gnnreco.simulate import SimulationOptions

    if args.pileup < 0:
        raise BadConfig(f"--pileup {args.pileup}: a number of collisions is not negative")
    settings = parse_settings(args.settings)
    settings |= {
        name: value
        for name in ("ecm", "particle", "energy", "count", "eta")
        if (value := getattr(args, name)) is not None
    }
    detector = load_detector(args.detector)
    say_field(detector)
    with warnings.catch_warnings(record=True) as doubts:
        warnings.simplefilter("always")
        events = simulated(
            detector,
            args.process,
            events=args.events,
            pileup=args.pileup,
            seed=args.seed,
            options=build(SimulationOptions, settings),
            engine=args.engine or PARAMETRIC,
        )
    for doubt in doubts:
        print("gnnreco:", one_line(str(doubt.message)), file=sys.stderr)
    return _write_events(events, args.events, detector, args)


def _add_convert(verbs: Verbs) -> None:
    verb = verbs.add(
        "convert", "write events in another format", "raw/ --detector trackml -o events", convert
    )
    verb.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    column_map(verb)
    verb.add_argument("--detector", required=True, metavar="DETECTOR", help=DETECTOR_HELP)
    output_folder(verb)
    verb.add_argument(
        "--format", default="parquet", help="parquet, trackml, calochallenge (default: parquet)"
    )


def convert(args: Namespace) -> int:
    """Events in another format."""
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector

    detector = load_detector(args.detector)
    source = open_events(args.input, detector, columns=args.map)
    found: Counter[str] = Counter()
    status = _write_events(_found_counted(source, found), len(source), detector, args)
    say_left_aside({**found, **source.left_aside}, source.foreign)
    return status


def _found_counted(events: Iterable[Event], found: Counter[str]) -> Iterator[Event]:
    """The events; what another program found in them, which no format written here keeps, is counted by kind."""
    for event in events:
        found.update(
            {
                f"{kind.__name__} of another program": n
                for kind, told in event.found.items()
                if (n := len(told))
            }
        )
        yield event


def _write_events(events: Iterable[Event], total: int, detector: Detector, args: Namespace) -> int:
    from gnnreco.events import write_events

    begin = time.perf_counter()
    hits: list[int] = []
    summed: list[int] = []
    with Progress("event") as progress:
        files = write_events(
            _counted(events, hits, summed),
            args.output,
            args.format,
            detector,
            progress=lambda done: progress.counted(done, total),
            overwrite=args.overwrite,
        )
    size = sum(file.stat().st_size for file in files)
    seconds = time.perf_counter() - begin
    row = {
        "folder": str(args.output),
        "events": total,
        "hits_per_event": round(sum(hits) / max(total, 1), 1),
        "files": len(files),
        "megabytes": size / 1e6,
        "seconds": seconds,
    } | ({"hits_summed": sum(summed)} if any(summed) else {})
    print_table([row], args.json)
    if empty := hits.count(0):
        aim = (
            "do the particles miss the sensors? they start at the detector's `source`; see --eta, --energy, beam_width"
            if hasattr(args, "process")
            else "is it the right detector, and the right file?"
        )
        print(f"gnnreco: no hit in {empty:,} of {total:,} events: {aim}", file=sys.stderr)
    return 0


def _counted(events: Iterable[Event], hits: list[int], summed: list[int]) -> Iterator[Event]:
    """The events; their hits, and the deposits that were summed, go to two lists."""
    for event in events:
        hits.append(len(event.hits))
        summed.append(event.hits_summed)
        yield event
