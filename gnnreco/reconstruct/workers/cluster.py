"""Lots of shards on a Dask cluster."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gnnreco.errors import BadInput, GnnrecoError
from gnnreco.reconstruct.job import Job, Lot, Result
from gnnreco.reconstruct.shard import run_lot

from . import stop
from .case import DIED, Case, Runner, lost


def dask(address: str, event_timeout: float) -> Runner:
    """Run the lots on the Dask cluster with its scheduler at `address`; its workers must see the files."""
    import distributed

    def run(job: Job, lots: Sequence[Lot]) -> Generator[list[Result], None, None]:
        try:
            client = distributed.Client(address, timeout=15)
        except (OSError, ValueError) as error:
            raise BadInput(address, "", f"no Dask scheduler answers there ({error})") from error
        job = replace(job, limit=event_timeout)
        with client:
            cases: dict[distributed.Future, Case] = {}

            def submit(case: Case) -> None:
                cases[client.submit(run_lot, job, case.lot, pure=False)] = case

            for lot in lots:
                submit(Case(lot))
            while cases and not stop.asked():
                with suppress(TimeoutError, distributed.CancelledError):
                    distributed.wait(list(cases), timeout=1, return_when="FIRST_COMPLETED")
                closed = client.status == "closed"
                for future in [f for f in cases if closed or f.status != "pending"]:
                    case = cases.pop(future)
                    answer = _answer_of(future, case)
                    if answer is None:
                        submit(case)
                    else:
                        yield answer

    return run


def _answer_of(future: Any, case: Case) -> list[Result] | None:
    """What became of a lot on a cluster; None if it is to run again."""
    if future.status not in ("finished", "error"):
        return lost(case.lot, "the Dask cluster was closed, or its scheduler is gone")
    try:
        results: list[Result] = future.result()  # it may have gone with the worker that held it
    except GnnrecoError:
        raise
    except Exception as error:
        if type(error).__name__ == "KilledWorker":
            return None if case.after_death("workers of the Dask cluster died") else lost(case.lot, DIED)
        return lost(case.lot, f"Dask: {type(error).__name__}: {error}")
    if results:
        return results
    case.after_trial()
    return None
