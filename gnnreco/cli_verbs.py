"""What each verb of the command line does: imports what it needs, calls one function, prints one table."""

from __future__ import annotations

import json
import sys
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gnnreco.cli_table import show as print_table
from gnnreco.cli_table import write_json
from gnnreco.errors import BadConfig, BadInput


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
        for finding in check(args.detector)
    ]
    write_json(args.json, rows)
    for row in rows:
        print(f"{row['severity']}: {row['where']}: {row['message']} [{row['code']}]\n    {row['suggestion']}")
    errors = sum(row["severity"] == "error" for row in rows)
    print(f"{errors} errors, {len(rows) - errors} warnings" if rows else "no fault found")
    return 1 if errors else 0


def detector_show(args: Namespace) -> int:
    """One page with the sensors of a detector."""
    from gnnreco.display import show_detector
    from gnnreco.geometry import load_detector

    return _page(show_detector(load_detector(args.detector), args.output), args)


def detector_import(args: Namespace) -> int:
    """A detector folder from a foreign description."""
    from gnnreco.geometry import load_detector
    from gnnreco.geometry.importers import import_detector

    folder = import_detector(args.format, args.file, args.output)
    detector = load_detector(folder)
    print_table(
        [{"folder": str(folder), "sensors": detector.n_sensors, "layers": detector.n_layers}], args.json
    )
    print(f"next: gnnreco detector check {folder}")
    return 0


def simulate(args: Namespace) -> int:
    """Events of the embedded simulation."""
    from gnnreco.config import parse_settings
    from gnnreco.geometry import load_detector
    from gnnreco.schema import build
    from gnnreco.simulate import SimulationOptions
    from gnnreco.simulate import simulate as simulated

    if args.pileup < 0:
        raise BadConfig(f"--pileup {args.pileup}: a number of collisions is not negative")
    settings = parse_settings(args.settings)
    settings |= {
        name: value
        for name in ("particle", "energy", "count", "eta")
        if (value := getattr(args, name)) is not None
    }
    detector = load_detector(args.detector)
    events = simulated(
        detector,
        args.process,
        events=args.events,
        pileup=args.pileup,
        seed=args.seed,
        options=build(SimulationOptions, settings),
    )
    return _write_events(events, args.events, detector, args)


def convert(args: Namespace) -> int:
    """Events in another format."""
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector

    detector = load_detector(args.detector)
    source = open_events(args.input, detector)
    return _write_events(source, len(source), detector, args)


def train(args: Namespace) -> int:
    """A trained bundle."""
    from gnnreco.config import compose, run_training, settings_as_yaml

    settings = compose(args.task, args.settings)
    if args.show:
        print(settings_as_yaml(settings), end="")
        return 0
    if args.output is None:
        raise BadConfig("name the folder of the bundle with -o BUNDLE")
    from gnnreco.train import NotFinite, Stopped

    try:
        with _Progress("") as progress:
            row = run_training(
                settings,
                args.output,
                args.resume,
                _command(args),
                None if progress is None else progress.named,
            )
    except (NotFinite, Stopped) as error:
        print(f"gnnreco: {error}", file=sys.stderr)
        return 1
    print_table([row], args.json)
    return 0


def reconstruct(args: Namespace) -> int:
    """Tracks from raw events; status 1 if an event failed."""
    from gnnreco.reconstruct import reconstruct as run

    with _Progress("event") as progress:
        manifest = run(
            args.input,
            args.detector,
            args.bundle,
            args.output,
            workers=args.workers,
            dask=args.dask,
            threads=args.threads,
            shard=args.shard,
            resume=args.resume,
            format=args.format,
            any_detector=args.any_detector,
            progress=None if progress is None else progress.counted,
        )
    counts = ("events_in", "events_out", "events_failed", "hits", "hits_outside", "tracks")
    columns = (*counts, "seconds_per_event", "cpu_seconds_per_event", "peak_rss_gib")
    row = {name: manifest[name] for name in columns}
    print_table([row], args.json, {**row, "failures": manifest["failures"]})
    for failure in manifest["failures"][:20]:
        print(f"gnnreco: {failure['source']}: event {failure['event']}: {failure['reason']}", file=sys.stderr)
    left = len(manifest["failures"]) - 20
    if left > 0:
        print(f"gnnreco: and {left} more: see {args.output / 'manifest.json'}", file=sys.stderr)
    return _status(manifest)


def _status(manifest: dict[str, Any]) -> int:
    """0 if every event came out; 2 if nothing did because the input is bad; else 1."""
    failures = manifest["failures"]
    if not failures:
        return 0
    bad_input = all(failure["kind"] == "BadInput" for failure in failures)
    return 2 if bad_input and not manifest["events_out"] else 1


