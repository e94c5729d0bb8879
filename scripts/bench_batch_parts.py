"""Rows of the table of `bench_batch.py` that need no kills: memory, overhead, two processes, EDM4hep beside uproot."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

Row = dict[str, object]
PILEUP = Path(__file__).parents[1] / "examples" / "events" / "acts-ttbar-pu200.parquet"
#: Resident memory of the process, MiB, each time that events are done.
MEMORY = """
import sys
from gnnreco.reconstruct import reconstruct
def resident(done, total):
    line = next(x for x in open("/proc/self/status") if x.startswith("VmRSS"))
    print(done, int(line.split()[1]) / 1024, flush=True)
reconstruct(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], progress=resident)
"""


#: The command line, which tells at its end the most memory that it held, kB.
COLD = """
import atexit, sys
def held():
    line = next(x for x in open("/proc/self/status") if x.startswith("VmHWM"))
    print(round(int(line.split()[1]) * 1.024), file=sys.stderr)
atexit.register(held)
from gnnreco.cli import entry
entry()
"""
#: Events a second of a process that reconstructs the same events again and again, with neither files nor a framework.
BARE = """
import sys, time
import numba
from gnnreco.events import open_events
from gnnreco.kernels.memory import keep_memory
from gnnreco.pipeline import Reconstructor
inputs, detector, bundle, seconds = sys.argv[1:]
keep_memory()
numba.set_num_threads(1)
chain = Reconstructor(detector, bundle)
events = list(open_events(inputs, chain.detector, truth=False)[:100])
for event in events:
    chain.run(event)
print("ready", flush=True)
sys.stdin.readline()
begin, count = time.perf_counter(), 0
while time.perf_counter() - begin < float(seconds):
    chain.run(events[count % len(events)])
    count += 1
