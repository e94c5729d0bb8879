"""The verbs `detector ...`: begin, list, check, draw, import and export detectors."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from gnnreco.cli.options import (
    DETECTOR_HELP,
    INPUT_HELP,
    OVERWRITE_HELP,
    Verbs,
    output_folder,
    output_page,
    positive,
)
from gnnreco.cli.progress import compiling
from gnnreco.cli.table import say_left_aside, show_page, write_json
from gnnreco.cli.table import show as print_table
from gnnreco.errors import BadInput
from gnnreco.summary import counted

if TYPE_CHECKING:
    from gnnreco.columns import Event


def add(verbs: Verbs) -> None:
    """Declare them."""
    parser = verbs.add("detector", "begin, list, check, draw or import detectors", "check trackml")
    sub = Verbs(parser, "detector ")
    sub.add("list", "list the detectors that are installed", "", detector_list)
    _add_new(sub)
    check = sub.add("check", "look for faults in a detector", "./my_detector", detector_check)
    check.add_argument("detector", metavar="DETECTOR", help=DETECTOR_HELP)
    _add_show(sub)
    _add_import(sub)
    _add_export(sub)


def detector_list(args: Namespace) -> int:
    """Name, sensors and cells of every installed detector."""
    from gnnreco.geometry import list_detectors, load_detector

    rows = []
    for name in list_detectors():
        detector = load_detector(name)
        systems = ", ".join(system.name for system in detector.subsystems)
        rows.append(
            {"name": name, "sensors": detector.n_sensors, "layers": detector.n_layers, "subsystems": systems}
        )
    print_table(rows, args.json)
    return 0


def detector_check(args: Namespace) -> int:
    """Every fault of a detector; status 1 if one is an error."""
    from gnnreco.geometry import check, find_detector

    find_detector(args.detector)
    with compiling():
        findings = check(args.detector, physics=True)
    rows = [
        {name: getattr(finding, name) for name in ("severity", "code", "where", "message", "suggestion")}
        for finding in findings
    ]
    write_json(args.json, rows)
    for row in rows:
        remedy = f"\n    {row['suggestion']}" if row["severity"] != "note" else ""
        print(f"{row['severity']}: {row['where']}: {row['message']} [{row['code']}]{remedy}")
    errors, warnings = (sum(row["severity"] == kind for row in rows) for kind in ("error", "warning"))
    print(
        f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
        if errors or warnings
        else "no fault found"
    )
    return 1 if errors else 0


def _add_show(sub: Verbs) -> None:
    show = sub.add("show", "draw a detector as one HTML page", "trackml -o detector.html", detector_show)
    show.add_argument("detector", metavar="DETECTOR", help=DETECTOR_HELP)
    output_page(show)
    sample = show.add_mutually_exclusive_group()
    sample.add_argument("--events", nargs="+", metavar="INPUT", help="show the occupancy of: " + INPUT_HELP)
    sample.add_argument(
        "--simulate",
        type=positive,
        metavar="N",
        help="show the occupancy of N events of 20 pions, made here",
    )


def detector_show(args: Namespace) -> int:
    """One page with the sensors of a detector, and how often they fire."""
    from gnnreco.display import show_detector
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector
    from gnnreco.simulate import SimulationOptions, simulate

    detector = load_detector(args.detector)
    events: Iterable[Event] | None = None
    if args.events is not None:
        events = open_events(args.events, detector)
    elif args.simulate is not None:
        pions = SimulationOptions(particle="pion", energy=(1.0, 50.0), count=20)
        events = simulate(detector, "gun", args.simulate, seed=1, options=pions)
    with compiling():
        page = show_detector(detector, args.page, events)
    say_left_aside(getattr(events, "left_aside", {}))
    return show_page(page, args.json)


def _pairs(file: Path, words: list[str], example: str) -> dict[str, str]:
    """Settings written key=value."""
    pairs = [word.partition("=") for word in words]
    for key, equals, value in pairs:
        if not (key.isidentifier() and equals and value):
            raise BadInput(file, f"option {key}", f"an option is written key=value, such as {example}")
    return {key: value for key, _, value in pairs}


def _add_new(sub: Verbs) -> None:
    new = sub.add(
        "new",
        "begin a detector from a few numbers: on a terminal it asks",
        "my_detector --kind barrel layers=5 radius=30",
        detector_new,
    )
    new.add_argument("folder", type=Path, metavar="FOLDER", help="the folder to write")
    new.add_argument(
        "settings",
        nargs="*",
        metavar="KEY=VALUE",
        help="numbers of the kind; a wrong name is answered with the right ones",
    )
    new.add_argument(
        "--kind",
        metavar="KIND",
        help="planes, barrel, disks, calorimeter, endcap-wafers or tpc; with it, nothing is asked",
    )
    new.add_argument("--overwrite", action="store_true", help=OVERWRITE_HELP.format("FOLDER"))


def detector_new(args: Namespace) -> int:
    """A first description of a detector; a terminal is asked what it shall be."""
    from gnnreco.geometry import load_detector
    from gnnreco.geometry.description.new import KINDS, new_detector, next_commands

    settings = _pairs(args.folder, args.settings, "layers=5")
    kind = args.kind
    if kind is None:
        if not sys.stdin.isatty():
            raise BadInput(args.folder, "--kind", f"missing; use one of {', '.join(KINDS)}")
        for name, about in KINDS.items():
            print(f"  {name:14} {about.summary}")
        kind = _ask("kind", "planes")
        if kind in KINDS:
            for name, (question, usual) in KINDS[kind].ask.items():
                settings.setdefault(name, _ask(question, f"{usual:g}"))
    folder = new_detector(args.folder, kind, settings, args.overwrite)
    detector = load_detector(folder)
    row = {"folder": str(folder), "sensors": detector.n_sensors, "layers": detector.n_layers}
    print_table([row], args.json)
    print("next:", *next_commands(folder, kind), sep="\n  ")
    return 0


def _ask(question: str, usual: str) -> str:
    """An answer from the terminal; the usual one where it says nothing."""
    try:
        return input(f"{question} [{usual}]: ").strip() or usual
    except EOFError:
        return usual


def _add_import(sub: Verbs) -> None:
    load = sub.add(
        "import",
        "turn a foreign geometry into a detector",
        "acts-csv detectors.csv pitch=0.05,0.05 -o my_detector",
        detector_import,
    )
    load.add_argument("format", metavar="FORMAT", help="format of the file, such as trackml")
    load.add_argument("file", type=Path, metavar="FILE", help="the file to read")
    load.add_argument(
        "settings", nargs="*", metavar="KEY=VALUE", help="what the file leaves open, such as pitch=0.05,0.05"
    )
    load.add_argument("--name", help="name of the detector (default: that of FOLDER)")
    output_folder(load)


def detector_import(args: Namespace) -> int:
    """A detector folder from a foreign description."""
    from gnnreco.geometry import load_detector
    from gnnreco.geometry.importers import import_detector

    options = _pairs(args.file, args.settings, "pitch=0.05,0.05")
    folder = import_detector(args.format, args.file, args.output, args.name, options, args.overwrite)
    detector = load_detector(folder)
    print_table(
        [{"folder": str(folder), "sensors": detector.n_sensors, "layers": detector.n_layers}], args.json
    )
    print(f"next: gnnreco detector check {folder}")
    return 0


def _add_export(sub: Verbs) -> None:
    export = sub.add(
        "export",
        "describe a detector to another program",
        "odd --format acts -o odd_for_acts",
        detector_export,
    )
    export.add_argument("detector", metavar="DETECTOR", help=DETECTOR_HELP)
    export.add_argument("--format", required=True, help="the program, such as acts")
    output_folder(export)


def detector_export(args: Namespace) -> int:
    """Files that describe a detector to another program."""
    from gnnreco.geometry import load_detector
    from gnnreco.geometry.exporters import export_detector

    files = export_detector(args.format, load_detector(args.detector), args.output, args.overwrite)
    print_table([{"file": str(file), "bytes": file.stat().st_size} for file in files], args.json)
    return 0