def evaluate(args: Namespace) -> int:
    """Scores of the output of `reconstruct`."""
    from dataclasses import replace

    from gnnreco.evaluate import COUNTED_TRACKS, Target, plots, table
    from gnnreco.evaluate import evaluate as score
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector

    detector = load_detector(args.detector or _detector(args.output))
    given = {"pt_min": args.min_pt, "eta_max": args.max_eta, "min_hits": args.min_hits}
    cuts: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    target = Target(**cuts)
    # Tracks are counted in the range of the target, with two hits fewer, as by default.
    shorter = {"min_hits": max(1, args.min_hits - 2)} if args.min_hits else {}
    counted = replace(COUNTED_TRACKS, **{**cuts, **shorter})
    source = open_events(args.truth, detector, truth=True, deposits=False)
    result = score(args.output, source, detector, target, counted, progress=_bar(len(source), "event"))
    print(table(result))
    write_json(args.json, result)
    if args.plots:
        print(f"wrote {plots({_manifest(args.output)['bundle']['name']: result}, args.plots)}")
    return 0


def show(args: Namespace) -> int:
    """One page with one event."""
    from gnnreco.display import show_event
    from gnnreco.events import open_events
    from gnnreco.events.tracks_file import read_tracks
    from gnnreco.geometry import load_detector

    if args.detector is None and args.tracks is None:
        raise BadConfig("name the detector with --detector, or the output of reconstruct with --output")
    detector = load_detector(args.detector or _detector(args.tracks))
    source = open_events(args.input, detector)
    number = source.numbers[0] if args.event is None else args.event
    if number not in source.numbers:
        raise BadInput(
            args.input[0], f"event {number}", f"there is none; there are {_ranges(source.numbers)}"
        )
    event = source[source.numbers.index(number)]
    tracks = None
    if args.tracks is not None:
        found = [row for row in read_tracks(args.tracks) if row[0] == number]
        if not found:
            raise BadInput(args.tracks, f"event {number}", "was not reconstructed; see its manifest.json")
        tracks = next((row[2] for row in found if Path(row[1]).name == Path(event.source).name), found[0][2])
    return _page(show_event(event, detector, tracks, args.page), args)


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
    from gnnreco.bundle import load_bundle

    bundle = load_bundle(args.bundle)
    rows = [{"file": name, **facts} for name, facts in bundle.manifest["files"].items()]
    print_table(rows, args.json)
    print(f"{bundle.folder}: every sum agrees")
    return 0


def bundle_info(args: Namespace) -> int:
    """Manifest and settings of a bundle."""
    import yaml

    from gnnreco.bundle import load_bundle

    bundle = load_bundle(args.bundle)
    content = {**bundle.manifest, "config": bundle.config, "parameters": bundle.parameters}
    print(yaml.safe_dump(content, sort_keys=False), end="")
    write_json(args.json, content)
    return 0


def doctor(args: Namespace) -> int:
    """Versions, threads, optional parts."""
    from gnnreco.doctor import examine

    rows = examine()
    print_table(rows, args.json)
    return 1 if any(row["state"] == "missing" and row["needed"] == "always" for row in rows) else 0


def _write_events(events: Any, total: int, detector: Any, args: Namespace) -> int:
    from gnnreco.events import write_events

    begin = time.perf_counter()
    with _Progress("event") as progress:
        files = write_events(
            events,
            args.output,
            args.format,
            detector,
            progress=None if progress is None else (lambda done: progress.counted(done, total)),
        )
    size = sum(file.stat().st_size for file in files)
    seconds = time.perf_counter() - begin
    row = {
        "folder": str(args.output),
        "events": total,
        "files": len(files),
        "megabytes": size / 1e6,
        "seconds": seconds,
    }
    print_table([row], args.json)
    return 0


def _page(page: Path, args: Namespace) -> int:
    print_table([{"page": str(page), "megabytes": page.stat().st_size / 1e6}], args.json)
    return 0


def _manifest(folder: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((folder / "manifest.json").read_text()))
    except (OSError, ValueError) as error:
        raise BadInput(
            folder, "manifest.json", f"cannot be read ({error}); name what `reconstruct -o` wrote"
        ) from error


def _detector(folder: Path) -> str:
    """The detector of an output: where it was, or its name if the output has moved to another machine."""
    detector = _manifest(folder).get("detector", {})
    there = Path(detector.get("path", "")) / "detector.yaml"
    return str(there.parent if there.is_file() else detector.get("name", ""))


def _ranges(numbers: list[int]) -> str:
    return f"{min(numbers)} to {max(numbers)}" if len(numbers) > 8 else ", ".join(map(str, numbers))


def _command(args: Namespace) -> str:
    return " ".join(["gnnreco", "train", args.task, *args.settings])


class _Progress:
    """A bar on a terminal; entering gives None where stderr is no terminal."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.bar: Any = None

    def __enter__(self) -> _Progress | None:
        if not sys.stderr.isatty():
            return None
        from tqdm import tqdm

        self.bar = tqdm(unit=self.unit, leave=False)
        return self

    def counted(self, done: int, total: int) -> None:
        """Move the bar."""
        self.bar.total = total or None
        self.bar.update(done - self.bar.n)

    def named(self, what: str, done: int, total: int) -> None:
        """Move the bar and say what is being done."""
        self.bar.set_description(what, refresh=False)
        self.counted(done, total)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


def _bar(total: int, unit: str) -> Callable[[Any], Any]:
    """Wraps an iterator in a bar on a terminal."""
    from tqdm import tqdm

    return lambda items: tqdm(items, total=total, unit=unit, leave=False, disable=not sys.stderr.isatty())
