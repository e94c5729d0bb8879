"""The process that holds the model. Where it hangs or dies, one request is lost, with its reason, and another is started.

Requests and answers are bytes of JSON with their length before them; nothing that comes in becomes code.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

from gnnreco.children import started
from gnnreco.errors import GnnrecoError
from gnnreco.files.json_types import JsonDict

from .limits import Limits
from .request import refusal, request_of

if TYPE_CHECKING:
    from .answer import Answering

#: What a process that is asked to end may take for it, and what it may take to load the model.
PATIENCE_S, LOAD_S = 5.0, 600.0


#: What a worker process does.
Work = Callable[[Connection, "Setup"], None]


class Unanswered(GnnrecoError):
    """A request that took too long, or of which the worker process died."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What the process loads: names and paths, as `gnnreco.Reconstructor` takes them, and perhaps events to begin with."""

    detector: str
    bundles: tuple[str, ...] | None
    any_detector: bool
    engine: str
    threads: int
    warm_up: str | None
    limits: Limits


class Worker:
    """A worker process, and another one whenever it is gone.

    Parameters
    ----------
    setup : Setup
    work : callable, optional
        What it does, if not `work_with`.

    Raises
    ------
    GnnrecoError
        If the model cannot be loaded.
    """

    def __init__(self, setup: Setup, work: Work | None = None) -> None:
        self.setup, self.restarts, self._work = setup, 0, work or work_with
        self.about = self._start()

    def _start(self) -> JsonDict:
        self._process, self._connection = started(self._work, self.setup)
        try:
            about: JsonDict = json.loads(self._receive(LOAD_S))
        except Unanswered as error:
            self.end()
            raise GnnrecoError(f"the model could not be loaded: {error}") from None
        except BaseException:  # a signal
            self.end()
            raise
        if "failed" in about:
            self.end()
            raise GnnrecoError(about["failed"])
        return about

    def ask(self, raw: bytes) -> bytes:
        """The answer to a request; waits for it."""
        if not self._process.is_alive():  # it died of nothing that was asked
            self._restart()
        try:
            self._connection.send_bytes(raw)
            return self._receive(self.setup.limits.seconds)
        except OSError:
            why = Unanswered("the worker process was gone; send it again")
        except Unanswered as error:
            why = error
        self._restart()
        return refusal(raw, why)

    def _restart(self) -> None:
        self.end()
        self.restarts += 1
        self.about = self._start()

    def _receive(self, seconds: float) -> bytes:
        if not self._connection.poll(seconds):
            raise Unanswered(f"took longer than {seconds:g} s, so the worker process was ended")
        try:
            return self._connection.recv_bytes()
        except (EOFError, OSError):
            self._process.join(PATIENCE_S)
            code = self._process.exitcode
            how = signal.Signals(-code).name if code is not None and code < 0 else f"status {code}"
            raise Unanswered(f"the worker process died of it ({how})") from None

    @property
    def pid(self) -> int | None:
        """Of the process."""
        return self._process.pid

    def end(self) -> None:
        """End the process."""
        self._connection.close()
        self._process.join(0.2)
        if self._process.exitcode is None:
            self._process.kill()
            self._process.join()


def work_with(connection: Connection, setup: Setup) -> None:
    """What the process does: load, then answer until the connection ends."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they are for the server, which ends this process last
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if setup.limits.memory_gib is not None:
        most = int(setup.limits.memory_gib * 2**30)
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    try:
        answer, about = _loaded(setup)
    except Exception as error:
        line = str(error) if isinstance(error, GnnrecoError) else f"{type(error).__name__}: {error}"
        connection.send_bytes(json.dumps({"failed": line}).encode())
        return
    connection.send_bytes(json.dumps(about).encode())
    while True:
        try:
            connection.send_bytes(answer(connection.recv_bytes()))
        except (EOFError, OSError):
            return


def _loaded(setup: Setup) -> tuple[Answering, JsonDict]:
    """What answers requests, and what is told of it."""
    import numba

    from gnnreco.events import open_events
    from gnnreco.pipeline import Reconstructor

    from .answer import Answering

    begin = time.perf_counter()
    numba.set_num_threads(min(setup.threads, numba.config.NUMBA_NUM_THREADS))
    chain = Reconstructor(
        setup.detector,
        setup.bundles,
        any_detector=setup.any_detector,
        engine=setup.engine,  # type: ignore[arg-type]
        threads=setup.threads,
    )
    answer = Answering(chain, setup.limits)
    for event in open_events(setup.warm_up, chain.detector, truth=False) if setup.warm_up else ():
        chain.run(event)  # as a file holds it
        answer(json.dumps(request_of(event)).encode())  # and as it comes in a request
    about = {
        "detector": chain.detector.name,
        "tasks": {stage.name: stage.bundle.name for stage in chain.stages},
        "load_seconds": time.perf_counter() - begin,
    }
    return answer, about


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, even if that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(128 + signal.SIGTERM)
