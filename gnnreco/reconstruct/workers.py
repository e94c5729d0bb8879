"""Where shards run: in this process, in local processes, or on a Dask cluster; results come when done."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from gnnreco.errors import BadInput
from gnnreco.reconstruct.shard import Account, Cost, Job, Shard, run_shard

Result = tuple[Shard, Account, Cost]
Runner = Callable[[Job, Sequence[Shard]], Iterator[Result]]


def here(job: Job, shards: Sequence[Shard]) -> Iterator[Result]:
    """Run the shards one after the other in this process."""
    for shard in shards:
        yield shard, *run_shard(job, shard)


def processes(workers: int) -> Runner:
    """Run the shards in local processes, started afresh so that no thread or lock is inherited."""

    def run(job: Job, shards: Sequence[Shard]) -> Iterator[Result]:
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            futures = {pool.submit(run_shard, job, shard): shard for shard in shards}
            for future in as_completed(futures):
                try:
                    yield futures[future], *future.result()
                except BrokenProcessPool:
                    yield (
                        futures[future],
                        lost(futures[future], "a worker process died, perhaps for memory"),
                        Cost(),
                    )

    return run


def dask(address: str) -> Runner:
    """Run the shards on the Dask cluster with its scheduler at `address`; its workers must see the files."""
    import distributed

    def run(job: Job, shards: Sequence[Shard]) -> Iterator[Result]:
        try:
            client = distributed.Client(address, timeout=15)
        except (OSError, ValueError) as error:
            raise BadInput(address, "", f"no Dask scheduler answers there ({error})") from error
        with client:
            futures = {client.submit(run_shard, job, shard, pure=False): shard for shard in shards}
            for future in distributed.as_completed(futures):
                shard = futures[future]
                if future.status == "finished":
                    yield shard, *future.result()
                else:
                    yield shard, lost(shard, f"Dask: {future.exception()}"), Cost()

    return run


def lost(shard: Shard, reason: str) -> Account:
    """The account of a shard whose worker is gone: every event is reported."""
    why = f"{reason}; run again with --resume"
    failures = [{"source": shard.file, "event": n, "kind": "Lost", "reason": why} for n in shard.numbers]
    return Account(shard.fingerprint, events_in=len(shard.numbers), failures=list(failures))
