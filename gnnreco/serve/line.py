"""The line in which requests wait: as long as it is full, nobody is listened to."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence

from gnnreco.errors import GnnrecoError
from gnnreco.files.json_types import JsonDict
from gnnreco.latencies import Latencies

from .request import refusal
from .worker import Unanswered, Worker

Answer = asyncio.Future[bytes]
#: What only the answer to a request that failed holds: in texts of JSON a quotation mark has a backslash before it.
FAILED = b'"ok": false'


class Line:
    """Requests are worked on in the order in which they came, one at a time.

    Parameters
    ----------
    worker : Worker
    length : int
        Requests that wait at most.
    """

    def __init__(self, worker: Worker, length: int) -> None:
        self._worker = worker
        self._queue: asyncio.Queue[tuple[bytes, Answer, float]] = asyncio.Queue(length)
        self._waiting, self._working, self._whole = Latencies(), Latencies(), Latencies()
        self._begin, self._failed = time.monotonic(), 0

    async def ask(self, raw: bytes, answer: Answer) -> None:
        """Put a request in the line, as soon as there is room; `answer` will get its answer."""
        asked = time.monotonic()
        try:
            await self._queue.put((raw, answer, asked))
        except asyncio.CancelledError:
            answer.set_result(refusal(raw, Unanswered("the server stops; send it to the next one")))
            raise

    async def work(self) -> None:
        """Have one request after the other answered, for ever.

        Raises
        ------
        GnnrecoError
            If the worker process died and no other one can load the model.
        """
        while True:
            raw, answer, asked = await self._queue.get()
            begin = time.monotonic()
            try:
                line = await asyncio.to_thread(self._worker.ask, raw)
            except GnnrecoError as error:
                answer.set_result(refusal(raw, error))
                raise
            finally:
                self._queue.task_done()
            end = time.monotonic()
            self._waiting.add(begin - asked)
            self._working.add(end - begin)
            self._whole.add(end - asked)
            self._failed += FAILED in line
            answer.set_result(line)

    async def end(self, working: Sequence[asyncio.Task[None]], patience: float) -> None:
        """Have those answered that wait, if any work is done; then end the tasks that work."""
        work, *others = working
        answered = asyncio.create_task(self._queue.join())
        await asyncio.wait([answered, work], return_when="FIRST_COMPLETED")
        answered.cancel()
        while not self._queue.empty():
            raw, answer, _ = self._queue.get_nowait()
            answer.set_result(refusal(raw, Unanswered("the server stops; send it to the next one")))
        if others:
            await asyncio.wait(others, timeout=patience)
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    def counted(self) -> JsonDict:
        """How far the server is, in numbers: of requests, and percentiles of all since its start."""
        latency = self._whole.told()
        return {
            "requests": self._whole.count,
            "requests_failed": self._failed,
            "waiting": self._queue.qsize(),
            "restarts": self._worker.restarts,
            **{f"{name}_seconds": latency[name] for name in ("p50", "p90", "p99")},
        }

    def health(self) -> JsonDict:
        """What the server is and how it is."""
        return {
            "ok": True,
            "pid": os.getpid(),
            "worker_pid": self._worker.pid,
            **self._worker.about,
            "seconds": time.monotonic() - self._begin,
            "requests": self._whole.count,
            "requests_failed": self._failed,
            "waiting": self._queue.qsize(),
            "restarts": self._worker.restarts,
            "latency_seconds": self._whole.told(),
            "work_seconds": self._working.told(),
            "wait_seconds": self._waiting.told(),
        }
