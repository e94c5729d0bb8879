"""The parser of every verb."""

from __future__ import annotations

from pathlib import Path

from gnnreco import __version__
from gnnreco.tasks.names import known_names

from .deploy import add_options
from .options import DETECTOR_HELP, INPUT_HELP, OVERWRITE_HELP, Parser, Verbs, output_folder, positive, shard


def build_parser() -> Parser:
    """Build the parser of every verb."""
    parser = Parser(
        prog="gnnreco",
        description="Graph-network reconstruction for any particle detector.",
        epilog="exit status: 0 done, 1 a result fails its own check, 2 bad input",
    )
    parser.add_argument("--version", action="version", version=f"gnnreco {__version__}")
    verbs = Verbs(parser, "")
    _detector(verbs)
    _simulate(verbs)
    _train(verbs)
    _reconstruct(verbs)
    _evaluate_and_show(verbs)
    _bundle(verbs)
    deploy = verbs.add(
        "deploy",
        "write a trained bundle as ONNX, an HLS project or Verilog; prove it again with `deploy verify FOLDER`",
        "jet-tagger --target rtl -o firmware --budget-ns 100",
        "deploy",
        threads=True,
    )
    add_options(deploy)
    compare = verbs.add(
        "compare-detectors",
        "run the same particles through detectors: occupancy, coverage, efficiency of trained and of foreign bundles",
        "trackml odd --events 10 -o comparison --json comparison.json",
        "compare_detectors",
        threads=True,
    )
    compare.add_argument("detectors", nargs="*", metavar="DETECTOR", help=DETECTOR_HELP + " (default: all)")
    compare.add_argument(
        "--events",
        type=positive,
        default=10,
        metavar="N",
        help="of each sample; bundles learn from events in proportion (default: 10)",
    )
    compare.add_argument(
        "--no-transfer",
        dest="transfer",
        action="store_false",
        help="do not adapt and tune bundles of other detectors",
    )
    output_folder(
        compare, "page, samples that are done and adapted bundles, which a later run uses again", "comparison"
    )
    verbs.add("doctor", "show versions, threads, optional parts and what is missing", "", "doctor")
    return parser


def _detector(verbs: Verbs) -> None:
    parser = verbs.add("detector", "begin, list, check, draw or import detectors", "check trackml")
    sub = Verbs(parser, "detector ")
    sub.add("list", "list the detectors that are installed", "", "detector_list")
    new = sub.add(
        "new",
        "begin a detector from a few numbers: on a terminal it asks",
        "my_detector --kind barrel layers=5 radius=30",
        "detector_new",
    )
    new.add_argument("folder", type=Path, metavar="FOLDER", help="the folder to write")
    new.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="numbers of the kind; wrong ones are told the right"
    )
    new.add_argument(
        "--kind",
        metavar="KIND",
        help="planes, barrel, disks, calorimeter, endcap-wafers or tpc; asks for nothing then",
    )
    new.add_argument("--overwrite", action="store_true", help=OVERWRITE_HELP.format("FOLDER"))
    check = sub.add("check", "look for faults in a detector", "./my_detector", "detector_check")
    show = sub.add("show", "draw a detector as one HTML page", "trackml -o detector.html", "detector_show")
    for verb in (check, show):
        verb.add_argument("detector", metavar="DETECTOR", help=DETECTOR_HELP)
    show.add_argument("-o", "--output", type=Path, required=True, metavar="PAGE", help="the page to write")
    sample = show.add_mutually_exclusive_group()
    sample.add_argument("--events", nargs="+", metavar="INPUT", help="show the occupancy of: " + INPUT_HELP)
    sample.add_argument(
        "--simulate",
        type=positive,
        metavar="N",
        help="show the occupancy of N events of 20 pions, made here",
    )
    load = sub.add(
        "import",
        "turn a foreign geometry into a detector",
        "acts-csv detectors.csv pitch=0.05,0.05 -o my_detector",
        "detector_import",
    )
    load.add_argument("format", metavar="FORMAT", help="format of the file, such as trackml")
    load.add_argument("file", type=Path, metavar="FILE", help="the file to read")
    load.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="what the file leaves open, such as pitch=0.05,0.05"
    )
    load.add_argument("--name", help="name of the detector (default: that of FOLDER)")
    output_folder(load)
    export = sub.add(
        "export",
        "describe a detector to another program",
        "odd --format acts -o odd_for_acts",
        "detector_export",
    )
    export.add_argument("detector", metavar="DETECTOR", help=DETECTOR_HELP)
    export.add_argument("--format", required=True, help="the program, such as acts")
    output_folder(export)


