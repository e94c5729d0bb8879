"""Seconds of a piece of work, without those in which its kernels were compiled or loaded: a process needs these once."""

from __future__ import annotations

import time

import numba.core.event as numba_events

#: Numba holds this lock while it compiles a kernel, or loads it from its cache.
LOCK = "numba:compiler_lock"


class Timer(numba_events.Listener):  # type: ignore[misc]
    """Measures a ``with`` block.

    Attributes
    ----------
    seconds, cpu_seconds : float
        Of the work itself.
    warm_up_seconds, warm_up_cpu_seconds : float
        Of compiling and loading.
    """

    def __init__(self) -> None:
        self.seconds = self.cpu_seconds = self.warm_up_seconds = self.warm_up_cpu_seconds = 0.0

    def __enter__(self) -> Timer:
        self.warm_up_seconds = self.warm_up_cpu_seconds = 0.0
        self._depth = 0
        numba_events.register(LOCK, self)
        self._begin = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        wall, cpu = self._begin
        self.seconds = time.perf_counter() - wall - self.warm_up_seconds
        self.cpu_seconds = time.process_time() - cpu - self.warm_up_cpu_seconds
        numba_events.unregister(LOCK, self)

    def on_start(self, event: numba_events.Event) -> None:
        """The outermost of nested compilations begins."""
        if self._depth == 0:
            self._since = time.perf_counter(), time.process_time()
        self._depth += 1

    def on_end(self, event: numba_events.Event) -> None:
        """And ends."""
        self._depth -= 1
        if self._depth == 0:
            wall, cpu = self._since
            self.warm_up_seconds += time.perf_counter() - wall
            self.warm_up_cpu_seconds += time.process_time() - cpu
