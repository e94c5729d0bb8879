"""The manifest of an output folder: what went in, what came out, what failed and what it cost."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from importlib import metadata
from pathlib import Path

from gnnreco import __version__
from gnnreco.events import EventSource
from gnnreco.files.atomic import write_file
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.geometry import Detector
from gnnreco.pipeline import Stage
from gnnreco.tasks.layouts import layout_of

from .calibration import calibration_again, calibration_of, files_of, notes_of_calibration
from .folder import MANIFEST, suffix
from .job import QUARANTINED, Account, Cost, Failure, FileSum, Shard
from .judge import fitting_unit, mostly_outside, notes_of, notes_of_hits, warnings_of, warnings_of_tasks
from .shard import file_sum, short_names
from .usual import notes_of_usual, usual_again, usual_of

COUNTS = ("events_in", "events_out", "events_failed")
SUM = "manifest_sha256"
PART = re.compile(r"manifest-(\d+)-of-(\d+)\.json")


def file_sums(files: Iterable[Path]) -> dict[str, FileSum]:
    """Size and sha256 of each file, by path."""
    return {str(file): file_sum(file) for file in files}


def describe(
    source: EventSource,
    inputs: Mapping[str, FileSum],
    stage: Stage,
    detector: Detector,
    results: Sequence[tuple[Shard, Account]],
    costs: Sequence[Cost],
    how: JsonDict,
) -> JsonDict:
    """Put together the manifest.

    Parameters
    ----------
    source : EventSource
        Read again only where most hits lie in no sensor, to find out why.
    inputs : dict
        Of `file_sums`.
    results : sequence of (Shard, Account)
        Every shard of the output, sorted.
    costs : sequence of Cost
        Of the shards that this run did.
    how : dict
        ``command, options, job, workers, threads, seconds`` and other facts of the run.
    """
    accounts = [account for _, account in results]
    failures = [failure for account in accounts for failure in account.failures]
    given = dict(zip(short_names(source.sources), source.sources, strict=True)) if failures else {}
    none = {"hits": 0, "hits_outside": 0, layout_of(stage.kind).name: 0}
    counts = {
        "events_in": sum(a.events_in for a in accounts),
        "events_out": sum(a.events_out for a in accounts),
        "events_failed": len(failures),
        **_sum([none, *(a.counts for a in accounts)]),
    }
    usual = usual_of(stage.bundle, counts)
    content = {
        "task": stage.bundle.task,
        "detector": {
            "name": detector.name,
            "hash": detector.hash,
            **_place(how, "detector", detector.name),
            "measures": {s.name: list(s.measures) for s in detector.subsystems},
        },
        "bundle": {
            "name": stage.bundle.name,
            "sha256": stage.bundle.manifest["sha256"],
            "trained_pt_from": (stage.bundle.manifest["metrics"].get("survey") or {}).get("pt_from"),
            **_place(how, "bundle", stage.bundle.name),
        },
        "versions": versions("onnx" if "scorer" in how else how.get("engine", "native")),
        **counts,
        "counted": [name for name in counts if name not in COUNTS],
        "events_quarantined": sum(failure["kind"] == QUARANTINED for failure in failures),
        "failures": [_as_given(failure, given) for failure in failures],
        "left_aside": _sum([a.left_aside for a in accounts]),
        "notes": notes_of(stage.kind, detector),
        **how,
        **_seconds(costs),
        "inputs": [{"path": path, **sums} for path, sums in inputs.items()],
        "foreign_files": [str(file) for file in source.foreign],
        "hits_fit_in": fitting_unit(source, detector) if mostly_outside(counts) else None,
        "shards": [
            {
                "file": Path(shard.file).name,
                "events_in": a.events_in,
                "events_out": a.events_out,
                "bytes": a.bytes,
                "sha256": a.sha256,
            }
            for shard, a in results
            if a.sha256  # a shard whose process died has no file
        ],
    }
    content |= usual | calibration_of(stage, detector, [shard.file for shard, a in results if a.sha256])
    content["notes"] = content["notes"] + _notes_of_all(content)
    return content | {"warnings": warnings_of(content)}


def _seconds(costs: Sequence[Cost]) -> dict[str, float | None]:
    """What events cost in a process that runs already, and what it took to get there."""
    names = [f.name for f in fields(Cost) if isinstance(f.default, int | float)]
    total = {name: sum(getattr(cost, name) for cost in costs) for name in names}
    warm_up, warm_up_cpu = total["warm_up_seconds"], total["warm_up_cpu_seconds"]
    if total["events"]:
        timed, seconds, cpu = (total[name] for name in ("events", "seconds", "cpu_seconds"))
        warm_up, warm_up_cpu = warm_up + total["cold_seconds"], warm_up_cpu + total["cold_cpu_seconds"]
    else:  # nothing better is known
        timed, seconds, cpu = (total[f"cold_{name}"] for name in ("events", "seconds", "cpu_seconds"))
    return {
        "events_timed": timed,
        "reconstruct_seconds": seconds,
        "reconstruct_cpu_seconds": cpu,
        "read_seconds": total["read_seconds"],
        "warm_up_seconds": warm_up,
        "warm_up_cpu_seconds": warm_up_cpu,
        "seconds_per_event": seconds / timed if timed else None,
        "cpu_seconds_per_event": cpu / timed if timed else None,
        "peak_rss_gib": max((c.peak_rss_gib for c in costs), default=None),
    }


def _place(how: JsonMapping, kind: str, name: str) -> dict[str, str]:
    """Where a detector or bundle is that was not called by its name: as the user wrote it."""
    given = str(how.get("options", {}).get(kind, name))
    return {} if given == name else {"path": given}


def _as_given(failure: Failure, given: Mapping[str, str]) -> Failure:
    """A failure with its file as the user called it; in an output file it has a name that does not depend on that."""
    short, reason = failure["source"], failure["reason"]
    long = given.get(short, short)
    reason = long + reason.removeprefix(short) if reason.startswith(short) else reason
    return {**failure, "source": long, "reason": reason}


def of_tasks(parts: Mapping[str, JsonDict]) -> JsonDict:
    """The manifest of a folder with a folder for each task: theirs by task, and the counts of events over all."""
    manifests = list(parts.values())
    first = manifests[0]
    return {
        "tasks": dict(parts),
        "detector": first["detector"],
        "versions": first["versions"],
        "events_in": first["events_in"],
        "events_out": min(m["events_out"] for m in manifests),
        "events_failed": max(m["events_failed"] for m in manifests),
        "events_quarantined": max(m.get("events_quarantined", 0) for m in manifests),
        "failures": [{"task": task, **failure} for task, m in parts.items() for failure in m["failures"]],
        "left_aside": first["left_aside"],
        "notes": list(dict.fromkeys(line for m in manifests for line in m["notes"])),
        "warnings": warnings_of_tasks(manifests),
    }


def _sum(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Counts by name, added up; names in the order in which they are met."""
    names = dict.fromkeys(name for part in counts for name in part)
    return {name: sum(part.get(name, 0) for part in counts) for name in names}


