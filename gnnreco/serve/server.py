"""A server: requests of all clients and of a watched folder in one line, one process that works on them."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from gnnreco.errors import BadInput
from gnnreco.files.json_types import JsonDict

from .clients import Clients
from .folder import watch
from .limits import Limits
from .line import Line
from .safe import listening, own_folder
from .worker import Setup, Worker

Say = Callable[[str], None]
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
            return asyncio.run(_run(worker, setup.limits, listener, places, say))
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
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait([stopping, *working], return_when="FIRST_COMPLETED")
    stop.set()
    if server is not None:
        server.close()
    failed = [error for task in working if task.done() and (error := task.exception())]
    clients.stop_reading()
    await line.end(working, PATIENCE_S)
    await clients.leave(PATIENCE_S)
    if failed:
        raise failed[0]
    return line.health() | {"connections": 0}