def _simulate(verbs: Verbs) -> None:
    sim = verbs.add(
        "simulate",
        "make events for a detector with the embedded simulation",
        "--detector telescope --process beam --particle muon --energy 1 10 --events 100 --seed 1 -o events",
        "simulate",
        threads=True,
    )
    sim.add_argument("--detector", required=True, metavar="DETECTOR", help=DETECTOR_HELP)
    sim.add_argument("--process", default="gun", help="gun, beam, minbias, ttbar, ... (default: gun)")
    sim.add_argument("--events", type=positive, required=True, metavar="N", help="number of events")
    sim.add_argument(
        "--pileup", type=int, default=0, metavar="K", help="minimum-bias collisions on top of each event"
    )
    sim.add_argument(
        "--seed", type=int, default=1, metavar="S", help="event i depends on the seed and i only (default: 1)"
    )
    output_folder(sim)
    sim.add_argument("--format", default="parquet", help="format of the events (default: parquet)")
    sim.add_argument("settings", nargs="*", metavar="key=value", help="any field of SimulationOptions")
    gun = sim.add_argument_group("gun")
    gun.add_argument("--particle", metavar="NAME", help="photon, electron, pion, muon, ...")
    gun.add_argument("--energy", type=float, nargs=2, metavar=("MIN", "MAX"), help="GeV")
    gun.add_argument("--count", type=positive, metavar="N", help="particles in an event")
    gun.add_argument("--eta", type=float, nargs=2, metavar=("MIN", "MAX"), help="pseudorapidity")
    convert = verbs.add(
        "convert", "write events in another format", "raw/ --detector trackml -o events", "convert"
    )
    convert.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    convert.add_argument("--detector", required=True, metavar="DETECTOR", help=DETECTOR_HELP)
    output_folder(convert)
    convert.add_argument("--format", default="parquet", help="parquet, trackml, ... (default: parquet)")


def _train(verbs: Verbs) -> None:
    train = verbs.add(
        "train",
        "train a network and save it as a bundle",
        "tracking detector=telescope train.epochs=5 -o my_bundle",
        "train",
        threads=True,
    )
    train.add_argument("task", metavar="TASK", help=", ".join(known_names()))
    train.add_argument("settings", nargs="*", metavar="key=value", help="settings; `--show` prints them all")
    output_folder(train, metavar="BUNDLE", required=False)
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint of BUNDLE")
    train.add_argument("--show", action="store_true", help="print the composed settings and stop")
    train.set_defaults(threads=None)  # it is the setting train.threads, which is 1 as well


def _reconstruct(verbs: Verbs) -> None:
    reco = verbs.add(
        "reconstruct",
        "reconstruct events with trained bundles",
        "events/ --detector trackml --bundle tracking-trackml -o out --workers 2",
        "reconstruct",
        threads=True,
    )
    reco.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    reco.add_argument("--detector", required=True, metavar="DETECTOR", help=DETECTOR_HELP)
    reco.add_argument(
        "--bundle",
        action="append",
        metavar="BUNDLE",
        help="shipped name or folder; once for each task (default: by what the detector measures)",
    )
    output_folder(reco)
    reco.add_argument(
        "--format", choices=["parquet", "root"], default="parquet", help="of the output (default: parquet)"
    )
    where = reco.add_mutually_exclusive_group()
    where.add_argument(
        "--workers", type=positive, default=1, metavar="N", help="local processes (default: 1)"
    )
    where.add_argument(
        "--dask", metavar="ADDRESS", help="scheduler of a Dask cluster that sees the same files"
    )
    reco.add_argument(
        "--shard", type=shard, metavar="i/n", help="do part i, from 0 to n - 1, of n equal parts"
    )
    reco.add_argument("--resume", action="store_true", help="keep the shards that are complete")
    reco.add_argument(
        "--engine",
        choices=["native", "onnx"],
        default="native",
        help="what runs the network; with onnx, BUNDLE may be what `gnnreco deploy` wrote (default: native)",
    )
    reco.add_argument(
        "--any-detector", action="store_true", help="use a bundle that was trained on another detector"
    )
    reco.add_argument(
        "--no-clusters",
        dest="clusters",
        action="store_false",
        help="leave cells unread: for files whose clusters look unlike those of the training",
    )