def versions(engine: str) -> dict[str, str | None]:
    """Versions of what decides the numbers; None for what is not installed."""
    names = ("numpy", "numba", "torch", *(("onnxruntime",) if engine == "onnx" else ()))
    return {
        "gnnreco": __version__,
        "python": platform.python_version(),
        **{name: _version(name) for name in names},
    }


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def write(folder: Path, manifest: JsonDict, part: tuple[int, int] | None) -> JsonDict | None:
    """Write the manifest; a part i/n has its own, and the last part there writes that of all.

    Returns that of all, None while parts of the same job are missing.
    """
    _write(folder / f"manifest{suffix(part)}.json", manifest)
    if part is None:
        return manifest
    parts = {int(m[1]): f for f in folder.iterdir() if (m := PART.fullmatch(f.name)) and int(m[2]) == part[1]}
    if len(parts) < part[1]:
        return None
    try:
        found = [json.loads(parts[i].read_text()) for i in sorted(parts)]
    except FileNotFoundError:  # a part is being done again
        return None
    if any(content.get("job") != manifest.get("job") for content in found):
        return None
    whole = merge(found)
    own = {line for part in found for line in _notes_of_all(part)}
    whole |= usual_again(found) | calibration_again(whole, files_of(folder, whole["shards"]))
    whole["notes"] = [line for line in whole["notes"] if line not in own] + _notes_of_all(whole)
    _write(folder / MANIFEST, whole)
    return whole


def _notes_of_all(manifest: JsonMapping) -> list[str]:
    """What can be said only of all events together: parts of a job say it again once they are one."""
    return notes_of_hits(manifest) + notes_of_usual(manifest) + notes_of_calibration(manifest)


def merge(parts: Sequence[JsonDict]) -> JsonDict:
    """One manifest from those of all parts: counts and seconds add up, memory is the largest."""
    whole = dict(parts[0])
    counted = list(dict.fromkeys(name for p in parts for name in p["counted"]))
    sums = (
        *COUNTS,
        "events_quarantined",
        "events_timed",
        "seconds",
        "reconstruct_seconds",
        "reconstruct_cpu_seconds",
        "read_seconds",
        "warm_up_seconds",
        "warm_up_cpu_seconds",
    )
    whole |= {name: sum(p.get(name, 0) for p in parts) for name in (*sums, *counted)} | {"counted": counted}
    whole |= {name: [x for p in parts for x in p[name]] for name in ("failures", "shards")}
    whole["left_aside"] = _sum([p["left_aside"] for p in parts])
    whole["inputs"] = list({x["path"]: x for p in parts for x in p["inputs"]}.values())
    timed = whole["events_timed"]
    whole["seconds_per_event"] = whole["reconstruct_seconds"] / timed if timed else None
    whole["cpu_seconds_per_event"] = whole["reconstruct_cpu_seconds"] / timed if timed else None
    whole["peak_rss_gib"] = max(
        (p["peak_rss_gib"] for p in parts if p["peak_rss_gib"] is not None), default=None
    )
    whole["parts"] = len(parts)
    whole["options"] = {k: v for k, v in whole.get("options", {}).items() if k != "shard"}
    return whole | {"warnings": warnings_of(whole)}


def self_sum(manifest: JsonMapping) -> str:
    """Sum over all else that a manifest says, which it holds as ``manifest_sha256``."""
    content = {key: value for key, value in manifest.items() if key != SUM}
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()


def _write(path: Path, manifest: JsonDict) -> None:
    manifest[SUM] = self_sum(manifest)
    write_file(path, json.dumps(manifest, indent=2, allow_nan=False) + "\n")
