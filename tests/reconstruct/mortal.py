"""Work that dies, for the tests of worker processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from gnnreco.files.atomic import whole_file
from gnnreco.reconstruct.shard import Account, Cost, Job, Shard
from gnnreco.reconstruct.workers import processes


def work(job: Job, shard: Shard) -> tuple[Account, Cost]:
    """Die at the second shard always, at the third the first time it is tried; leave a draft then."""
    with whole_file(shard.file):
        first = Path(f"{shard.file}.tried")
        if shard.start == 1 or (shard.start == 2 and not first.exists()):
            first.touch()
            os.kill(os.getpid(), signal.SIGKILL)
    return Account(str(os.getpid())), Cost()


def stay(job: Job, shard: Shard) -> tuple[Account, Cost]:
    """Begin a file, say so, and never finish it."""
    with whole_file(shard.file) as draft:
        draft.with_name(f"{os.getpid()}.pid").touch()
        time.sleep(600)
    return Account(""), Cost()


def shards(folder: Path, n: int) -> list[Shard]:
    """Shards of one event each."""
    return [Shard(i, i + 1, (10 + i,), str(folder / f"shard-{i}"), "") for i in range(n)]


NOTHING = Job((), "", "", 1, False, True, "")


def main() -> int:
    """Instead of a verb: two workers that never end."""
    for _ in processes(2, stay)(NOTHING, shards(Path(sys.argv[1]), 2)):
        pass
    return 0
