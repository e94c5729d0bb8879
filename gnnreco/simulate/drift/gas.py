"""Ionisation of a gas along flight paths: where the electrons of a drift chamber are set free."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.kernels import X, Y, Z, njit
from gnnreco.simulate.flight import CURVATURE, LIGHT
from gnnreco.simulate.sensor_tree import helix
from gnnreco.simulate.transport import Paths

# Ionisation goes with the nuclear interaction length: the mean loss of a minimum-ionising particle in one is 170 MeV in
# neon, 182 in argon, 178 in methane and 180 in silicon (PDG tables of atomic and nuclear properties).
LOSS = 0.175  # GeV per interaction length
# Energy of a primary ionisation in units of the mean energy per pair: it falls as E^-2.2 between the first ionisation
# potential and where a knock-on electron leaves the track (0.63 and 278 in neon: ALICE TPC software).
LOWEST, HIGHEST, STEEP = 0.633, 278.0, 1.2


class Clusters(NamedTuple):
    """Groups of electrons set free at one point, in the order of the paths.

    Attributes
    ----------
    particle : int64 (n,)
    sensor : int32 (n,)
    x, y, z : float64 (n,), mm
    time : float64 (n,), ns
    electrons : int64 (n,)
    """

    particle: Ints
    sensor: NDArray[np.int32]
    x: Floats
    y: Floats
    z: Floats
    time: Floats
    electrons: Ints


def relative_loss(beta_gamma: Floats) -> Floats:
    """Ionisation in a gas, in units of its minimum: the formula of ALEPH (Blum and Rolandi, ch. 9), constants of ALICE."""
    power = (beta_gamma / np.sqrt(1 + beta_gamma**2)) ** 1.8631
    rise = 10.632 - power - np.log(0.13279e-4 + beta_gamma**-1.9479)
    return np.asarray(0.076176 * rise / power)


def electrons_in(chance: Floats) -> Ints:
    """Electrons of one primary ionisation for a uniform random number: one, and one for each further pair paid for."""
    low, high = LOWEST**-STEEP, HIGHEST**-STEEP
    energy = (low - chance * (low - high)) ** (-1 / STEEP)
    return 1 + (energy - LOWEST).astype(np.int64)


MEAN_SIZE = float(electrons_in((np.arange(1_000_000) + 0.5) / 1_000_000).mean())


def electrons_per_mm(detector: Detector) -> Floats:
    """Electrons that a minimum-ionising particle sets free in a mm of each sensor; 0 in what is no drift chamber."""
    pair = np.array([s.drift.pair_energy if s.drift else np.inf for s in detector.subsystems])
    return np.asarray(LOSS * detector.interaction_lengths / detector.thickness / pair[detector.subsystem])


def ionise(detector: Detector, paths: Paths, rng: np.random.Generator) -> Clusters:
    """Set electrons free along paths; those outside drift chambers are left out."""
    density = electrons_per_mm(detector) / MEAN_SIZE
    most = density.max(initial=0.0)
    momentum = np.sqrt(paths.px**2 + paths.py**2 + paths.pz**2)
    rate = np.where(paths.charge == 0, 0.0, paths.charge**2 * relative_loss(momentum / paths.mass))
    number = rng.poisson(rate * most * paths.length)
    path = np.repeat(np.arange(len(number)), number)
    along = rng.random(len(path)) * paths.length[path]
    direction = np.stack([paths.px, paths.py, paths.pz], axis=1) / momentum[:, None]
    start = np.stack([paths.x, paths.y, paths.z], axis=1)
    field = detector.field.at(start + direction * paths.length[:, None] / 2)
    strength = np.linalg.norm(field, axis=1)
    axis = np.where(strength[:, None] > 1e-9, field / np.maximum(strength, 1e-9)[:, None], [0.0, 0.0, 1.0])
    xyz = _on_helix(start, direction, axis, CURVATURE * paths.charge * strength / momentum, path, along)
    sensor = detector.locate(xyz)
    # Where gases differ the densest set the rate: the others keep their share.
    kept = (sensor >= 0) & (rng.random(len(path)) * most < density[np.maximum(sensor, 0)])
    path, along = path[kept], along[kept]
    speed = LIGHT * momentum / np.sqrt(momentum**2 + paths.mass**2)
    # Contiguous, also where nothing was freed: `collect` is compiled for one kind of columns.
    x, y, z = np.ascontiguousarray(xyz[kept].T)
    time = paths.time[path] + along / speed[path]
    return Clusters(paths.particle[path], sensor[kept], x, y, z, time, electrons_in(rng.random(len(path))))


@njit(cache=True, error_model="numpy")
def _on_helix(
    start: Floats, direction: Floats, axis: Floats, turn: Floats, path: Ints, along: Floats
) -> Floats:
    """Points (n, 3) at `along` mm on helices."""
    xyz = np.empty((len(path), 3))
    for i in range(len(path)):
        p = path[i]
        x, t, h = start[p], direction[p], axis[p]
        point, _ = helix((x[X], x[Y], x[Z]), (t[X], t[Y], t[Z]), (h[X], h[Y], h[Z]), turn[p], along[i])
        xyz[i, X], xyz[i, Y], xyz[i, Z] = point
    return xyz
