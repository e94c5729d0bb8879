"""The first run of all: a second process compiles what tracks need last, while this one compiles what they need first.

Numba compiles one kernel at a time in a process. Two processes that fill one folder take turns at each kernel
(`gnnreco.kernels.turns`), so the first finds the network and the fit in the folder, or waits for the rest of the work.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

import numba.core.event as numba_events

from gnnreco.geometry import Detector
from gnnreco.kernels.cache import kernel_folder
from gnnreco.kernels.notice import COMPILE
from gnnreco.pipeline import Stage

LAST = "gnnreco.reconstruct.last"  # the program of the second process


class Company(numba_events.Listener):  # type: ignore[misc]
    """Within a ``with`` block, starts the second process as soon as a kernel is compiled; it ends with the block.

    It is not started for what finds no tracks, on a single processor, or where nothing that is compiled can be kept.
    """

    def __init__(self, detector: Detector, stages: Sequence[Stage]) -> None:
        self._folder = detector.folder
        tracks = any(stage.bundle.task == "tracking" and stage.engine == "native" for stage in stages)
        self._wanted = tracks and processors() > 1 and kernel_folder() is not None
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Company:
        numba_events.register(COMPILE, self)
        return self

    def __exit__(self, *_: object) -> None:
        numba_events.unregister(COMPILE, self)
        if self.process is not None:
            with self.process:
                self.process.terminate()

    def on_start(self, event: numba_events.Event) -> None:
        """A kernel is not in the folder: more may be missing."""
        if self._wanted:
            self._wanted = False
            command = [sys.executable, "-m", LAST, str(self._folder)]
            nothing = subprocess.DEVNULL
            # It leaves when its input ends, so also where this process is killed.
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=nothing, stderr=nothing)

    def on_end(self, event: numba_events.Event) -> None:
        """Nothing is due."""


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
