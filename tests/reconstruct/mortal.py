"""Work that dies, for the tests of worker processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from gnnreco.files.atomic import whole_file
from gnnreco.reconstruct.shard import Account, Cost, Job, Lot, Result, Shard
from gnnreco.reconstruct.workers import processes


def work(job: Job, lot: Lot) -> list[Result]:
    """Die at the second shard always, at the third the first time it is tried; leave a draft then."""
    (shard,) = lot.due
    with whole_file(shard.file):
        first = Path(f"{shard.file}.tried")
        if shard.start == 1 or (shard.start == 2 and not first.exists()):
            first.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return [(shard, Account(str(os.getpid())), Cost())]


def stay(job: Job, lot: Lot) -> list[Result]:
    """Begin a file, say so, and never finish it."""
    (shard,) = lot.due
    with whole_file(shard.file) as draft:
        draft.with_name(f"{os.getpid()}.pid").touch()
        time.sleep(600)
    return []


def lots(folder: Path, n: int) -> list[Lot]:
    """Lots of one event each."""
    return [Lot((Shard(i, i + 1, (10 + i,), str(folder / f"shard-{i}"), ""),)) for i in range(n)]


NOTHING = Job((), "", (), 1, False, True, ())


def main() -> int:
    """Instead of a verb: two workers that never end."""
    for _ in processes(2, stay)(NOTHING, lots(Path(sys.argv[1]), 2)):
        pass
    return 0
