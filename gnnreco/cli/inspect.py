"""The verbs that look at detectors, bundles and the installation: list, check, draw, describe."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gnnreco.errors import BadConfig, BadInput

from .progress import Progress
from .table import say_left_aside, show_page, write_json
from .table import show as print_table

if TYPE_CHECKING:
    from gnnreco.columns import Event

LINES = 48  # of a page


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
    rows = [
        {name: getattr(finding, name) for name in ("severity", "code", "where", "message", "suggestion")}
        for finding in check(args.detector, physics=True)
    ]
    write_json(args.json, rows)
    for row in rows:
        remedy = f"\n    {row['suggestion']}" if row["severity"] != "note" else ""
        print(f"{row['severity']}: {row['where']}: {row['message']} [{row['code']}]{remedy}")
    errors, warnings = (sum(row["severity"] == kind for row in rows) for kind in ("error", "warning"))
    print(f"{errors} errors, {warnings} warnings" if errors or warnings else "no fault found")
    return 1 if errors else 0


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
    page = show_detector(detector, args.output, events)
    say_left_aside(getattr(events, "left_aside", {}))
    return show_page(page, args.json)


def _pairs(file: Path, words: list[str], example: str) -> dict[str, str]:
    """Settings written key=value."""
    pairs = [word.partition("=") for word in words]
    for key, equals, value in pairs:
        if not (key.isidentifier() and equals and value):
            raise BadInput(file, f"option {key}", f"an option is written key=value, such as {example}")
    return {key: value for key, _, value in pairs}


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


def detector_export(args: Namespace) -> int:
    """Files that describe a detector to another program."""
    from gnnreco.geometry import load_detector
    from gnnreco.geometry.exporters import export_detector

    files = export_detector(args.format, load_detector(args.detector), args.output, args.overwrite)
    print_table([{"file": str(file), "bytes": file.stat().st_size} for file in files], args.json)
    return 0


def bundle_list(args: Namespace) -> int:
    """Task and detector of every shipped bundle."""
    from gnnreco.bundle import list_bundles, load_bundle

    rows = []
    for name in list_bundles():
        bundle = load_bundle(name)
        rows.append(
            {
                "name": name,
                "task": bundle.task,
                "detector": bundle.manifest["detector"]["name"],
                "parameters": bundle.parameters,
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
        named = None if progress is None else progress.named
        row = calibrate(args.bundle, samples, args.output, command, data, named, args.overwrite)
    print_table([row], args.json)
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
    return values if len(str(values)) <= 100 else f"{str(values)[:97]}..."


def doctor(args: Namespace) -> int:
    """Versions, threads, optional parts."""
    from .doctor import examine

    rows = examine()
    print_table(rows, args.json)
    return 1 if any(row["state"] == "missing" and row["needed"] == "always" for row in rows) else 0
