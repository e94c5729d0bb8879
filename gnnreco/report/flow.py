"""What a report says of particle flow: its figures, which particles are right, and which hits they have."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import PARTICLE_CLASSES, Clusters, Event, Ints, ReconstructedParticles, Tracks
from gnnreco.evaluate.particles import ParticleTarget, match_particles
from gnnreco.evaluate.particles.classes import HARD
from gnnreco.evaluate.particles.targets import four_vectors
from gnnreco.events.select import in_source_frame
from gnnreco.geometry import Detector
from gnnreco.tasks.particleflow.targets import targets_of

RATES = {"efficiency": "efficiency", "fake rate": "fake_rate"}
#: Where each figure stands in what `score_particles` returns.
PARTICLES = {
    **{figure: (key,) for figure, key in RATES.items()},
    **{
        f"{figure}, {name.replace('_', ' ')}s above {HARD:g} GeV": ("classes", name, "above_2_gev", key)
        for name in PARTICLE_CLASSES
        for figure, key in RATES.items()
    },
    **{
        f"energy resolution, {name.replace('_', ' ')}s": ("classes", name, "resolution")
        for name in PARTICLE_CLASSES
    },
    "jet response, anti-kt": ("jets", "antikt", "jet_response_median"),
    "jet resolution, anti-kt": ("jets", "antikt", "jet_resolution_iqr"),
    "jet resolution, Durham": ("jets", "durham", "jet_resolution_iqr"),
    "visible energy": ("visible_energy", "response"),
    "resolution of the visible energy": ("visible_energy", "resolution"),
    "calibration error of the score": ("calibration", "ece"),
    "calibration error of the class": ("class_ece",),
}


@dataclass(frozen=True, slots=True)
class Compared:
    """The particles of one event beside its targets.

    Attributes
    ----------
    right : bool (n,)
        Whether a target of its class is paired with each found particle.
    counts : (int, int, int)
        Targets, those that no particle of their class is paired with, and particles that are paired with no target; of
        targets and of particles above the least energy of `ParticleTarget`.
    """

    right: NDArray[np.bool_]
    counts: tuple[int, int, int]


def compared(event: Event, found: ReconstructedParticles, detector: Detector) -> Compared:
    """Pair found particles with targets as `gnnreco.evaluate.particles.match_particles` does."""
    targets = targets_of(in_source_frame(event, detector.source), detector.at_source())
    ours, true, counted = four_vectors(found), four_vectors(targets), ParticleTarget().passed
    target = match_particles(ours, found.class_index, true, targets.pdg_class).target
    right = (target >= 0) & (np.append(targets.pdg_class, -1)[target] == found.class_index)
    missed = counted(true)
    wanted = int(missed.sum())
    missed[target[right]] = False
    return Compared(right, (wanted, int(missed.sum()), int((counted(ours) & (target < 0)).sum())))


def hits_of(event: Event, found: Tracks | Clusters | ReconstructedParticles, row: int) -> Ints:
    """Rows of the hits of one object that was found; a particle has those of its tracks and clusters, each hit once."""
    own = found.hit_index[found.offsets[row] : found.offsets[row + 1]]
    if not isinstance(found, ReconstructedParticles):
        return own
    parts = [own]
    made_of: list[tuple[type, Ints, Ints]] = [
        (Tracks, found.track_offsets, found.track_index),
        (Clusters, found.cluster_offsets, found.cluster_index),
    ]
    for kind, offsets, index in made_of:
        for one in index[offsets[row] : offsets[row + 1]].tolist():
            columns = event.found[kind]
            parts.append(columns.hit_index[columns.offsets[one] : columns.offsets[one + 1]])
    return np.unique(np.concatenate(parts))
