"""Make the pools of generated events that ship in gnnreco/simulate (Pythia 8.317, 14 TeV proton-proton).

    pip install pythia8mc==8.317.2
    python scripts/simulate_pools.py --minbias 3000 --ttbar 400 --seed 20

Each pool is one Parquet file: a row per particle that lives long enough to be transported, grouped by event.
The numbers are generated, so they carry no licence of Pythia's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gnnreco.simulate.generators.pythia import PROCESSES, pythia_events

FOLDER = Path(__file__).parents[1] / "gnnreco" / "simulate"


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """float32 with all but `bits` of the mantissa rounded away, so that the file compresses; 12 bits are 0.01 %."""
    raw = np.ascontiguousarray(values, np.float32).view(np.uint32)
    drop = 23 - bits
    return (((raw + (1 << (drop - 1))) >> drop) << drop).astype(np.uint32).view(np.float32)


def write_pool(process: str, n_events: int, seed: int, max_eta: float, min_pt: float) -> Path:
    rows: dict[str, list[np.ndarray]] = {
        name: [] for name in ("event", "pdg", "px", "py", "pz", "vx", "vy", "vz")
    }
    for number, event in enumerate(pythia_events(process, n_events, seed)):
        pt = np.hypot(event.px, event.py)
        keep = (pt > min_pt) & (np.abs(event.pz) < np.sinh(max_eta) * pt)
        rows["event"].append(np.full(keep.sum(), number, np.int32))
        for name in list(rows)[1:]:
            rows[name].append(getattr(event, name)[keep])
    columns = {name: np.concatenate(parts) for name, parts in rows.items()}
    for name in ("vx", "vy", "vz"):
        columns[name][np.abs(columns[name]) < 1e-5] = (
            0.0  # mm: a resonance's flight, of no use and badly compressed
        )
    for name in ("px", "py", "pz", "vx", "vy", "vz"):
        columns[name] = rounded(columns[name], 12)
    assert all(np.isfinite(column).all() for column in columns.values())
    columns["pdg"] = columns["pdg"].astype(np.int32)
    note = {
        "process": process,
        "events": str(n_events),
        "settings": "; ".join(PROCESSES[process]),
        "command": f"scripts/simulate_pools.py --seed {seed}",
        "cuts": f"pt > {min_pt} GeV, |eta| < {max_eta}",
    }
    path = FOLDER / f"{process}.parquet"
    table = pa.table(columns).replace_schema_metadata(note)
    split = ["px", "py", "pz", "vx", "vy", "vz"]
    pq.write_table(
        table,
        path,
        compression="zstd",
        compression_level=19,
        use_dictionary=["event", "pdg"],
        use_byte_stream_split=split,
        write_page_checksum=True,
    )
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minbias", type=int, default=3000)
    parser.add_argument("--ttbar", type=int, default=400)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--max-eta", type=float, default=4.5)
    parser.add_argument("--min-pt", type=float, default=0.1, help="GeV")
    arguments = parser.parse_args()
    for offset, process in enumerate(("minbias", "ttbar")):
        path = write_pool(
            process, getattr(arguments, process), arguments.seed + offset, arguments.max_eta, arguments.min_pt
        )
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB")
