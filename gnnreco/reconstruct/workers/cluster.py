"""Lots of shards on a Dask cluster."""

from __future__ import annotations

import time
import warnings
from collections.abc import Generator, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from gnnreco.errors import BadInput, GnnrecoError
from gnnreco.reconstruct.job import Job, Lot, Result, Tick, no_tick
from gnnreco.reconstruct.shard import published, run_lot

from . import stop
from .case import DIED, Case, Runner, Work, lost
from .mark import NOWHERE

#: Seconds in which a scheduler must answer, also after a connection broke.
CONNECT_S = 15.0
#: Seconds that a cluster that had workers may be without one before the job says so, and before it ends.
SAY_S, LEAVE_S = 60.0, 1800.0
KILLED = "a worker of the Dask cluster died"
GONE = "the Dask cluster was closed, or its scheduler is gone"


def dask(address: str, event_timeout: float, work: Work = run_lot, tick: Tick = no_tick) -> Runner:
    """Run the lots on the Dask cluster with its scheduler at `address`; its workers must see the files.

    Where a worker dies of a lot, the event of which it did is found (see `Case`) and left out. A connection that breaks is
    made again, and the lots of which nothing was heard are run again: their files have the same bytes.
    """
    import distributed
    from distributed.client import ClosedClientError

    def run(job: Job, lots: Sequence[Lot]) -> Generator[list[Result], None, None]:
        try:
            client = distributed.Client(address, timeout=CONNECT_S)
        except (OSError, ValueError) as error:
            raise BadInput(address, "", f"no Dask scheduler answers there ({error})") from error
        job = replace(job, limit=event_timeout)
        with client:
            cases: dict[distributed.Future, Case] = {}
            crew = _Crew(client)

            def submit(case: Case) -> None:
                cases[client.submit(_attempt, job, case.lot, work, pure=False)] = case

            for lot in lots:
                submit(Case(lot))
            while cases and not stop.asked():
                with suppress(TimeoutError, distributed.CancelledError):
                    distributed.wait(list(cases), timeout=1, return_when="FIRST_COMPLETED")
                tick()
                over = crew.over()
                for future in [f for f in cases if over or f.status != "pending"]:
                    case = cases.pop(future)
                    answer = lost(case.lot, over) if over else _answer_of(future, case)
                    future.release()  # or Dask runs the lot again when the worker dies that holds the answer
                    if answer is None:
                        try:
                            submit(case)
                        except ClosedClientError:
                            answer = lost(case.lot, GONE)
                    if answer is not None:
                        yield answer

    return run


def _attempt(job: Job, lot: Lot, work: Work) -> list[Result] | int:
    """Run a lot; where a worker has died of it, only say at which event, so that Dask does not try it on all the others."""
    at = lot.mark.read()
    if at == NOWHERE:
        return published(work(job, lot))
    lot.mark.clear()
    return at


def _answer_of(future: Any, case: Case) -> list[Result] | None:
    """What became of a lot on a cluster; None if it is to run again."""
    if future.status not in ("finished", "error"):  # all that a broken connection has to say
        return None
    try:
        results: list[Result] | int = future.result()  # it may have gone with the worker that held it
    except GnnrecoError:
        raise
    except Exception as error:
        if isinstance(error, CancelledError):  # the connection broke just now
            return None
        if type(error).__name__ == "KilledWorker":
            return None if case.after_death(KILLED) else lost(case.lot, DIED)
        return lost(case.lot, f"Dask: {type(error).__name__}: {error}")
    if isinstance(results, int):
        case.after_death(KILLED, results)
        return None
    if results:
        return results
    case.after_trial()
    return None


@dataclass
class _Crew:
    """The workers of a cluster: are there any?"""

    client: Any
    seen: float | None = None
    said: bool = False

    def over(self) -> str:
        """Why nothing more will come of this cluster; empty while something may."""
        if self.client.status == "closed":
            return GONE
        with suppress(
            Exception
        ):  # a scheduler that is busy, or a connection that breaks: the next look tells which
            if self.client.nthreads():
                self.seen, self.said = time.monotonic(), False
        if self.seen is None:  # its workers may still wait in the queue of a batch system
            return ""
        without = time.monotonic() - self.seen
        if without > LEAVE_S:
            return f"the Dask cluster had no worker any more for {without:.0f} s"
        if without > SAY_S and not self.said:
            self.said = True
            why = f"the Dask cluster has no worker any more; start some, or the job ends in {LEAVE_S - without:.0f} s"
            warnings.warn(why, RuntimeWarning, stacklevel=2)
        return ""
