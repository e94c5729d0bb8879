"""The showers of the CMS simulation in `hgcal/geant4_reference/*.npz`: how they were shot, and what their histograms mean.

From the code that made them (OzAmram/HGCalShowers, OzAmram/CMSHGCaloChallenge, CMSSW):

- The gun (CloseByParticleGun) stands at z = 321 cm, 1 cm before the calorimeter, at eta 1.99 to 2.01 and an azimuth of 90 degrees, and points away
  from the origin.
- CMSSW then moves each particle by a vertex drawn from the luminous region of the HL-LHC (for this gun until the
  pull request cms-sw/cmssw#34681, and in a central production unless it is asked not to). So one photon in two begins inside the calorimeter, and all lie
  up to centimetres beside the axis. The histograms tell that this happened here: their spread from shower to shower (`ref_std`) is that of such a beam, ten
  times as large in the second ring as that of a gun at one place.
- Energies are those of simulated hits without noise or threshold, times the weight of their layer. Depth: the fraction in each of 47 layers.
- Rings: the fraction by distance of a cell's centre from the mean axis, in steps of a cell; the cell nearest to the axis is ring 0.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats
from gnnreco.geometry import Detector

# CMSSW, RecoLocalCalo/HGCalRecProducers, weightsPerLayer_V16: MeV for each minimum-ionising particle, layers 1 to 47.
WEIGHTS = np.array(
    [5.55]
    + [12.86, 9.4] * 8
    + [12.86]
    + [13.54, 12.86] * 4
    + [58.63]
    + [60.7] * 10
    + [83.08, 83.08, 83.43]
    + [83.61] * 7
)
# mm of silicon that the reference's showers meet, as the kinds of its cells tell (`hgcal/cell_map.npz`).
SILICON = np.array([0.2] * 24 + [0.3] * 23)
GUN, ETA, ETA_HALF = 3210.0, 2.0, 0.01  # mm along z; the mean axis and how far around it the gun turns
# mm along z, the spread of the luminous region: that of the density in CMSSW's HLLHCEvtVtxGenerator with its own numbers, integrated over x, y and t.
LUMINOUS = 42.7
PITCH = 12.091  # mm, the step of the rings
FRONT = 3211.0  # mm along z, where the first layer begins
TOWARDS = np.array([0.0, 1 / np.sinh(ETA)])  # mm in x and y of the mean axis for each mm along z


def planes(detector: Detector) -> Floats:
    """Middle of the sensors of each layer of the side that is shot at, mm along z. Shape (47,)."""
    return _mean_of_layers(detector, detector.center[:, 2])


def _mean_of_layers(detector: Detector, values: Floats) -> Floats:
    """Mean of a column of the sensors over each layer."""
    count = np.bincount(detector.layer)[: len(WEIGHTS)]
    return np.bincount(detector.layer, values)[: len(WEIGHTS)] / count


def shots(detector: Detector, n: int, seed: int = 1) -> tuple[Floats, Floats]:
    """Directions and starts, mm, of the particles of n showers. Shapes (n, 3).

    One that begins within a layer begins at the nearer of its two ends: our simulation counts all or nothing of its material.
    """
    rng = np.random.default_rng(seed)
    eta, moved = rng.uniform(ETA - ETA_HALF, ETA + ETA_HALF, n), LUMINOUS * rng.standard_normal(n)
    direction = np.stack([0 * eta, 1 / np.cosh(eta), np.tanh(eta)], axis=1)
    way = direction / direction[:, 2:]
    start = GUN * way
    start[:, 2] += moved
    ends = np.append(FRONT, planes(detector) + _mean_of_layers(detector, detector.thickness))
    nearest = ends[np.abs(start[:, 2:] - ends).argmin(axis=1)]
    begin = np.where(start[:, 2] > FRONT, nearest, start[:, 2])
    return direction, start + (begin - start[:, 2])[:, None] * way


def rings(detector: Detector, layer: NDArray[np.int64], centers: Floats) -> NDArray[np.int64]:
    """Ring of each cell of a layer by its centre (n, 3), mm. Shape (n,)."""
    away = centers[:, :2] - centers[:, 2:] * TOWARDS
    ring = np.maximum(np.rint(np.hypot(*away.T) / PITCH).astype(np.int64), 1)
    ring[np.hypot(*(away - _nearest(detector)[layer]).T) < 0.5] = 0
    return ring


@lru_cache(maxsize=1)
def _nearest(detector: Detector) -> Floats:
    """From the mean axis to the centre of the nearest cell of each layer, mm, as seen from a grid of points around it. Shape (n_layers, 2)."""
    z = planes(detector)
    around = np.stack(np.meshgrid(*2 * [np.arange(-20.0, 21.0, 2.0)]), axis=-1).reshape(-1, 2)
    points = np.concatenate([np.column_stack([around + at * TOWARDS, np.full(len(around), at)]) for at in z])
    layer, found = np.repeat(np.arange(len(z)), len(around)), np.full((len(z), 2), np.inf)
    _, center, there = cells_at(detector, points)
    away = center[:, :2] - center[:, 2:] * TOWARDS
    for one in np.unique(layer[there]):
        mine = away[layer[there] == one]
        found[one] = mine[np.hypot(*mine.T).argmin()]
    return found


def cells_at(detector: Detector, points: Floats) -> tuple[NDArray[np.int32], Floats, NDArray[np.int64]]:
    """Sensors (m,) and centres (m, 3) of the cells in which points (n, 3) lie, and which points lie in one (m,)."""
    sensor = detector.locate(points, 3.0)
    rows = np.flatnonzero(sensor >= 0)
    sensor = sensor[rows]
    local = np.einsum("ni,nij->nj", points[rows] - detector.center[sensor], detector.rotation[sensor])
    cell = detector.cell_at(sensor, local[:, 0], local[:, 1])
    inside = cell >= 0
    sensor = sensor[inside]
    return sensor, detector.cell_position(sensor, cell[inside]), rows[inside]


def reference(folder: Path, particle: str, energy: int, kind: str) -> dict[str, Floats]:
    """A histogram of the reference, `folder` being that of `geant4_reference`."""
    file = folder / "geant4_reference" / f"{particle.title()}_E{energy}_{kind}.npz"
    with np.load(file, allow_pickle=False) as table:
        return dict(table)
