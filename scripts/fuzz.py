"""Damage files of every format in many ways and read them: an answer or one of gnnreco's own errors, and nothing else.

    python scripts/fuzz.py [--count 1000] [--seed 0] [--only WORD] [--seconds 20] [--json FILE]

Formats: the readers of events, the importers of detectors, bundles and firmware folders (with sums that are right
again). Each is read in a process of its own with a limit on memory, so what ends a process or fills a memory is counted
as well. Status 1 if anything else than an answer or an error of ours came out; its seed makes the mutant again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from gnnreco.cli.progress import Progress
from gnnreco.cli.table import show
from gnnreco.errors import GnnrecoError
from tests.bundle import seeds as bundle_seeds
from tests.events import seeds as event_seeds
from tests.geometry.importers.seeds import SEEDS as IMPORTERS
from tests.mutants import mutant

MEMORY = 6 << 30  # bytes of address space that a reader may ask for
OUTCOMES = ("read", "refused", "tracebacks", "crashes", "too long")

#: Reads a mutant in an empty folder.
Read = Callable[[Path, bytes], Any]


def formats() -> dict[str, tuple[bytes, Read]]:
    """Content that is sound, and how it is read, by name."""
    own = {**event_seeds.seeds(), **bundle_seeds.seeds()}
    imported = {
        f"import {name}": (seed.files[seed.damaged].encode(), seed.read) for name, seed in IMPORTERS.items()
    }
    return {name: (seed.content, seed.read) for name, seed in own.items()} | imported


def main() -> int:
    """Print one row a format."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1000, help="mutants of each format")
    parser.add_argument("--seed", type=int, default=0, help="of the first mutant; the others follow")
    parser.add_argument("--only", default="", metavar="WORD", help="formats with this in their name")
    parser.add_argument("--seconds", type=float, default=20.0, help="that one mutant may take")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the table and every fault there")
    args = parser.parse_args()
    chosen = {name: made for name, made in formats().items() if args.only in name}
    rows, faults, done = [], [], 0
    with Progress("mutant") as progress:
        for name, (content, read) in chosen.items():
            counts: Counter[str] = Counter()
            for seed, outcome, why in tried(
                content, read, range(args.seed, args.seed + args.count), args.seconds
            ):
                counts[outcome] += 1
                done += 1
                if outcome not in ("read", "refused"):
                    faults.append({"format": name, "seed": seed, "outcome": outcome, "why": why})
                if progress:
                    progress.counted(done, len(chosen) * args.count)
            rows.append({"format": name, "mutants": args.count, **{o: counts[o] for o in OUTCOMES}})
    total = {o: sum(row[o] for row in rows) for o in ("mutants", *OUTCOMES)}
    show([*rows, {"format": "all", **total}], args.json, {"rows": rows, "all": total, "faults": faults})
    for fault in faults[:20]:
        print(f"{fault['format']}, seed {fault['seed']}: {fault['outcome']}: {fault['why']}", file=sys.stderr)
    return 1 if faults else 0


def tried(content: bytes, read: Read, seeds: range, seconds: float) -> Iterator[tuple[int, str, str]]:
    """Seed, outcome and reason of each mutant; a process that dies or takes too long is started again behind it."""
    seed = seeds.start
    while seed < seeds.stop:
        ours, theirs = multiprocessing.Pipe(duplex=False)
        worker = multiprocessing.get_context("fork").Process(
            target=_work, args=(content, read, range(seed, seeds.stop), theirs), daemon=True
        )
        worker.start()
        theirs.close()
        try:
            while seed < seeds.stop:
                if not ours.poll(seconds):
                    yield seed, "too long", f"more than {seconds:g} s"
                    break
                yield (seed, *ours.recv())
                seed += 1
        except EOFError:
            worker.join()
            yield seed, "crashes", f"the process ended with status {worker.exitcode}"
        worker.kill()
        worker.join()
        seed += 1


def _work(content: bytes, read: Read, seeds: range, answer: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    sys.stdout = sys.stderr = Path("/dev/null").open("w")  # noqa: SIM115 (for as long as the process lives)
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            try:
                read(Path(folder), mutant(content, seed))
                answer.send(("read", ""))
            except GnnrecoError as error:
                answer.send(("refused", str(error)))
            except BaseException as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                why = f"{type(error).__name__}: {error} ({Path(last.filename).name}:{last.lineno})"
                answer.send(("tracebacks", why[:300]))


if __name__ == "__main__":
    sys.exit(main())
