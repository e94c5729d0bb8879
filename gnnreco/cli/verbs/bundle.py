"""The verbs `bundle ...`: list, verify, describe, adapt, calibrate and change trained bundles."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from gnnreco.cli.options import DETECTOR_HELP, Verbs, not_negative, output_folder, positive
from gnnreco.cli.progress import Progress
from gnnreco.cli.survey import show_survey
from gnnreco.cli.table import say_field, write_json
from gnnreco.cli.table import show as print_table
from gnnreco.errors import BadConfig

LINES = 48  # of a page


def add(verbs: Verbs) -> None:
    """Declare them."""
    parser = verbs.add(
        "bundle",
        "list, verify, describe, adapt, calibrate or change trained bundles",
        "info tracking-trackml",
    )
    sub = Verbs(parser, "bundle ")
    sub.add("list", "list the bundles that ship", "", bundle_list)
    verify = sub.add("verify", "check every sum and number of a bundle", "tracking-trackml", bundle_verify)
    info = sub.add("info", "show what a bundle is and how it was made", "tracking-trackml", bundle_info)
    for verb in (verify, info):
        verb.add_argument("bundle", metavar="BUNDLE", help="shipped name or folder")
    _add_adapt(sub)
    _add_calibrate(sub)
    change = sub.add(
        "set",
        "change settings that need no training, such as budgets and thresholds; weights stay",
        "showers-hgcal graph.max_edges=120000000 -o large",
        bundle_set,
    )
    change.add_argument("bundle", metavar="BUNDLE", help="shipped name or folder")
    change.add_argument(
        "settings",
        nargs="+",
        metavar="key=value",
        help="settings that `bundle info --json` lists under config",
    )
    output_folder(change)


def bundle_list(args: Namespace) -> int:
    """Task, detector, purpose and a figure of every shipped bundle."""
    from gnnreco.bundle import list_bundles, load_bundle, purpose_of

    rows = []
    for name in list_bundles():
        bundle = load_bundle(name)
        purpose, figure = purpose_of(name)
        rows.append(
            {
                "name": name,
                "task": bundle.task,
                "detector": bundle.manifest["detector"]["name"],
                "parameters": bundle.parameters,
                "purpose": purpose,
                "figure": figure,
            }
        )
    print_table(rows, args.json)
    return 0


def bundle_verify(args: Namespace) -> int:
    """Whether a bundle is what was written; a fault is an error."""
    from gnnreco.bundle import check_bundle, load_bundle

    bundle = load_bundle(args.bundle)
    check_bundle(bundle)
    rows = [{"file": name, **facts} for name, facts in bundle.manifest["files"].items()]
    print_table(rows, args.json)
    print(f"{bundle.folder}: every sum agrees, and every number fits its task")
    return 0


def _add_calibrate(sub: Verbs) -> None:
    score = sub.add(
        "calibrate",
        "make the score of tracks or clusters the probability that they are right, from events with truth; weights stay",
        "my_bundle --detector my_detector --data held_back/ -o calibrated",
        bundle_calibrate,
        threads=True,
    )
    score.add_argument("bundle", metavar="BUNDLE", help="shipped name or folder")
    score.add_argument(
        "--detector",
        required=True,
        action="append",
        metavar="DETECTOR",
        help=DETECTOR_HELP + "; may be repeated",
    )
    score.add_argument(
        "--data",
        required=True,
        action="append",
        nargs="+",
        metavar="INPUT",
        help="events that no training used, with truth and noise: once for each --detector",
    )
    output_folder(score)


def bundle_calibrate(args: Namespace) -> int:
    """A bundle whose score is a probability."""
    from gnnreco.evaluate import calibrate
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector
    from gnnreco.reconstruct.manifest import file_sums

    if len(args.detector) != len(args.data):
        raise BadConfig(f"{len(args.detector)} --detector and {len(args.data)} --data: name one for each")
    detectors = [load_detector(name) for name in args.detector]
    samples = [(d, open_events(inputs, d)) for d, inputs in zip(detectors, args.data, strict=True)]
    data = [
        {"detector": detector.name, "name": Path(name).name, **facts}
        for detector, events in samples
        for name, facts in file_sums(events.files).items()
    ]
    pairs = zip(args.detector, args.data, strict=True)
    named_in = (
        f"--detector {Path(d).name} --data {' '.join(Path(i).name for i in inputs)}" for d, inputs in pairs
    )
    command = f"gnnreco bundle calibrate {Path(args.bundle).name} {' '.join(named_in)}"  # names: paths are of one machine
    with Progress("") as progress:
        named = progress.named
        row = calibrate(args.bundle, samples, args.output, command, data, named, args.overwrite)
    print_table([row], args.json)
    return 0


def bundle_set(args: Namespace) -> int:
    """A bundle with other settings."""
    from gnnreco.bundle import change_settings

    print_table([change_settings(args.bundle, args.settings, args.output, args.overwrite)], args.json)
    return 0


def bundle_info(args: Namespace) -> int:
    """A page about a bundle; all of its manifest and settings with --json."""
    import yaml

    from gnnreco.bundle import load_bundle

    bundle = load_bundle(args.bundle)
    content = {**bundle.manifest, "config": bundle.config, "parameters": bundle.parameters}
    first = {"bundle": bundle.name, "task": bundle.task, "parameters": bundle.parameters}
    lines = yaml.safe_dump(first | _brief(content, 2), sort_keys=False, width=116).splitlines()
    print(*lines[:LINES], sep="\n")
    print(
        "all of it: --json FILE"
        if len(lines) <= LINES
        else f"{len(lines) - LINES} more lines; all of it: --json FILE"
    )
    if "survey" in bundle.manifest["metrics"]:
        show_survey(bundle.manifest["metrics"]["survey"])
    write_json(args.json, content)
    return 0


def _brief(values: Any, depth: int) -> Any:
    """Values down to some depth; below it, and of long lists and texts, how much there is."""
    if isinstance(values, dict):
        if depth == 0:
            return f"{len(values)} values"
        skipped = ("files", "format", "sha256", "task", "parameters")
        return {k: _brief(v, depth - 1) for k, v in values.items() if k not in skipped}
    if isinstance(values, list):
        return values if len(str(values)) <= 60 else f"{len(values)} entries"
    if isinstance(values, float):
        return float(f"{values:.5g}")
    return values if len(str(values)) <= 100 else f"{str(values)[:97]}..."


def _add_adapt(sub: Verbs) -> None:
    fit = sub.add(
        "adapt",
        "fit a bundle to a detector it never saw: its graph builder to simulated events, and its network where that fails",
        "tracking-trackml --detector my_detector -o my_bundle",
        bundle_adapt,
        threads=True,
    )
    fit.add_argument("bundle", metavar="BUNDLE", help="shipped name or folder")
    fit.add_argument("--detector", required=True, metavar="DETECTOR", help=DETECTOR_HELP)
    output_folder(fit)
    fit.add_argument(
        "--events", type=positive, default=80, metavar="N", help="events to simulate (default: 80)"
    )
    fit.add_argument("--process", default="ttbar", help="as in `gnnreco simulate` (default: ttbar)")
    fit.add_argument("--pileup", type=int, metavar="K", help="collisions on top (default: 20; of a beam: 0)")
    fit.add_argument("--seed", type=int, default=0, metavar="S", help="of the simulation (default: 0)")
    fit.add_argument(
        "--min-pt", type=float, metavar="GEV", help="particles with less are no targets (default: as BUNDLE)"
    )
    fit.add_argument(
        "--min-hits", type=positive, metavar="N", help="hits of the shortest track (default: as BUNDLE)"
    )
    fit.add_argument(
        "--epochs",
        type=not_negative,
        metavar="N",
        help="passes of the network over the events (default: some 1,000 events if it fails in a subsystem, else none)",
    )
    fit.add_argument("settings", nargs="*", metavar="key=value", help="any field of SimulationOptions")


def bundle_adapt(args: Namespace) -> int:
    """A bundle for another detector."""
    from gnnreco.evaluate.confidence import calibrated_if_enough
    from gnnreco.geometry import load_detector
    from gnnreco.schema import build, parse_settings
    from gnnreco.simulate import SimulationOptions
    from gnnreco.simulate import simulate as simulated
    from gnnreco.train import adapt, usual_pileup

    pileup = usual_pileup(args.process) if args.pileup is None else args.pileup
    options = build(SimulationOptions, parse_settings(args.settings))
    detector = load_detector(args.detector)
    say_field(detector)
    with Progress("") as progress:
        named = progress.named
        command = (
            f"gnnreco bundle adapt {args.bundle} --detector {args.detector} --events {args.events} "
            f"--process {args.process} --pileup {pileup} --seed {args.seed}"
            f"{'' if args.min_pt is None else f' --min-pt {args.min_pt}'}"
            f"{'' if args.min_hits is None else f' --min-hits {args.min_hits}'}"
            f"{'' if args.epochs is None else f' --epochs {args.epochs}'} {' '.join(args.settings)}"
        )
        how = (args.events, args.process, pileup, args.seed, args.min_pt, options)
        row = adapt(
            *(args.bundle, detector, args.output, *how, command.strip(), named),
            *(args.overwrite, args.min_hits, args.epochs),
        )
        held_back = simulated(
            detector, args.process, max(4, args.events // 4), pileup, args.seed, options, args.events
        )
        what = {"events": "simulated as for the graph builder, the next in number"}
        row["score"] = calibrated_if_enough(
            args.output, [(detector, list(held_back))], command.strip(), [what], named
        )
    print_table([{k: v for k, v in row.items() if k != "survey"}], args.json, [row])
    if "survey" in row:
        show_survey(row["survey"])
    return 0
