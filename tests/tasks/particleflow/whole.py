"""A small detector with a tracker, a calorimeter and a muon plane behind it, and events in it written by hand."""

from __future__ import annotations

import numpy as np

from gnnreco.columns import Event, Fates, Hits, Particles, Truth
from gnnreco.geometry import Detector
from gnnreco.particles import species_of

WHOLE = """
templates:
  strips: {kind: grid, pitch: [0.1, 0.1], cells: [8000, 8000], thickness: 0.3}
  pads: {kind: grid, pitch: [10, 10], cells: [160, 160], thickness: 0.5}
  chambers: {kind: grid, pitch: [30, 30], cells: [60, 60], thickness: 2}
subsystems:
  tracker: {measures: [position], material: {radiation_lengths: 0.01, interaction_lengths: 0.002}}
  calo:
    measures: [energy]
    material: {radiation_lengths: 1.5, interaction_lengths: 0.15, moliere_radius: 24, sampling_fraction: 0.02}
  muons: {measures: [position], material: {radiation_lengths: 1.0, interaction_lengths: 0.5}}
sensors:
  - {rule: planes, template: strips, subsystem: tracker, z: [100, 200, 300, 400, 500, 600, 700, 800]}
  - {rule: planes, template: pads, subsystem: calo, z: [1000, 1012, 1024, 1036, 1048, 1060, 1072, 1084, 1096, 1108, 1120, 1132,
     1144, 1156, 1168, 1180]}
  - {rule: planes, template: chambers, subsystem: muons, z: [1400, 1500]}
"""
TRACK_LAYERS, CALORIMETER = 8, 8  # the first sensor of the calorimeter follows those of the tracker

Born = tuple[int, tuple[float, float, float], int]


def event_of(
    detector: Detector,
    particles: list[Born],
    layers: dict[int, int] | None = None,
    deposits: list[tuple[int, int, float]] | None = None,
    fate: str = "showered",
) -> Event:
    """An event by hand.

    Parameters
    ----------
    particles
        PDG code, momentum (GeV) and row of the parent (-1: none).
    layers
        On how many layers of the tracker a particle left hits.
    deposits
        Number of a cell, particle, and visible energy over the sampling fraction (GeV).
    """
    layers, deposits = layers or {}, deposits or []
    sensor, owner, hit, energy, place = [], [], [], [], []
    for particle, count in layers.items():
        for k in range(count):
            sensor.append(k)
            hit.append(len(place))
            owner.append(particle)
            energy.append(1e-4)
            place.append((1.0 * particle, 0.0, detector.center[k, 2]))
    cells: dict[int, int] = {}
    for cell, particle, gev in deposits:
        if cell not in cells:
            cells[cell] = len(place)
            sensor.append(CALORIMETER + cell % 16)
            place.append((10.0 * (cell // 16) + 5, 5.0, detector.center[CALORIMETER + cell % 16, 2]))
        hit.append(cells[cell])
        owner.append(particle)
        energy.append(gev * 0.02)
    order = np.lexsort((owner, hit))
    hit_rows, energies = np.array(hit, np.int64)[order], np.array(energy)[order]
    total = np.bincount(hit_rows, energies, len(place))
    xyz = np.array(place).reshape(-1, 3)
    n = len(place)
    hits = Hits(
        np.arange(1, n + 1),
        *xyz.T.copy(),
        np.array(sensor, np.int32),
        np.full(n, 0.01),
        np.full(n, 0.01),
        energy=total,
    )
    pdg = np.array([p[0] for p in particles], np.int32)
    px, py, pz = np.array([p[1] for p in particles], np.float64).reshape(-1, 3).T
    species = species_of(np.unique(pdg))
    zero = np.zeros(len(pdg))
    born = Particles(
        np.arange(1, len(pdg) + 1), pdg, species.charge[species.rows(pdg)], zero, zero, zero, px, py, pz
    )
    from gnnreco.columns import FATES

    parent = np.array([p[2] for p in particles], np.int64)
    fates = Fates(parent, np.full(len(pdg), FATES.index(fate), np.int8), zero, zero, zero, zero)
    truth = Truth(born, hit_rows, np.array(owner, np.int64)[order], energy=energies, fates=fates)
    return Event(0, "by hand", hits, truth)
