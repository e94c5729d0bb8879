"""An unknown event as numbers that need no detector, collection by collection, and which hits make each of them.

Each number is one whose large values mean much: hits, energy, the highest cell, a cell that its neighbours know nothing of,
transverse momentum that nothing balances, hits in a line along the beam.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import cKDTree

from gnnreco.columns import Collections, Event, Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.graphs.showers.free_cells import (
    FreeGraphConfig,
    build_free_graph,
    cell_edges,
    collection_of,
    with_energy,
)

#: What a number is of where it is of all collections.
EVERYTHING = "everything"
#: Kinds of numbers; those in GeV are counted in typical hits of their collection before they are compared.
KINDS = ("hits", "energy", "highest", "lone", "share", "imbalance", "line", "vertices")
IN_GEV = ("energy", "highest", "lone", "imbalance")
FEW = 10  # a share of fewer hits tells nothing
CONE = 0.1  # rad: what lies in the same direction, in other collections
ETA_PART = 0.25  # pseudorapidity: a shower from the origin is narrower than two of these
WIDEST = 0.15  # rad: chambers are wider than what goes through them
VERTICES = re.compile(r"vert|^pvs?(_|$)", re.IGNORECASE)  # collections of a file that list collisions


@dataclass(frozen=True)
class Fact:
    """One number of an event.

    Attributes
    ----------
    value : float
    hits : int64 (m,)
        Rows of the hits that make it.
    share : float64 (m,)
        How much of it each makes; they add up to 1, or there are none.
    """

    value: float
    hits: Ints
    share: Floats


@dataclass(frozen=True)
class LoneCell:
    """The cell of a collection that exceeds its neighbours most.

    Attributes
    ----------
    energy, neighbours, collection : float
        GeV: in it, in all cells that touch it or lie one beyond, and in its whole collection.
    behind : float
        GeV that other collections hold in its direction, within `CONE`.
    others : bool
        Whether other collections measure energy at all.
    """

    energy: float
    neighbours: float
    collection: float
    behind: float
    others: bool


@dataclass(frozen=True)
class Line:
    """The line parallel to the beam that crosses most parts of pseudorapidity.

    Attributes
    ----------
    parts, hits : int
        How many parts, of `ETA_PART` each, have a hit on it, and how many hits these are.
    radius, phi : float
        Where it runs: mm, rad.
    low, high : float
        Between which z, mm.
    collections : tuple of str
    """

    parts: int
    hits: int
    radius: float
    phi: float
    low: float
    high: float
    collections: tuple[str, ...]


@dataclass(frozen=True)
class Measured:
    """The numbers of one event.

    Attributes
    ----------
    number : int
    source : str
    hits : int
    facts : dict of (collection, kind) to Fact
    typical : dict of str to float
        Median energy of the hits of each collection that measures energy, GeV.
    lone : dict of str to LoneCell
    line : Line, optional
    missing : dict of str to float
        Azimuth (rad) that missing transverse momentum points to, by collection.
    """

    number: int
    source: str
    hits: int
    facts: dict[tuple[str, str], Fact]
    typical: dict[str, float]
    lone: dict[str, LoneCell]
    line: Line | None
    missing: dict[str, float]

    def without_hits(self) -> Measured:
        """The same numbers without the hits that make them: a ranking of many events needs no more."""
        none = np.zeros(0, np.int64), np.zeros(0)
        return replace(self, facts={key: Fact(fact.value, *none) for key, fact in self.facts.items()})


@dataclass(frozen=True)
class _Cells:
    """Hits of an event in an order of their own, so that the order of the file changes no bit."""

    event: Event
    order: Ints
    names: tuple[str, ...]
    of: Ints
    placed: Ints
    energy: Floats
    energetic: Ints


def measure(
    event: Event, detector: Detector | None = None, config: FreeGraphConfig | None = None
) -> Measured:
    """The numbers of one event.

    Parameters
    ----------
    event : Event
        Energies that are no numbers or below zero count as zero, and hits without a finite position as hits only.
    detector : Detector, optional
        Its subsystems then stand for the collections.
    config : FreeGraphConfig, optional
        Which cells are neighbours.
    """
    config = config or FreeGraphConfig()
    cells = _sorted(event if detector is None else _by_subsystem(event, detector))
    edges = cell_edges(cells.event, config)
    facts: dict[tuple[str, str], Fact] = {}
    typical, missing = {}, {}
    pt = _transverse(cells)
    for row, name in enumerate(cells.names):
        mine = np.flatnonzero(cells.of == row)
        facts[name, "hits"] = _fact(float(len(mine)), mine)
        inside = np.intersect1d(mine, cells.energetic)
        if not len(inside):
            continue
        energy = cells.energy[inside]
        typical[name] = float(np.median(energy))
        top = inside[[np.argmax(energy)]]
        facts[name, "energy"] = _fact(float(energy.sum()), inside, energy)
        facts[name, "highest"] = _fact(float(energy.max()), top)
        facts[name, "imbalance"], missing[name] = _imbalance(pt, inside)
    lone = _lone_cells(cells, edges, config, facts)
    if len(cells.energetic):
        facts[EVERYTHING, "imbalance"], missing[EVERYTHING] = _imbalance(pt, cells.energetic)
    line, on_line = _longest_line(cells, edges)
    if line is not None:
        facts[EVERYTHING, "line"] = _fact(float(line.parts), on_line)
    vertices = sum(count for name, count in event.left_aside.items() if VERTICES.search(name))
    if vertices:
        facts[EVERYTHING, "vertices"] = _fact(float(vertices), np.arange(len(cells.of)))
    facts = {key: replace(fact, hits=cells.order[fact.hits]) for key, fact in facts.items()}
    return Measured(event.number, event.source, len(event.hits), facts, typical, lone, line, missing)


def _by_subsystem(event: Event, detector: Detector) -> Event:
    """The event with the detector's subsystems, and what lies in none, as its collections; cells are left untold."""
    names = (*(subsystem.name for subsystem in detector.subsystems), "no subsystem")
    of = np.append(detector.subsystem, len(names) - 1)[event.hits.sensor].astype(np.int32)
    return replace(event, collections=Collections(names, of, np.full((len(of), 3, 3), np.nan)))


