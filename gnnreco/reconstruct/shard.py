"""One shard: consecutive events in, one file of what was found out, and an account of what became of each event."""

from __future__ import annotations

import functools
import hashlib
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numba
import numpy as np

from gnnreco.columns import Event, ReconstructedParticles
from gnnreco.columns.table import Columns
from gnnreco.errors import BadInput, Unreachable
from gnnreco.events import EventSource, open_events
from gnnreco.events.output_file import Layout, Row, draft_writer, read_note, read_output
from gnnreco.events.select import unseen
from gnnreco.files.atomic import draft_of, publish
from gnnreco.files.json_types import JsonDict
from gnnreco.files.remote import RemoteFile, located
from gnnreco.geometry import Detector
from gnnreco.kernels.memory import keep_memory
from gnnreco.kernels.timer import Timer
from gnnreco.pipeline import Outcome, Reconstructor, Stage
from gnnreco.tasks.layouts import layout_of

from .job import (
    QUARANTINED,
    Account,
    Cost,
    FileSum,
    InputSum,
    Job,
    Lot,
    LotCost,
    Result,
    Shard,
    Tick,
    Timing,
    no_tick,
    partial,
)
from .workers import stop
from .workers.mark import NOWHERE, Marking

NO_MEMORY = "the event takes more memory than this process may have: give more (--memory), or other events"


def run_lot(job: Job, lot: Lot, detector: Detector | None = None, tick: Tick = no_tick) -> list[Result]:
    """Reconstruct the events of a lot and write the files that are due, each a draft until `published` gives it its name.

    An event that fails is counted in the account with its source, number and reason; the others go on. Where the process
    is asked to stop (`stop`), the files are of the events done until then and have names of their own: see `partial`.
    `detector` is that of the job, where this process has read it already; `tick` is called after each event.
    """
    begin, cost = time.perf_counter(), LotCost(f"{os.uname().nodename}:{os.getpid()}")
    chain = _chain(job, detector)
    events = _events(job, lot, chain.detector)
    if lot.trial is not None:
        _try(job, lot, chain, events[lot.trial : lot.trial + 1])
        return []
    sums = {file: input_sum(file) for file in lot.files}
    books, bad = {}, dict(lot.quarantined)
    cost.open_seconds = time.perf_counter() - begin
    with Marking(lot.mark, job.limit) as mark:
        with ExitStack() as files:
            for stage, shard, identity in zip(chain.stages, lot.shards, job.identities, strict=True):
                if shard is not None:
                    books[stage.name] = Book.open(stage, shard, identity, files, cost)
                    if lot.begun:
                        books[stage.name].go_on()
            for index in range(lot.begun, len(events)):
                if stop.asked():
                    break
                mark.at(index)
                one, name = events[index : index + 1], lot.names[index]
                if index in bad:
                    for book in books.values():
                        book.quarantine(one, name, bad[index])
                else:
                    _one_event(one, name, chain, books)
                tick()
            mark.at(NOWHERE)
            if any(changed_at(file) != told["mtime_ns"] for file, told in sums.items()):
                raise BadInput(lot.files[0], "", "the files changed while they were being read; start again")
            sums |= {file: input_sum(file) for file in lot.files if isinstance(located(file), RemoteFile)}
            for book in books.values():
                book.account.inputs = sums
                book.note.update(book.account.note())
            ended = time.perf_counter()
        results = [book.closed() for book in books.values()]
        now = time.perf_counter()
        cost.write_seconds += now - ended
        cost.seconds = now - begin
        return results


def published(results: list[Result]) -> list[Result]:
    """Give the files of a lot their names, once they are safe on the disk: for that another process may wait."""
    for shard, account, _ in results:
        if account.draft:
            whole = account.events_in == len(shard.numbers)
            publish(Path(account.draft), Path(shard.file) if whole else partial(shard))
            account.draft = ""
    return results


def _try(job: Job, lot: Lot, chain: Reconstructor, one: EventSource) -> None:
    """Reconstruct one event, of which nothing is kept: does the process live?"""
    due = {stage.name for stage, shard in zip(chain.stages, lot.shards, strict=True) if shard is not None}
    with Marking(lot.mark, job.limit) as mark:
        mark.at(lot.trial or 0)
        try:
            chain.run(one[0], due.__contains__)
        except Exception:
            return  # an error is no death: it will be reported when the lot is run


