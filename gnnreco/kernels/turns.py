"""Processes that fill one folder of kernels take turns: while one compiles a kernel, another that needs it waits for it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: each process compiles for itself
    fcntl = None  # type: ignore[assignment]

PATIENCE = 120.0  # seconds; a process that was stopped while it compiled must not hold up others for ever
PAUSE = 0.05  # seconds


@cache
def _file(folder: Path) -> int | None:
    """The open file whose bytes are locked, one byte for a kernel; None where it cannot be made."""
    try:
        return os.open(folder / "turns", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


class Turns:
    """Turns of the kernels in a folder. Who waited in vain waits no more."""

    patient = True

    def take(self, folder: Path, name: str) -> Callable[[], None] | None:
        """Wait until no other process compiles the kernel `name`; return what ends one's own turn, or None without one.

        The system takes the turn of a process that dies, and no child inherits one.
        """
        file = _file(folder) if fcntl and self.patient else None
        if file is None:
            return None
        byte, end = int(name[:12], 16), time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, byte)
            except (BlockingIOError, PermissionError):
                if time.monotonic() > end:
                    self.patient = False
                    return None
                time.sleep(PAUSE)
            except OSError:  # a file system without locks
                self.patient = False
                return None
            else:
                return lambda: _give_back(file, byte)


def _give_back(file: int, byte: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.lockf(file, fcntl.LOCK_UN, 1, byte)
