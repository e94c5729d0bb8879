"""Makes the reference sample of jet taggers: quark, gluon, W, Z and top jets of 1 TeV, 16 features, constituents.

python scripts/make_jets.py --jets 250000 --seed 1 -o .bench/jets/train

Each file `jets-SEED.parquet` has 10,000 jets of its own seed, all classes mixed in each block of 1,000; what is there
already is not made again. `--bits 10` halves the files for demos. `--events` makes whole events as a first-level trigger
sees them, a row each, instead: see `scripts/peers/trigger_events.py`, with its processes. What the sample is stands in `scripts/peers/jet_events.py`. Needs the extra `pythia` and
`fastjet` (requirements-peers.lock).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow.parquet as pq
from tqdm import tqdm

from gnnreco.columns import Floats, Jets, concatenate
from gnnreco.events.parquet.jets import write_jets
from gnnreco.events.parquet.jets_block import BLOCK, OF_CONSTITUENT, OF_JET

sys.path.insert(0, str(Path(__file__).parent / "peers"))

import jet_events
import trigger_events
from jet_events import CLASSES

FILE = 10_000  # jets
PACKAGES = ("pythia8mc", "fastjet", "gnnreco")


def blocks(
    processes: Sequence[str],
    jets: int,
    seed: int,
    source: Callable[[str, int], Iterator[Jets]] = jet_events.jets_of,
) -> Iterator[Jets]:
    """`jets` jets in blocks of `BLOCK`, as many of each process in each (to within one), shuffled."""
    stocks = [_Stock(source(process, seed)) for process in processes]
    rng = np.random.default_rng([seed, len(CLASSES)])
    for start in range(0, jets, BLOCK):
        share = np.diff(np.arange(len(stocks) + 1) * min(BLOCK, jets - start) // len(stocks))
        block = concatenate([stock.draw(int(n)) for stock, n in zip(stocks, share)])
        yield block[rng.permutation(len(block))]


class _Stock:
    """Jets of a stream, as many at a time as are asked for."""

    def __init__(self, stream: Iterator[Jets]) -> None:
        self.stream, self.left = stream, next(stream)

    def draw(self, n: int) -> Jets:
        parts = [self.left]
        while sum(map(len, parts)) < n:
            parts.append(next(self.stream))
        jets = concatenate(parts)
        self.left = jets[n:]
        return jets[:n]


def make_jets(
    output: Path,
    jets: int,
    seed: int,
    processes: Sequence[str] = CLASSES,
    bits: int | None = None,
    events: bool = False,
) -> None:
    """Write the files of a sample that are not there yet.

    Parameters
    ----------
    output : path
        Folder of ``jets-000001.parquet`` and so on, named by their seeds.
    jets : int
    seed : int
        Of the first file; the next one has the next.
    processes : sequence of str
        Keys of `PROCESSES`.
    bits : int, optional
        What is kept of the mantissa of every number; all that float32 has unless given.
    events : bool
        Rows are whole events: see `scripts/peers/trigger_events.py`.
    """
    maker = trigger_events if events else jet_events
    source = trigger_events.events_of if events else jet_events.jets_of
    output.mkdir(parents=True, exist_ok=True)
    with tqdm(total=jets, unit="jet", disable=None) as bar:
        for number, start in enumerate(range(0, jets, FILE), seed):
            n = min(FILE, jets - start)
            file = output / f"jets-{number:06d}.parquet"
            if not file.exists() or pq.read_metadata(file).num_rows < n:
                part, made = file.with_suffix(".part"), blocks(processes, n, number, source)
                rounded = made if bits is None else (_rounded(block, bits) for block in made)
                write_jets(part, _shown(rounded, bar), _sources(maker, number), number * FILE // BLOCK)
                part.replace(file)
            bar.update(start + n - bar.n)


def _shown(made: Iterator[Jets], bar: tqdm) -> Iterator[Jets]:
    for jets in made:
        yield jets
        bar.update(len(jets))


def _rounded(jets: Jets, bits: int) -> Jets:
    def few(values: Floats) -> Floats:
        mantissa, exponent = np.frexp(values)
        return np.ldexp(np.rint(mantissa * 2**bits) / 2**bits, exponent)

    return replace(
        jets, **{name: few(getattr(jets, name)) for name in ("features", *OF_JET, *OF_CONSTITUENT)}
    )


def _sources(maker: ModuleType, seed: int) -> dict[str, str]:
    versions = {name: version(name) for name in PACKAGES}
    settings = "; ".join((*maker.SETTINGS, *(line for lines in maker.PROCESSES.values() for line in lines)))
    return {"script": "scripts/make_jets.py", "seed": str(seed), "settings": settings, **versions}


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--jets", type=int, required=True)
    parser.add_argument(
        "--seed", type=int, required=True, help="of the first file; the next one has the next"
    )
    parser.add_argument("--events", action="store_true", help="whole events instead of jets")
    parser.add_argument("--process", nargs="+", metavar="CLASS", help="only these classes")
    parser.add_argument("--bits", type=int, help="round to so many bits of mantissa")
    parser.add_argument("-o", "--output", type=Path, required=True)
    args = parser.parse_args()
    known = trigger_events.CLASSES if args.events else CLASSES
    processes = args.process or known
    if not set(processes) <= set(known):
        parser.error(f"--process: choose from {', '.join(known)}")
    make_jets(args.output, args.jets, args.seed, processes, args.bits, args.events)


if __name__ == "__main__":
    main()
