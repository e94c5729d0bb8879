"""Makes ACTS events: Pythia ttbar with pile-up, through Fatras, in the Generic (TrackML) detector.

python scripts/make_acts_events.py --pileup 200 --events 50 --seed 1001 -o .bench/events/pu200

The same seeds and versions give the same events; what is there already is not made again. Needs the extras
`acts` and `pythia`, in this Python or in the one named by --acts-python.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
sys.path.insert(0, str(PEERS))

from acts_config import write_config  # noqa: E402

from gnnreco.geometry.field.solenoid import sheet  # noqa: E402

FIELD_TESLA = 2.0


def make_events(
    output: Path,
    pileup: int,
    events: int,
    seed: int,
    ttbar_seed: int = 101,
    minbias_seed: int = 102,
    acts_python: str = sys.executable,
    work: Path | None = None,
    max_eta: float = 3.0,
    min_pt: float = 0.15,
    min_momentum: float = 0.5,
    solenoid: Sequence[float] | None = None,
) -> Path:
    """Make a folder of ACTS CSV events where it is not there yet.

    Parameters
    ----------
    output : path
        Folder of the events; complete once it exists.
    pileup, events : int
        Minimum-bias collisions in every event, and events.
    seed, ttbar_seed, minbias_seed : int
        Of the vertices and the simulation, and of the two generator runs.
    acts_python : str
        Python with pyacts, pythia8mc and pyhepmc.
    work : path, optional
        Keeps the generated collisions; beside the output unless given.
    max_eta, min_pt : float
        Of the generated particles; GeV.
    min_momentum : float
        GeV; slower particles are not followed.
    solenoid : (float, float), optional
        Length and radius of the coil, mm; without it the field is the same everywhere.

    Returns
    -------
    Path
        `output`.
    """
    if output.is_dir():
        return output
    work = work or output.parent / "generated"
    config = write_config(work / "acts_config")
    ttbar = _generate("ttbar", events, ttbar_seed, work, acts_python)
    command = ["--ttbar", str(ttbar), "--pileup", str(pileup)]
    if pileup:
        command += ["--minbias", str(_generate("minbias", events * pileup, minbias_seed, work, acts_python))]
    part = output.with_name(output.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    command += ["--events", str(events), "--seed", str(seed), "--config", str(config)]
    command += ["--max-eta", str(max_eta), "--min-pt", str(min_pt), "--min-momentum", str(min_momentum)]
    if solenoid:
        command += ["--field-map", str(_field_map(work, *solenoid))]
    command += ["-o", str(part)]
    subprocess.run([acts_python, str(PEERS / "acts_sequence.py"), "simulate", *command], check=True)
    part.rename(output)
    return output


def _field_map(folder: Path, length: float, radius: float) -> Path:
    """The field of a coil as a text file: r, z (mm), Br, Bz (tesla). The one that ACTS has is wrong near its axis."""
    path = folder / f"coil-{length:g}-{radius:g}.txt"
    middle = sheet(0.0, 0.0, 0.5 * length, radius)[1]
    rows = [
        (r, z, *(FIELD_TESLA / middle * b for b in sheet(float(r), float(z), 0.5 * length, radius)))
        for z in range(-3200, 3240, 40)
        for r in range(0, 1120, 20)
    ]
    path.write_text("".join("{} {} {:.8f} {:.8f}\n".format(*row) for row in rows))
    return path


def _generate(process: str, events: int, seed: int, work: Path, python: str) -> Path:
    """A HepMC3 file with at least `events` collisions, made once."""
    have = [int(f.stem.rsplit("-", 1)[1]) for f in work.glob(f"{process}-seed{seed}-*.hepmc3")]
    enough = [n for n in have if n >= events]
    path = work / f"{process}-seed{seed}-{min(enough, default=events)}.hepmc3"
    if not enough:
        script = [
            python,
            str(PEERS / "pythia_events.py"),
            process,
            "--events",
            str(events),
            "--seed",
            str(seed),
        ]
        subprocess.run([*script, "-o", str(path)], check=True)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pileup", type=int, default=200)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--seed", type=int, required=True, help="of the vertices and the simulation")
    parser.add_argument("--ttbar-seed", type=int, default=101)
    parser.add_argument("--minbias-seed", type=int, default=102)
    parser.add_argument(
        "--acts-python", default=sys.executable, help="Python with pyacts, pythia8mc and pyhepmc"
    )
    parser.add_argument("--max-eta", type=float, default=3.0, help="of generated particles (default: 3)")
    parser.add_argument("--min-pt", type=float, default=0.15, help="of generated particles, GeV")
    parser.add_argument(
        "--min-momentum", type=float, default=0.5, help="below which a particle is not followed, GeV"
    )
    parser.add_argument(
        "--solenoid",
        type=float,
        nargs=2,
        metavar=("LENGTH", "RADIUS"),
        help="of the coil, mm; without it the field is the same everywhere",
    )
    parser.add_argument("--work", type=Path, help="keeps the generated collisions")
    parser.add_argument("-o", "--output", type=Path, required=True)
    print(make_events(**vars(parser.parse_args())))


if __name__ == "__main__":
    main()
