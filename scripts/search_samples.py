"""Dijet events with side-bands for `gnnreco search`: QCD and W' -> X Y -> q q q q of Pythia, jets of their particles.

    python scripts/search_samples.py --background 20000 --signal 100 -o dijets.parquet
    gnnreco search dijets.parquet --resonance mjj --method cathode --signal-region 3300 3700 --page cathode.html

The processes are those of the LHC Olympics R&D data (masses 3.5, 0.5 and 0.1 TeV), and so are the columns, but in GeV:
``mjj, mj1, delta_mj, tau21_1, tau21_2, label`` of the two anti-kt jets (R = 1) of highest pt, the lighter one first. There is no
detector: particles with |eta| < 2.5 that can be seen. Events with a mass outside `--range` are left out, and counted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pythia8mc

from gnnreco.columns import Floats
from gnnreco.search.dijets import DIJETS, dijet

COLUMNS = (*DIJETS, "label")
RANGE = (2500.0, 5000.0)  # GeV
BELOW = 200.0  # GeV that the jets may gain over the partons
ETA = 2.5
QCD = ["HardQCD:all = on", "PhaseSpace:pTHatMin = 900."]
SIGNAL = [
    "NewGaugeBoson:ffbar2Wprime = on",
    "Wprime:coup2WZ = 1.",
    "34:m0 = 3500.",
    "34:mWidth = 35.",
    "34:doForceWidth = on",
    "34:mMin = 3000.",
    "34:onMode = off",
    "34:onIfAll = 23 24",
    "23:m0 = 500.",
    "23:mWidth = 5.",
    "23:doForceWidth = on",
    "23:mMin = 450.",
    "23:mMax = 550.",
    "23:onMode = off",
    "23:onIfAny = 1 2 3 4 5",
    "24:m0 = 100.",
    "24:mWidth = 1.",
    "24:doForceWidth = on",
    "24:mMin = 80.",
    "24:mMax = 120.",
    "24:onMode = off",
    "24:onIfAny = 1 2 3 4",
]


def main() -> None:
    """Make events until so many lie in the range of masses."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--background", type=int, default=20000)
    parser.add_argument("--signal", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--range", type=float, nargs=2, default=RANGE, metavar=("LOW", "HIGH"), help="of mjj, in GeV"
    )
    parser.add_argument("-o", dest="output", type=Path, required=True)
    args = parser.parse_args()
    low, high = args.range
    qcd = [*QCD, f"PhaseSpace:mHatMin = {low - BELOW}"]
    rows = []
    for label, (words, count) in enumerate(((qcd, args.background), (SIGNAL, args.signal))):
        outside = 0
        found = 0
        if count == 0:
            continue
        for particles in events(words, args.seed + label):
            row = dijet(particles)
            if row is None or not low <= row[0] < high:
                outside += 1
                continue
            rows.append([*row, label])
            found += 1
            if sys.stderr.isatty() and found % 100 == 0:
                print(f"\r{('background', 'signal')[label]}: {found:,} of {count:,}", end="", file=sys.stderr)
            if found == count:
                break
        print(f"\n{('background', 'signal')[label]}: {found:,} events, {outside:,} left out")
    mixed = np.random.default_rng(args.seed).permutation(np.array(rows))
    columns = {name: mixed[:, i] for i, name in enumerate(COLUMNS)} | {"label": mixed[:, -1].astype(np.int64)}
    pq.write_table(pa.table(columns), args.output, write_page_checksum=True)


def events(words: list[str], seed: int) -> Iterator[Floats]:
    """Particles of one event after the other, without end; an event that Pythia gives up is made again."""
    pythia = pythia8mc.Pythia("", False)
    for word in [
        "Print:quiet = on",
        "Beams:eCM = 13000.",
        "Random:setSeed = on",
        f"Random:seed = {seed}",
        *words,
    ]:
        if not pythia.readString(word):
            raise SystemExit(f"Pythia does not know '{word}'")
    if not pythia.init():
        raise SystemExit("Pythia could not begin")
    while True:
        if pythia.next():
            seen = [p for p in pythia.event if p.isFinal() and p.isVisible() and abs(p.eta()) < ETA]
            yield np.array([[p.px(), p.py(), p.pz(), p.e()] for p in seen])


if __name__ == "__main__":
    main()
