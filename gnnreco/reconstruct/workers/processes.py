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
from queue import SimpleQueue
from types import FrameType

from gnnreco.children import started
from gnnreco.errors import GnnrecoError
from gnnreco.files.atomic import remove_drafts
from gnnreco.reconstruct.job import Job, Lot, Result, Tick, no_tick
from gnnreco.reconstruct.shard import published, run_lot

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

    Each has one lot at a time and the next one at hand, so that it does not wait for this process, which waits for the disk.
    Where one dies or hangs, the event of which it did is found (see `Case`) and left out; the other events go on. All end
    with this process, however it ends.

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

        def dismiss(worker: _Worker) -> None:
            del crew[worker.connection]
            worker.end()
            if worker.ahead is not None and not stop.asked():
                waiting.appendleft(worker.ahead)

        try:
            while waiting and len(crew) < workers and not stop.asked():
                hire(waiting.popleft())
            while crew:
                for worker in crew.values():
                    # The last lots are for whoever is free first.
                    if worker.ahead is None and not worker.stopped and len(waiting) >= len(crew):
                        worker.give(waiting.popleft())
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
                    if again is not None and answer is not None:
                        waiting.appendleft(again)
                    going = answer is not None and not worker.stopped and not stop.asked()
                    stays = going and worker.next(waiting)
                    if result is not None:
                        published(result)  # this process waits for the disk, and the worker goes on
                    if not stays:
                        dismiss(worker)
                        if again is not None and answer is None:
                            hire(again)  # in a fresh process
                        elif waiting and not stop.asked():
                            hire(waiting.popleft())
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
    """A process, the lot it has, and the one that it takes next."""

    process: BaseProcess
    connection: Connection
    case: Case
    ahead: Case | None = None
    stopped: bool = False
    hung: bool = False
    seen: tuple[int, float] = field(default_factory=lambda: (NOWHERE, time.monotonic()))

    @classmethod
    def start(cls, task: _Task, case: Case) -> _Worker:
        worker = cls(*started(_serve, task), case)
        worker._send(case)
        return worker

    def give(self, case: Case) -> None:
        """Hand over the lot after the one that it has."""
        self.ahead = case
        self._send(case)

    def next(self, waiting: deque[Case]) -> bool:
        """Go on to the lot that it was given ahead, or to the first that waits; whether there is one."""
        if self.ahead is None and waiting:
            self.give(waiting.popleft())
        if self.ahead is None:
            return False
        self.case, self.ahead, self.seen = self.ahead, None, (NOWHERE, time.monotonic())
        return True

    def _send(self, case: Case) -> None:
        """That the process is dead shows when it does not answer."""
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
        for case in (self.case, self.ahead):
            if case is not None:
                case.lot.mark.clear()

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
    lots: SimpleQueue[Lot | None] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, lots), daemon=True).start()
    while (lot := lots.get()) is not None:
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
    _ends()


def _receive(connection: Connection, lots: SimpleQueue[Lot | None]) -> None:
    """Take in what comes while a lot is worked on: pipes hold little, and two ends that both write would wait for ever."""
    with suppress(EOFError, OSError):
        while True:
            lots.put(connection.recv())
    lots.put(None)


def _leave(number: int, _: FrameType | None) -> None:
    """End in an orderly way: what is half written is removed."""
    _ends()
    raise SystemExit(128 + number)


def _ends() -> None:
    """Take no more notice of who asks this process to end: in the middle of that it would only print a traceback."""
    for number in (LEAVE, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), LEAVE)
        time.sleep(PATIENCE_S)
        os._exit(128 + signal.SIGTERM)