print(count / (time.perf_counter() - begin))
"""
#: Seconds for which these run, and how often one and two are tried in turn: the best of each counts.
BARE_S, BARE_TIMES = 5.0, 3


def row(what: str, measured: str, well: bool | None, floor: str, target: str) -> Row:
    """A row of the table; `well` is None where nothing was measured."""
    return {"what": what, "measured": measured, "floor": floor, "target": target, "well": well}


def run_once(words: Iterable[object]) -> tuple[float, float]:
    """Seconds of one cold process of the program, and the most memory that this process held, MB.

    It tells the high-water mark itself as it ends: what the kernel counts of children begins at the size of this one.
    """
    begin = time.perf_counter()
    command = [sys.executable, "-c", COLD, *map(str, words)]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return time.perf_counter() - begin, int(told.splitlines()[-1]) / 1000


def memory_growth(inputs: Path, detector: str, bundle: str, out: Path) -> Row:
    """Resident memory at the end against that after a quarter of the events, when everything has been used once."""
    words = [sys.executable, "-c", MEMORY, inputs, detector, bundle, out]
    told = subprocess.run(list(map(str, words)), check=True, capture_output=True, text=True).stdout
    seen = [(int(done), float(mib)) for done, mib in map(str.split, told.splitlines())]
    total = seen[-1][0]
    early = next(mib for done, mib in seen if done >= total / 4)
    growth = seen[-1][1] / early - 1
    what = f"memory growth over {total:,} events"
    return row(what, f"{growth:.1%} ({early:.0f} to {seen[-1][1]:.0f} MiB)", growth < 0.05, "5 %", "0")


def overhead(out: Path, times: int = 4) -> Row:
    """CPU seconds of a job against those of its stages alone, in one process that has done both before."""
    from gnnreco.events import open_events
    from gnnreco.geometry import load_detector
    from gnnreco.pipeline import Reconstructor
    from gnnreco.reconstruct import reconstruct

    detector = load_detector("trackml")
    chain = Reconstructor(detector, ("tracking-trackml",))
    inputs = [out / f"event{i}.parquet" for i in range(times)]
    out.mkdir()
    for file in inputs:
        file.write_bytes(PILEUP.read_bytes())

    def bare() -> None:
        for event in open_events(inputs, detector, truth=False):
            chain.run(event, lambda _: True)

    def job() -> None:
        reconstruct(inputs, "trackml", "tracking-trackml", out / "job", overwrite=True)

    bare()
    job()
    alone, framed = least((bare, job))
    more = framed / alone - 1
    told = f"{more:.1%} ({framed:.1f} for {alone:.1f} s of CPU, {times} events)"
    return row(
        "overhead of the framework over the bare stages, pile-up 200", told, more < 0.15, "15 %", "3 %"
    )


def two_processes(inputs: Path, detector: str, bundle: str, out: Path) -> Row:
    """Events per second of two processes against twice those of one, from the first shard that is done to the last.

    Two cores share caches, memory and clock, so two processes without any framework are not twice as fast as one either:
    that bound is measured and told beside.
    """
    from gnnreco.reconstruct import reconstruct

    rates = []
    for workers in (1, 2):
        seen: list[tuple[int, float]] = []

        def note(done: int, _: int, seen: list[tuple[int, float]] = seen) -> None:
            seen.append((done, time.perf_counter()))

        folder = out / f"of-{workers}"
        folder.parent.mkdir(exist_ok=True)
        reconstruct(inputs, detector, bundle, folder, workers=workers, memory_gib=8.0, progress=note)
        warm = seen[2 * workers :]
        rates.append((warm[-1][0] - warm[0][0]) / (warm[-1][1] - warm[0][1]))
    share = rates[1] / (2 * rates[0])
    bare = [max(bare_rate(n, inputs, detector, bundle) for _ in range(BARE_TIMES)) for n in (1, 2)]
    told = f"{share:.2f} ({rates[0]:.0f} and {rates[1]:.0f} events/s; "
    told += f"bare stages: {bare[1] / (2 * bare[0]):.2f}, {bare[0]:.0f} and {bare[1]:.0f} events/s)"
    return row("parallel efficiency of 2 processes on 2 cores", told, share >= 0.8, "0.8", "0.95")


def bare_rate(processes: int, *words: object) -> float:
    """Events a second of so many processes together, each of which does the bare stages alone."""
    command = [sys.executable, "-c", BARE, *map(str, words), str(BARE_S)]
    pipe = subprocess.PIPE
    started = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(processes)]
    for process in started:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise RuntimeError("the bare stages could not be run")
    for process in started:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in started)


def edm4hep(file: Path | None) -> Row:
    """All events of a file by our reader, against uproot reading the same branches of the same events."""
    what = "EDM4hep read, against plain uproot of the same branches"
    if file is None:
        return row(what, "no file was named (--edm4hep)", None, "2x", "1.1x")
    import uproot

    from gnnreco.events import open_events
    from gnnreco.events.readers.edm4hep import batch
    from gnnreco.events.readers.root.file import _latest

    asked: list[tuple[tuple[str, ...], int, int]] = []
    read: Callable[..., Any] = batch.read_columns

    def listen(tree: Any, names: Iterable[str], start: int, stop: int) -> Any:
        asked.append((tuple(names), start, stop))
        return read(tree, asked[-1][0], start, stop)

    batch.read_columns = listen  # type: ignore[assignment]
    for _ in open_events(file, None):
        pass
    batch.read_columns = read

    def plain() -> None:
        with uproot.open(file) as content:
            tree = content["events"]
            for names, start, stop in asked:
                tree.arrays(list(names), entry_start=start, entry_stop=stop)

    def ours() -> None:
        _latest.close()  # the file is opened anew, as the other one is
        for _ in open_events(file, None):
            pass

    plain()
    theirs, own = least((plain, ours))
    told = f"{own / theirs:.2f}x ({own:.2f} for {theirs:.2f} s of CPU)"
    return row(what, told, own < 2 * theirs, "2x", "1.1x")


def least(works: Iterable[Callable[[], None]], times: int = 3) -> list[float]:
    """The fewest CPU seconds that each takes, tried in turn."""
    works = list(works)
    found = [float("inf")] * len(works)
    for _ in range(times):
        for i, work in enumerate(works):
            begin = time.process_time()
            work()
            found[i] = min(found[i], time.process_time() - begin)
    return found
