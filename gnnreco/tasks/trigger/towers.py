"""Towers of calorimeters as input buffers, and what of the offline particles belongs to each.

A seed is the loudest cell that is left, and lies far enough in angle from the seeds before it. Its tower is all cells that
lie nearer to it than to any other seed, seen from the origin. What a tower holds is told by classes of its cells: by depth,
and by how loud a cell is, since what electrons and photons leave lies denser than what hadrons leave, and counts for less.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from gnnreco.columns import Event, Floats, Ints, ReconstructedParticles
from gnnreco.errors import BadConfig, BadInput
from gnnreco.events.select import seen
from gnnreco.geometry import Detector
from gnnreco.models.trigger.network import TriggerNetworkConfig
from gnnreco.tasks.particleflow.targets import targets_of

from .buffers import Buffers
from .regions import Cells, loudest_first

#: Of a class of cells, and of an answer: px, py, pz, energy.
COMPONENTS = 4


@dataclass(frozen=True)
class TowerConfig:
    """How towers are made, and what of the offline particles is wanted of them.

    Attributes
    ----------
    apart : float
        Least angle between two seeds, rad.
    reach : float
        Cells farther from every seed are left out, rad.
    depths : tuple of float
        Where classes of depth end, radiation lengths from the front of the stack.
    loudness : tuple of float
        Where classes of energy end, in units of what a minimum-ionising particle leaves in the layer.
    unit : float
        GeV in an answer of 1.
    offline
        ``truth``: the targets of particle flow, see `gnnreco.tasks.particleflow.targets`; ``found``: the particles that
        other bundles, which `sample.bundles` names, find in the event.
    """

    apart: float = 0.15
    reach: float = math.pi
    depths: tuple[float, ...] = (24.0,)
    loudness: tuple[float, ...] = (2.0, 8.0)
    unit: float = 32.0
    offline: Literal["truth", "found"] = "truth"

    def __post_init__(self) -> None:
        for name in ("apart", "reach", "unit"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above zero, not {getattr(self, name)}")
        for name in ("depths", "loudness"):
            if sorted(set(getattr(self, name))) != list(getattr(self, name)):
                raise ValueError(f"{name} must rise")

    @property
    def classes(self) -> int:
        """Classes of cells."""
        return (len(self.depths) + 1) * (len(self.loudness) + 1)


@dataclass(frozen=True, slots=True)
class Towers:
    """Towers of one event.

    Attributes
    ----------
    seed : float64 (n, 3)
        Unit vector to the seed.
    sums : float64 (n, classes, 4)
        px, py, pz, energy of the cells of each class, as if massless particles from the origin had made them, GeV. Classes
        come by depth, and by loudness within a depth.
    dropped : int
        Cells out of reach.
    """

    seed: Floats
    sums: Floats
    dropped: int


def towers(
    config: TowerConfig, features: int, network: TriggerNetworkConfig, detector: Detector, event: Event
) -> Buffers:
    """The buffer of one event: a tower in each slot, the one with the loudest seed first.

    A node is px, py, pz and energy (GeV) of each class of its cells. `Buffers.target` holds the same of the offline
    particles whose directions are nearest to each seed and, last, their sum, in units of `TowerConfig.unit`; it is None
    where the event has no such particles. An event without cells gives a buffer without filled slots.

    Raises
    ------
    BadConfig
        If the network is not one for towers, or the detector has no calorimeter.
    """
    if network.kind != "slots" or network.outputs != COMPONENTS:
        raise BadConfig(
            "towers need model.kind=slots and model.outputs=4: px, py, pz and energy of each slot"
        )
    if features != COMPONENTS * config.classes:
        why = f"a tower has {COMPONENTS} for each of its {config.classes} classes of cells"
        raise BadConfig(f"task.input.features={features}: {why}, which is {COMPONENTS * config.classes}")
    centered = detector.at_source()
    whole = seen(event, detector, ("energy", "position")).event
    made = find_towers(config, network.slots, loudest_first(centered, whole))
    n, x = len(made.seed), np.zeros((1, network.slots, features))
    x[0, :n] = made.sums.reshape(n, features)
    valid = (np.arange(network.slots) < n).astype(np.float64)[None]
    offline = offline_particles(config, centered, event, whole)
    target = None if offline is None else np.zeros((1, network.slots + 1, COMPONENTS))
    if offline is not None and target is not None and n:
        np.add.at(target[0], _nearest(made.seed, offline[:, :3])[0], offline / config.unit)
        target[0, -1] = target[0, :-1].sum(axis=0)
    return Buffers(x, valid, np.full(1, -1, np.int64), made.dropped, target)


def find_towers(config: TowerConfig, most: int, cells: Cells) -> Towers:
    """Towers of the cells of an event, at most so many."""
    direction = cells.xyz / np.maximum(np.linalg.norm(cells.xyz, axis=1), 1e-9)[:, None]
    rows, free = list[int](), np.ones(len(direction), bool)
    while free.any() and len(rows) < most:
        rows.append(int(free.argmax()))
        free &= direction @ direction[rows[-1]] < np.cos(config.apart)
    seed = direction[rows].reshape(-1, 3)
    tower, cosine = _nearest(seed, direction)
    kept = cosine >= np.cos(min(config.reach, np.pi))
    which = np.digitize(cells.depth, config.depths) * (len(config.loudness) + 1)
    which += np.digitize(cells.energy / cells.mip, config.loudness)
    sums = np.zeros((len(seed), config.classes, COMPONENTS))
    four = np.column_stack([direction, np.ones(len(direction))]) * cells.energy[:, None]
    np.add.at(sums, (tower[kept], which[kept]), four[kept])
    return Towers(seed, sums, int((~kept).sum()))


def offline_particles(config: TowerConfig, detector: Detector, event: Event, whole: Event) -> Floats | None:
    """Four-momenta (n, 4) of the particles that offline reconstruction finds or ought to find, GeV; None: unknown.

    Parameters
    ----------
    config : TowerConfig
    detector : Detector
        In the frame of its source.
    event : Event
        As it was read, with what was found in it.
    whole : Event
        The same in the frame of the source.
    """
    if config.offline == "found":
        if ReconstructedParticles not in event.found:
            return None
        found = event.found[ReconstructedParticles]
        return np.stack([found.px, found.py, found.pz, found.energy], axis=1)
    if whole.truth is None or whole.truth.fates is None:
        return None
    true = targets_of(whole, detector)
    return np.stack([true.px, true.py, true.pz, true.energy], axis=1)


def wanted(config: TowerConfig, event: Event, b: Buffers) -> Floats:
    """The target of a buffer to learn from; raises `BadInput` where the event has none."""
    if b.target is None:
        why = (
            "has no truth that tells what became of its particles; simulate it with gnnreco, and keep it as Parquet"
            if config.offline == "truth"
            else "has no particles that were found; name what finds them with sample.bundles=[...]"
        )
        raise BadInput(event.source, f"event {event.number}", why)
    return b.target


def _nearest(seed: Floats, direction: Floats) -> tuple[Ints, Floats]:
    """Seed that each direction (n, 3), of any length, lies nearest to, and the cosine of the angle between them."""
    if not len(seed):
        return np.zeros(len(direction), np.int64), np.full(len(direction), -np.inf)
    cosine = direction @ seed.T / np.maximum(np.linalg.norm(direction, axis=1), 1e-9)[:, None]
    nearest = cosine.argmax(axis=1)
    return nearest, cosine[np.arange(len(direction)), nearest]
