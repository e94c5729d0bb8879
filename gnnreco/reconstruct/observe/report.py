"""What a job took: throughput, latencies, memory, the slowest events, seconds by stage; beside the output, never part of it.

Each run of a job adds to the report of those before it, and the parts of ``--shard`` have one each. The manifest stays the
only truth of what was done: sums do not cover a report, and one that is lost or damaged costs nothing else.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from gnnreco.errors import GnnrecoError
from gnnreco.files.atomic import write_file
from gnnreco.files.json_file import read_json
from gnnreco.files.json_types import JsonDict
from gnnreco.latencies import Latencies
from gnnreco.reconstruct.job import LOST, QUARANTINED, Result

REPORT = re.compile(r"report(?:-\d+-of-\d+)?\.json")
#: Another number for another meaning of the keys.
VERSION = 1
#: So many slow events are named, and so many processes.
SLOWEST, PROCESSES = 10, 100


@dataclass
class JobReport:
    """What the runs of a job took until now.

    Attributes
    ----------
    job : str
        A sum over all that decides what comes out: reports of another one are not added.
    written : float
        When, since 1970, s.
    seconds : float
        That the runs took by the clock.
    events, hits : int
        Events that came to an end in these runs, and their hits.
    failures : Counter of int
        Events that failed, by the kind of error.
    latencies, cold : Latencies
        Seconds of single events from reading to what was found in them; cold ones, in which kernels were compiled or loaded,
        apart and without the seconds of that.
    stages : dict of float
        Seconds of the worker processes, by what they did: ``start`` (bundles and files are opened, sums of inputs taken),
        ``compile``, ``read``, each task, ``write``, ``other``.
    memory : dict of float
        Most that each process held, GiB, by ``host:pid``.
    slowest : list of dict
        ``file, event, hits, seconds, cold``, the slowest first.
    """

    job: str = ""
    written: float = 0.0
    runs: int = 1
    seconds: float = 0.0
    workers: int | str = 1
    events: int = 0
    hits: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)
    cold: Latencies = field(default_factory=Latencies)
    stages: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    slowest: list[JsonDict] = field(default_factory=list)

    def add(self, results: Sequence[Result], tasks: Sequence[str]) -> None:
        """Count a lot: what became of its shards, each of the task of that name."""
        costs = [cost for _, _, cost in results]
        lot = costs[0].lot
        events = []
        for times in zip(*(cost.times for cost in costs), strict=True):
            seconds = times[0].read_seconds + sum(t.seconds for t in times)
            cold = any(t.cold for t in times)
            (self.cold if cold else self.latencies).add(seconds)
            self.hits += max(times[0].hits, 0)
            hits = None if times[0].hits < 0 else times[0].hits
            events.append(_event(times[0].source, times[0].event, hits, seconds, cold))
            self._spend(
                read=times[0].read_seconds, **{t: time.seconds for t, time in zip(tasks, times, strict=True)}
            )
        failed = {
            (f["source"], f["event"]): f["kind"]
            for _, a, c in reversed(results)  # the first task that failed tells why
            for f in a.failures[c.failed_before :]
        }
        self.failures += Counter(failed.values())
        self.events += len(events) + sum(kind in (QUARANTINED, LOST) for kind in failed.values())
        self.slowest = _slowest([*self.slowest, *events])
        if not lot.process:  # it is lost
            return
        known = sum(t.read_seconds for t in costs[0].times) + sum(t.seconds for c in costs for t in c.times)
        known += lot.open_seconds + lot.compile_seconds + lot.write_seconds
        self._spend(start=lot.open_seconds, compile=lot.compile_seconds, write=lot.write_seconds)
        self._spend(other=max(lot.seconds - known, 0.0))
        self._hold(lot.process, costs[0].peak_rss_gib)

    def merge(self, other: JobReport) -> None:
        """Add what an earlier run, or another part of the same job, took."""
        self.runs += other.runs
        self.seconds += other.seconds
        self.events += other.events
        self.hits += other.hits
        self.failures += other.failures
        self._spend(**other.stages)
        self.latencies.merge(other.latencies)
        self.cold.merge(other.cold)
        for process, gib in other.memory.items():
            self._hold(process, gib)
        self.slowest = _slowest([*self.slowest, *other.slowest])

    def _spend(self, **seconds: float) -> None:
        for stage, s in seconds.items():
            self.stages[stage] = self.stages.get(stage, 0.0) + s

    def _hold(self, process: str, gib: float) -> None:
        self.memory[process] = max(self.memory.get(process, 0.0), gib)
        if len(self.memory) > PROCESSES:
            del self.memory[min(self.memory, key=self.memory.__getitem__)]

    def told(self) -> JsonDict:
        """Plain values, for people and programs."""
        return {
            "version": VERSION,
            "runs": self.runs,
            "workers": self.workers,
            "seconds": self.seconds,
            "events": self.events,
            "events_per_second": self.events / self.seconds if self.seconds else None,
            "hits": self.hits,
            "hits_per_second": self.hits / self.seconds if self.seconds else None,
            "failures": dict(self.failures.most_common()),
            "latency_seconds": self.latencies.told(),
            "cold_latency_seconds": self.cold.told(),
            "stage_seconds": dict(self.stages),
            "peak_memory_gib": self.memory,
            "slowest": self.slowest,
        }

    def write(self, file: Path) -> None:
        """Write it beside the output."""
        bins = {"latencies": self.latencies.plain(), "cold": self.cold.plain()}
        content = self.told() | {"job": self.job, "written": time.time(), "bins": bins}
        write_file(file, json.dumps(content, indent=1, allow_nan=False) + "\n")

    @classmethod
    def read(cls, file: Path) -> JobReport | None:
        """What `write` wrote; None where there is none, or it is damaged."""
        with suppress(GnnrecoError, LookupError, TypeError, ValueError, AttributeError):
            plain = read_json(file)
            if plain["version"] == VERSION:
                return cls(
                    str(plain["job"]),
                    float(plain["written"]),
                    int(plain["runs"]),
                    float(plain["seconds"]),
                    plain["workers"],
                    int(plain["events"]),
                    int(plain["hits"]),
                    Counter({str(k): int(v) for k, v in plain["failures"].items()}),
                    Latencies.of(plain["bins"]["latencies"]),
                    Latencies.of(plain["bins"]["cold"]),
                    {str(k): float(v) for k, v in plain["stage_seconds"].items()},
                    {str(k): float(v) for k, v in plain["peak_memory_gib"].items()},
                    _slowest([_event(**event) for event in plain["slowest"]]),
                )
        return None


def read_reports(folder: Path) -> JobReport | None:
    """The report of the job that wrote in a folder last, of all its parts together; None where there is none."""
    reports = [report for file in report_files(folder) if (report := JobReport.read(file)) is not None]
    if not reports:
        return None
    job = max(reports, key=lambda report: report.written).job
    whole, *others = [report for report in reports if report.job == job]
    for other in others:
        whole.merge(other)
    return whole


def report_files(folder: Path) -> list[Path]:
    """The reports of a folder."""
    return sorted(file for file in folder.iterdir() if REPORT.fullmatch(file.name))


def _event(file: str, event: int, hits: int | None, seconds: float, cold: bool) -> JsonDict:
    hits = None if hits is None else int(hits)
    return {
        "file": str(file),
        "event": int(event),
        "hits": hits,
        "seconds": float(seconds),
        "cold": bool(cold),
    }


def _slowest(events: Sequence[JsonDict]) -> list[JsonDict]:
    return sorted(events, key=lambda event: -event["seconds"])[:SLOWEST]
