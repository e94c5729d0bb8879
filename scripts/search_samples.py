"""Dijet events with side-bands for `gnnreco search`: QCD and W' -> X Y -> q q q q of Pythia, jets of their particles.

    python scripts/search_samples.py --background 20000 --signal 100 -o dijets.parquet
    gnnreco search dijets.parquet --resonance mjj --method cathode --signal-region 3300 3700 --page cathode.html

The processes are those of the LHC Olympics R&D data (masses 3.5, 0.5 and 0.1 TeV), and so are the columns, but in GeV:
``mjj, mj1, delta_mj, tau21_1, tau21_2, label`` of the two anti-kt jets (R = 1) of highest pt, the lighter one first. There is no
detector: particles with |eta| < 2.5 that can be seen. Events with a mass outside `--range` are left out, and counted.

With a detector, from hits on (`--hepmc` needs pip install 'gnnreco[hepmc]'; event i of the file is row i of the table):

    python scripts/search_samples.py --background 4000 --signal 100 -o dijets.parquet --hepmc dijets.hepmc3
    gnnreco simulate --detector full_hex --process dijets.hepmc3 --events 4100 -o hits
    gnnreco reconstruct hits --detector full_hex -o found
    gnnreco search found --resonance mjj --signal-region 3300 3700
    python scripts/search_samples.py --found found --labels dijets.parquet -o seen.parquet   # the same table, with labels
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
from gnnreco.search.dijets import DIJETS, dijet, read_dijets
from gnnreco.simulate.generators.exotic import resonance

COLUMNS = (*DIJETS, "label")
MASSES = (3500.0, 500.0, 100.0)  # GeV, of W', X, Y
RANGE = (2500.0, 5000.0)  # GeV
BELOW = 200.0  # GeV that the jets may gain over the partons
ETA = 2.5
UNSEEN = (12, 14, 16)
#: What lives longer than c tau = 10 mm is left whole, and decays in the detector.
LIVING = ["ParticleDecays:limitTau0 = on", "ParticleDecays:tau0Max = 10."]


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
    parser.add_argument(
        "--masses", type=float, nargs=3, default=MASSES, metavar=("W", "X", "Y"), help="of the signal, in GeV"
    )
    parser.add_argument("--pt-hat", type=float, default=900.0, help="least pt of QCD partons, in GeV")
    parser.add_argument("--hepmc", type=Path, metavar="FILE", help="write the particles of the events too")
    parser.add_argument(
        "--found", type=Path, metavar="FOLDER", help="make the table of what was reconstructed"
    )
    parser.add_argument(
        "--labels", type=Path, metavar="TABLE", help="with --found: of these events, without a detector"
    )
    parser.add_argument("-o", dest="output", type=Path, required=True)
    args = parser.parse_args()
    if (args.found is None) != (args.labels is None):
        parser.error("--found and --labels go together: the events, and the table that their labels stand in")
    if args.found is None:
        table, made = samples(args)
        if args.hepmc is not None:
            write_hepmc(made, args.hepmc)
    else:
        table, left_out = read_dijets(args.found)
        label = pq.read_table(args.labels, columns=["label"])["label"].to_numpy()
        table = {**table, "label": label[table["event"].astype(np.int64)]}
        print(f"{len(table['label']):,} events; left out: {dict(left_out) or 'none'}")
    pq.write_table(pa.table(table), args.output, write_page_checksum=True)


def samples(args: argparse.Namespace) -> tuple[dict[str, Floats], list[Floats]]:
    """The table of both kinds, mixed, and the particles of its rows (n, 5: pdg, px, py, pz, energy)."""
    low, high = args.range
    qcd = (
        "HardQCD:all = on",
        f"PhaseSpace:pTHatMin = {args.pt_hat}",
        f"PhaseSpace:mHatMin = {low - BELOW}",
    )
    kinds = (qcd, args.background), (resonance(args.masses), args.signal)
    rows, made = [], []
    for label, (words, count) in enumerate(kinds):
        outside = 0
        found = 0
        if count == 0:
            continue
        for particles in events(words, args.seed + label):
            kind, eta = (
                particles[:, 0].astype(np.int64),
                np.arcsinh(particles[:, 3] / np.hypot(*particles.T[1:3])),
            )
            row = dijet(particles[~np.isin(abs(kind), UNSEEN) & (abs(eta) < ETA), 1:])
            if row is None or not low <= row[0] < high:
                outside += 1
                continue
            rows.append([*row, label])
            made.append(particles)
            found += 1
            if sys.stderr.isatty() and found % 100 == 0:
                print(f"\r{('background', 'signal')[label]}: {found:,} of {count:,}", end="", file=sys.stderr)
            if found == count:
                break
        print(f"\n{('background', 'signal')[label]}: {found:,} events, {outside:,} left out")
    order = np.random.default_rng(args.seed).permutation(len(rows))
    mixed = np.array(rows)[order]
    columns = {name: mixed[:, i] for i, name in enumerate(COLUMNS)} | {"label": mixed[:, -1].astype(np.int64)}
    return columns, [made[i] for i in order]


def events(words: tuple[str, ...], seed: int) -> Iterator[Floats]:
    """Particles of one event after the other, without end; an event that Pythia gives up is made again."""
    pythia = pythia8mc.Pythia("", False)
    for word in [
        "Print:quiet = on",
        "Beams:eCM = 13000.",
        "Random:setSeed = on",
        f"Random:seed = {seed}",
        *LIVING,
        *words,
    ]:
        if not pythia.readString(word):
            raise SystemExit(f"Pythia does not know '{word}'")
    if not pythia.init():
        raise SystemExit("Pythia could not begin")
    while True:
        if pythia.next():
            final = [p for p in pythia.event if p.isFinal()]
            yield np.array([[p.id(), p.px(), p.py(), p.pz(), p.e()] for p in final])


def write_hepmc(made: list[Floats], file: Path) -> None:
    """Final particles of events, all from one point, as `gnnreco simulate` reads them."""
    import pyhepmc

    with pyhepmc.open(str(file), "w") as out:
        for number, particles in enumerate(made):
            event = pyhepmc.GenEvent(pyhepmc.Units.GEV, pyhepmc.Units.MM)
            event.event_number = number
            vertex = pyhepmc.GenVertex((0, 0, 0, 0))
            vertex.add_particle_in(pyhepmc.GenParticle(particles[:, 1:].sum(axis=0), 0, 4))
            for pdg, *four in particles:
                vertex.add_particle_out(pyhepmc.GenParticle(four, int(pdg), 1))
            event.add_vertex(vertex)
            out.write(event)


if __name__ == "__main__":
    main()
