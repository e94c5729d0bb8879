"""Sums: whether an output folder is whole, each event in one of its files, and whether inputs are those of a job."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow.parquet as pq

from gnnreco.events import EventSource
from gnnreco.events.output_file import read_note
from gnnreco.files.atomic import PREFIX
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.files.remote import located
from gnnreco.summary import counted

from .folder import MANIFEST, PARTIAL, RECORD, SHARD
from .manifest import SUM, self_sum
from .shard import file_sum, short_names
from .workers.mark import NAME

#: So many bytes at each end of a file.
BLOCK = 1 << 16


def verify(folder: str | Path, inputs: bool = False) -> JsonDict:
    """Prove an output folder whole by its sums.

    Each file that the manifest lists must be there with its size and sha256, hold as many events as the manifest says, and
    begin where the one before it ends; nothing else that a job writes may be there; the manifest must have its own sum.

    Parameters
    ----------
    folder : path
        What `gnnreco.reconstruct` wrote: of one task, or of several.
    inputs : bool
        Whether to check the sums of the files of the events too.

    Returns
    -------
    dict
        ``whole, files, bytes, events_in, events_out, events_failed`` and ``problems``, a list of lines; it is whole if
        there is none. Events that failed are no problem of this kind: the output tells of them.
    """
    folder = Path(folder)
    told: JsonDict = {"files": 0, "bytes": 0, "events_in": 0, "events_out": 0, "events_failed": 0}
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        problems = list(_problems(folder, manifest, told, inputs))
    except FileNotFoundError:
        problems = [f"{MANIFEST} is missing: the job is not finished, or this is no output of one"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        problems = [f"{MANIFEST} cannot be read ({type(error).__name__}: {error})"]
    return {"whole": not problems, **told, "problems": problems}


def _problems(folder: Path, manifest: JsonMapping, told: JsonDict, inputs: bool) -> Iterator[str]:
    if manifest.get(SUM) != self_sum(manifest):
        yield f"{MANIFEST} is not what was written: its own sum differs, or it has none"
    if "tasks" in manifest:
        for task, content in manifest["tasks"].items():
            below = verify(folder / task, inputs)
            for name in told:
                told[name] += below[name]
            yield from (f"{task}: {problem}" for problem in below["problems"])
            own = folder / task / MANIFEST
            if own.is_file() and json.loads(own.read_text()).get(SUM) != content.get(SUM):
                yield f"{task}: its manifest is not the one that {MANIFEST} holds"
        return
    told |= {name: manifest[name] for name in ("events_in", "events_out", "events_failed")}
    shards = sorted(manifest["shards"], key=lambda shard: _start(shard["file"]))
    at = 0
    for shard in shards:
        told["files"] += 1
        told["bytes"] += shard["bytes"]
        start = _start(shard["file"])
        if start != at:
            yield f"events {min(at, start)} to {max(at, start) - 1} are in {'no file' if start > at else 'two files'}"
        at = start + shard["events_in"]
        yield from _fault(folder / shard["file"], shard)
    if at != manifest["events_in"]:
        lost = manifest["events_in"] - at
        yield f"{counted(lost, 'event')} {'is' if lost == 1 else 'are'} in no file"
    if manifest["events_out"] + manifest["events_failed"] != manifest["events_in"]:
        yield "the events that came out and those that failed are not all that went in"
    if sum(shard["events_out"] for shard in shards) != manifest["events_out"]:
        yield "the files do not hold as many events as came out"
    yield from _strangers(folder, {shard["file"] for shard in shards}, manifest)
    if inputs:
        yield from (problem for file in manifest["inputs"] for problem in _input_fault(file))


def _start(name: str) -> int:
    """The first event of a file."""
    if SHARD.fullmatch(name) is None:
        raise ValueError(f"{name} is no name of a file of an output")
    return int(Path(name).stem.rsplit("-", 1)[-1])


def _fault(file: Path, shard: JsonMapping) -> Iterator[str]:
    """What is wrong with a file that is listed."""
    if not file.is_file() or file.is_symlink():
        yield f"{file.name} is missing"
        return
    sums = file_sum(file)
    if sums["sha256"] != shard["sha256"] or sums["bytes"] != shard["bytes"]:
        yield f"{file.name} is damaged: its sha256 is not that of the manifest"
        return
    note = read_note(file)
    counts = {name: note.get(name) for name in ("events_in", "events_out")}
    if file.suffix == ".parquet":
        with file.open("rb") as stream:
            counts["events_out"] = pq.read_metadata(stream).num_rows
    if any(counts[name] != shard[name] for name in counts):
        yield f"{file.name} does not hold the events that the manifest says"


def _strangers(folder: Path, listed: set[str], manifest: JsonMapping) -> Iterator[str]:
    """What a job left that is not finished."""
    parts = manifest.get("parts")
    for file in sorted(folder.iterdir()):
        name = file.name
        record = RECORD.fullmatch(name) and name != MANIFEST
        if record and (name.startswith("journal") or parts is None):
            yield f"{name} is of a job that is not finished"
        elif (SHARD.fullmatch(name) and name not in listed) or PARTIAL.fullmatch(name):
            yield f"{name} is not in the manifest"
        elif name.startswith(PREFIX) or NAME.fullmatch(name):
            yield f"{name} is what a process left that was killed"


def _input_fault(told: JsonMapping) -> Iterator[str]:
    """What is wrong with a file of events."""
    file = located(told["path"])
    if not file.is_file():
        yield f"input {file} is not there"
    elif not told["sha256"]:
        if file.stat().st_mtime_ns != told["mtime_ns"]:
            yield f"input {file} is not the file that was read: its machine has another version"
    elif file_sum(file)["sha256"] != told["sha256"]:
        yield f"input {file} is not the file that was read: its sha256 differs"


def content_of(source: EventSource, sketches: Mapping[str, str]) -> str:
    """Sum over the events of all inputs: their names, their numbers, and the sketches of their files."""
    digest = hashlib.sha256(json.dumps([short_names(source.sources), source.numbers]).encode())
    digest.update("".join(sketches.values()).encode())
    return digest.hexdigest()


def sketch_of(file: Path) -> str:
    """Sum over the size of a file and what is at its ends.

    Thousands of files are told from others by it before one is read; whoever reads one sums up all of it.
    """
    with file.open("rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        digest = hashlib.sha256(f"{size} ".encode())
        stream.seek(0)
        digest.update(stream.read(BLOCK))
        stream.seek(max(0, size - BLOCK))
        digest.update(stream.read(BLOCK))
        return digest.hexdigest()
