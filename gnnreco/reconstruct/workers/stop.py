"""A job that is asked to stop: SIGTERM lets the current event end, and what is done is written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_asked = threading.Event()


def asked() -> bool:
    """Whether this process was asked to stop after the current event."""
    return _asked.is_set()


def ask(*_: int | FrameType | None) -> None:
    """Ask it, as a handler of a signal or otherwise."""
    _asked.set()


@contextmanager
def listening() -> Iterator[None]:
    """Take SIGTERM as a wish to stop after the current event; a second one does what the first one would have done before.

    Signals reach the main thread only; in another one nothing changes.
    """
    _asked.clear()
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    if before in (signal.SIG_IGN, None):
        yield
        return

    def handle(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, before)
        ask()

    signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
