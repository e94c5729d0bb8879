"""One shard: consecutive events in, one file of what was found out, and an account of what became of each event."""

from __future__ import annotations

import functools
import hashlib
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypedDict

import numba
import numpy as np

from gnnreco.columns import Event
from gnnreco.columns.table import Columns
from gnnreco.errors import BadInput
from gnnreco.events import EventSource, open_events
from gnnreco.events.output_file import Layout, Row, output_writer
from gnnreco.events.select import unseen
from gnnreco.files.json_types import JsonDict, JsonMapping
from gnnreco.geometry import Detector
from gnnreco.kernels.timer import Timer
from gnnreco.pipeline import Engine, Outcome, Reconstructor, Stage
from gnnreco.tasks.layouts import layout_of


@dataclass(frozen=True, slots=True)
class Job:
    """What all shards share. Every field is plain, so a job can travel to another process or machine.

    Attributes
    ----------
    inputs, detector, bundles : str
        As the user named them.
    threads : int
        Of each process.
    any_detector : bool
        Whether the bundle may come from another detector.
    cells : bool
        Whether the cells of the hits are read.
    identities : tuple of str
        By stage, a sum over all that decides what comes out.
    engine : {"native", "onnx"}
        What runs the networks.
    scorer : (file, sha256), optional
        What takes the place of the network of tracks: see `gnnreco.bundle.edge_scorer`.
    """

    inputs: tuple[str, ...]
    detector: str
    bundles: tuple[str, ...]
    threads: int
    any_detector: bool
    cells: bool
    identities: tuple[str, ...]
    engine: Engine = "native"
    scorer: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Shard:
    """Events ``start:stop`` of the inputs, the file of one stage for them, and a sum over all that decides its content."""

    start: int
    stop: int
    numbers: tuple[int, ...]
    file: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Lot:
    """The shards of the same events, one for each stage; None for a stage whose file is there."""

    shards: tuple[Shard | None, ...]

    @property
    def due(self) -> tuple[Shard, ...]:
        """Those that are to be made."""
        return tuple(shard for shard in self.shards if shard is not None)


class FileSum(TypedDict):
    """Size and sha256 of a file."""

    bytes: int
    sha256: str


class Failure(TypedDict):
    """An event that failed: where it came from, its number, the class of the error, and what it said."""

    source: str
    event: int
    kind: str
    reason: str


@dataclass(slots=True)
class Account:
    """What became of the events of a shard; kept in its file, so a resumed run still knows. The sums are of the file."""

    fingerprint: str
    job: str = ""
    events_in: int = 0
    events_out: int = 0
    bytes: int = 0
    sha256: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    left_aside: dict[str, int] = field(default_factory=dict)

    def add(self, counts: Mapping[str, int]) -> None:
        """Count hits and objects of one more event."""
        for name, number in counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def note(self) -> JsonDict:
        """Plain values, the counts beside the others."""
        head = {name: getattr(self, name) for name in ("fingerprint", "job", "events_in", "events_out")}
        return {**head, **self.counts, "failures": self.failures, "left_aside": self.left_aside}

    @classmethod
    def from_note(cls, note: JsonMapping) -> Account:
        """What `note` gave."""
        own = {f.name: note[f.name] for f in fields(cls) if f.name in note}
        return cls(**own, counts={name: value for name, value in note.items() if name not in own})


@dataclass(slots=True)
class Cost:
    """What a shard took: seconds to read, seconds and CPU seconds from hits to tracks, peak memory.

    A process needs some of it only once: an event in which kernels are compiled or loaded (`warm_up_seconds`) also waits for
    modules and memory, so such events are summed apart, as cold ones.
    """

    read_seconds: float = 0.0
    events: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    cold_events: int = 0
    cold_seconds: float = 0.0
    cold_cpu_seconds: float = 0.0
    warm_up_seconds: float = 0.0
    warm_up_cpu_seconds: float = 0.0
    peak_rss_gib: float = 0.0

    def add(self, timer: Timer) -> None:
        """Count an event that was reconstructed."""
        if timer.warm_up_seconds:
            self.cold_events += 1
            self.cold_seconds += timer.seconds
            self.cold_cpu_seconds += timer.cpu_seconds
        else:
            self.events += 1
            self.seconds += timer.seconds
            self.cpu_seconds += timer.cpu_seconds
        self.add_warm_up(timer)

    def add_warm_up(self, timer: Timer) -> None:
        """Count what went into kernels."""
        self.warm_up_seconds += timer.warm_up_seconds
        self.warm_up_cpu_seconds += timer.warm_up_cpu_seconds


Result = tuple[Shard, Account, Cost]


def run_lot(job: Job, lot: Lot, detector: Detector | None = None) -> list[Result]:
    """Reconstruct the events of a lot and write the files that are due, each whole or not at all.

    An event that fails is counted in the account with its source, number and reason; the others go on. `detector` is that
    of the job, where this process has read it already.
    """
    source, names, chain = _open(job, detector)
    first = lot.due[0]
    if tuple(source.numbers[first.start : first.stop]) != first.numbers:
        raise BadInput(job.inputs[0], "", "the files changed while they were being read; start again")
    books = {}
    with ExitStack() as files:
        for stage, shard, identity in zip(chain.stages, lot.shards, job.identities, strict=True):
            if shard is not None:
                books[stage.name] = Book.open(stage, shard, identity, files)
        for index in range(first.start, first.stop):
            _one_event(source[index : index + 1], names[index], chain, books)
        for book in books.values():
            book.note.update(book.account.note())
    return [book.closed() for book in books.values()]


