"""The verbs that work on events: import what they need, call one function, print one table."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gnnreco.errors import BadConfig
from gnnreco.files.atomic import refuse

from .progress import Progress
from .table import one_line, say_left_aside, table, write_json
from .table import show as print_table

if TYPE_CHECKING:
    pass

MOST_CLUSTERS = 15  # rows that `explore` prints


def simulate(args: Namespace) -> int:
    """Events of the embedded simulation."""
    from gnnreco.geometry import load_detector
    from gnnreco.schema import build, parse_settings
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
    status = _write_events(source, len(source), detector, args)
    say_left_aside(source.left_aside)
    return status


def train(args: Namespace) -> int:
    """A trained bundle."""
    from gnnreco.train.settings import compose, run_training, settings_as_yaml

    if args.threads:
        args.settings.append(f"train.threads={args.threads}")
    settings = compose(args.task, args.settings)
    if args.show:
        print(settings_as_yaml(settings), end="")
        return 0
    if args.output is None:
        raise BadConfig("name the folder of the bundle with -o BUNDLE")
    from gnnreco.train import NotFinite, Stopped

    try:
        with Progress("") as progress:
            row = run_training(
                settings,
                args.output,
                args.resume,
                _command(args),
                None if progress is None else progress.named,
                args.overwrite,
            )
    except (NotFinite, Stopped) as error:
        print("gnnreco:", one_line(str(error)), file=sys.stderr)
        return 1
    print_table([row], args.json)
    return 0


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
    with Progress("") as progress:
        named = None if progress is None else progress.named
        command = (
            f"gnnreco bundle adapt {args.bundle} --detector {args.detector} --events {args.events} "
            f"--process {args.process} --pileup {pileup} --seed {args.seed}"
            f"{'' if args.min_pt is None else f' --min-pt {args.min_pt}'} {' '.join(args.settings)}"
        )
        how = (args.events, args.process, pileup, args.seed, args.min_pt, options)
        row = adapt(args.bundle, detector, args.output, *how, command.strip(), named, args.overwrite)
        held_back = simulated(
            detector, args.process, max(4, args.events // 4), pileup, args.seed, options, args.events
        )
        what = {"events": "simulated as for the graph builder, the next in number"}
        row["score"] = calibrated_if_enough(
            args.output, [(detector, list(held_back))], command.strip(), [what], named
        )
    print_table([row], args.json)
    return 0


def compare_detectors(args: Namespace) -> int:
    """The same particles in every detector; status 1 if one could not be reconstructed."""
    from gnnreco.compare import compare_detectors as compared
    from gnnreco.display import compare_page

    page = args.output / "comparison.html"
    refuse(page, args.overwrite)
    with Progress("") as progress:
        named = None if progress is None else progress.named
        report = compared(args.detectors, args.output, args.events, args.transfer, named, _say)
    rows = [
        {"detector": d["name"], "sample": name, "hits": round(s["hits_per_event"], 1), "occupancy": f"{s['occupancy']:.2g}"}
        | {how: _percent(s, how) for how in ("trained", "zero_shot", "fine_tuned")}
        | {"response": "" if s.get("response") is None else f"{s['response']:.3f}"}
        for d in report["detectors"]
        for name, s in d["samples"].items()
    ]  # fmt: skip
    print_table(rows, args.json, report)
    print(f"page: {compare_page(report, page)}")
    failed = [
        (d["name"], s["failure"])
        for d in report["detectors"]
        for s in d["samples"].values()
        if "failure" in s
    ]
    for name, failure in failed:
        print(f"gnnreco: {name}: {one_line(str(failure))}", file=sys.stderr)
    return 1 if failed else 0


def _percent(sample: dict[str, Any], how: str) -> str:
    entry = sample.get("efficiency", {}).get(how)
    return "" if entry is None or entry["value"] is None else f"{100 * entry['value']:.1f} %"


def _say(line: str) -> None:
    """A line on stderr, above a bar where there is one."""
    from tqdm import tqdm

    tqdm.write(line, sys.stderr)


def reconstruct(args: Namespace) -> int:
    """Tracks and clusters from raw events; status 1 if an event failed."""
    from gnnreco.reconstruct import reconstruct as run

    with Progress("event") as progress:
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
            overwrite=args.overwrite,
            format=args.format,
            any_detector=args.any_detector,
            clusters=args.clusters,
            engine=args.engine,
            scorer=args.scorer,
            command=args.command,
            progress=None if progress is None else progress.counted,
        )
    if "tasks" in manifest:
        rows = {task: _reconstructed(part) for task, part in manifest["tasks"].items()}
        counts = {
            name: manifest[name]
            for name in ("events_in", "events_out", "events_failed", "failures", "warnings", "left_aside")
        }
        print("\n\n".join(table([{"task": task, **row}]) for task, row in rows.items()))
        write_json(args.json, {**counts, "tasks": rows})
    else:
        row = _reconstructed(manifest)
        more = {name: manifest[name] for name in ("failures", "warnings", "left_aside")}
        print_table([row], args.json, row | more)
    say_left_aside(manifest["left_aside"])
    for line in (*manifest["notes"], *manifest["warnings"]):
        print("gnnreco:", one_line(line), file=sys.stderr)
    for failure in manifest["failures"][:20]:
        print("gnnreco:", _failure(failure), file=sys.stderr)
    left = len(manifest["failures"]) - 20
    if left > 0:
        print(f"gnnreco: and {left} more: see {args.output / 'manifest.json'}", file=sys.stderr)
    return _status(manifest)


def _reconstructed(manifest: dict[str, Any]) -> dict[str, Any]:
    """What a run of one task says of itself: counts of events, hits and objects, and the cost."""
    counts = ("events_in", "events_out", "events_failed", *manifest["counted"])
    return {
        name: manifest[name]
        for name in (*counts, "seconds_per_event", "cpu_seconds_per_event", "warm_up_seconds", "peak_rss_gib")
    }


def _failure(failure: dict[str, Any]) -> str:
    """Where and why an event failed, each said once."""
    event = f"event {failure['event']}: "
    reason = str(failure["reason"]).removeprefix(event)
    place = "" if reason.startswith(failure["source"]) else f"{failure['source']}: "
    return one_line(place + event + reason)


def _status(manifest: dict[str, Any]) -> int:
    """0 if every event came out and nothing warns; 2 if nothing did because the input is bad; else 1."""
    failures = manifest["failures"]
    if not failures:
        return 1 if manifest["warnings"] else 0
    bad_input = all(failure["kind"] == "BadInput" for failure in failures)
    return 2 if bad_input and not manifest["events_out"] else 1


def _write_events(events: Any, total: int, detector: Any, args: Namespace) -> int:
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
            progress=None if progress is None else (lambda done: progress.counted(done, total)),
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


def _counted(events: Any, hits: list[int], summed: list[int]) -> Iterator[Any]:
    """The events; their hits, and the deposits that were summed, go to two lists. Blocks of jets have none to count."""
    for event in events:
        if event.jets is None:
            hits.append(len(event.hits))
            summed.append(event.hits_summed)
        yield event


def _command(args: Namespace) -> str:
    return " ".join(["gnnreco", "train", args.task, *args.settings])
