"""Collisions that Pythia 8 made before: those that ship, and a user's own."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from gnnreco.errors import BadConfig, BadInput
from gnnreco.simulate.options import SimulationOptions

from .generated import Generated, accepted, turned
from .processes import LEPTONS, PROCESSES, acceptance, energy_of, process_of

POOLS = Path(__file__).parent / "pools"
COLUMNS = ("event", "pdg", "px", "py", "pz", "vx", "vy", "vz")
TIME = "time"  # ns, of the vertex; older files lack it, and their particles all start at once
MOST_EVENTS = 10_000_000  # in a file: the offsets of more would not fit in memory
HOW = "scripts/simulate_pools.py makes such a file"


class Pool:
    """Collisions of a file, each turned about the beam and mirrored in z at random.

    Mirrored events have no asymmetry between forward and backward, which e+e- pairs have a little of.

    Parameters
    ----------
    process : str
    options : SimulationOptions
    path : Path, optional
        The file; without it that of the process and the energy which ships.
    """

    def __init__(self, process: str, options: SimulationOptions, path: Path | None = None) -> None:
        self.particles, event = read_pool(path or shipped(process, energy_of(process, options)))
        limits = acceptance(process_of(process).beams, options)
        keep = accepted(self.particles, *limits, neutrals=options.neutrals)
        kept = np.concatenate([[0], np.cumsum(keep)])
        self.particles, self.offsets = self.particles.select(keep), kept[event]

    def __call__(self, rng: np.random.Generator, n: int) -> list[Generated]:
        numbers = rng.integers(len(self.offsets) - 1, size=n)
        angles, mirrors = rng.uniform(-np.pi, np.pi, n), rng.choice([-1.0, 1.0], n)
        return [self._take(*row) for row in zip(numbers, angles, mirrors, strict=True)]

    def _take(self, number: int, angle: float, mirror: float) -> Generated:
        one = self.particles.select(slice(self.offsets[number], self.offsets[number + 1]))
        return replace(turned(one, angle), pz=one.pz * mirror, vz=one.vz * mirror)


def pool_name(process: str, ecm: float) -> str:
    """Name of the file of a process that ships; that of e+e- has the energy, GeV, in it."""
    return f"{process}{f'{ecm:g}' if process_of(process).beams == LEPTONS else ''}.parquet"


def shipped(process: str, ecm: float) -> Path:
    """The file of a process at an energy, GeV, that ships.

    Raises
    ------
    BadConfig
        None does.
    """
    if ecm not in process_of(process).pools:
        there = ", ".join(
            f"{name} at {' or '.join(f'{energy:g}' for energy in kind.pools)} GeV"
            for name, kind in PROCESSES.items()
            if kind.pools
        )
        raise BadConfig(
            f"no pool of process {process} at {ecm:g} GeV ships, only {there}: set generator=pythia (pip install "
            f"'gnnreco[pythia]'), or pool=FILE ({HOW})"
        )
    return POOLS / pool_name(process, ecm)


def own(process: str, options: SimulationOptions) -> Path | None:
    """The user's file of a process: the one of the options, or of those in the folder that holds the process and its energy.

    Returns
    -------
    Path or None
        None where the options name no file, or none holds the process.

    Raises
    ------
    BadConfig
        A file of the process has another energy than the one that is asked for, or several could be meant.
    BadInput
        A file is missing, or no pool.
    """
    if options.pool is None:
        return None
    place = Path(options.pool).expanduser()
    files = sorted(place.glob("*.parquet")) if place.is_dir() else [place]
    held = {file: energy for file in files for name, energy in [held_by(file)] if name == process}
    if options.ecm is None and len(held) == 1:
        return next(iter(held))
    asked = energy_of(process, options)
    fits = [file for file, energy in held.items() if energy == asked]
    if held and not fits:
        there = ", ".join(f"{energy:g}" for energy in sorted(set(held.values())))
        raise BadConfig(f"pool {place} holds process {process} at {there} GeV, not at {asked:g}: set ecm")
    if len(fits) > 1:
        names = ", ".join(file.name for file in fits)
        raise BadConfig(f"pool {place}: {names} hold process {process} at {asked:g} GeV: name one of them")
    return fits[0] if fits else None


def held_by(path: Path) -> tuple[str, float]:
    """Process and energy in the centre of mass, GeV, of a file."""
    try:
        note = {key.decode(): value.decode() for key, value in (pq.read_schema(path).metadata or {}).items()}
        return note["process"], float(note["ecm"])
    except (OSError, pa.ArrowException) as error:
        raise BadInput(path, "", f"cannot be read as Parquet ({_first_line(error)}); {HOW}") from None
    except (KeyError, ValueError):
        raise BadInput(path, "", f"does not tell its process and ecm; {HOW}") from None


@cache
def read_pool(path: Path) -> tuple[Generated, NDArray[np.int64]]:
    """The collisions of a file, one after the other, and the offsets of the events.

    Raises
    ------
    BadInput
        It is missing, damaged, or no pool.
    """
    try:
        wanted = [*COLUMNS, *({TIME} & set(pq.read_schema(path).names))]
        table = pq.read_table(path, columns=wanted, page_checksum_verification=True)
        column = {name: table[name].to_numpy() for name in wanted}
    except (OSError, pa.ArrowException, KeyError) as error:
        raise BadInput(
            path, "", f"cannot be read as a pool of collisions ({_first_line(error)}); {HOW}"
        ) from None
    event = column["event"]
    numbers = [np.issubdtype(values.dtype, np.number) for values in column.values()]
    if not all(numbers) or not all(np.isfinite(values).all() for values in column.values()):
        raise BadInput(path, "", f"a value is no finite number; {HOW}")
    if not len(event) or event[0] < 0 or (np.diff(event) < 0).any() or event[-1] >= MOST_EVENTS:
        raise BadInput(path, "column event", f"expected events in order, from 0 on; {HOW}")
    offsets = np.searchsorted(event, np.arange(event[-1] + 2)).astype(np.int64)
    px, py, pz, vx, vy, vz = (column[name].astype(np.float64) for name in COLUMNS[2:])
    n, pdg = len(event), column["pdg"].astype(np.int32)
    time = column[TIME].astype(np.float64) if TIME in column else np.zeros(n)
    return Generated(pdg, px, py, pz, vx, vy, vz, time, np.zeros(n, np.int32)), offsets


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
