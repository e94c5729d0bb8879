"""How far a lot of events is: a small file beside the output, which outlives the process that works on the lot.

So it can be told on which event a process died, on this machine or another one that writes to the same folder, and
`gnnreco status` can count the events of lots that are not finished.
"""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

NAME = re.compile(r"\.gnnreco-event-(\d+)")
WIDTH = 12
#: What is read of a lot whose process is not at an event: it begins, or writes.
NOWHERE = -1
#: Seconds that a process may take to begin or to write.
BEGIN_S = 1800.0


def allowed(at: int, event_timeout: float) -> float:
    """Seconds that a process may stay where it is."""
    return max(event_timeout, BEGIN_S) if at == NOWHERE else event_timeout


@dataclass(frozen=True)
class Mark:
    """The file that tells which event of a lot is worked on."""

    file: Path

    @classmethod
    def of(cls, shard: Path) -> Self:
        """That of a shard's file."""
        return cls(shard.with_name(f".gnnreco-event-{shard.stem.rsplit('-', 1)[-1]}"))

    def read(self) -> int:
        """Position in the lot of the event that is, or was, worked on; `NOWHERE` if there is none."""
        try:
            return int(self.file.read_bytes()[:WIDTH])
        except (OSError, ValueError):
            return NOWHERE

    def clear(self) -> None:
        """Remove it."""
        with suppress(OSError):
            self.file.unlink(missing_ok=True)


class Marking:
    """Writes a mark while a lot is worked on; it stays where the process dies.

    No step waits for the disk: what another process of the machine sees it sees at once.

    Parameters
    ----------
    mark : Mark
    limit : float, optional
        Seconds after which the kernel ends this process if it is still at the same event: no hanging code can prevent that.
    """

    def __init__(self, mark: Mark, limit: float | None = None) -> None:
        self._mark, self._limit = mark, limit
        self._descriptor = -1

    def __enter__(self) -> Self:
        self._mark.clear()
        flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
        with suppress(OSError):  # a full disk shows where it matters
            self._descriptor = os.open(self._mark.file, flags, 0o644)
        self.at(NOWHERE)
        return self

    def at(self, index: int) -> None:
        """Say which event is begun."""
        if self._limit is not None:
            signal.setitimer(signal.ITIMER_REAL, allowed(index, self._limit))
        if self._descriptor >= 0:
            with suppress(OSError):
                os.pwrite(self._descriptor, f"{index:{WIDTH}d}\n".encode(), 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._limit is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._mark.clear()