@functools.lru_cache(maxsize=1)
def _open(job: Job, detector: Detector | None) -> tuple[EventSource, list[str], Reconstructor]:
    """Open what a process needs once, for all the shards it is given."""
    numba.set_num_threads(min(job.threads, numba.config.NUMBA_NUM_THREADS))
    chain = Reconstructor(
        detector or job.detector,
        job.bundles,
        any_detector=job.any_detector,
        engine=job.engine,
        threads=job.threads,
        scorer=job.scorer and job.scorer[0],
    )
    if job.scorer and job.scorer not in [stage.scorer for stage in chain.stages]:
        raise BadInput(job.scorer[0], "", "the file changed while it was in use; start again")
    if torch := sys.modules.get(
        "torch"
    ):  # only some tasks load it; after numba, whose start sets OpenMP for both
        torch.set_num_threads(job.threads)
    source = open_events(list(job.inputs), chain.detector, truth=False, deposits=job.cells)
    return source, short_names(source.sources), chain


def short_names(sources: Sequence[str]) -> list[str]:
    """Where events come from, as seen from the folder that holds all: the same whatever the inputs are called by."""
    places = {source: Path(source).absolute() for source in dict.fromkeys(sources)}
    root = os.path.commonpath([place.parent for place in places.values()])
    return [places[source].relative_to(root).as_posix() for source in sources]


@dataclass
class Book:
    """What one stage writes of a lot: rows of its file, the account of its events, and what they cost."""

    stage: Stage
    shard: Shard
    layout: Layout
    account: Account
    note: JsonDict
    add: Callable[[Row], None]
    cost: Cost = field(default_factory=Cost)

    @classmethod
    def open(cls, stage: Stage, shard: Shard, identity: str, files: ExitStack) -> Book:
        """Begin the file of a stage; `files` ends it, whole or not at all."""
        layout, note = layout_of(stage.kind), JsonDict()
        account = Account(shard.fingerprint, identity)
        account.add({"hits": 0, "hits_outside": 0, layout.name: 0})
        add = files.enter_context(output_writer(layout, shard.file, note))
        return cls(stage, shard, layout, account, note, add)

    def read(self, event: Event | None, timer: Timer) -> None:
        """Count an event that was read, and what was left aside of it."""
        self.account.events_in += 1
        if event is None:
            return
        for what, count in event.left_aside.items():
            self.account.left_aside[what] = self.account.left_aside.get(what, 0) + count
        self.cost.read_seconds += timer.seconds
        self.cost.add_warm_up(timer)

    def fail(self, error: Exception, one: EventSource, name: str) -> None:
        """Report an event that failed."""
        # The bytes do not depend on what the inputs are called by.
        reason = str(error).replace(one.sources[0], name)
        self.account.failures.append(
            {"source": name, "event": one.numbers[0], "kind": type(error).__name__, "reason": reason}
        )

    def enter(self, event: Event, name: str, outcome: Outcome, found: Columns, detector: Detector) -> None:
        """Keep what was found in an event, and count it."""
        self.cost.add(outcome.timer)
        self.account.events_out += 1
        outside = int(np.count_nonzero(event.hits.sensor < 0))
        objects = {self.layout.name: len(found)}
        self.account.add({"hits": len(event.hits), "hits_outside": outside, **objects, **outcome.tally})
        if event.hits_summed:
            self.account.add({"hits_summed": event.hits_summed})
        others = unseen(event, detector, self.stage.needs.measures)
        if others is not None:
            self.account.add({"hits_of_other_tasks": others})
        self.add((event.number, name, found))

    def closed(self) -> Result:
        """The shard, its account and its cost, once its file is there."""
        sums = file_sum(Path(self.shard.file))
        self.account.bytes, self.account.sha256 = sums["bytes"], sums["sha256"]
        self.cost.peak_rss_gib = peak_rss_gib()
        return self.shard, self.account, self.cost


def _one_event(one: EventSource, name: str, chain: Reconstructor, books: Mapping[str, Book]) -> None:
    """Read the only event of `one`, once for all stages, and enter what each found in its book."""
    event: Event | None = None
    try:
        with Timer() as timer:
            event = one[0]
        outcomes = chain.run(event, books.__contains__)
    except Exception as error:  # whatever it is, the other events go on and this one is reported
        for book in books.values():
            book.read(None, timer)
            book.fail(error, one, name)
        return
    for task, book in books.items():
        book.read(event, timer)
        outcome = outcomes[task]
        if outcome.error is not None:
            book.fail(outcome.error, one, name)
        elif outcome.found is not None:
            book.enter(event, name, outcome, outcome.found, chain.detector)


def file_sum(file: Path) -> FileSum:
    """Size and sha256 of a file."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"bytes": os.fstat(stream.fileno()).st_size, "sha256": digest}


def peak_rss_gib() -> float:
    """Largest resident memory of this process so far, GiB."""
    # ru_maxrss of a child starts at its parent's size; the high-water mark of the kernel does not.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
