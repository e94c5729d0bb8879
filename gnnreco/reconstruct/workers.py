"""Where lots of shards run: in this process, in local processes, or on a Dask cluster; results come when done."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

from gnnreco.errors import BadInput, GnnrecoError
from gnnreco.files.atomic import remove_drafts
from gnnreco.geometry import Detector

from .shard import Account, Cost, Failure, Job, Lot, Result, Shard, run_lot

Work = Callable[[Job, Lot], list[Result]]
Runner = Callable[[Job, Sequence[Lot]], Generator[list[Result], None, None]]
#: What a process that is asked to end may take for it.
PATIENCE_S = 5.0
DIED = "worker processes died of it twice, perhaps for memory"


def here(detector: Detector) -> Runner:
    """Run the lots one after the other in this process, which has read the detector."""

    def run(job: Job, lots: Sequence[Lot]) -> Generator[list[Result], None, None]:
        for lot in lots:
            yield run_lot(job, lot, detector)

    return run


def processes(workers: int, work: Work = run_lot) -> Runner:
    """Run the lots in local processes, started afresh so that no thread or lock is inherited.

    Each has one lot at a time. Where one dies, its lot is tried once more in a fresh process and then reported as lost;
    the others go on. All end with this process, however it ends.
    """

    def run(job: Job, lots: Sequence[Lot]) -> Generator[list[Result], None, None]:
        waiting, again = deque(lots), set[Lot]()
        crew: dict[Connection, _Worker] = {}

        def hire(lot: Lot) -> None:
            worker = _Worker.start(work, job, lot)
            crew[worker.connection] = worker

        try:
            while waiting and len(crew) < workers:
                hire(waiting.popleft())
            while crew:
                for connection in wait(list(crew)):
                    worker = crew.pop(connection)  # type: ignore[call-overload]
                    lot, answer = worker.lot, worker.answer()
                    if isinstance(answer, Exception):
                        crew[worker.connection] = worker
                        raise answer
                    if answer is not None and waiting:
                        worker.give(waiting.popleft())
                        crew[worker.connection] = worker
                    else:
                        worker.end()
                    if answer is None and lot not in again:
                        again.add(lot)
                        hire(lot)
                        continue
                    if answer is None and waiting:
                        hire(waiting.popleft())
                    yield lost(lot, DIED) if answer is None else answer
        finally:
            for worker in crew.values():
                worker.end()

    return run


@dataclass
class _Worker:
    """A process and the lot it has."""

    process: BaseProcess
    connection: Connection
    lot: Lot

    @classmethod
    def start(cls, work: Work, job: Job, lot: Lot) -> _Worker:
        context = multiprocessing.get_context("spawn")
        connection, other = context.Pipe()
        process = context.Process(target=_serve, args=(other, work, job), daemon=True)
        process.start()
        other.close()  # so that the connection ends when the process does
        worker = cls(process, connection, lot)
        worker.give(lot)
        return worker

    def give(self, lot: Lot) -> None:
        """Hand over a lot; that the process is dead shows when it does not answer."""
        self.lot = lot
        with suppress(OSError):
            self.connection.send(lot)

    def answer(self) -> list[Result] | Exception | None:
        """What became of the lot; None if the process died."""
        try:
            return self.connection.recv()  # type: ignore[no-any-return]
        except (EOFError, OSError):
            return None

    def end(self) -> None:
        """Ask the process to end, see to it, and remove what it left half written."""
        self.connection.close()
        self.process.terminate()
        self.process.join(PATIENCE_S)
        if self.process.exitcode is None:
            self.process.kill()
            self.process.join()
        for shard in self.lot.due:
            remove_drafts(Path(shard.file).parent, self.process.pid)


def _serve(connection: Connection, work: Work, job: Job) -> None:
    """What a worker process does: lots in, accounts out, until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first process decides
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            lot = connection.recv()
        except (EOFError, OSError):
            return
        answer: list[Result] | Exception
        try:
            answer = work(job, lot)
        except GnnrecoError as error:
            answer = error
        except Exception as error:
            error.add_note(traceback.format_exc())
            answer = error
        connection.send(answer)


def _leave(number: int, _: FrameType | None) -> None:
    """End in an orderly way: what is half written is removed."""
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(PATIENCE_S)
        os._exit(128 + signal.SIGTERM)


def dask(address: str) -> Runner:
    """Run the lots on the Dask cluster with its scheduler at `address`; its workers must see the files."""
    import distributed

    def run(job: Job, lots: Sequence[Lot]) -> Generator[list[Result], None, None]:
        try:
            client = distributed.Client(address, timeout=15)
        except (OSError, ValueError) as error:
            raise BadInput(address, "", f"no Dask scheduler answers there ({error})") from error
        with client:
            futures = {client.submit(run_lot, job, lot, pure=False): lot for lot in lots}
            for future in distributed.as_completed(futures):
                if future.status == "finished":
                    yield future.result()
                else:
                    yield lost(futures[future], f"Dask: {future.exception()}")

    return run


def lost(lot: Lot, reason: str) -> list[Result]:
    """The accounts of a lot whose worker is gone: every event is reported."""
    return [(shard, _lost(shard, f"{reason}; run again with resume=True"), Cost()) for shard in lot.due]


def _lost(shard: Shard, why: str) -> Account:
    file = Path(shard.file).name
    failures: list[Failure] = [
        {"source": file, "event": n, "kind": "Lost", "reason": why} for n in shard.numbers
    ]
    return Account(shard.fingerprint, events_in=len(shard.numbers), failures=failures)