def _evaluate_and_show(verbs: Verbs) -> None:
    ev = verbs.add(
        "evaluate",
        "score the output of reconstruct against truth",
        "out --truth events/ --json out.json",
        "evaluate",
        threads=True,
    )
    ev.add_argument("output", type=Path, metavar="FOLDER", help="what `gnnreco reconstruct` wrote")
    ev.add_argument("--truth", required=True, nargs="+", metavar="INPUT", help="the events, with truth")
    ev.add_argument("--detector", metavar="DETECTOR", help=DETECTOR_HELP + " (default: that of FOLDER)")
    ev.add_argument(
        "--plots",
        type=Path,
        metavar="FOLDER",
        help="also draw efficiency, fake rate, resolutions, calibration",
    )
    ev.add_argument(
        "--min-pt",
        type=float,
        metavar="GEV",
        help="of target particles (default: 1; none where the tracker lies across the beam)",
    )
    ev.add_argument(
        "--min-energy", type=float, metavar="GEV", help="of target particles of showers (default: 1)"
    )
    ev.add_argument(
        "--max-eta", type=float, metavar="ETA", help="of target particles (tracks: 3; none across the beam)"
    )
    ev.add_argument(
        "--min-hits",
        type=positive,
        metavar="N",
        help="of target particles (tracks: 9, or all layers but one where fewer; showers: 3)",
    )
    show = verbs.add(
        "show", "draw one event as one HTML page", "events/ --output out --event 3 -o event.html", "show"
    )
    show.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    show.add_argument(
        "--output", dest="tracks", type=Path, metavar="FOLDER", help="what `gnnreco reconstruct` wrote"
    )
    show.add_argument("--detector", metavar="DETECTOR", help=DETECTOR_HELP + " (default: that of --output)")
    explore = verbs.add(
        "explore",
        "look at unknown data: clusters without training or detector, spectra and what is odd, as one page",
        "collisions.ig --event 20657260 -o first_view.html",
        "explore",
    )
    explore.add_argument("input", nargs="+", metavar="INPUT", help=INPUT_HELP)
    explore.add_argument("--detector", metavar="DETECTOR", help=DETECTOR_HELP + " (default: none)")
    for verb in (show, explore):
        verb.add_argument("--event", type=int, metavar="K", help="event number (default: the first)")
        verb.add_argument(
            "-o", dest="page", type=Path, required=True, metavar="PAGE", help="the page to write"
        )


def _bundle(verbs: Verbs) -> None:
    parser = verbs.add(
        "bundle", "list, verify, describe, adapt or calibrate trained bundles", "info tracking-trackml"
    )
    sub = Verbs(parser, "bundle ")
    sub.add("list", "list the bundles that ship", "", "bundle_list")
    verify = sub.add("verify", "check every sum and number of a bundle", "tracking-trackml", "bundle_verify")
    info = sub.add("info", "show what a bundle is and how it was made", "tracking-trackml", "bundle_info")
    for verb in (verify, info):
        verb.add_argument("bundle", metavar="BUNDLE", help="shipped name or folder")
    fit = sub.add(
        "adapt",
        "fit a bundle to a detector it never saw: the network stays, the graph builder is learned from simulated events",
        "tracking-trackml --detector my_detector -o my_bundle",
        "bundle_adapt",
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
        "--min-pt", type=float, metavar="GEV", help="slower particles are not aimed at (default: as BUNDLE)"
    )
    fit.add_argument("settings", nargs="*", metavar="key=value", help="any field of SimulationOptions")
    score = sub.add(
        "calibrate",
        "make the score of tracks or clusters the probability that they are right, from events with truth; weights stay",
        "my_bundle --detector my_detector --data held_back/ -o calibrated",
        "bundle_calibrate",
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
        "--data", required=True, action="append", nargs="+", metavar="INPUT",
        help="events that no training used, with truth and noise: once for each --detector",
    )  # fmt: skip
    output_folder(score)
