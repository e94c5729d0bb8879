"""Lots that run, one after the other in this process or elsewhere; and what to try next where a process died of one."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from gnnreco.files.atomic import remove_drafts
from gnnreco.geometry import Detector
from gnnreco.reconstruct.job import LOST, Account, Cost, Failure, Job, Lot, Result, Shard, Tick, no_tick
from gnnreco.reconstruct.shard import published, run_lot

from . import stop
from .mark import NOWHERE

Work = Callable[[Job, Lot], list[Result]]
Runner = Callable[[Job, Sequence[Lot]], Generator[list[Result], None, None]]
#: So many deaths that no event can be held for give a lot up: the fault lies elsewhere.
DEATHS = 3
DIED = f"worker processes died of it {DEATHS} times, perhaps for memory"


def here(detector: Detector, tick: Tick = no_tick) -> Runner:
    """Run the lots one after the other in this process, which has read the detector."""

    def run(job: Job, lots: Sequence[Lot]) -> Generator[list[Result], None, None]:
        for lot in lots:
            if stop.asked():
                return
            yield published(run_lot(job, lot, detector, tick))

    return run


@dataclass
class Case:
    """A lot and the deaths of processes that worked on it: what to try next, until the event that kills them is found.

    An event at which a process dies is tried again alone, in a fresh one. If that dies too, or if the lot dies there once
    more, the event is quarantined: it is reported with the reason, and the other events of the lot go on without it.
    """

    lot: Lot
    suspects: set[int] = field(default_factory=set)
    deaths: int = 0

    def after_death(self, how: str, at: int | None = None) -> Lot | None:
        """What to run after a process died of `how`, `at` an event that its mark tells if nobody else; None to give up."""
        at = self.lot.mark.read() if at is None else at
        remove_drafts(Path(self.lot.due[0].file).parent, of=[Path(s.file).name for s in self.lot.due])
        self.lot.mark.clear()
        if at == NOWHERE:
            self.deaths += 1
            if self.deaths >= DEATHS:
                return None
        elif at in self.suspects:
            reason = f"{how} at this event, twice; it is left out"
            self.lot = replace(self.lot, quarantined=(*self.lot.quarantined, (at, reason)), trial=None)
        else:
            self.suspects.add(at)
            self.lot = replace(self.lot, trial=at)
        return self.lot

    def after_trial(self) -> Lot:
        """What to run after an event that was tried alone killed nothing."""
        self.lot = replace(self.lot, trial=None)
        return self.lot


def unfinished(results: Sequence[Result]) -> int | None:
    """The number of events done of a lot that was stopped; None if it is finished."""
    shard, account, _ = results[0]
    return account.events_in if account.events_in < len(shard.numbers) else None


def lost(lot: Lot, reason: str) -> list[Result]:
    """The accounts of a lot whose worker is gone: every event is reported."""
    return [(shard, _lost(shard, f"{reason}; run again with resume=True"), Cost()) for shard in lot.due]


def _lost(shard: Shard, why: str) -> Account:
    file = Path(shard.file).name
    failures: list[Failure] = [
        {"source": file, "event": n, "kind": LOST, "reason": why} for n in shard.numbers
    ]
    return Account(shard.fingerprint, events_in=len(shard.numbers), failures=failures)