def _sorted(event: Event) -> _Cells:
    hits, of = event.hits, collection_of(event)
    energy = np.zeros(len(hits)) if hits.energy is None else np.asarray(hits.energy, np.float64)
    energy = np.where(np.isfinite(energy) & (energy > 0) & with_energy(event), energy, 0.0)
    order = np.lexsort((energy, hits.z, hits.y, hits.x, of))
    told = event.collections
    event = replace(
        event,
        hits=hits[order],
        truth=None,
        found={},
        collections=None if told is None else replace(told, of=told.of[order], edges=told.edges[order]),
    )
    placed = np.isfinite(event.hits.xyz).all(axis=1)
    energy, names = energy[order], ("hits",) if told is None else told.names
    energetic = np.flatnonzero(placed & (energy > 0))
    return _Cells(event, order, names, of[order].astype(np.int64), np.flatnonzero(placed), energy, energetic)


def _fact(value: float, hits: Ints, weight: Floats | None = None) -> Fact:
    share = np.ones(len(hits)) if weight is None else np.maximum(weight, 0.0)
    total = share.sum()
    return Fact(value, hits, share / total) if total > 0 else Fact(value, hits[:0], np.zeros(0))


def _transverse(cells: _Cells) -> Floats:
    """Transverse momentum (n, 2), GeV, of each hit's energy on a straight way from the origin."""
    xyz = np.where(np.isfinite(cells.event.hits.xyz), cells.event.hits.xyz, 0.0)
    way = np.maximum(np.linalg.norm(xyz, axis=1), 1e-9)
    return xyz[:, :2] * (cells.energy / way)[:, None]


