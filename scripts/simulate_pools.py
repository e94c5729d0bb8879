"""Make a pool of generated events for the embedded simulation (Pythia 8.317).

    pip install pythia8mc==8.317.2 awkward
    python scripts/simulate_pools.py --process qq --ecm 380 --events 5000 --seed 7 -o qq380.parquet
    gnnreco simulate --detector odd --process qq --ecm 380 --events 1000 pool=qq380.parquet -o events
    python scripts/simulate_pools.py --process dijet --events 1000 least_pt_hat=1000 -o hard.parquet
    python scripts/simulate_pools.py --process displaced --events 1000 "masses=[1000, 350]" ctau=30 -o displaced.parquet

Without -o it makes those that ship in gnnreco/simulate/generators/pools. A pool is one Parquet file: a row per particle
that lives long enough to be transported, grouped by event. e+e- events are whole; proton-proton events are cut to
what a detector may see (--min-pt, --max-eta). The numbers are generated, so they carry no licence of Pythia's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gnnreco.schema import build, parse_settings
from gnnreco.simulate import SimulationOptions
from gnnreco.simulate.flight import LIGHT
from gnnreco.simulate.generators.pool import POOLS, TIME, pool_name
from gnnreco.simulate.generators.processes import LHC, PROCESSES, Choices, choices_of
from gnnreco.simulate.generators.pythia import pythia_events

#: What ships: process, energy (GeV), events, seed. Those of e+e- are older than the column of times and hold flights down to
#: 1e-5 mm; two of protons (3000 events of `minbias`, 400 of `ttbar`) are also older than `NEAR`, by which particles that would
#: decay behind the tracker do not. They stay, as do all events of a seed.
SHIPPED = (
    ("qq", 91.0, 500, 22),
    ("qq", 240.0, 500, 23),
    ("qq", 380.0, 700, 24),
    ("zh", 240.0, 400, 25),
    ("tautau", 91.0, 500, 26),
    ("dijet", 14000.0, 630, 27),
    ("wprime", 14000.0, 100, 28),
    ("displaced", 14000.0, 100, 29),
)
CUTS = (0.1, 4.5)  # of proton-proton events: least pt (GeV), largest |eta|
SEEN = 1e-3  # mm: less than that is a resonance's or a pi0's flight, of no use and badly compressed
CUTS_SHIPPED = (0.15, 4.0)  # the same where size counts: what the simulation follows unless told otherwise


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """float32 with all but `bits` of the mantissa rounded away, so that the file compresses; 12 bits are 0.01 %."""
    raw = np.ascontiguousarray(values, np.float32).view(np.uint32)
    drop = 23 - bits
    return (((raw + (1 << (drop - 1))) >> drop) << drop).astype(np.uint32).view(np.float32)


def write_pool(
    path: Path,
    process: str,
    ecm: float,
    n_events: int,
    seed: int,
    min_pt: float,
    max_eta: float,
    choices: Choices | None = None,
) -> None:
    """Write a pool of `n_events` collisions at `ecm` GeV; the acceptance cuts proton-proton events only."""
    kind = PROCESSES[process]
    rows: dict[str, list[np.ndarray]] = {
        name: [] for name in ("event", "pdg", "px", "py", "pz", "vx", "vy", "vz", TIME)
    }
    for number, event in enumerate(pythia_events(process, n_events, seed, ecm, choices)):
        pt = np.hypot(event.px, event.py)
        keep = np.full(len(event), True)
        if kind.beams == LHC:
            keep = (pt > min_pt) & (np.abs(event.pz) < np.sinh(max_eta) * pt)
        rows["event"].append(np.full(keep.sum(), number, np.int32))
        for name in list(rows)[1:]:
            rows[name].append(getattr(event, name)[keep])
    columns = {name: np.concatenate(parts) for name, parts in rows.items()}
    for name, unit in (("vx", 1.0), ("vy", 1.0), ("vz", 1.0), (TIME, LIGHT)):
        columns[name][np.abs(columns[name]) * unit < SEEN] = 0.0
    for name in ("px", "py", "pz", "vx", "vy", "vz", TIME):
        columns[name] = rounded(columns[name], 12)
    assert all(np.isfinite(column).all() for column in columns.values())
    columns["pdg"] = columns["pdg"].astype(np.int32)
    note = {
        "process": process,
        "ecm": f"{ecm!r}",
        "events": str(n_events),
        "choices": json.dumps({**kind.choices, **(choices or {})}),
        "settings": "; ".join(kind.lines(ecm, choices)),
        "command": f"scripts/simulate_pools.py --process {process} --ecm {ecm:g} --events {n_events} --seed {seed}",
        "cuts": f"pt > {min_pt} GeV, |eta| < {max_eta}" if kind.beams == LHC else "none",
    }
    split = ["px", "py", "pz", "vx", "vy", "vz", TIME]
    pq.write_table(
        pa.table(columns).replace_schema_metadata(note),
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=["event", "pdg"],
        use_byte_stream_split=split,
        write_page_checksum=True,
    )


def main() -> None:
    """Make what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--process", choices=PROCESSES, help="only this one")
    parser.add_argument("--ecm", type=float, help="GeV (default: that of the process)")
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--min-pt", type=float, default=CUTS[0], help="GeV; of proton-proton events")
    parser.add_argument("--max-eta", type=float, default=CUTS[1], help="of proton-proton events")
    parser.add_argument("-o", "--output", type=Path, help="file; without it, a pool that ships is made again")
    parser.add_argument(
        "choices", nargs="*", metavar="key=value", help="masses, ctau, least_pt_hat of the process"
    )
    args = parser.parse_args()
    cuts = args.min_pt, args.max_eta
    choices: Choices = {}
    if args.output:
        if not args.process:
            sys.exit("--process says what goes into the file of -o")
        choices = choices_of(args.process, build(SimulationOptions, parse_settings(args.choices)))
        ecm = args.ecm or PROCESSES[args.process].ecm
        todo = [(args.output, (args.process, ecm, args.events, args.seed))]
    else:
        if args.choices:
            sys.exit("what ships has no key=value: give -o")
        cuts = CUTS_SHIPPED
        todo = [
            (POOLS / pool_name(process, ecm), (process, ecm, events, seed))
            for process, ecm, events, seed in SHIPPED
            if args.process in (None, process) and args.ecm in (None, ecm)
        ]
    for path, what in todo:
        begin = time.perf_counter()
        write_pool(path, *what, *cuts, choices)
        rate = what[2] / (time.perf_counter() - begin)
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {rate:.0f} events/s")


if __name__ == "__main__":
    main()
