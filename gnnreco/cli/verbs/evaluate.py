"""The verb `evaluate`: what `reconstruct` wrote against the truth, or generated showers against a full simulation."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from gnnreco.cli.options import DETECTOR_HELP, Verbs, column_map, positive
from gnnreco.cli.progress import bar, later_bar
from gnnreco.cli.table import one_line, say_left_aside, terminal_width, write_json


def add(verbs: Verbs) -> None:
    """Declare it."""
    ev = verbs.add(
        "evaluate",
        "score the output of reconstruct against truth, or generated showers against a full simulation",
        "out --truth events/ --json out.json",
        evaluate,
        threads=True,
    )
    ev.add_argument(
        "output", type=Path, metavar="FOLDER", help="what `gnnreco reconstruct` wrote, or generated events"
    )
    ev.add_argument(
        "--truth",
        nargs="+",
        metavar="INPUT",
        help="the events, with truth; needed for all but the output of an anomaly bundle",
    )
    column_map(ev)
    ev.add_argument(
        "--anomalous",
        nargs="+",
        default=[],
        metavar="PATTERN",
        help="of the output of an anomaly bundle: globs on its sources (input files or folders) that are no normal events",
    )
    ev.add_argument(
        "--detector",
        metavar="DETECTOR",
        help=DETECTOR_HELP + " (default: that of FOLDER; needed for generated events)",
    )
    ev.add_argument(
        "--plots",
        type=Path,
        metavar="FOLDER",
        help="also draw efficiency, fake rate, resolutions, calibration",
    )
    ev.add_argument("--explain", action="store_true", help="also say what each row and figure means")
    ev.add_argument(
        "--min-pt",
        type=float,
        metavar="GEV",
        help="of target particles (default: 1; none where the tracker lies across the beam)",
    )
    ev.add_argument(
        "--min-energy",
        type=float,
        metavar="GEV",
        help="of target particles of showers and particle flow (default: 1)",
    )
    ev.add_argument(
        "--max-eta", type=float, metavar="ETA", help="of target particles (tracks: 3; none across the beam)"
    )
    ev.add_argument(
        "--jets",
        choices=("antikt", "durham", "genkt"),
        default="antikt",
        help="of particle flow: the jets whose figures head --json (default: antikt; those of all are there and printed)",
    )
    ev.add_argument(
        "--min-hits",
        type=positive,
        metavar="N",
        help="of target particles (tracks: 9, or all layers but one where fewer; showers: 3, or all layers where fewer)",
    )
    ev.add_argument(
        "--threshold",
        type=float,
        metavar="MIP",
        help="of cells of generated showers, in units of what a minimum-ionising particle leaves (default: 0.5)",
    )
    ev.add_argument(
        "--trainings",
        type=positive,
        metavar="N",
        help="of each classifier that tells generated showers from true ones (default: 5)",
    )
    ev.add_argument(
        "--bundle",
        metavar="BUNDLE",
        help="also find showers in generated and true events with this bundle, such as showers-any, and compare",
    )
    ev.add_argument(
        "--any-detector", action="store_true", help="allow a bundle that was trained on another detector"
    )
    weights = ev.add_mutually_exclusive_group()
    weights.add_argument(
        "--reweight",
        type=Path,
        metavar="FILE",
        help="write weights that move generated showers toward half of the true ones (Parquet), and use them",
    )
    weights.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="of generated showers, as --reweight wrote them: in histograms, separation, response and profiles",
    )


def evaluate(args: Namespace) -> int:
    """Scores of the output of `reconstruct`, or of generated events."""
    from gnnreco.errors import BadConfig
    from gnnreco.evaluate import explain, holds_events, open_generated, plots
    from gnnreco.evaluate import table as scores_table
    from gnnreco.events import EventSource, open_events
    from gnnreco.geometry import load_detector
    from gnnreco.reconstruct.manifest import versions
    from gnnreco.score import detector_of
    from gnnreco.score import evaluate as score

    generated = holds_events(args.output)
    if generated and args.detector is None:
        raise BadConfig(f"{args.output}: holds events; name their detector with detector=")
    detector = source = None
    what: Path | EventSource = args.output
    if args.truth:
        detector = load_detector(args.detector or detector_of(args.output))
        what = open_generated(args.output, detector) if generated else args.output
        source = open_events(args.truth, detector, truth=True, deposits=False, columns=args.map)
    sizes = [len(each) for each in (source, what) if isinstance(each, EventSource)]
    result = score(
        what,
        source,
        detector or args.detector,
        anomalous=args.anomalous,
        min_pt=args.min_pt,
        max_eta=args.max_eta,
        min_hits=args.min_hits,
        min_energy=args.min_energy,
        jets=args.jets,
        threshold=args.threshold,
        trainings=args.trainings,
        bundle=args.bundle,
        any_detector=args.any_detector,
        weights=args.weights,
        reweight=args.reweight,
        progress=bar(sum(sizes), "event") if sizes else iter,
        trained=later_bar("training"),
    )
    print(scores_table(result, terminal_width()))
    print(f"\n{explain(result)}" if args.explain else "(--explain says what each row means)")
    ran = {"command": args.command, "versions": versions("native")}
    left_aside = {} if source is None else source.left_aside
    write_json(args.json, {**ran, **result, "left_aside": left_aside})
    say_left_aside(left_aside, [] if source is None else source.foreign)
    for warning in result["warnings"]:
        print("gnnreco:", one_line(warning), file=sys.stderr)
    if args.plots:
        drawn = result.get("tasks", {args.output.name: result})
        print(f"wrote {plots(drawn, args.plots)}")
    return 0
