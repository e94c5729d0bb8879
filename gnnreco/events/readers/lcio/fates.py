"""Where simulated particles came from and what became of them, from the bits that the simulation left."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import FATES, Fates, Floats, Ints, Particles
from gnnreco.errors import BadInput

from .content import Collection, Content
from .kinds import CREATED_IN_SIMULATION, DECAYED_IN_CALORIMETER, DECAYED_IN_TRACKER, LEFT_DETECTOR, STOPPED
from .words import Table

PHOTON, ELECTRON, MUON, NEUTRINOS = 22, 11, 13, (12, 14, 16)
#: Hadrons that never decay in flight (neutrons hardly ever), and that mostly meet matter before; nuclei have larger codes.
STABLE, LONG_LIVED, NUCLEI = (2212, 2112), (211, 321, 130), 1_000_000_000
#: How near a particle is made to the end of its parent to be made there, mm.
SAME_PLACE = 0.1
#: How well four-momenta of children add up to that of what decayed: a fraction of its energy, and GeV.
BALANCE, ROUNDING = 0.02, 0.01


def fates_of(
    content: Content, collections: list[Collection], particles: Particles, mass: Floats, place: Ints
) -> Fates | None:
    """Parents and fates; None where no particle was simulated.

    The simulation says whether a particle ended in the tracker, in a calorimeter or left. In the tracker, a photon has
    ``converted``, an electron ``stopped``; any other has ``decayed`` if the four-momenta of its children add up to its own
    (where it has no children in the file: unless it lives long), else ``interacted``. Momenta alone may add up where a
    nucleus took up what is missing; its mass would count as energy of the particle. An end in a calorimeter is
    ``showered`` (``stopped`` of a muon), and its place is where the particle itself ended, inside. What has no bit (a
    neutrino, or what the simulation was not given) has ``escaped``. The time of an end is that of the children that begin
    there; NaN without any, or where the file has no times.

    Parameters
    ----------
    content : Content
    collections : list of Collection
        Of the particles of the file.
    particles : Particles
        Those that are kept.
    mass : float64 (n,)
        Of them, GeV.
    place : int64 (n_in_file,)
        Row among them, -1 for the others.

    Raises
    ------
    BadInput
        Particles that are their own ancestors, or pointers to nowhere.
    """
    tables = [c.table for c in collections]
    kept = place >= 0
    bits = np.concatenate([t.unsigned("simulator_status") for t in tables])[kept]
    if not bits.any():
        return None
    parent = _parents(content, collections, place)
    time = np.concatenate([t.floats("time") for t in tables])[kept]
    end = np.concatenate([t.floats("endpoint") for t in tables])[kept]
    last = _last_momenta(tables, particles, kept)
    fate = _fates(particles, bits, _balanced(particles, mass, parent, last))
    made = np.stack([particles.vx, particles.vy, particles.vz], axis=1)
    escaped = fate == FATES.index("escaped")
    end = np.where(escaped[:, None] | ~np.isfinite(end), np.where(escaped[:, None], made, np.nan), end)
    when = np.full(len(particles), np.inf)
    # The bit for a vertex away from the parent's end is set for nearly all in some files, so places tell.
    with np.errstate(invalid="ignore"):
        at_end = (parent >= 0) & (np.abs(made - end[parent]).max(axis=1, initial=0) < SAME_PLACE)
    np.fmin.at(when, parent[at_end], time[at_end])
    when = np.where(escaped, time, np.where(np.isfinite(when), when, np.nan))
    if not time[
        _bit(bits, CREATED_IN_SIMULATION)
    ].any():  # some writers left 0 for whatever the simulation made
        when = np.full(len(particles), np.nan)
    x, y, z = np.ascontiguousarray(end.T)
    return Fates(parent, fate, x, y, z, when)


def _bit(bits: NDArray[np.uint32], place: int) -> NDArray[np.bool_]:
    return (bits >> np.uint32(place) & np.uint32(1)).astype(bool)


def _parents(content: Content, collections: list[Collection], place: Ints) -> Ints:
    """Row of the nearest ancestor that is kept, of each particle that is kept; -1 without any."""
    up = np.full(len(place), -1, np.int64)  # rows of the file
    first = 0
    for collection in collections:
        offsets, items = collection.table.lists["parents"]
        to = content.rows(items.unsigned("to"), "MCParticle", collections, collection.name)
        child = first + np.repeat(np.arange(len(collection)), np.diff(offsets))
        for kept in (
            False,
            True,
        ):  # the first parent is written last, and one that is kept goes before all others
            link = np.flatnonzero((to >= 0) & (np.append(place, -1)[to] >= 0) if kept else to >= 0)[::-1]
            up[child[link]] = to[link]
        first += len(collection)
    for _ in range(
        len(up).bit_length() + 1
    ):  # each time twice as many generations of what is not kept are left out
        cut = (up >= 0) & (np.append(place, 0)[up] < 0)
        up[cut] = up[up[cut]]
    rows = np.flatnonzero(place >= 0)
    # What is still cut is its own ancestor.
    found = np.where(up[rows] >= 0, np.append(place, -1)[up[rows]], -1)
    above = found.copy()
    for _ in range(len(found).bit_length() + 1):  # each time twice as many generations up
        above = np.where(above >= 0, above[above], -1)
    if (above >= 0).any():
        row = int(np.flatnonzero(place >= 0)[np.flatnonzero(above >= 0)[0]])
        why = "a particle that is its own ancestor; damaged: fetch the file again"
        raise BadInput(content.file, f"{content.where}, MCParticle[{row}]", why)
    return found


def _last_momenta(tables: list[Table], particles: Particles, kept: NDArray[np.bool_]) -> Floats:
    """Momenta at the end where the file tells them, else at the production point, (n, 3)."""
    first = np.stack([particles.px, particles.py, particles.pz], axis=1)
    if not all("end_momentum" in t for t in tables):
        return first
    last = np.concatenate([t.floats("end_momentum") for t in tables])[kept]
    return np.where(
        np.isfinite(last).all(axis=1, keepdims=True) & last.any(axis=1, keepdims=True), last, first
    )


def _balanced(particles: Particles, mass: Floats, parent: Ints, last: Floats) -> NDArray[np.bool_]:
    """Whether what came of a particle looks like its decay."""
    child = np.flatnonzero(parent >= 0)
    first = np.stack([particles.px, particles.py, particles.pz], axis=1)
    made, ended = (np.column_stack([p, np.hypot(np.linalg.norm(p, axis=1), mass)]) for p in (first, last))
    total = np.zeros((len(particles), 4))
    np.add.at(total, parent[child], made[child])
    off = total - ended
    allowed = ROUNDING + BALANCE * ended[:, 3]
    balanced = (np.linalg.norm(off[:, :3], axis=1) < allowed) & (np.abs(off[:, 3]) < allowed)
    code = np.abs(particles.pdg.astype(np.int64))
    childless = np.bincount(parent[child], minlength=len(particles)) == 0
    short_lived = ~np.isin(code, LONG_LIVED)
    return np.asarray(np.where(childless, short_lived, balanced) & ~np.isin(code, STABLE) & (code < NUCLEI))


def _fates(particles: Particles, bits: NDArray[np.uint32], balanced: NDArray[np.bool_]) -> NDArray[np.int8]:
    code = np.abs(particles.pdg.astype(np.int64))
    in_tracker = _bit(bits, DECAYED_IN_TRACKER)
    # The first that holds, so what is seldom true and tells most comes first.
    rules = [
        (np.isin(code, NEUTRINOS), "escaped"),
        (in_tracker & (code == PHOTON), "converted"),
        (in_tracker & (code == ELECTRON), "stopped"),
        (in_tracker & (balanced | (code == MUON)), "decayed"),
        (in_tracker, "interacted"),
        (_bit(bits, DECAYED_IN_CALORIMETER) & (code == MUON), "stopped"),
        (_bit(bits, DECAYED_IN_CALORIMETER), "showered"),
        (_bit(bits, LEFT_DETECTOR), "left"),
        (_bit(bits, STOPPED), "stopped"),
    ]
    chosen = np.select(
        [rule for rule, _ in rules], [FATES.index(name) for _, name in rules], FATES.index("escaped")
    )
    return chosen.astype(np.int8)
