"""What a server accepts: nothing that comes in can fill its memory or hold it up for ever."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of a server.

    Attributes
    ----------
    queue : int
        Requests that wait at most; who sends more is not read until there is room.
    request_bytes : int
        Length of one request, a line.
    hits, events : int
        Most hits of one event, most events of one file.
    seconds : float
        For one request, from the moment it is worked on; then the worker process is ended and another one started.
    connections : int
        At the same time.
    memory_gib : float, optional
        Most that the worker process may hold, GiB.

    Examples
    --------
    >>> Limits(seconds=5).queue
    16
    """

    queue: int = 16
    request_bytes: int = 32 << 20
    hits: int = 1_000_000
    events: int = 1000
    seconds: float = 60.0
    connections: int = 64
    memory_gib: float | None = None
