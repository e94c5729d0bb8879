"""An output folder: whose it is, which of its files are sound, and a journal from which any death is made good.

Each part of a job (all of it, or i/n of ``--shard``) has a manifest when it is done and a journal while it runs: a first
line that says what the job is, then a line with the sum of each file as soon as it is there. So a file is taken for sound
only if its bytes have the sum that was noted, and a folder is used again only by the same job, unless the user asks for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gnnreco.errors import BadInput, CannotWrite
from gnnreco.events.output_file import read_note
from gnnreco.files.atomic import REPLACE, remove_drafts, write_file
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.pipeline import PLAIN

from .job import QUARANTINED, Account, InputSum, Shard, partial
from .observe.report import report_files
from .shard import file_sum
from .workers.mark import Mark

MANIFEST = "manifest.json"
NO_FOLDER = "is no folder; give what `gnnreco reconstruct -o` named"
RECORD = re.compile(r"(?P<kind>manifest|journal)(?:-(?P<part>\d+)-of-(?P<parts>\d+))?\.jsonl?")
SHARD = re.compile(r"shard-\d+\.(?:parquet|root)")
PARTIAL = re.compile(r"partial-\d+\.(?:parquet|root)")
#: How often it is tried to have a journal in hand, and the seconds between.
LOOKS, LOOK_S = 20, 0.05
#: How a user knows what makes two jobs different.
WORDS = {
    "inputs": "other inputs",
    "detector": "another detector",
    "bundle": "another bundle",
    "engine": "another engine",
    "clusters": "with cells=False",
    "columns": "another map of columns",
    "threads": "another number of threads",
    "format": "another format",
    "scorer": "another scorer",
    "parts": "another number of shards",
    "gnnreco": "another version of gnnreco",
}


@dataclass(frozen=True)
class Record:
    """What a manifest or a journal says: the job (empty if it cannot be read) and the sums of its files by name."""

    file: Path
    job: JsonMapping
    sums: Mapping[str, str]
    tasks: tuple[str, ...] = ()
    inputs: Mapping[str, InputSum] = field(default_factory=dict)


@dataclass(frozen=True)
class Claim:
    """What an output folder holds of a job already: shards that are finished, the number of events of those that were begun,
    whether a process died in the middle of one that is to be done, and the sums of the files of events.
    """

    finished: dict[Shard, Account]
    begun: dict[Shard, int]
    deadly: bool
    inputs: dict[str, InputSum]


@dataclass
class Output:
    """What one job writes in a folder: all, or its part i of n. `about` goes to the head of its journal, for readers."""

    folder: Path
    part: tuple[int, int] | None
    job: JsonMapping
    about: JsonMapping = field(default_factory=dict)
    _lock: int = -1
    _names: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Sum over all that decides what the job writes."""
        return hashlib.sha256(json.dumps(self.job, sort_keys=True).encode()).hexdigest()

    @property
    def manifest(self) -> Path:
        """Written last."""
        return self.folder / f"manifest{suffix(self.part)}.json"

    @property
    def journal(self) -> Path:
        """Written while the job runs."""
        return self.folder / f"journal{suffix(self.part)}.jsonl"

    def claim(self, plan: Sequence[Shard], resume: bool, overwrite: bool, redo_failed: bool = False) -> Claim:
        """Make the folder this job's; says what need not be done again.

        Raises
        ------
        BadInput
            If the folder holds what another job wrote and `overwrite` does not allow to replace it, or what this one
            wrote and neither `resume` nor `overwrite` was asked for, or if a process does this job now.
        """
        names = {Path(shard.file).name for shard in plan}
        records = read_records(self.folder)
        if held(self.journal):
            same = any(r.file == self.journal and r.job == self.job for r in records)
            which = "this job" if same else "another job that writes here"
            raise BadInput(self.folder, self.journal.name, f"a process does {which} now; wait, or stop it")
        others = self._others(records, names)
        if others and not overwrite:
            raise BadInput(self.folder, "", f"{self._difference(records, others)}; {REPLACE}")
        mine = [record for record in records if record.file in (self.manifest, self.journal)]
        there = [*(r.file for r in mine), *(f for n in sorted(names) if (f := self.folder / n).exists())]
        if there and not (resume or overwrite):
            why = "holds this output already; go on with resume=True, or replace it with overwrite=True"
            raise BadInput(self.folder, there[0].name, why)
        of_job = [r for r in records if r.job == self.job]
        noted = {name: s for r in of_job for name, s in r.sums.items()}
        inputs = {file: told for r in of_job for file, told in r.inputs.items()}
        found = {s: a for s in plan if resume and (a := _finished(s, Path(s.file), noted)) is not None}
        finished = {s: a for s, a in found.items() if not (redo_failed and a.failures)}
        parts = {s: a for s in plan if resume and s not in found and (a := _finished(s, partial(s), noted))}
        marks = [Mark.of(Path(shard.file)) for shard in plan]
        again = [failure["kind"] for s, a in found.items() if s not in finished for failure in a.failures]
        deadly = QUARANTINED in again or any(mark.file.exists() for mark in marks)
        for file in [*others, *(report_files(self.folder) if others else ())]:
            if not (SHARD.fullmatch(file.name) and self._wrote(file)):
                file.unlink(missing_ok=True)
        # The sums of what is kept are in the journal before the manifest that held them goes.
        head = {"job": dict(self.job), "about": dict(self.about)}
        kept = [_line(Path(s.file), a) for s, a in finished.items()]
        kept = [line | {"kept": True} for line in (*kept, *(_line(partial(s), a) for s, a in parts.items()))]
        write_file(self.journal, "".join(json.dumps(line) + "\n" for line in (head, *kept)))
        self._lock = _hold(self.journal)
        self.manifest.unlink(missing_ok=True)
        (self.folder / MANIFEST).unlink(missing_ok=True)
        for shard in plan:
            if shard not in finished:
                Path(shard.file).unlink(missing_ok=True)
            if shard not in parts:
                partial(shard).unlink(missing_ok=True)
        for mark in marks:
            mark.clear()
        # Other parts of the job may be writing theirs.
        self._names = (*sorted(names), self.manifest.name, self.journal.name)
        remove_drafts(self.folder, None, None if self.part is None else self._names)
        # Of two jobs that begin here at once, at least one sees the other now.
        if self._others(read_records(self.folder), names):
            self.close()
            raise BadInput(self.folder, "", "another job has begun to write here; name another folder")
        return Claim(finished, {s: a.events_in for s, a in parts.items()}, deadly, inputs)

    def note(self, shard: Shard, account: Account) -> None:
        """Add a shard that is done to the journal, or one that was begun when the job was stopped."""
        whole = account.events_in == len(shard.numbers)
        line = _line(Path(shard.file) if whole else partial(shard), account)
        try:
            descriptor = os.open(self.journal, os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW)
            with os.fdopen(descriptor, "ab") as stream:
                stream.write(json.dumps(line).encode() + b"\n")
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise CannotWrite(
                self.journal, f"cannot be written ({error.strerror}); free some space"
            ) from error
        if whole:
            partial(shard).unlink(missing_ok=True)

    def close(self) -> None:
        """The manifest is there: the journal has done its work. What killed processes left, of whatever machine, goes."""
        remove_drafts(self.folder, None, None if self.part is None else self._names)
        self.journal.unlink(missing_ok=True)
        self.release()

    def release(self) -> None:
        """Another process may do the job now."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _others(self, records: Sequence[Record], names: set[str]) -> list[Path]:
        """Files of other jobs: their records, the files these list, and files that no job lists."""
        mine = [r for r in records if r.job == self.job and not r.tasks]
        files = [file for r in records if r not in mine for file in _files_of(r)]
        known = {self.folder / name for name in names.union(*(r.sums for r in mine))}
        loose = [f for f in self.folder.iterdir() if SHARD.fullmatch(f.name) and f not in known]
        files += [f for f in loose if f not in files and not self._wrote(f)]
        return [file for file in files if file not in known]

    def _wrote(self, file: Path) -> bool:
        """Whether a file is of this job: what another part of it has just finished is not listed yet."""
        return bool(read_note(file).get("job") == self.identity)

    def _difference(self, records: Sequence[Record], others: Sequence[Path]) -> str:
        record = next((r for r in records if r.file in others), None)
        if record is None:
            return f"holds {others[0].name}, which no manifest lists"
        if not record.job or record.tasks:
            return f"holds {record.file.name} of another job"
        names = [word for key, word in WORDS.items() if record.job.get(key) != self.job.get(key)]
        return f"holds {record.file.name} of another job ({', '.join(names)})"


def claim_for_tasks(folder: Path, tasks: Sequence[str], overwrite: bool) -> None:
    """Make a folder that of several tasks, each of which has a folder in it: what one task alone wrote must go."""
    records = read_records(folder)
    strangers = [r for r in records if r.tasks != tuple(tasks)]
    files = [file for r in strangers for file in _files_of(r)]
    files += [f for f in folder.iterdir() if SHARD.fullmatch(f.name) and f not in files]
    if files and not overwrite:
        raise BadInput(folder, "", f"holds {files[0].name} of another job; {REPLACE}")
    for file in [*files, *(report_files(folder) if files else ())]:
        file.unlink(missing_ok=True)


def read_records(folder: Path) -> list[Record]:
    """Every manifest and journal of a folder."""
    return [_read(file) for file in sorted(folder.iterdir()) if RECORD.fullmatch(file.name)]


def _read(file: Path) -> Record:
    try:
        text = file.read_text()
        if file.suffix == ".jsonl":
            lines = journal_lines(text)
            sums = {x["file"]: x["sha256"] for x in lines[1:]}
            inputs = {path: told for x in lines[1:] for path, told in x.get("inputs", {}).items()}
            return Record(file, dict(lines[0]["job"]), sums, inputs=inputs)
        content = json.loads(text)
    except (OSError, ValueError, LookupError, TypeError):
        return Record(file, {}, {})
    if not isinstance(content, dict) or not ({"shards", "tasks"} & content.keys()):
        why = "is not of an output of `gnnreco reconstruct`; name another folder"
        raise BadInput(file.parent, file.name, why)
    tasks = content.get("tasks", {})
    shards = [
        x for x in content.get("shards", []) if isinstance(x, dict) and SHARD.fullmatch(str(x.get("file")))
    ]
    sums = {x["file"]: str(x.get("sha256", "")) for x in shards}
    inputs = {x["path"]: x for x in content.get("inputs", []) if "mtime_ns" in x}
    plain = tuple(t for t in tasks if PLAIN.fullmatch(str(t)))
    return Record(file, dict(content.get("job") or {}), sums, plain, inputs)


def journal_lines(text: str) -> list[JsonDict]:
    """The lines of a journal; one that a dying process did not finish says nothing."""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def held(journal: Path) -> bool:
    """Whether a process has this journal in hand now."""
    try:
        descriptor = os.open(journal, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # a file system without locks
        return False
    finally:
        os.close(descriptor)
    return False


def _hold(journal: Path) -> int:
    """Have a journal in hand until the file descriptor that is returned, or this process, ends."""
    descriptor = os.open(journal, os.O_RDWR | os.O_NOFOLLOW)
    for _ in range(LOOKS):  # who asks whether it is held holds it for a moment
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(LOOK_S)
        except OSError:  # a file system without locks
            break
        else:
            break
    return descriptor


def _files_of(record: Record) -> list[Path]:
    """A record and what it lists, in the folders of its tasks too."""
    folder = record.file.parent
    below = [
        file
        for task in record.tasks
        if (folder / task).is_dir()
        for r in read_records(folder / task)
        for file in _files_of(r)
    ]
    files = [folder / name for name in record.sums if SHARD.fullmatch(name) or PARTIAL.fullmatch(name)]
    return [record.file, *files, *below]


def _finished(shard: Shard, file: Path, noted: Mapping[str, str]) -> Account | None:
    """The account of a shard whose file has the sum that was noted, and is of the same inputs, bundle and options."""
    if not file.is_file() or (sums := file_sum(file))["sha256"] != noted.get(file.name):
        return None
    note = read_note(file)
    return Account.from_note(note | sums) if note.get("fingerprint") == shard.fingerprint else None


def _line(file: Path, account: Account) -> JsonDict:
    kinds = [failure["kind"] for failure in account.failures]
    return {
        "file": file.name,
        "sha256": account.sha256,
        "events_in": account.events_in,
        "events_out": account.events_out,
        "failed": len(kinds),
        "quarantined": kinds.count(QUARANTINED),
        "at": round(time.time(), 3),
        "inputs": account.inputs,
    }


def suffix(part: tuple[int, int] | None) -> str:
    """What the names of the records of a part end in."""
    return "" if part is None else f"-{part[0]:05d}-of-{part[1]:05d}"
