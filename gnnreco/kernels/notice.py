"""Who waits for the compiler is told so, once."""

from __future__ import annotations

import time
from collections.abc import Callable

import numba.core.event as numba_events

from .cache import kernel_folder

COMPILE = "numba:compile"  # what numba tells before and after it compiles; kept code is loaded without
PATIENCE = 2.0  # seconds


class Notice(numba_events.Listener):  # type: ignore[misc]
    """Says within a ``with`` block that kernels are compiled, and in the end how long it took, if longer than `PATIENCE`.

    Attributes
    ----------
    seconds : float
        In which kernels were compiled, so far.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.seconds, self._say = 0.0, say
        self._depth, self._since, self._told = 0, 0.0, False

    def __enter__(self) -> Notice:
        numba_events.register(COMPILE, self)
        return self

    def __exit__(self, *_: object) -> None:
        numba_events.unregister(COMPILE, self)
        if self._told:
            folder = kernel_folder()
            rest = (
                f"kept in {folder} for later runs" if folder else "not kept: set NUMBA_CACHE_DIR to a folder"
            )
            self._say(f"kernels compiled in {self.seconds:.0f} s, {rest}")

    def on_start(self, event: numba_events.Event) -> None:
        """A kernel, perhaps one that another needs."""
        if self._depth == 0:
            self._since = time.perf_counter()
        self._depth += 1
        if not self._told and self.seconds + time.perf_counter() - self._since > PATIENCE:
            self._told = True
            self._say("compiling kernels, which is done once for each version and kind of detector")

    def on_end(self, event: numba_events.Event) -> None:
        """It is compiled."""
        self._depth -= 1
        if self._depth == 0:
            self.seconds += time.perf_counter() - self._since
