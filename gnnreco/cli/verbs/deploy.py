"""The verbs `deploy ...`: a bundle for something that is not gnnreco, its proof, and the search for smaller models."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from gnnreco.cli.options import Parser, Verbs, output_folder, say_renamed
from gnnreco.cli.progress import Progress
from gnnreco.cli.table import show as print_table
from gnnreco.errors import BadConfig, BadInput
from gnnreco.files.json_file import read_json
from gnnreco.files.json_types import JsonDict
from gnnreco.files.limits import MANIFEST_BYTES

Row = JsonDict
NOT_ASKED = "not asked for"
BUNDLE_HELP = "shipped name or folder"
PARTS = ("write", "verify", "search", "rate")


def add(verbs: Verbs) -> None:
    """Declare them."""
    parser = verbs.add(
        "deploy",
        "write a trained bundle as ONNX, an HLS project or Verilog; prove it again with `deploy verify FOLDER`",
        "jet-tagger --target rtl -o firmware --budget-ns 100",
    )
    sub = Verbs(parser, "deploy ")
    write_parser = _add_write(sub)
    _add_verify(sub)
    _add_search(sub)
    _add_rate(sub)

    def before_help() -> None:
        parser.epilog = f"`deploy BUNDLE` is `deploy write BUNDLE`:\n\n{write_parser.format_help()}"

    parser.before_help = before_help


def with_part(words: Sequence[str]) -> list[str]:
    """The words of a command where `deploy` says what to do: without a word for it, it writes.

    Examples
    --------
    >>> with_part(["deploy", "jet-tagger", "--target", "rtl"])
    ['deploy', 'write', 'jet-tagger', '--target', 'rtl']
    """
    verb, rest = list(words[:1]), list(words[1:])
    if verb != ["deploy"] or (rest and rest[0] in (*PARTS, "-h", "--help")):
        return [*verb, *rest]
    if "--search" in rest:
        say_renamed("deploy BUNDLE --search", "deploy search BUNDLE")
        rest.remove("--search")
        return [*verb, "search", *rest]
    return [*verb, "write", *rest]


def _add_write(sub: Verbs) -> Parser:
    verb = sub.add(
        "write",
        "write a trained bundle as ONNX, an HLS project or Verilog; `deploy BUNDLE` is the same",
        "jet-tagger --target rtl -o firmware --budget-ns 100",
        write,
        threads=True,
    )
    verb.add_argument("bundle", metavar="BUNDLE", help=BUNDLE_HELP)
    verb.add_argument(
        "--target", choices=["onnx", "hls", "rtl"], default="onnx", help="what to write (default: onnx)"
    )
    output_folder(verb)
    verb.add_argument("--int8", action="store_true", help="onnx, tracking: keep the weights in eight bits")
    verb.add_argument(
        "--clock-ns", type=float, default=5.0, metavar="T", help="period of the clock (default: 5)"
    )
    verb.add_argument("--budget-ns", type=float, metavar="T", help="rtl: longest time from event to answer")
    verb.add_argument("--luts", type=int, metavar="N", help="rtl: most look-up tables")
    verb.add_argument(
        "--synthesis-s",
        type=float,
        default=900.0,
        metavar="S",
        help="rtl: longest time for Yosys; 0: not (default: 900)",
    )
    verb.add_argument(
        "--place-s",
        type=float,
        default=0.0,
        metavar="S",
        help="rtl: longest time to place it on an open FPGA (default: 0)",
    )
    verb.add_argument(
        "--stream",
        nargs=2,
        type=int,
        metavar=("NODES", "EDGES"),
        help="rtl: graphs of up to so many, an edge each clock, instead of all edges of a small buffer at once",
    )
    verb.add_argument(
        "--parts", action="store_true", help="hls: only the dense parts of a graph network, one by one"
    )
    return verb


#: Options of some targets only: what each is for, and which targets take it.
ONLY = {
    "int8": ("--int8", ("onnx",)),
    "budget_ns": ("--budget-ns", ("rtl",)),
    "luts": ("--luts", ("rtl",)),
    "stream": ("--stream", ("rtl",)),
    "parts": ("--parts", ("hls",)),
}


def write(args: Namespace) -> int:
    """An export; status 1 if it does not fit its budget."""
    for key, (option, targets) in ONLY.items():
        if getattr(args, key) and args.target not in targets:
            raise BadConfig(
                f"{option} is for --target {' or '.join(targets)}, not {args.target}; leave it out"
            )
    if args.stream and (args.budget_ns or args.luts):
        raise BadConfig(
            "--stream has no --budget-ns and no --luts: its clocks depend on the graph; see clocks_per_graph"
        )
    from gnnreco.bundle import load_bundle

    if args.target == "onnx" and load_bundle(args.bundle).task != "trigger":
        print_table([_onnx(args.bundle, args)], args.json)
        return 0
    return _trigger(args.bundle, args)


def _onnx(name: str, args: Namespace) -> Row:
    from gnnreco.bundle import load_bundle
    from gnnreco.deploy.onnx.export import export_onnx

    manifest = export_onnx(load_bundle(name), args.output, args.int8, args.overwrite)
    return {
        "folder": str(args.output),
        "bundle": manifest["bundle"]["name"],
        "bytes": manifest["files"]["model.onnx"]["bytes"],
        "weights": manifest["model"]["weights"],
        "difference_to_torch": manifest["parity"]["max_difference"],
        "relative": manifest["parity"]["relative"],
    }


def _trigger(name: str, args: Namespace) -> int:
    """A trigger bundle; status 1 if it does not fit its budget."""
    if args.int8:
        raise BadConfig(
            "--int8 is for networks of tracking and drift; a trigger bundle has its own bits already"
        )
    from gnnreco.deploy.budget import Budget
    from gnnreco.deploy.export import export

    budget = Budget(args.budget_ns, args.luts, args.clock_ns)
    with Progress("steps") as bar:
        report = export(
            name,
            args.target,
            args.output,
            budget,
            args.synthesis_s,
            args.place_s,
            args.stream,
            args.parts,
            bar.named,
            args.overwrite,
        )
    if "parts" in report:
        names = ("top", "operations", "vectors", "equal", "backend", "clock_ns")
        print_table([{k: part[k] for k in names} for part in report["parts"]], args.json, report)
        return 0
    if args.stream:
        longest = {f"longest_{what}": number for what, number in report["longest"].items()}
        longest |= {"clocks_at_most": report["clocks_per_graph"]["largest_graph"]}
        counted = {k: v for k, v in report["synthesis"].items() if k in ("lut", "ff", "dsp", "bram")}
        short = {"folder": str(args.output), "graphs": report["graphs"], "equal": report["equal"]}
        print_table([short | longest | counted], args.json, report)
        _say_not_run(report["synthesis"])
        return 0 if report["equal"] == report["graphs"] else 1
    row: Row = {
        "folder": str(args.output),
        "bundle": name,
        "target": args.target,
        "vectors": report["vectors"],
    }
    if args.target == "onnx":
        row |= {"bytes": report["bytes"], "precision": report["precision"]}
    if args.target == "hls":
        row |= {"equal": report["equal"], "backend": report["backend"], "clock_ns": report["clock_ns"]}
    if args.target == "rtl":
        counted = report["synthesis"] if "lut" in report["synthesis"] else report["estimate"]
        row |= {name: report[name] for name in ("latency_clocks", "latency_ns", "register_ranks")} | {
            "interval": 1
        }
        row |= {k: counted.get(k) for k in ("lut", "ff", "dsp", "bram")} | {"counted_by": counted["by"]}
    print_table([row], args.json, report)
    _say_not_run(report.get("synthesis", {}), report.get("ecp5", {}))
    fits = report.get("budget", {"fits": True, "rows": [], "advice": []})
    if any(r["allowed"] is not None for r in fits["rows"]):
        print()
        print_table(fits["rows"])
        for advice in fits["advice"]:
            print(advice)
    return 0 if fits["fits"] else 1


def _say_not_run(*counts: Row) -> None:
    """A line for each tool that was asked for and did not count."""
    for count in counts:
        if count.get("not_run", NOT_ASKED) != NOT_ASKED:
            print(f"{count['by']} did not count: {count['not_run']}; numbers of cells are estimates")


def _add_verify(sub: Verbs) -> None:
    verb = sub.add(
        "verify",
        "prove an export once more: its sums, the model, and every bit of it on more events",
        "firmware --input MY_JETS.parquet",
        verify,
        threads=True,
    )
    verb.add_argument("folder", type=Path, metavar="FOLDER", help="what was exported")
    verb.add_argument("--input", nargs="+", default=[], metavar="INPUT", help="more events")
    verb.add_argument(
        "--bundle",
        "--trained",
        default="",
        dest="trained",
        metavar="BUNDLE",
        help="the trained bundle (default: the one of the sum that FOLDER names, if it is here)",
    )
    verb.add_argument(
        "--trust",
        action="store_true",
        help="build and run sources that gnnreco cannot make again here: whoever wrote them can harm you",
    )


def verify(args: Namespace) -> int:
    """The checks of a folder; status 1 unless they prove it."""
    from gnnreco.deploy.proof.checks import verdict

    folder = args.folder
    with Progress("steps") as bar:
        named = bar.named
        if _is_tracking(folder):
            from gnnreco.deploy.onnx.verify import verify_onnx

            if args.input:
                raise BadInput(
                    folder, "--input", "the network of tracking is compared on random graphs; leave it out"
                )
            rows = verify_onnx(folder, args.trained, args.trust, named)
        else:
            from gnnreco.deploy.verify import verify as verified

            rows = verified(folder, args.input, args.trained, args.trust, named)
    print_table(rows, args.json)
    ok, said = verdict(rows, args.trust)
    print(said)
    return 0 if ok else 1


def _is_tracking(folder: Path) -> bool:
    """Whether an exported folder holds a network of tracking or drift in ONNX."""
    if not (folder / "manifest.json").is_file():
        raise BadInput(folder, "manifest.json", "is not there; name what `deploy -o` wrote")
    said = read_json(folder / "manifest.json", MANIFEST_BYTES)
    return isinstance(said, dict) and said.get("target") == "onnx"


def _add_search(sub: Verbs) -> None:
    verb = sub.add(
        "search",
        "train smaller and smaller models from a bundle: accuracy against resources",
        "jet-tagger 'sample.inputs=[MY_JETS.parquet]' -o front",
        search,
        threads=True,
    )
    verb.add_argument("bundle", metavar="BUNDLE", help=BUNDLE_HELP)
    verb.add_argument("settings", nargs="*", metavar="key=value", help="as for train")
    output_folder(verb)
    verb.add_argument("--resume", action="store_true", help="keep the points that are there and go on")


def search(args: Namespace) -> int:
    """The front of accuracy against resources, as bundles, a table and a picture."""
    from dataclasses import asdict

    from gnnreco.deploy.search import search as searched

    with Progress("steps") as bar:
        points = searched(
            args.bundle,
            args.output,
            [f"train.threads={args.threads}", *args.settings],
            progress=bar.named,
            resume=args.resume,
            overwrite=args.overwrite,
        )
    print_table([asdict(point) for point in points], args.json)
    return 0


def _add_rate(sub: Verbs) -> None:
    verb = sub.add(
        "rate",
        "how many events pass the threshold of a trigger for anomalies: normal ones, and strange ones by their class",
        "trigger-anomaly --normal QCD.parquet --strange TOP.parquet --json rate.json",
        rate,
        threads=True,
    )
    verb.add_argument("bundle", metavar="BUNDLE", help=BUNDLE_HELP)
    verb.add_argument("--normal", nargs="+", required=True, metavar="INPUT", help="files of normal events")
    verb.add_argument("--strange", nargs="+", default=[], metavar="INPUT", help="files of strange ones")


def rate(args: Namespace) -> int:
    """Rate, efficiencies and areas under the ROC curve of a trigger for anomalies."""
    from gnnreco.bundle import load_bundle
    from gnnreco.deploy.proof.rate import measure

    with Progress("steps") as bar:
        rows = measure(load_bundle(args.bundle), args.normal, args.strange, bar.named)
    print_table(rows, args.json)
    return 0
