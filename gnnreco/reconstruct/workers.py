"""Where shards run: in this process, in local processes, or on a Dask cluster; results come when done."""

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

from gnnreco.atomic import remove_drafts
from gnnreco.errors import BadInput, GnnrecoError
from gnnreco.reconstruct.shard import Account, Cost, Job, Shard, run_shard

Work = Callable[[Job, Shard], tuple[Account, Cost]]
Result = tuple[Shard, Account, Cost]
Runner = Callable[[Job, Sequence[Shard]], Generator[Result, None, None]]
#: What a process that is asked to end may take for it.
PATIENCE_S = 5.0
DIED = "worker processes died of it twice, perhaps for memory"


def here(job: Job, shards: Sequence[Shard]) -> Generator[Result, None, None]:
    """Run the shards one after the other in this process."""
    for shard in shards:
        yield shard, *run_shard(job, shard)


def processes(workers: int, work: Work = run_shard) -> Runner:
    """Run the shards in local processes, started afresh so that no thread or lock is inherited.

    Each has one shard at a time. Where one dies, its shard is tried once more in a fresh process and then reported as lost;
    the others go on. All end with this process, however it ends.
    """

    def run(job: Job, shards: Sequence[Shard]) -> Generator[Result, None, None]:
        waiting, again = deque(shards), set[Shard]()
        crew: dict[Connection, _Worker] = {}

        def hire(shard: Shard) -> None:
            worker = _Worker.start(work, job, shard)
            crew[worker.connection] = worker

        try:
            while waiting and len(crew) < workers:
                hire(waiting.popleft())
            while crew:
                for connection in wait(list(crew)):
                    worker = crew.pop(connection)  # type: ignore[call-overload]
                    shard, answer = worker.shard, worker.answer()
                    if isinstance(answer, Exception):
                        crew[worker.connection] = worker
                        raise answer
                    if answer is not None and waiting:
                        worker.give(waiting.popleft())
                        crew[worker.connection] = worker
                    else:
                        worker.end()
                    if answer is None and shard not in again:
                        again.add(shard)
                        hire(shard)
                        continue
                    if answer is None and waiting:
                        hire(waiting.popleft())
                    yield shard, *(answer or (lost(shard, DIED), Cost()))
        finally:
            for worker in crew.values():
                worker.end()

    return run


@dataclass
class _Worker:
    """A process and the shard it has."""

    process: BaseProcess
    connection: Connection
    shard: Shard

    @classmethod
    def start(cls, work: Work, job: Job, shard: Shard) -> _Worker:
        context = multiprocessing.get_context("spawn")
        connection, other = context.Pipe()
        process = context.Process(target=_serve, args=(other, work, job), daemon=True)
        process.start()
        other.close()  # so that the connection ends when the process does
        worker = cls(process, connection, shard)
        worker.give(shard)
        return worker

    def give(self, shard: Shard) -> None:
        """Hand over a shard; that the process is dead shows when it does not answer."""
        self.shard = shard
        with suppress(OSError):
            self.connection.send(shard)

    def answer(self) -> tuple[Account, Cost] | Exception | None:
        """What became of the shard; None if the process died."""
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
        remove_drafts(Path(self.shard.file).parent, self.process.pid)


def _serve(connection: Connection, work: Work, job: Job) -> None:
    """What a worker process does: shards in, accounts out, until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the first process decides
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            shard = connection.recv()
        except (EOFError, OSError):
            return
        answer: tuple[Account, Cost] | Exception
        try:
            answer = work(job, shard)
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
    """Run the shards on the Dask cluster with its scheduler at `address`; its workers must see the files."""
    import distributed

    def run(job: Job, shards: Sequence[Shard]) -> Generator[Result, None, None]:
        try:
            client = distributed.Client(address, timeout=15)
        except (OSError, ValueError) as error:
            raise BadInput(address, "", f"no Dask scheduler answers there ({error})") from error
        with client:
            futures = {client.submit(run_shard, job, shard, pure=False): shard for shard in shards}
            for future in distributed.as_completed(futures):
                shard = futures[future]
                if future.status == "finished":
                    yield shard, *future.result()
                else:
                    yield shard, lost(shard, f"Dask: {future.exception()}"), Cost()

    return run


def lost(shard: Shard, reason: str) -> Account:
    """The account of a shard whose worker is gone: every event is reported."""
    why, file = f"{reason}; run again with resume=True", Path(shard.file).name
    failures = [{"source": file, "event": n, "kind": "Lost", "reason": why} for n in shard.numbers]
    return Account(shard.fingerprint, events_in=len(shard.numbers), failures=list(failures))