def _imbalance(pt: Floats, hits: Ints) -> tuple[Fact, float]:
    """The sum of transverse momenta, made by those that point along it; and the azimuth opposite to it."""
    total = pt[hits].sum(axis=0)
    size = float(np.hypot(*total))
    along = pt[hits] @ total / max(size, 1e-12)
    return _fact(size, hits, along), float(np.arctan2(-total[1], -total[0]))


def _lone_cells(
    cells: _Cells, edges: Floats, config: FreeGraphConfig, facts: dict[tuple[str, str], Fact]
) -> dict[str, LoneCell]:
    """Add the numbers of lone cells to `facts`; returns those cells."""
    graph = build_free_graph(config, cells.event, edges)
    owner = np.repeat(np.arange(len(graph)), np.diff(graph.offsets))
    around = np.bincount(owner, graph.energy[graph.neighbour], len(graph))
    way = graph.direction
    found = {}
    for row in np.unique(graph.group):
        name, mine = cells.names[row], np.flatnonzero(graph.group == row)
        best = mine[np.argmax(graph.energy[mine] - around[mine])]
        energy, total = float(graph.energy[best]), float(graph.energy[mine].sum())
        others = graph.group != row
        near = others & (way @ way[best] > np.cos(CONE))
        behind, beside = float(graph.energy[near].sum()), float(around[best])
        found[name] = LoneCell(energy, beside, total, behind, bool(others.any()))
        excess, hit = max(energy - beside, 0.0), graph.index[[best]].astype(np.int64)
        facts[name, "lone"] = _fact(excess, hit)
        facts[name, "share"] = _fact(excess / total if len(mine) >= FEW else 0.0, hit)
    return found


def _longest_line(cells: _Cells, edges: Floats) -> tuple[Line | None, Ints]:
    """The line parallel to the beam with hits in most parts of pseudorapidity, of cells whose width is known."""
    xyz = cells.event.hits.xyz
    radius = np.hypot(xyz[:, 0], xyz[:, 1])
    known = cells.placed[np.isfinite(edges[cells.placed]).all(axis=(1, 2)) & (radius[cells.placed] > 0)]
    if not len(known):
        return None, known
    xyz, radius, edges, of = xyz[known], radius[known], edges[known], cells.of[known]
    beside = np.stack([-xyz[:, 1], xyz[:, 0]], axis=1) / radius[:, None]
    width = np.abs(np.einsum("nka,na->nk", edges[:, :, :2], beside)).max(axis=1)
    eta = np.arcsinh(xyz[:, 2] / radius).clip(-10, 10)
    part = np.floor(eta / ETA_PART).astype(np.int64) + 64
    seeds, partners = [], []
    for row in np.unique(of):
        mine = np.flatnonzero(of == row)
        reach = min(float(np.median(width[mine])) / 2, WIDEST * float(np.median(radius[mine])))
        lists = cKDTree(xyz[mine, :2]).query_ball_point(xyz[:, :2], reach, return_sorted=True)
        seeds.append(np.repeat(np.arange(len(xyz)), [len(one) for one in lists]))
        partners.append(mine[np.concatenate([np.asarray(one, np.int64) for one in lists])])
    seed, partner = np.concatenate(seeds), np.concatenate(partners)
    crossed = np.bincount(np.unique(seed * 128 + part[partner]) // 128, minlength=len(xyz))
    crossed = np.maximum(crossed, 1)
    best = np.lexsort((-np.bincount(seed, minlength=len(xyz)), -crossed))[0]
    on = np.union1d(partner[seed == best], [best])
    names = tuple(cells.names[row] for row in np.unique(of[on]))
    low, high = float(xyz[on, 2].min()), float(xyz[on, 2].max())
    phi = float(np.arctan2(xyz[best, 1], xyz[best, 0]))
    line = Line(int(crossed[best]), len(on), float(radius[best]), phi, low, high, names)
    return line, known[on]
