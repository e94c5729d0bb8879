"""A batch job under fire: processes killed at random moments, then resumed, until every event is there exactly once.

    python scripts/bench_batch.py [--kills 20] [--dask-kills 5] [--files 10000] [--events 200] [--long 2000]
        [--edm4hep FILE] [--json FILE]

Events of a beam telescope are reconstructed once in peace; then the same job is begun again and again, and each time something
dies at a random moment: the whole group of processes, the first one alone, or one worker. The next run resumes. At the end
`verify` must find the folder whole, every event must be there once, and the bytes must be those of the run in peace. The same
with the workers of a Dask cluster. Then: outputs over numbers of workers and orders of parts, planning of many files, one
event in a cold process, memory over many events, the framework beside the bare stages, two processes beside one, EDM4hep
beside uproot (`bench_batch_parts.py`). Prints a table; status 1 if anything was lost, doubled or different.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import bench_batch_parts as parts

from gnnreco.cli.table import table, write_json
from gnnreco.events import open_events, write_events
from gnnreco.events.tracks_file import read_tracks
from gnnreco.geometry import load_detector
from gnnreco.reconstruct import reconstruct
from gnnreco.reconstruct.integrity import verify
from gnnreco.simulate import SimulationOptions, simulate

DETECTOR, BUNDLE = "telescope", "tracking-telescope"
VICTIMS = ("group", "parent", "worker")
Row = dict[str, object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--dask-kills", type=int, default=5)
    parser.add_argument("--files", type=int, default=10_000, help="to plan")
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument(
        "--long", type=int, default=2000, help="events for memory and two processes; 0: neither"
    )
    parser.add_argument("--edm4hep", type=Path, metavar="FILE", help="to be read beside uproot")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        bench = Bench(Path(place), args.events, random.Random(args.seed))
        rows = []
        figures = chain(
            bench.rows(args.kills, args.dask_kills, args.files), bench.parts(args.long, args.edm4hep)
        )
        for found in figures:
            print(f"{found['what']}: {found['measured']}", file=sys.stderr, flush=True)
            rows.append(found)
    print(table(rows))
    write_json(args.json, rows)
    return 0 if all(row["well"] in (True, None) for row in rows) else 1


class Bench:
    """A folder with events, and what a run in peace makes of them."""

    def __init__(self, place: Path, events: int, chance: random.Random) -> None:
        self.place, self.events, self.chance = place, events, chance
        self.inputs, self.peace = place / "events", place / "peace"
        detector = load_detector(DETECTOR)
        options = SimulationOptions(particle="muon", energy=(2.0, 10.0), count=4)
        write_events(
            simulate(detector, "beam", events, seed=5, options=options), self.inputs, detector=detector
        )

    def rows(self, kills: int, dask_kills: int, files: int) -> Iterator[Row]:
        yield self.cold()
        if not (kills or dask_kills or files):
            return
        self.wait(self.job(self.peace, "--workers", "2"))
        begin = time.monotonic()
        self.wait(self.job(self.place / "again", "--workers", "2"))
        seconds = time.monotonic() - begin
        if kills:
            yield self.killed(kills, seconds)
        if dask_kills:
            yield self.dask_killed(dask_kills)
        yield self.same()
        if files:
            yield self.planned(files)

    def parts(self, long: int, edm4hep: Path | None) -> Iterator[Row]:
        if long:
            detector = load_detector(DETECTOR)
            options = SimulationOptions(particle="muon", energy=(2.0, 10.0), count=4)
            many = self.place / "long"
            write_events(simulate(detector, "beam", long, seed=6, options=options), many, detector=detector)
            yield parts.memory_growth(many, DETECTOR, BUNDLE, self.place / "grown")
            yield parts.two_processes(many, DETECTOR, BUNDLE, self.place / "two")
        yield parts.overhead(self.place / "overhead")
        yield parts.edm4hep(edm4hep)

    def job(self, out: Path, *more: str) -> subprocess.Popen[bytes]:
        """The program in a group of processes of its own."""
        words = [self.inputs, "--detector", DETECTOR, "--bundle", BUNDLE, "-o", out, *more]
        program = [sys.executable, "-c", "from gnnreco.cli import entry; entry()", "reconstruct"]
        return subprocess.Popen(
            [*program, *map(str, words)],
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def wait(self, job: subprocess.Popen[bytes]) -> None:
        told = job.communicate()[1].decode()
        if job.returncode != 0:
            raise RuntimeError(told)

    def killed(self, kills: int, seconds: float) -> Row:
        """Kill until it is enough; a job that ends before its time is checked, and another one begun."""
        tally: Counter[str] = Counter()
        out, n, ended = self.place / "killed", 0, 0
        while n < kills or ended == 0:
            job = self.job(out, "--workers", "2", "--resume")
            if n < kills:
                with suppress(subprocess.TimeoutExpired):
                    job.wait(self.chance.uniform(0.0, 1.2 * seconds))
            if n < kills and job.poll() is None:
                victim = self.chance.choice(VICTIMS)
                killed = kill(job, victim)
                n, tally[victim] = n + killed, tally[victim] + killed
                if victim != "worker":
                    job.communicate()
                    continue
            self.wait(job)
            ended += 1
            tally += self.check(out)
            shutil.rmtree(out)
        wrong = {name: tally[name] for name in ("lost", "doubled", "different")}
        did = ", ".join(f"{tally[victim]} {victim}" for victim in VICTIMS)
        return row(
            f"SIGKILL at random moments ({did}), {ended} jobs ended", f"{n} kills: {said(wrong)}", wrong
        )

    def dask_killed(self, kills: int) -> Row:
        """Kill workers of a cluster that does the job again and again, until it is enough; each end is checked."""
        import threading

        import distributed

        done: list[int] = []
        # A nanny gives a worker up for good that takes longer to start.
        options = {
            "n_workers": 2,
            "threads_per_worker": 1,
            "dashboard_address": "127.0.0.1:0",
            "death_timeout": 600,
        }
        out, tally, ended = self.place / "dask", Counter[str](), 0
        with distributed.LocalCluster(**options) as cluster:

            def shoot() -> None:
                while len(done) < kills:
                    time.sleep(self.chance.uniform(0.2, 3.0))
                    with suppress(Exception):  # between two workers there may be none
                        worker = self.chance.choice(list(cluster.workers.values()))
                        os.kill(worker.process.pid, signal.SIGKILL)
                        done.append(worker.process.pid)

            threading.Thread(target=shoot, daemon=True).start()
            while len(done) < kills or ended == 0:
                for _ in range(20):
                    manifest = reconstruct(
                        self.inputs, DETECTOR, BUNDLE, out, dask=cluster.scheduler_address, resume=True
                    )
                    if not manifest["failures"]:
                        break
                tally += self.check(out)
                ended += 1
                shutil.rmtree(out)
        wrong = {name: tally[name] for name in ("lost", "doubled", "different")}
        what = f"Dask workers killed during the job, {ended} jobs ended"
        return row(what, f"{len(done)} kills: {said(wrong)}", wrong)

    def check(self, out: Path) -> Counter[str]:
        """What is wrong with an output: events that are lost or there twice, files with other bytes, what `verify` says."""
        found = Counter(number for number, _, _ in read_tracks(out))
        return Counter(
            lost=self.events - len(found),
            doubled=sum(count - 1 for count in found.values()),
            different=int(hashes(out) != hashes(self.peace)) + len(verify(out)["problems"]),
        )

    def same(self) -> Row:
        """Outputs of 1 and 2 workers, and of parts in another order."""
        self.wait(self.job(self.place / "one"))
        outs = [self.place / "one", self.place / "again"]
        different = sum(hashes(out) != hashes(self.peace) for out in outs)
        for order in ((0, 1, 2), (2, 0, 1)):
            for i in order:
                self.wait(self.job(self.place / f"parts{order[0]}", "--shard", f"{i}/3"))
        different += hashes(self.place / "parts0") != hashes(self.place / "parts2")
        wrong = {"different": int(different)}
        return row("output hashes over 1 and 2 workers, orders of parts, reruns", said(wrong), wrong)

    def planned(self, files: int) -> Row:
        """What passes before the first of many files is reconstructed, and what a job reads of them."""
        many = self.place / "many"
        many.mkdir()
        detector = load_detector(DETECTOR)
        few = open_events(self.inputs, detector)[:40]
        (one,) = write_events(few, self.place / "few", detector=detector)
        for i in range(files):
            shutil.copy(one, many / f"file-{i:06d}.parquet")
        begin, cpu = time.perf_counter(), time.process_time()

        class Planned(Exception):
            pass

        def stop(*_: object) -> None:
            raise Planned

        from gnnreco.reconstruct import run

        before, run._run = run._run, stop  # type: ignore[assignment]
        try:
            reconstruct(many, DETECTOR, BUNDLE, self.place / "plan")
        except Planned:
            pass
        finally:
            run._run = before
        seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
        told = f"{seconds:.1f} s ({cpu:.1f} s of CPU)"
        return row(
            f"planning {files:,} files of Parquet, of {len(few)} events each",
            told,
            {"over": int(seconds > 60)},
            "60 s",
            "5 s",
        )

    def cold(self) -> Row:
        """One event in a process of its own, kernels compiled."""
        detector = load_detector(DETECTOR)
        one = self.place / "event"
        write_events(open_events(self.inputs, detector)[:1], one, detector=detector)
        words = ["reconstruct", one, "--detector", DETECTOR, "--bundle", BUNDLE, "--overwrite"]
        # The first run may compile, with another process beside it.
        _, *warm = (parts.run_once([*words, "-o", self.place / "cold"]) for _ in range(4))
        best, memory = min(seconds for seconds, _ in warm), max(mb for _, mb in warm)
        over = {"over": int(best > 2 or memory > 250)}
        return row(
            "one small event, cold process to file",
            f"{best:.1f} s, {memory:.0f} MB",
            over,
            "2 s, 250 MB",
            "0.8 s, 150 MB",
        )


def kill(job: subprocess.Popen[bytes], victim: str) -> int:
    """Kill a group, its first process, or one of the others; returns how many kills that were."""
    if victim == "group":
        os.killpg(job.pid, signal.SIGKILL)
        return 1
    if victim == "parent":
        job.kill()
        return 1
    children = Path(f"/proc/{job.pid}/task/{job.pid}/children")
    with suppress(OSError, IndexError):
        os.kill(int(children.read_text().split()[-1]), signal.SIGKILL)
        return 1
    return 0


def hashes(out: Path) -> dict[str, str]:
    """Sum of each file of events."""
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(out.glob("shard-*"))}


def said(wrong: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in wrong.items())


def row(what: str, measured: str, wrong: dict[str, int], floor: str = "", target: str = "") -> Row:
    zero = ", ".join(f"0 {name}" for name in wrong)
    return {
        "what": what,
        "measured": measured,
        "floor": floor or zero,
        "target": target or zero,
        "well": not any(wrong.values()),
    }


if __name__ == "__main__":
    sys.exit(main())
