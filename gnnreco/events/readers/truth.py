"""The link table between hits and particles, and the packing of particle barcodes into one integer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Particles, Truth
from gnnreco.errors import BadInput

from .rows import find_rows, require_unique
from .table import FLOAT, INT32, Columns

#: Parts of an ACTS barcode and the bits each gets in the packed int64, 63 in all, the most significant first:
#: primary vertex, secondary vertex, particle, generation, sub-particle.
BARCODE = {
    "particle_id_pv": 12,
    "particle_id_sv": 12,
    "particle_id_part": 16,
    "particle_id_gen": 8,
    "particle_id_subpart": 15,
}

STATE = ("x", "y", "z", "px", "py", "pz")
KINEMATICS = dict.fromkeys(("vx", "vy", "vz", "px", "py", "pz", "q"), FLOAT)
PDG = {"particle_type": INT32}


def pack_barcode(file: Path, columns: Columns) -> NDArray[np.int64]:
    """Particle ids from the barcode columns `BARCODE`, or from the single ``particle_id`` of older files.

    Returns
    -------
    int64 (n,)
        Unique for unique barcodes; those of 64 bits without a sign keep their bits.

    Raises
    ------
    BadInput
        A part that does not fit its bits.
    """
    if "particle_id" in columns:
        return columns["particle_id"]
    packed = np.zeros(len(columns["particle_id_pv"]), np.int64)
    for name, bits in BARCODE.items():
        part = columns[name]
        outside = np.flatnonzero((part < 0) | (part >= 1 << bits))
        if len(outside):
            row = int(outside[0])
            raise BadInput(
                file,
                f"line {row + 2}, column {name}",
                f"{part[row]} does not fit the {bits} bits of a packed barcode; renumber the particles",
            )
        packed = (packed << bits) | part
    return packed


def make_particles(file: Path, particle_id: NDArray[np.int64], columns: Columns) -> Particles:
    """Particles from the columns `KINEMATICS` and, where the file has it, `PDG`."""
    require_unique(file, "particle_id", particle_id)
    pdg = columns.get("particle_type", np.zeros(len(particle_id), np.int32))
    return Particles(
        particle_id,
        pdg,
        columns["q"],
        *(columns[name] for name in ("vx", "vy", "vz", "px", "py", "pz")),
    )


def link(
    particles: Particles,
    hit: NDArray[np.int64],
    particle_id: NDArray[np.int64],
    state: Mapping[str, NDArray] | None,
    weight: NDArray | None = None,
) -> Truth:
    """Truth from one (hit row, particle id) pair a row; id 0 is noise and gives no link, unless a particle has it.

    A particle that made hits but is not listed is kept: it gets a row with pdg 0 and charge 0, and its
    innermost true hit stands for its production point and momentum (all 0 where the file does not say).

    Parameters
    ----------
    particles : Particles
        Those the file lists; ones without hits stay.
    hit, particle_id : int64 (m,)
    state : mapping, optional
        True ``x, y, z`` (mm) and ``px, py, pz`` (GeV) of each pair, float64 (m,).
    weight : float64 (n_hits,), optional

    Returns
    -------
    Truth
        Links sorted by hit, then particle; each pair once.
    """
    real = (particle_id != 0) | bool(np.any(particles.particle_id == 0))
    if not real.all():
        hit, particle_id = hit[real], particle_id[real]
        state = {name: values[real] for name, values in state.items()} if state else state
    rows = find_rows(particles.particle_id, particle_id)
    unlisted = np.flatnonzero(rows < 0)
    if len(unlisted):
        kept = {name: values[unlisted] for name, values in state.items()} if state else None
        particles = _join(particles, _unlisted(particle_id[unlisted], kept))
        rows = find_rows(particles.particle_id, particle_id)
    # One integer a pair: sorting it sorts by hit, then particle, and shows pairs that occur twice.
    pair = np.unique(hit * max(len(particles), 1) + rows)
    return Truth(particles, *np.divmod(pair, max(len(particles), 1)), weight)


def _unlisted(particle_id: NDArray[np.int64], state: Mapping[str, NDArray] | None) -> Particles:
    if state is None or any(name not in state for name in STATE):
        ids = np.unique(particle_id)
        first = [np.zeros(len(ids)) for _ in STATE]
    else:
        distance = np.hypot(np.hypot(state["x"], state["y"]), state["z"])
        order = np.lexsort((distance, particle_id))
        ids, innermost = np.unique(particle_id[order], return_index=True)
        first = [state[name][order][innermost] for name in STATE]
    return Particles(ids, np.zeros(len(ids), np.int32), np.zeros(len(ids)), *first)


def _join(one: Particles, two: Particles) -> Particles:
    return Particles(
        *(np.concatenate([getattr(one, name), getattr(two, name)]) for name in Particles.__slots__)
    )
