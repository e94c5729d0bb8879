"""The ceiling and the ground of particle flow: truth in place of pattern recognition, and one subdetector alone.

*Perfect*: each target with a found track takes the track's momentum; every other one the energy that it truly left in all cells,
through the same calibration as the rules, along the line from the vertex to the middle of that energy. Nothing is lost,
mixed up or taken twice, so what remains is the resolution of tracks and calorimeters.
*Calorimeter alone*: every cluster is a neutral particle. *Tracks alone*: every track is a charged hadron.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from flow_output import CHARGED, NEUTRAL, PHOTON, from_neutrals, from_tracks, joined_up
from flow_pieces import EM_DEPTH, FlowEvent
from flow_settings import FlowSettings
from flow_showers import directions, energies, shapes, summed

from gnnreco.columns import Event, Floats, Ints, ReconstructedParticles, Tracks
from gnnreco.events.select import in_source_frame
from gnnreco.graphs.elements.cells import cells_of
from gnnreco.graphs.showers.cells import CellGraphConfig
from gnnreco.tasks.particleflow.answers import best_tracks
from gnnreco.tasks.particleflow.elements import Surroundings
from gnnreco.tasks.particleflow.targets import Targets, targets_of


@dataclass(frozen=True, slots=True)
class TrueFlow:
    """What truth says of the targets of an event.

    Attributes
    ----------
    targets : Targets
    track : int64 (n,)
        Row of the found track of each; -1: none.
    energy : float64 (n, 2)
        What each left in all cells, in front of `EM_DEPTH` and behind, over the sampling fraction, GeV.
    middle : float64 (n, 3)
        Of that energy, mm.
    """

    targets: Targets
    track: Ints
    energy: Floats
    middle: Floats


def true_flow(event: Event, around: Surroundings) -> TrueFlow:
    """Targets of a simulated event in which tracks were found, with what they left."""
    there = in_source_frame(event, around.detector.source)
    targets = targets_of(there, around.detector)
    n = len(targets)
    best = best_tracks(there, targets, event.found[Tracks])
    track = np.full(n, -1, np.int64)
    track[best[best >= 0]] = np.flatnonzero(best >= 0)
    truth = there.truth
    assert truth is not None
    assert truth.energy is not None
    cells = cells_of(CellGraphConfig(), around.detector, around.frame, there)
    place = np.full(len(there.hits), -1, np.int64)
    place[cells.index] = np.arange(len(cells))
    cell, of = place[truth.hit], targets.of[truth.particle]
    mine = (cell >= 0) & (of >= 0)
    whole = np.bincount(truth.hit, truth.energy, len(there.hits))
    cell, of, part = cell[mine], of[mine], truth.energy[mine] / np.maximum(whole[truth.hit[mine]], 1e-30)
    energy = part * cells.energy[cell]
    front = cells.depth[cell] * cells.cosine[cell] < EM_DEPTH
    sums = [np.bincount(of[rows], energy[rows], n) for rows in (front, ~front)]
    total = np.maximum(sums[0] + sums[1], 1e-9)
    middle = (
        np.stack([np.bincount(of, energy * cells.xyz[cell, k], n) for k in range(3)], axis=1) / total[:, None]
    )
    return TrueFlow(targets, track, np.stack(sums, axis=1), middle)


def perfect_flow(event: FlowEvent, true: TrueFlow, s: FlowSettings) -> ReconstructedParticles:
    """What perfect pattern recognition makes of an event."""
    kind = true.targets.pdg_class.astype(np.int64)
    tracked = np.flatnonzero(true.track >= 0)
    rows = true.track[tracked]
    none = [np.zeros(0, np.int64)]
    charged = from_tracks(
        rows, kind[tracked], event.momentum[rows], event.error[rows], event.charge[rows], none * len(rows)
    )
    rest = np.flatnonzero((true.track < 0) & (true.energy.sum(axis=1) > 0))
    photon = kind[rest] == PHOTON
    energy = energies(true.energy[rest], photon, s)
    way = true.middle[rest] - event.vertex
    way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-9)
    sigma = np.where(
        photon, 0.2 * np.sqrt(energy), np.hypot(s.sampling * np.sqrt(energy), s.constant * energy)
    )
    others = from_neutrals(kind[rest], energy, way, sigma, none * len(rest), true.targets.charge[rest])
    return joined_up([charged, others])


def calorimeter_alone(event: FlowEvent, s: FlowSettings) -> ReconstructedParticles:
    """Every cluster as a photon or a neutral hadron."""
    n = int(event.cluster.max(initial=-1)) + 1
    moments, start = summed(event, event.cluster, n)
    rows = np.flatnonzero(moments[:, 0] + moments[:, 1] > 0)
    moments, photon = moments[rows], shapes(moments[rows], start[rows], s)
    energy, way = energies(moments, photon, s), directions(moments, event.vertex)
    kind = np.where(photon, PHOTON, NEUTRAL)
    return joined_up([from_neutrals(kind, energy, way, s.sampling * np.sqrt(energy), list(rows[:, None]))])


def tracks_alone(event: FlowEvent, s: FlowSettings) -> ReconstructedParticles:
    """Every track that the rules would take, as a charged hadron."""
    rows = np.flatnonzero((event.error <= s.track_error) & (event.score >= s.track_score))
    kind, none = np.full(len(rows), CHARGED), [np.zeros(0, np.int64)] * len(rows)
    return joined_up(
        [from_tracks(rows, kind, event.momentum[rows], event.error[rows], event.charge[rows], none)]
    )


__all__ = ["TrueFlow", "calorimeter_alone", "perfect_flow", "tracks_alone", "true_flow"]
