"""The news of a job: what it begins with, each file, each event that failed, how far it is, how it ended."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from gnnreco.errors import CannotWrite, Stopped
from gnnreco.files.json_types import JsonDict
from gnnreco.files.news import Listener, memory_bytes
from gnnreco.reconstruct.job import QUARANTINED, Account, Lot, Result, Shard

from .report import JobReport

#: Seconds between two looks at how far a job is, over which its speed is told, and between two states of its report.
LOOK_S, SPEED_S, REPORT_S = 1.0, 60.0, 30.0
#: At most so many lots that are not finished are looked at: processes work on the first of them.
LOTS = 64


class Watch:
    """Follows a job in a ``with`` block, tells its news and keeps its report.

    Parameters
    ----------
    file : Path
        The report; what an earlier run of the same job wrote there is added to, unless `fresh`.
    start : dict
        What the first of the news says: ``job``, a sum over all that decides what comes out, ``workers`` and more.
    plans : sequence of (name, shards, accounts)
        Of each task: its name, its files, and the accounts of those that are there already.
    todo : sequence of Lot
    tell : callable, optional
    fresh : bool
    """

    def __init__(
        self,
        file: Path,
        start: JsonDict,
        plans: Sequence[tuple[str, Sequence[Shard], Mapping[Shard, Account]]],
        todo: Sequence[Lot],
        tell: Listener | None,
        fresh: bool,
    ) -> None:
        self.file, self._start, self._tell = file, start, tell
        self._tasks = {shard.file: name for name, shards, _ in plans for shard in shards}
        total = sum(len(shard.numbers) for shard in plans[0][1])
        finished = [account for *_, accounts in plans for account in accounts.values()]
        kinds = {(f["source"], f["event"]): f["kind"] for a in finished for f in a.failures}
        self._counts = {
            "total": total,
            "done": total - sum(len(lot.due[0].numbers) - lot.begun for lot in todo),
            "failed": len(kinds),
            "quarantined": list(kinds.values()).count(QUARANTINED),
        }
        self._todo = {lot.due[0]: lot for lot in todo}
        self.report = JobReport(start["job"], workers=start["workers"])
        before = None if fresh else JobReport.read(file)
        self._before = before if before is not None and before.job == start["job"] else None
        self._begin = self._looked = self._reported = time.monotonic()
        self._seen = deque([(self._begin, self._counts["done"])])
        self._last_progress = time.time()

    def __enter__(self) -> Self:
        if self._before is None:
            with suppress(OSError):
                self.file.unlink(missing_ok=True)
        self._say("start", **self._start, **self._counts, running=1)
        return self

    def tick(self) -> None:
        """Tell how far the job is, if it is time."""
        if time.monotonic() - self._looked >= LOOK_S:
            self._progress()

    def add(self, results: Sequence[Result]) -> None:
        """Tell of a lot that came to its end, or to a stop."""
        tasks = [self._tasks[shard.file] for shard, _, _ in results]
        begun = self._todo.pop(results[0][0]).begun
        self.report.add(results, tasks)
        self._counts["done"] += results[0][1].events_in - begun
        failed: dict[tuple[str, int], str] = {}
        for task, (shard, account, cost) in zip(tasks, results, strict=True):
            failed |= {(f["source"], f["event"]): f["kind"] for f in account.failures}
            for failure in account.failures[cost.failed_before :]:
                kind = "quarantined" if failure["kind"] == QUARANTINED else "failed"
                told = {"file": failure["source"], "event": failure["event"], "task": task}
                self._say(kind, **told, error=failure["kind"], reason=failure["reason"])
            if account.sha256:
                self._say(
                    "shard",
                    file=Path(shard.file).name,
                    task=task,
                    events=len(shard.numbers),
                    events_done=account.events_in,
                    events_out=account.events_out,
                    bytes=account.bytes,
                    seconds=cost.lot.seconds,
                    process=cost.lot.process,
                )
        self._counts["failed"] += len(failed)
        self._counts["quarantined"] += list(failed.values()).count(QUARANTINED)
        self._progress()
        if time.monotonic() - self._reported >= REPORT_S:
            self._write()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        state = "done" if kind is None else "stopped" if kind is Stopped else "error"
        reason = {} if error is None else {"reason": f"{type(error).__name__}: {error}"}
        self._write()
        now = self._now() | {"running": 0, "state": state, **reason}
        self._say("end", **now, report=self.whole().told())

    def whole(self) -> JobReport:
        """The report of this run and those before it."""
        self.report.seconds = time.monotonic() - self._begin
        whole = JobReport(self.report.job, runs=0, workers=self.report.workers)
        for report in (self._before, self.report):
            if report is not None:
                whole.merge(report)
        return whole

    def _write(self) -> None:
        self._reported = time.monotonic()
        with suppress(CannotWrite):  # the manifest says what counts
            self.whole().write(self.file)

    def _progress(self) -> None:
        self._looked = time.monotonic()
        if self._tell is not None:
            self._say("progress", **self._now())

    def _now(self) -> JsonDict:
        """How far the job is, with the events of lots that are being worked on."""
        open_lots = list(self._todo.values())[:LOTS]
        at_work = sum(max(lot.mark.read() - lot.begun, 0) for lot in open_lots)
        now, done = time.monotonic(), self._counts["done"] + at_work
        done = max(done, self._seen[-1][1])  # a lot that is tried again does not take back what was told
        if done > self._seen[-1][1]:
            self._last_progress = time.time()
        self._seen.append((now, done))
        while len(self._seen) > 2 and now - self._seen[1][0] > SPEED_S:
            self._seen.popleft()
        since, before = self._seen[0]
        rate = (done - before) / (now - since) if now > since else 0.0
        left = self._counts["total"] - done
        return self._counts | {
            "done": done,
            "events_per_second": rate,
            "seconds_left": left / rate if rate else None,
            "memory_bytes": memory_bytes(),
            "last_progress": self._last_progress,
            "running": 1,
        }

    def _say(self, kind: str, **what: object) -> None:
        if self._tell is not None:
            self._tell({"time": time.time(), "kind": kind, **what})
