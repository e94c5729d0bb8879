"""Found particles in the regions of a detector, and what an event holds of them as a whole."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import PARTICLE_CLASSES, Floats, ReconstructedParticles

from .fill import UNIT
from .pieces import Pieces
from .places import FARTHEST, RegionFrame

_NAMES = tuple(name.replace("_", " ") + "s" for name in PARTICLE_CLASSES)
TOTALS = (
    *("sum of pt", "missing transverse momentum", "mass"),
    *("hardest particle", "second particle", "third particle"),
    *_NAMES,
    *(f"pt of {name}" for name in _NAMES),
)
HARDEST = 3  # so many particles have a number of their own


def pieces_of(frame: RegionFrame, found: ReconstructedParticles) -> Pieces:
    """The particles by the region that they fly to from the source; their size is pt, GeV."""
    eta = np.clip(np.nan_to_num(found.eta), -FARTHEST, FARTHEST)
    belt = np.clip(np.floor((eta - frame.first) / frame.width).astype(np.int64), 0, frame.belts - 1)
    return Pieces(
        belt * frame.around + turns_of(found.phi, frame.around), found.pt, found.class_index.astype(np.int64)
    )


def turns_of(phi: Floats, around: int) -> np.ndarray:
    """The part of a full turn in which azimuths (n,) lie, of so many (n,)."""
    return np.minimum(((phi / (2 * np.pi) + 0.5) * around).astype(np.int64), around - 1)


def totals_of(found: ReconstructedParticles, pieces: Pieces) -> tuple[Floats, Floats]:
    """The numbers `TOTALS` of an event, and how much each particle takes part in them.

    Returns
    -------
    totals : float64 (16,)
        Logarithms of one plus a count, or of one plus GeV over 0.1.
    parts : float64 (n, 16)
    """
    pt, n = pieces.size, len(PARTICLE_CLASSES)
    momentum = np.array([found.px.sum(), found.py.sum(), found.pz.sum()])
    mass = np.sqrt(max(found.energy.sum() ** 2 - momentum @ momentum, 0.0))
    order = np.argsort(-pt, kind="stable")[:HARDEST]
    hardest = np.zeros(HARDEST)
    hardest[: len(order)] = pt[order]
    count = np.bincount(pieces.kind, minlength=n)
    by_class = np.bincount(pieces.kind, pt, n)
    energies = [pt.sum(), np.hypot(*momentum[:2]), mass, *hardest]
    totals = np.log1p([*(np.array(energies) / UNIT), *count, *(by_class / UNIT)])
    first = np.zeros((len(pt), HARDEST))
    first[order, np.arange(len(order))] = 1.0
    member = (pieces.kind[:, None] == np.arange(n)).astype(np.float64)
    return totals, np.hstack([np.repeat(pt[:, None], 3, axis=1), first, member, member * pt[:, None]])