@functools.lru_cache(maxsize=1)
def _chain(job: Job, detector: Detector | None) -> Reconstructor:
    """Open what a process needs once, for all the lots it is given."""
    keep_memory()
    numba.set_num_threads(min(job.threads, numba.config.NUMBA_NUM_THREADS))
    chain = Reconstructor(
        detector or job.detector,
        job.bundles,
        any_detector=job.any_detector,
        engine=job.engine,
        threads=job.threads,
        scorer=job.scorer and job.scorer[0],
        brings=job.brings,
    )
    if job.scorer and job.scorer not in [stage.scorer for stage in chain.stages]:
        raise BadInput(job.scorer[0], "", "the file changed while it was in use; start again")
    if torch := sys.modules.get(
        "torch"
    ):  # only some tasks load it; after numba, whose start sets OpenMP for both
        torch.set_num_threads(job.threads)
    return chain


@functools.lru_cache(maxsize=1)
def _opened(
    job: Job, files: tuple[str, ...], detector: Detector
) -> tuple[EventSource, dict[tuple[str, int], int]]:
    source = open_events(
        list(files), detector, truth=False, deposits=job.cells, columns=job.columns, keep_damaged=True
    )
    return source, {place: index for index, place in enumerate(source.places)}


def _events(job: Job, lot: Lot, detector: Detector) -> EventSource:
    """The events of a lot. Only its own files are opened, not those of the whole job."""
    source, rows = _opened(job, lot.opened, detector)
    first = lot.due[0]
    events = source.select(rows[place] for place in lot.places if place in rows)
    if tuple(events.numbers) != first.numbers:
        raise BadInput(lot.files[0], "", "the files changed while they were being read; start again")
    return events


def input_sum(file: str) -> InputSum:
    """Size, sha256 and time of the last change of a file of events; a process takes it once for all lots of the file.

    Of a file on another machine there is a sum if all of it was read; what tells its versions apart stands for the time.
    """
    place = located(file)
    if isinstance(place, RemoteFile):
        return {"bytes": place.stat().st_size, "sha256": place.sha256(), "mtime_ns": changed_at(file)}
    return _summed(file, changed_at(file))


@functools.lru_cache(maxsize=4096)
def _summed(file: str, changed: int) -> InputSum:
    return {**file_sum(Path(file)), "mtime_ns": changed}


def changed_at(file: str) -> int:
    """When a file was changed last, ns."""
    return located(file).stat().st_mtime_ns


def short_names(sources: Sequence[str]) -> list[str]:
    """Where events come from, as seen from the folder that holds all: the same whatever the inputs are called by."""
    places = {source: Path(source).absolute() for source in dict.fromkeys(sources)}
    root = os.path.commonpath([place.parent for place in places.values()])
    names = {source: place.relative_to(root).as_posix() for source, place in places.items()}
    return [names[source] for source in sources]


