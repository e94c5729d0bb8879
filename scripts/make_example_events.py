"""Pick the pile-up events under examples/events from ACTS CSV folders and write them as small as sensible.

    python scripts/make_example_events.py OUT 20=FOLDER 50=FOLDER 200=FOLDER

Takes the first event of each folder, numbers it by its pile-up, and keeps 8 bits of the cell signals and
variances (0.2 %), which are what makes a file large. Everything else is as in the CSV.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Event
from gnnreco.events import open_events
from gnnreco.events.parquet.writer import write_parquet
from gnnreco.geometry import load_detector


def rounded(values: NDArray, bits: int = 8) -> NDArray[np.float32]:
    """Float32 with only so many bits after the leading one."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2.0 ** (bits + 1)), exponent - bits - 1).astype(np.float32)


def lightened(event: Event, number: int) -> Event:
    """The event under a new number, with cell signals and variances rounded."""
    hits = event.hits
    assert hits.deposits is not None
    assert hits.var_u is not None
    assert hits.var_v is not None
    deposits = replace(hits.deposits, value=rounded(hits.deposits.value))
    hits = replace(hits, deposits=deposits, var_u=rounded(hits.var_u), var_v=rounded(hits.var_v))
    return replace(event, number=number, hits=hits)


def main() -> None:
    out, *samples = sys.argv[1:]
    detector = load_detector("trackml")
    for sample in samples:
        pileup, folder = sample.split("=", 1)
        event = lightened(open_events(folder, detector)[0], int(pileup))
        file = Path(out) / f"acts-ttbar-pu{pileup}.parquet"
        write_parquet(file, [event], detector)
        print(f"{file}: {len(event.hits):,} hits, {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
