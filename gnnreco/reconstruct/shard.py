"""One shard: consecutive events in, one file of what was found out, and an account of what became of each event."""

from __future__ import annotations

import functools
import hashlib
import os
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numba
import numpy as np

from gnnreco.bundle import load_bundle, load_task
from gnnreco.columns import Clusters, Event, Tracks
from gnnreco.edge_scorer import plug_in
from gnnreco.errors import BadInput
from gnnreco.events import EventSource, open_events
from gnnreco.events.clusters_file import CLUSTERS
from gnnreco.events.output_file import Layout, Row, write_output
from gnnreco.events.select import unseen
from gnnreco.events.tracks_file import TRACKS
from gnnreco.geometry import Detector, load_detector
from gnnreco.onnx_bundle import load_onnx
from gnnreco.reconstruct.timer import Timer

#: How what a task gives lies in a file.
LAYOUTS: dict[type, Layout] = {Tracks: TRACKS, Clusters: CLUSTERS}


@dataclass(frozen=True, slots=True)
class Job:
    """What all shards share. Every field is plain, so a job can travel to another process or machine.

    Attributes
    ----------
    inputs, detector, bundle : str
        As the user named them.
    threads : int
        Of each process.
    any_detector : bool
        Whether the bundle may come from another detector.
    clusters : bool
        Whether the cells of the hits are read.
    identity : str
        Sum over all that decides what comes out.
    engine : {"native", "onnx"}
        What runs the network.
    scorer : (file, sha256), optional
        What takes the place of the network: see `gnnreco.edge_scorer`.
    """

    inputs: tuple[str, ...]
    detector: str
    bundle: str
    threads: int
    any_detector: bool
    clusters: bool
    identity: str
    engine: str = "native"
    scorer: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Shard:
    """Events ``start:stop`` of the inputs, their file, and a sum over all that decides its content."""

    start: int
    stop: int
    numbers: tuple[int, ...]
    file: str
    fingerprint: str


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
    failures: list[dict[str, Any]] = field(default_factory=list)
    left_aside: dict[str, int] = field(default_factory=dict)

    def add(self, counts: Mapping[str, int]) -> None:
        """Count hits and objects of one more event."""
        for name, number in counts.items():
            self.counts[name] = self.counts.get(name, 0) + number

    def note(self) -> dict[str, Any]:
        """Plain values, the counts beside the others."""
        head = {name: getattr(self, name) for name in ("fingerprint", "job", "events_in", "events_out")}
        return {**head, **self.counts, "failures": self.failures, "left_aside": self.left_aside}

    @classmethod
    def from_note(cls, note: Mapping[str, Any]) -> Account:
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


def run_shard(job: Job, shard: Shard) -> tuple[Account, Cost]:
    """Reconstruct the events of a shard and write its file, whole or not at all.

    An event that fails is counted in the account with its source, number and reason; the others go on.
    """
    source, names, task, detector = _open(job)
    if tuple(source.numbers[shard.start : shard.stop]) != shard.numbers:
        raise BadInput(job.inputs[0], "", "the files changed while they were being read; start again")
    layout: Layout = LAYOUTS[task.gives]
    account, cost = Account(shard.fingerprint, job.identity), Cost()
    account.add({"hits": 0, "hits_outside": 0, layout.name: 0})
    note: dict[str, Any] = {}

    def rows() -> Iterator[Row]:
        for index in range(shard.start, shard.stop):
            row = _row(source[index : index + 1], names[index], task, detector, account, cost)
            if row is not None:
                yield row
        note.update(account.note())

    write_output(layout, shard.file, rows(), note)
    sums = file_sum(Path(shard.file))
    account.bytes, account.sha256 = sums["bytes"], sums["sha256"]
    cost.peak_rss_gib = peak_rss_gib()
    return account, cost


@functools.lru_cache(maxsize=1)
def _open(job: Job) -> tuple[EventSource, list[str], Any, Detector]:
    """Open what a process needs once, for all the shards it is given."""
    numba.set_num_threads(min(job.threads, numba.config.NUMBA_NUM_THREADS))
    detector = load_detector(job.detector)
    if job.engine == "onnx":
        exported = load_onnx(job.bundle)
        task = load_task(exported.bundle, detector, job.any_detector)
        task.scorer = exported.network(job.threads)
    else:
        task = load_task(load_bundle(job.bundle), detector, job.any_detector)
    if job.scorer:
        plug_in(task, *job.scorer, job.threads)
    if torch := sys.modules.get(
        "torch"
    ):  # only some tasks load it; after numba, whose start sets OpenMP for both
        torch.set_num_threads(job.threads)
    source = open_events(list(job.inputs), detector, truth=False, deposits=job.clusters)
    return source, short_names(source.sources), task, detector


def short_names(sources: Sequence[str]) -> list[str]:
    """Where events come from, as seen from the folder that holds all: the same whatever the inputs are called by."""
    places = {source: Path(source).absolute() for source in dict.fromkeys(sources)}
    root = os.path.commonpath([place.parent for place in places.values()])
    return [places[source].relative_to(root).as_posix() for source in sources]


def _row(
    one: EventSource, name: str, task: Any, detector: Detector, account: Account, cost: Cost
) -> Row | None:
    """What was found in the only event of `one`."""
    number, place = one.numbers[0], one.sources[0]
    account.events_in += 1
    try:
        with Timer() as timer:
            event = one[0]
            _check_hits(event)
        for what, count in event.left_aside.items():
            account.left_aside[what] = account.left_aside.get(what, 0) + count
        cost.read_seconds += timer.seconds
        cost.add_warm_up(timer)
        found = _timed(task, event, cost)
        tally = task.tally(event, found)
    except Exception as error:  # whatever it is, the other events go on and this one is reported
        reason = str(error).replace(place, name)  # the bytes do not depend on what the inputs are called by
        account.failures.append(
            {"source": name, "event": number, "kind": type(error).__name__, "reason": reason}
        )
        return None
    account.events_out += 1
    outside = int(np.count_nonzero(event.hits.sensor < 0))
    account.add(
        {"hits": len(event.hits), "hits_outside": outside, LAYOUTS[task.gives].name: len(found), **tally}
    )
    if event.hits_summed:
        account.add({"hits_summed": event.hits_summed})
    others = unseen(event, detector, task.measures)
    if others is not None:
        account.add({"hits_of_other_tasks": others})
    return number, name, replace(found, hit_id=event.hits.hit_id[found.hit_index])


def _check_hits(event: Event) -> None:
    bad = ~np.isfinite(event.hits.xyz).all(axis=1)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise BadInput(
            event.source,
            f"hit {event.hits.hit_id[row]}",
            "its position is not a finite number; correct the file",
        )


def _timed(task: Any, event: Event, cost: Cost) -> Any:
    with Timer() as timer:
        empty = not len(event.hits) and event.jets is None
        found = task.gives() if empty else task.reconstruct(event)
    cost.add(timer)
    layout = LAYOUTS[task.gives]
    # What a cluster is may be unknown (NaN); what a fit of hits without freedom is worth as well.
    free = {"class_probability", "chi2", "ndf"}
    names = [*layout.numbers.values(), *(attribute for attribute, _ in layout.vectors.values())]
    for name in [n for n in names if n not in free]:
        if not np.isfinite(getattr(found, name)).all():
            raise ArithmeticError(f"one of the {layout.name} has a {name} that is not a finite number")
    return found


def file_sum(file: Path) -> dict[str, Any]:
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
