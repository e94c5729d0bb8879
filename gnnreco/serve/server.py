"""A server: requests of all clients and of a watched folder in one line, one process that works on them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict
from gnnreco.files.news import Listener, memory_bytes

from .clients import Clients
from .folder import watch
from .limits import Limits
from .line import Line
from .safe import listening, own_folder
from .worker import Setup, Worker

Say = Callable[[str], None]
#: Seconds between two looks at how far the server is, for its log.
LOOK_S = 1.0
#: Seconds that clients have at the end to take their answers.
PATIENCE_S = 5.0


def serve(
    detector: str | Path,
    bundles: str | Path | Sequence[str | Path] | None = None,
    *,
    socket_path: str | Path | None = None,
    watched: str | Path | None = None,
    output: str | Path | None = None,
    any_detector: bool = False,
    engine: str = "native",
    threads: int = 1,
    warm_up: str | Path | None = None,
    limits: Limits | None = None,
    say: Say = print,
    log: Listener | None = None,
) -> JsonDict:
    """Answer requests until SIGTERM or SIGINT comes; those that wait by then are still answered.

    Parameters
    ----------
    detector, bundles, any_detector, engine, threads
        As for `gnnreco.Reconstructor`.
    socket_path : path, optional
        Where to listen: a Unix socket that only this user can reach.
    watched, output : path, optional
        A folder whose files are requests, and the one that gets the answers.
    warm_up : path, optional
        Events that are reconstructed before the first request, which so does not wait for kernels.
    limits : Limits, optional
    say : callable
        Told that the server is ready, and what goes wrong beside requests.
    log : callable (news), optional
        Called with each of the news of the server: its start, how far it is, its end; see `gnnreco.files.news`.

    Returns
    -------
    dict
        The health of the server at its end.

    Raises
    ------
    BadInput
        If others may write where it is to listen or write, or it has nothing to listen to.
    GnnrecoError
        If the model cannot be loaded.

    Examples
    --------
    >>> health = serve("telescope", "tracking-telescope", socket_path="gnnreco.sock")  # doctest: +SKIP
    """
    if socket_path is None and watched is None:
        raise BadInput("serve", "", "has nothing to listen to; name a socket, a folder to watch, or both")
    places = None
    if watched is not None:
        if output is None:
            raise BadInput(watched, "", "has no folder for its answers; name one with output=")
        places = own_folder(Path(watched)), own_folder(Path(output), make=True)
        if places[0] == places[1]:
            raise BadInput(watched, "", "cannot get the answers as well; name another folder with output=")
    listener = None if socket_path is None else listening(Path(socket_path))
    try:
        names = [bundles] if isinstance(bundles, str | Path) else bundles
        setup = Setup(
            str(detector),
            None if names is None else tuple(map(str, names)),
            any_detector,
            engine,
            threads,
            None if warm_up is None else str(warm_up),
            limits or Limits(),
        )
        worker = Worker(setup)
        try:
            start = {"socket": str(socket_path or ""), "watched": str(watched or ""), **worker.about}
            with _News(start, log or (lambda news: None)) as news:
                return asyncio.run(_run(worker, setup.limits, listener, places, say, news))
        finally:
            worker.end()
    finally:
        if listener is not None:
            listener.close()
            Path(str(socket_path)).unlink(missing_ok=True)


async def _run(
    worker: Worker,
    limits: Limits,
    listener: socket.socket | None,
    places: tuple[Path, Path] | None,
    say: Say,
    news: _News,
) -> JsonDict:
    """Serve until a signal comes, or something ends that must not."""
    line, loop, stop = Line(worker, limits.queue), asyncio.get_running_loop(), asyncio.Event()

    def ask_to_stop(number: int) -> None:
        loop.remove_signal_handler(number)  # a second one ends the program at once
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask_to_stop, number)
    clients = Clients(line, limits)
    working = [asyncio.create_task(line.work())]
    if places is not None:
        working.append(asyncio.create_task(watch(*places, line.ask, stop, say)))
    server = None
    if listener is not None:
        server = await asyncio.start_unix_server(clients.serve, sock=listener, limit=limits.request_bytes)
    say(f"ready: {worker.about['detector']}, {', '.join(worker.about['tasks'])}")
    telling = asyncio.create_task(news.follow(line))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *working], return_when="FIRST_COMPLETED")
    stop.set()
    if server is not None:
        server.close()
    failed = [error for task in working if task.done() and (error := task.exception())]
    clients.stop_reading()
    await line.end(working, PATIENCE_S)
    await clients.leave(PATIENCE_S)
    telling.cancel()
    news.look(line)
    if failed:
        raise failed[0]
    return line.health() | {"connections": 0}


class _News:
    """Tells of a server in a ``with`` block: that it starts, how far it is, that it ends."""

    def __init__(self, start: JsonDict, tell: Listener) -> None:
        self._start = start | {"host": os.uname().nodename, "pid": os.getpid(), "started": time.time()}
        self._tell = tell
        self._now: JsonDict = {}

    def __enter__(self) -> Self:
        self._say("start", **self._start, running=1)
        return self

    def look(self, line: Line) -> None:
        """Tell how far the line is."""
        self._now = line.counted() | {"memory_bytes": memory_bytes()}
        self._say("progress", **self._now, running=1)

    async def follow(self, line: Line) -> None:
        """Tell it again and again."""
        while True:
            self.look(line)
            await asyncio.sleep(LOOK_S)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        reason = {} if error is None else {"reason": f"{type(error).__name__}: {error}"}
        self._say("end", **self._now, running=0, state="done" if error is None else "error", **reason)

    def _say(self, kind: str, **what: object) -> None:
        self._tell({"time": time.time(), "kind": kind, **what})
