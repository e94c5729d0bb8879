"""The level of jets: rings around the axis of each jet, of the particles that were found, or as a file of jets has it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from gnnreco.columns import Event, Floats, Ints, JetBlock, Jets, ReconstructedParticles
from gnnreco.columns.arrays import eta_of, phi_of
from gnnreco.errors import BadConfig, BadInput
from gnnreco.graphs.jet_finder import RADIUS, leading_jets
from gnnreco.graphs.regions.jets import PART, TOTALS, RingConfig, constituents_of, totals_of
from gnnreco.graphs.regions.pieces import FEATURES, KINDS, Pieces
from gnnreco.schema import nearest

from ..explain import shares_of
from ..samples import AnomalySample
from .particles import found_in, to_hits
from .terms import Terms

JETS = Terms("jet", "constituent of a jet", FEATURES, 1, KINDS, TOTALS, "mass")


@dataclass(frozen=True)
class JetConfig:
    """Which jets are looked at.

    Attributes
    ----------
    files : bool
        Jets of files of jets (see `gnnreco.events.parquet.jets`), where nothing is known of the classes of constituents;
        otherwise anti-kt jets of the particles that were found in each event.
    radius : float
        Radius of the jets, in pseudorapidity and azimuth.
    least_pt : float
        Of the jets that are made of particles, GeV; those of files all count.
    normal : tuple of str
        Classes of jets in files that are learned from; none: all.
    rings : RingConfig
    """

    files: bool = False
    radius: float = RADIUS
    least_pt: float = 20.0
    normal: tuple[str, ...] = ()
    rings: RingConfig = field(default_factory=RingConfig)

    def __post_init__(self) -> None:
        if not (0 < self.radius <= 10 and 0 < self.least_pt < np.inf):
            raise BadConfig("task.jets.radius must be above 0 and at most 10, task.jets.least_pt above 0")


class JetsLevel:
    """Sees jets.

    Parameters
    ----------
    config : JetConfig
    """

    def __init__(self, config: JetConfig) -> None:
        self.config = config

    def look(self, event: Event | JetBlock) -> JetsLook:
        """The regions of each jet; those of particles are sorted by pt, the hardest first."""
        where = event.source, f"event {event.number}"
        if self.config.files:
            if isinstance(event, Event):
                why = "holds no jets, and the task learned from files of jets; make some with scripts/make_jets.py"
                raise BadInput(*where, why)
            jets = event.jets
            _check(jets, *where)
            return self._seen(jets, np.full(len(jets.pt), -1), np.zeros(0, np.int64), None)
        found = found_in(event)
        assert isinstance(event, Event)  # `found_in` has seen to it
        jets, rows = jets_of(found, self.config.radius, self.config.least_pt)
        return self._seen(jets, found.class_index[rows].astype(np.int64), rows, event)

    def normal(self, block: JetBlock) -> Jets:
        """The jets of a block that are learned from: those of the normal classes."""
        jets = block.jets
        if not self.config.normal:
            return jets
        for name in self.config.normal:
            if name not in jets.classes:
                why = f"no jets of class '{name}'{nearest(name, jets.classes)}; correct task.jets.normal"
                raise BadInput(block.source, f"event {block.number}", why)
        return jets[np.isin(jets.label, [jets.classes.index(name) for name in self.config.normal])]

    def _seen(self, jets: Jets, kind: Ints, rows: Ints, event: Event | None) -> JetsLook:
        rings = self.config.rings
        pieces = constituents_of(jets, kind, rings, self.config.radius)
        totals, parts = totals_of(jets, pieces)
        features = pieces.features(len(jets) * rings.rings * rings.around, PART)
        return JetsLook(
            AnomalySample(features, rings.static(), totals), jets.offsets, pieces, parts, rows, event
        )


@dataclass(frozen=True, slots=True)
class JetsLook:
    """What it saw; `rows` are those of the particles of `event` that the constituents are, None for a block of jets."""

    sample: AnomalySample
    offsets: Ints
    pieces: Pieces
    parts: Floats
    rows: Ints
    event: Event | None

    def attribution(self, row: int, by_region: Floats, contributions: Floats) -> Floats:
        """How much of the score of a jet each hit of the event gives, or each constituent of the block."""
        mine = slice(self.offsets[row], self.offsets[row + 1])
        region = self.pieces.region[mine] - row * len(by_region)
        pieces = Pieces(region, self.pieces.size[mine], self.pieces.kind[mine])
        shares = shares_of(pieces, by_region, self.parts[mine], contributions)
        if self.event is not None:
            return to_hits(self.event, self.rows[mine], shares)
        out = np.zeros(len(self.parts))
        out[mine] = shares
        return out


def jets_of(found: ReconstructedParticles, radius: float, least_pt: float) -> tuple[Jets, Ints]:
    """Anti-kt jets of found particles, hardest first, and the rows of the particles that are their constituents (m,)."""
    four = np.stack([found.px, found.py, found.pz, found.energy], axis=1)
    flying = np.flatnonzero(found.pt > 0)  # one without transverse momentum has no place in a jet
    parts = [flying[rows] for rows in leading_jets(four[flying], radius, len(flying), least_pt)]
    n, offsets = len(parts), np.cumsum([0, *map(len, parts)]).astype(np.int64)
    rows = np.concatenate([np.zeros(0, np.int64), *parts])
    jet = np.repeat(np.arange(n), np.diff(offsets))
    total = np.zeros((n, 4))
    np.add.at(total, jet, four[rows])
    px, py, pz, energy = total.T
    pt, eta, phi = np.hypot(px, py), eta_of(px, py, pz), phi_of(px, py)
    mass = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    turn = found.phi[rows] - phi[jet]
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    away = found.eta[rows] - eta[jet]
    jets = Jets(
        *(offsets, found.pt[rows], away, turn, np.zeros((n, 0)), (), np.full(n, -1), ()),
        *(pt, eta, phi, mass),
    )
    return jets, rows


def _check(jets: Jets, source: str, where: str) -> None:
    """Raise `BadInput` for a jet with a number that is not finite, or without momentum."""
    good = np.isfinite(jets.jet_pt) & np.isfinite(jets.jet_mass) & (jets.jet_pt > 0)
    inside = np.isfinite(np.stack([jets.pt, jets.eta, jets.phi])).all(axis=0)
    owner = np.repeat(np.arange(len(jets)), np.diff(jets.offsets))
    good[owner[~inside]] = False
    if not good.all():
        why = f"jet {int(np.argmin(good))} has a number that is not finite, or no momentum; leave it out"
        raise BadInput(source, where, why)
