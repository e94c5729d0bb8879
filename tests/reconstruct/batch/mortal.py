"""Work that dies, for the tests of worker processes: with the task in `toy`, or with none."""

from __future__ import annotations

import functools
import os
import sys
import time
from pathlib import Path

from gnnreco.cli import start
from gnnreco.files.atomic import whole_file
from gnnreco.reconstruct import run
from gnnreco.reconstruct.job import Account, Cost, Job, Lot, Result, Shard
from gnnreco.reconstruct.shard import run_lot
from gnnreco.reconstruct.workers.processes import processes
from gnnreco.tasks import registry
from tests.reconstruct.toy import KIND


def toy_lot(job: Job, lot: Lot) -> list[Result]:
    """What a worker does whose process must be told of the task of the tests first."""
    registry.TASKS["one-track"] = KIND
    return run_lot(job, lot)


def stay(job: Job, lot: Lot) -> list[Result]:
    """Begin a file, say so, and never finish it."""
    (shard,) = lot.due
    with whole_file(shard.file) as draft:
        draft.with_name(f"{os.getpid()}.pid").touch()
        time.sleep(600)
    return []


def talk(job: Job, lot: Lot) -> list[Result]:
    """Answer at length, as where each event has files of its own."""
    (shard,) = lot.due
    return [(shard, Account("", events_in=1, counts={"long" * 500_000: 1}), Cost())]


def lots(folder: Path, n: int) -> list[Lot]:
    """Lots of one event each."""
    return [Lot((Shard(i, i + 1, (10 + i,), str(folder / f"shard-{i}"), ""),)) for i in range(n)]


NOTHING = Job((), "", (), 1, False, True, ())
TOY_PROCESSES = functools.partial(processes, work=toy_lot)


def main() -> int:
    """Instead of a verb: two workers that never end."""
    for _ in processes(2, stay)(NOTHING, lots(Path(sys.argv[1]), 2)):
        pass
    return 0


def entry() -> None:
    """The command line, which knows the task of the tests here and in workers."""
    registry.TASKS["one-track"] = KIND
    run.processes = TOY_PROCESSES  # type: ignore[assignment]
    start.entry()