@dataclass
class Book:
    """What one stage writes of a lot: rows of its file, the account of its events, and what they cost."""

    stage: Stage
    shard: Shard
    layout: Layout
    account: Account
    note: JsonDict
    draft: Path
    add: Callable[[Row], None]
    cost: Cost

    @classmethod
    def open(cls, stage: Stage, shard: Shard, identity: str, files: ExitStack, lot: LotCost) -> Book:
        """Begin the file of a stage; `files` ends its draft, whole or not at all."""
        layout, note = layout_of(stage.kind), JsonDict()
        account = Account(shard.fingerprint, identity)
        account.add({"hits": 0, "hits_outside": 0, layout.name: 0})
        draft = files.enter_context(draft_of(shard.file))
        add = files.enter_context(draft_writer(layout, draft, Path(shard.file).suffix, note))
        return cls(stage, shard, layout, account, note, draft, add, Cost(lot=lot))

    def read(self, one: EventSource, name: str, event: Event | None, timer: Timer) -> None:
        """Count an event that was read, and what was left aside of it; None where it could not be read."""
        self.account.events_in += 1
        hits, cold = -1 if event is None else len(event.hits), timer.warm_up_seconds > 0
        self.cost.times.append(Timing(name, one.numbers[0], hits, timer.seconds, cold=cold))
        if event is None:
            return
        for what, count in event.left_aside.items():
            self.account.left_aside[what] = self.account.left_aside.get(what, 0) + count
        self.cost.read_seconds += timer.seconds
        self.cost.add_warm_up(timer)

    def go_on(self) -> None:
        """Take over what an earlier run did of the shard before it was stopped."""
        begun = partial(self.shard)
        self.account = Account.from_note(read_note(begun))
        self.cost.failed_before = len(self.account.failures)
        for row in read_output(self.layout, begun):
            self.add(row)

    def took(self, timer: Timer) -> None:
        """Note what the stage took for the event that was read last, whatever became of it."""
        time_of = self.cost.times[-1]
        time_of.seconds = timer.seconds
        time_of.cold |= timer.warm_up_seconds > 0
        self.cost.lot.compile_seconds += timer.warm_up_seconds

    def fail(self, error: Exception, one: EventSource, name: str) -> None:
        """Report an event that failed."""
        # The bytes do not depend on what the inputs are called by.
        reason = str(error).replace(one.sources[0], name)
        if isinstance(error, MemoryError):  # some have no text, and none says what to do
            reason = f"{reason}; {NO_MEMORY}" if reason else NO_MEMORY
        self._report(one, name, type(error).__name__, reason)

    def quarantine(self, one: EventSource, name: str, reason: str) -> None:
        """Report an event that is not tried, since processes died of it."""
        self.account.events_in += 1
        self._report(one, name, QUARANTINED, reason)

    def _report(self, one: EventSource, name: str, kind: str, reason: str) -> None:
        self.account.failures.append(
            {"source": name, "event": one.numbers[0], "kind": kind, "reason": reason}
        )

    def enter(self, event: Event, name: str, outcome: Outcome, found: Columns, detector: Detector) -> None:
        """Keep what was found in an event, and count it."""
        self.cost.add(outcome.timer)
        self.account.events_out += 1
        objects = {self.layout.name: len(found)}
        self.account.add(
            {"hits": len(event.hits), "hits_outside": _outside(event), **objects, **outcome.tally}
        )
        if event.hits_summed:
            self.account.add({"hits_summed": event.hits_summed})
        others = unseen(event, detector, self.stage.needs.measures)
        if others is not None:
            self.account.add({"hits_of_other_tasks": others})
        begin = time.perf_counter()
        self.add((event.number, name, found))
        self.cost.lot.write_seconds += time.perf_counter() - begin

    def closed(self) -> Result:
        """The shard, its account and its cost, once its draft is there."""
        sums = file_sum(self.draft)
        self.account.bytes, self.account.sha256 = sums["bytes"], sums["sha256"]
        self.account.draft = str(self.draft)
        self.cost.peak_rss_gib = peak_rss_gib()
        return self.shard, self.account, self.cost


def _one_event(one: EventSource, name: str, chain: Reconstructor, books: Mapping[str, Book]) -> None:
    """Read the only event of `one`, once for all stages, and enter what each found in its book."""
    event: Event | None = None
    try:
        with Timer() as timer:
            event = one[0]
        outcomes = chain.run(event, books.__contains__)
    except Unreachable:  # nor would the other events come
        raise
    except Exception as error:  # whatever it is, the other events go on and this one is reported
        for book in books.values():
            book.read(one, name, None, timer)
            book.fail(error, one, name)
        return
    next(iter(books.values())).cost.lot.compile_seconds += timer.warm_up_seconds
    for task, book in books.items():
        book.read(one, name, event, timer)
        outcome = outcomes[task]
        book.took(outcome.timer)
        if outcome.error is not None:
            book.fail(outcome.error, one, name)
        elif outcome.found is not None:
            book.enter(event, name, outcome, outcome.found, chain.detector)


def file_sum(file: Path) -> FileSum:
    """Size and sha256 of a file."""
    with file.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return {"bytes": stream.seek(0, os.SEEK_END), "sha256": digest}


def peak_rss_gib() -> float:
    """Largest resident memory of this process so far, GiB."""
    # ru_maxrss of a child starts at its parent's size; the high-water mark of the kernel does not.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _outside(event: Event) -> int:
    """How many hits lie in no sensor; those that stand for particles of the file need none."""
    lost = event.hits.sensor < 0
    brought = event.found.get(ReconstructedParticles)
    if brought is not None:
        lost[brought.hit_index] = False
    return int(np.count_nonzero(lost))
