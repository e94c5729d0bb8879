"""Lots of shards in local processes: each is watched, and what dies or hangs costs one event at most."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

from gnnreco.errors import GnnrecoError
from gnnreco.files.atomic import remove_drafts
from gnnreco.reconstruct.job import Job, Lot, Result, Tick, no_tick
from gnnreco.reconstruct.shard import run_lot

from . import stop
from .case import DIED, Case, Runner, Work, lost, unfinished
from .mark import NOWHERE, allowed

#: What a process that is asked to end may take for it.
PATIENCE_S = 5.0
#: How often the workers are looked at.
LOOK_S = 0.5
#: An event that takes longer hangs, unless the user says otherwise.
EVENT_TIMEOUT_S = 1800.0
#: The signal that ends a worker at once; SIGTERM lets it finish its event.
LEAVE = signal.SIGUSR1


def processes(
    workers: int,
    work: Work = run_lot,
    memory_gib: float | None = None,
    event_timeout: float = EVENT_TIMEOUT_S,
    tick: Tick = no_tick,
) -> Runner:
    """Run the lots in local processes, started afresh so that no thread or lock is inherited.

    Each has one lot at a time. Where one dies or hangs, the event of which it did is found (see `Case`) and left out; the
    other events go on. All end with this process, however it ends.

    Parameters
    ----------
    workers : int
    work : callable (Job, Lot) -> list of Result
    memory_gib : float, optional
        Most that one process may hold; an event that needs more fails.
    event_timeout : float
        Seconds after which an event is said to hang.
    tick : callable
        Called about every `LOOK_S` seconds.
    """

    def run(job: Job, lots: Sequence[Lot]) -> Generator[list[Result], None, None]:
        # A little later than this process would do it, in case it is no longer there to do it.
        job = replace(job, limit=2 * event_timeout + PATIENCE_S)
        waiting = deque(Case(lot) for lot in lots)
        crew: dict[Connection, _Worker] = {}

        def hire(case: Case) -> None:
            worker = _Worker.start(_Task(work, job, memory_gib), case)
            crew[worker.connection] = worker

        try:
            while waiting and len(crew) < workers and not stop.asked():
                hire(waiting.popleft())
            while crew:
                ready = wait(list(crew), LOOK_S)
                tick()
                for worker in crew.values():
                    worker.look(event_timeout)
                for connection in ready:
                    worker = crew[connection]  # type: ignore[index]
                    answer = worker.answer()
                    if isinstance(answer, Exception):
                        raise answer
                    result, again = _next(worker, answer)
                    if stop.asked():
                        again = None
                        waiting.clear()
                    case = again or (waiting.popleft() if waiting else None)
                    if case is not None and answer is not None and not worker.stopped:
                        worker.give(case)
                    else:
                        crew.pop(connection)  # type: ignore[call-overload]
                        worker.end()
                        if case is not None:
                            hire(case)
                    if result is not None:
                        yield result
        finally:
            for worker in crew.values():
                worker.end()

    return run


def _next(worker: _Worker, answer: list[Result] | None) -> tuple[list[Result] | None, Case | None]:
    """The result of a lot, if it has one, and what is to be tried again, if anything is."""
    case = worker.case
    if answer is None:
        if case.after_death(worker.how()) is None:
            return lost(case.lot, DIED), None
        return None, case
    if not answer:
        case.after_trial()
        return None, case
    begun = unfinished(answer)
    if begun is None:
        return answer, None
    worker.stopped = True  # it was asked to; if only it was, another one goes on from there
    case.lot = replace(case.lot, begun=begun)
    return (answer, None) if stop.asked() else (None, case)


@dataclass(frozen=True)
class _Task:
    """What a worker needs to know besides its lots."""

    work: Work
    job: Job
    memory_gib: float | None


@dataclass
class _Worker:
    """A process and the lot it has."""

    process: BaseProcess
    connection: Connection
    case: Case
    stopped: bool = False
    hung: bool = False
    seen: tuple[int, float] = field(default_factory=lambda: (NOWHERE, time.monotonic()))

    @classmethod
    def start(cls, task: _Task, case: Case) -> _Worker:
        context = multiprocessing.get_context("spawn")
        connection, other = context.Pipe()
        process = context.Process(target=_serve, args=(other, task), daemon=True)
        process.start()
        other.close()  # so that the connection ends when the process does
        worker = cls(process, connection, case)
        worker.give(case)
        return worker

    def give(self, case: Case) -> None:
        """Hand over a lot; that the process is dead shows when it does not answer."""
        self.case, self.seen = case, (NOWHERE, time.monotonic())
        with suppress(OSError):
            self.connection.send(case.lot)

    def look(self, event_timeout: float) -> None:
        """Pass on that the job is to stop, and end a process that hangs."""
        if stop.asked() and not self.stopped:
            self.stopped = True
            self._signal(signal.SIGTERM)
        at = self.case.lot.mark.read()
        if at != self.seen[0]:
            self.seen = at, time.monotonic()
        elif time.monotonic() - self.seen[1] > allowed(at, event_timeout):
            self.hung = True
            self._signal(signal.SIGKILL)

    def answer(self) -> list[Result] | Exception | None:
        """What became of the lot; None if the process died."""
        try:
            return self.connection.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            return None

    def how(self) -> str:
        """How the process died."""
        self.process.join(PATIENCE_S)
        code = self.process.exitcode
        if self.hung:
            return "a worker process hung"
        if code is None or code >= 0:
            return f"a worker process ended (status {code})"
        name = signal.Signals(-code).name
        memory = ", perhaps for memory" if name == "SIGKILL" else ""
        return f"a worker process died ({name}{memory})"

    def end(self) -> None:
        """Ask the process to end, see to it, and remove what it left half written."""
        self.connection.close()
        self._signal(LEAVE)
        self.process.join(PATIENCE_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        for shard in self.case.lot.due:
            remove_drafts(Path(shard.file).parent, self.process.pid)
        self.case.lot.mark.clear()

    def _signal(self, number: signal.Signals) -> None:
        if self.process.pid is not None and self.process.is_alive():
            os.kill(self.process.pid, number)


def _serve(connection: Connection, task: _Task) -> None:
    """What a worker process does: lots in, accounts out, until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first process decides
    signal.signal(signal.SIGTERM, stop.ask)
    for number in (LEAVE, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if task.memory_gib is not None:
        most = int(task.memory_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    while True:
        try:
            lot = connection.recv()
        except (EOFError, OSError):
            return
        answer: list[Result] | Exception
        try:
            answer = task.work(task.job, lot)
        except GnnrecoError as error:
            answer = error
        except Exception as error:
            error.add_note(traceback.format_exc())
            answer = error
        with suppress(OSError):  # nobody may be there any more
            connection.send(answer)


def _leave(number: int, _: FrameType | None) -> None:
    """End in an orderly way: what is half written is removed."""
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), LEAVE)
        time.sleep(PATIENCE_S)
        os._exit(128 + signal.SIGTERM)
