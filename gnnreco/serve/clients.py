"""Clients at the socket: a line of JSON for each request, a line for each answer, in the order of the requests."""

from __future__ import annotations

import asyncio
import json

from .limits import Limits
from .line import Answer, Line
from .request import asks_for_health, refusal
from .safe import is_trusted
from .worker import Unanswered


class Clients:
    """Whoever is connected.

    A client that does not take its answers is not listened to any more: it fills nothing but its own socket.
    """

    def __init__(self, line: Line, limits: Limits) -> None:
        self._line, self._limits = line, limits
        self._reading: set[asyncio.Task[None]] = set()
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client until it leaves."""
        task: asyncio.Task[None] = asyncio.current_task()  # type: ignore[assignment]
        answers: asyncio.Queue[Answer | None] = asyncio.Queue(self._limits.queue)
        reading = None
        try:
            if why := self._refused(writer):
                writer.write(refusal(b"", Unanswered(why)) + b"\n")
                return
            self._serving.add(task)
            reading = asyncio.create_task(self._read(reader, answers))
            self._reading.add(reading)
            while (answer := await answers.get()) is not None:
                writer.write(await answer + b"\n")
                await writer.drain()
        except ConnectionError:
            pass  # it has left
        finally:
            if reading is not None:
                reading.cancel()
                self._reading.discard(reading)
            self._serving.discard(task)
            writer.close()

    def _refused(self, writer: asyncio.StreamWriter) -> str:
        """Why a client is not served; empty if it is."""
        if not is_trusted(writer.get_extra_info("socket")):
            return "this server is another user's"
        if len(self._serving) >= self._limits.connections:
            return f"{self._limits.connections} clients are connected; try again later"
        return ""

    async def _read(self, reader: asyncio.StreamReader, answers: asyncio.Queue[Answer | None]) -> None:
        """Take the requests of a client, until it has no more."""
        loop = asyncio.get_running_loop()
        try:
            while (raw := await _line(reader)) != b"":
                if raw is not None and not raw.strip():
                    continue
                answer: Answer = loop.create_future()
                await answers.put(answer)
                if raw is None:
                    most = self._limits.request_bytes
                    why = f"a request has more than {most:,} bytes; name a file as its input"
                    answer.set_result(refusal(b"", Unanswered(why)))
                elif asks_for_health(raw):
                    health = self._line.health() | {"connections": len(self._serving)}
                    answer.set_result(json.dumps(health).encode())
                else:
                    await self._line.ask(raw, answer)
        except ConnectionError:
            pass
        finally:
            await answers.put(None)

    def stop_reading(self) -> None:
        """Take no more requests; those that are taken are still answered."""
        for task in list(self._reading):
            task.cancel()

    async def leave(self, patience: float) -> None:
        """Wait until the last answers are taken, and end who does not take them."""
        if self._serving:
            await asyncio.wait(self._serving, timeout=patience)
        for task in list(self._serving):
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)


async def _line(reader: asyncio.StreamReader) -> bytes | None:
    """The next line, empty at the end; None for one that is longer than allowed, which is read and forgotten."""
    long = False
    while True:
        try:
            line = await reader.readuntil(b"\n")
        except asyncio.IncompleteReadError as error:
            line = error.partial
        except asyncio.LimitOverrunError as error:
            await reader.readexactly(error.consumed)
            long = True
            continue
        return None if long else line
