"""What an output folder says of its job, running, dead or done: how far it is, and what is left to do."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict, JsonMapping

from .folder import NO_FOLDER, RECORD, SHARD, held, journal_lines
from .observe import read_reports
from .shard import file_sum
from .workers.mark import NAME, Mark

COUNTS = ("done", "out", "failed", "quarantined")


@dataclass
class PartStatus:
    """How far one part of a job is: all of it, or one of those of ``--shard``.

    Attributes
    ----------
    part : (i, n) or None
    state : str
        ``finished``, ``running``, ``dead``, ``silent`` (it ran on another machine that cannot be asked) or ``missing``.
    events : int or None
        In all; None for a part that nobody has begun.
    done, out, failed, quarantined : int
        Events that came to an end, those of them that are in the output, and the others.
    seconds : float
        That this run took until its latest sign of life.
    events_per_second : float or None
    about : mapping
        The call that made it.
    shards : mapping of str to mapping
        What is noted of each file that is whole.
    """

    part: tuple[int, int] | None
    state: str = "missing"
    events: int | None = None
    done: int = 0
    out: int = 0
    failed: int = 0
    quarantined: int = 0
    seconds: float = 0.0
    events_per_second: float | None = None
    about: JsonMapping = field(default_factory=dict)
    shards: Mapping[str, JsonMapping] = field(default_factory=dict)


def status(folder: str | Path) -> JsonDict:
    """Tell how far the job of an output folder is; it may run meanwhile.

    Parameters
    ----------
    folder : path

    Returns
    -------
    dict
        Of one task: ``state, events, done, out, failed, quarantined, events_per_second, seconds_left``, and ``parts``, a
        list of the same for each part of ``--shard``. Of several: ``tasks``, one of these for each. ``report`` is what
        the runs took until now (`gnnreco.reconstruct.observe.JobReport.told`); None where no run has told.

    Raises
    ------
    BadInput
        If no job wrote there.
    """
    folder = Path(folder)
    tasks = task_folders(folder)
    report = read_reports(folder)
    took = {"report": None if report is None else report.told()}
    if tasks:
        return {"tasks": {task.name: _summed(parts_of(task)) for task in tasks}, **took}
    return _summed(parts_of(folder)) | took


def task_folders(folder: Path) -> list[Path]:
    """The folders of the tasks of an output of several; none for that of one."""
    if not folder.is_dir():
        raise BadInput(folder, "", NO_FOLDER)
    if any(_is_record(file) for file in folder.iterdir()):
        return []
    return sorted(
        place for place in folder.iterdir() if place.is_dir() and any(_is_record(f) for f in place.iterdir())
    )


def parts_of(folder: Path) -> list[PartStatus]:
    """The status of each part of the job of one task, also of those that nobody has begun.

    Raises
    ------
    BadInput
        If no job wrote there, or its records are damaged.
    """
    found: dict[int, PartStatus] = {}
    count = 1
    # A journal comes after the manifest of the same part: where both are there, the job is done again.
    for file in sorted(folder.iterdir(), key=lambda f: RECORD.sub(r"\1", f.name), reverse=True):
        match = RECORD.fullmatch(file.name)
        if match is None or not _is_record(file) or (match["part"] is None and _is_sum(file)):
            continue
        part = None if match["part"] is None else (int(match["part"]), int(match["parts"]))
        count = max(count, part[1] if part else 1)
        read = _of_manifest if match["kind"] == "manifest" else _of_journal
        found[part[0] if part else 0] = read(file, part)
    if not found:
        raise BadInput(folder, "", "holds no job; give what `gnnreco reconstruct -o` named")
    return [found.get(i, PartStatus((i, count))) for i in range(count)]


def left_to_do(part: PartStatus, folder: Path) -> Iterator[JsonDict]:
    """The shards of a part that are missing, damaged, or hold events that failed; reads every file once.

    Yields
    ------
    dict
        ``part, file, events, why``; a part of which nothing is known yet has no file.
    """
    name = "-" if part.part is None else f"{part.part[0]}/{part.part[1]}"
    if part.state == "missing":
        yield {"part": name, "file": None, "events": None, "why": "not begun"}
        return
    known = 0
    for file, told in sorted(part.shards.items()):
        known += int(told["events_in"])
        why = _fault(folder / file, told)
        if why:
            yield {"part": name, "file": file, "events": told["events_in"], "why": why}
    if part.events is not None and known < part.events:
        why = "lost with its process" if part.state == "finished" else "not done"
        yield {"part": name, "file": None, "events": part.events - known, "why": why}


def _fault(file: Path, told: JsonMapping) -> str:
    """What is wrong with a file; empty if nothing is."""
    if not file.is_file():
        return "missing"
    if file_sum(file)["sha256"] != told["sha256"]:
        return "damaged"
    failed = int(told["events_in"]) - int(told["events_out"])
    return f"{failed} failed" if failed else ""


def _is_record(file: Path) -> bool:
    """Whether a file is a record of the output of one task."""
    match = RECORD.fullmatch(file.name)
    if match is None:
        return False
    return match["kind"] == "journal" or "shards" in _json(file)


def _is_sum(record: Path) -> bool:
    """Whether a record is the manifest of all parts of a job, which have their own."""
    return record.suffix == ".json" and "parts" in _json(record)


def _json(file: Path) -> JsonDict:
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(file, "", f"cannot be read ({error}); go on with resume=True") from error
    return content if isinstance(content, dict) else {}


def _of_manifest(file: Path, part: tuple[int, int] | None) -> PartStatus:
    content = _json(file)
    seconds = float(content.get("seconds", 0.0))
    timed = int(content.get("events_timed", 0))
    return PartStatus(
        part,
        "finished",
        int(content["events_in"]),
        int(content["events_in"]),
        int(content["events_out"]),
        int(content["events_failed"]),
        int(content.get("events_quarantined", 0)),
        seconds,
        timed / seconds if timed and seconds else None,
        content.get("about", {}),
        {str(shard["file"]): shard for shard in content["shards"]},
    )


def _of_journal(file: Path, part: tuple[int, int] | None) -> PartStatus:
    try:
        head, *lines = journal_lines(file.read_text())
    except (OSError, ValueError) as error:
        raise BadInput(file, "", f"cannot be read ({error}); go on with resume=True") from error
    about = head.get("about", {})
    latest = {str(line["file"]): line for line in lines}
    whole = {name: line for name, line in latest.items() if SHARD.fullmatch(name)}
    begun = {_number(name): line for name, line in latest.items() if name not in whole}
    begun = {n: line for n, line in begun.items() if n not in map(_number, whole)}
    events_of = range(*about.get("range", (0, 0)))
    at_work = {n: at for n, at in _at_work(file.parent) if n in events_of}
    events = {n: int(line["events_in"]) for n, line in begun.items()}
    now = {n: max(events.get(n, 0), at) for n, at in at_work.items() if n not in map(_number, whole)}
    counted = [*whole.values(), *begun.values()]
    fresh = sum(int(line["events_in"]) for line in counted if not line.get("kept"))
    fresh += sum(at - events.get(n, 0) for n, at in now.items())
    running = held(file)
    signs = [float(about.get("started", 0.0)), *(float(line["at"]) for line in lines)]
    last = time.time() if running else max([*signs, file.stat().st_mtime])
    seconds = last - signs[0]
    here = about.get("host") == os.uname().nodename
    return PartStatus(
        part,
        "running" if running else "dead" if here else "silent",
        about.get("events"),
        sum(int(line["events_in"]) for line in whole.values()) + sum((events | now).values()),
        sum(int(line["events_out"]) for line in counted),
        sum(int(line["failed"]) for line in counted),
        sum(int(line["quarantined"]) for line in counted),
        seconds,
        fresh / seconds if fresh and seconds > 0 else None,
        about,
        whole,
    )


def _at_work(folder: Path) -> Iterator[tuple[int, int]]:
    """The first event of each lot that is being worked on, and how many of its events are done."""
    for file in folder.iterdir():
        match = NAME.fullmatch(file.name)
        if match and (at := Mark(file).read()) > 0:
            yield int(match[1]), at


def _number(name: str) -> int:
    """That of the first event of a file."""
    return int(Path(name).stem.rsplit("-", 1)[-1])


def _summed(parts: Sequence[PartStatus]) -> JsonDict:
    """The status of all parts together."""
    told = [_told(part) for part in parts]
    states = {part.state for part in parts}
    state = next(s for s in ("running", "silent", "dead", "missing", "finished") if s in states)
    events = [part.events for part in parts]
    known = None if None in events else sum(n for n in events if n is not None)
    rates = [part.events_per_second for part in parts if part.state == "running" or state == "finished"]
    rate = sum(r for r in rates if r is not None) or None
    whole: JsonDict = {"state": state, "events": known}
    whole |= {name: sum(int(part[name]) for part in told) for name in COUNTS}
    left = None if known is None or state == "finished" else known - whole["done"]
    whole |= {
        "events_per_second": rate,
        "seconds_left": left / rate if left is not None and rate and state == "running" else None,
    }
    return whole | {"parts": told}


def _told(part: PartStatus) -> JsonDict:
    return {
        "part": None if part.part is None else f"{part.part[0]}/{part.part[1]}",
        "state": part.state,
        "events": part.events,
        **{name: getattr(part, name) for name in COUNTS},
        "events_per_second": part.events_per_second,
    }
