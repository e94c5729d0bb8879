"""Particles through the sensors of any detector, generation after generation, and what the sensors see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gnnreco.columns import Floats, Ints
from gnnreco.geometry import Detector
from gnnreco.simulate.flight import FieldMap, Matter, Physics, follow
from gnnreco.simulate.generated import Generated
from gnnreco.simulate.options import SimulationOptions
from gnnreco.simulate.sensor_tree import sensor_tree
from gnnreco.simulate.species import species_of

GENERATIONS = 4


@dataclass(frozen=True, slots=True)
class Crossings:
    """Where particles crossed active sensors and were seen.

    Attributes
    ----------
    particle : int64 (n,)
        Row of the particle.
    sensor : int32 (n,)
    u, v : float64 (n,)
        In the sensor's middle plane, mm.
    slope_u, slope_v : float64 (n,)
        du/dw and dv/dw.
    energy : float64 (n,)
        Left in the active thickness, GeV.
    time : float64 (n,)
        ns.
    """

    particle: Ints
    sensor: NDArray[np.int32]
    u: Floats
    v: Floats
    slope_u: Floats
    slope_v: Floats
    energy: Floats
    time: Floats


class Transport:
    """A detector prepared for transport; call it with the particles of one event.

    Parameters
    ----------
    detector : Detector
    options : SimulationOptions
    """

    def __init__(self, detector: Detector, options: SimulationOptions) -> None:
        self.tree = sensor_tree(detector)
        self.field = field_map(detector, options.field_spacing)
        self.matter = Matter(
            detector.radiation_lengths, detector.interaction_lengths, detector.thickness,
            np.array([[c.radius, c.half_length, c.radiation_lengths, c.interaction_lengths]
                      for c in detector.passive], np.float64).reshape(-1, 4))  # fmt: skip
        self.physics = Physics(options.scattering, options.energy_loss, options.radiation, options.nuclear, options.decays,
                               options.efficiency, 2 * np.pi * options.max_turns, options.min_momentum)  # fmt: skip

    def __call__(self, particles: Generated, rng: np.random.Generator) -> tuple[Generated, Crossings, Ints]:
        """Follow particles, and what they make, to the end.

        Returns
        -------
        particles : Generated
            Those given, then the secondaries.
        crossings : Crossings
        generation : int64 (n,)
            0 for those given, 1 for their secondaries, and so on.
        """
        species = species_of(np.unique(particles.pdg))
        parts, tables, generations = [particles], [np.zeros((0, 8))], [np.zeros(len(particles), np.int64)]
        first, current = 0, particles
        for generation in range(1, GENERATIONS + 1):
            start = np.stack(
                [current.vx, current.vy, current.vz, current.px, current.py, current.pz, current.time], axis=1
            )
            seen, made = follow(rng, start, species.rows(current.pdg), species, self.tree, self.field, self.matter,
                                self.physics)  # fmt: skip
            seen[:, 0] += first
            tables.append(seen)
            if len(made) == 0 or generation == GENERATIONS:
                break
            first += len(current)
            parent, kind = made[:, 0].astype(np.int64), made[:, 1].astype(np.int64)
            x, y, z, px, py, pz, time = made[:, 2:].T
            current = Generated(species.pdg[kind], px, py, pz, x, y, z, time, current.vertex[parent])
            parts.append(current)
            generations.append(np.full(len(current), generation, np.int64))
        table = np.concatenate(tables)
        crossings = Crossings(table[:, 0].astype(np.int64), table[:, 1].astype(np.int32), *table[:, 2:].T)
        return Generated.join(parts), crossings, np.concatenate(generations)


def field_map(detector: Detector, spacing: float) -> FieldMap:
    """Sample the detector's field every `spacing` mm; one node where it does not change."""
    low, high = detector.bounds
    origin = low.min(axis=0, initial=0.0)
    nodes = np.ceil((high.max(axis=0, initial=0.0) - origin) / spacing).astype(np.int64) + 1
    probes = origin + np.random.default_rng(0).random((64, 3)) * (nodes - 1) * spacing
    values = detector.field.at(probes)
    if np.ptp(values, axis=0).max() < 1e-12:
        return FieldMap(origin, np.full(3, np.inf), values[:1].reshape(1, 1, 1, 3), np.inf)
    lattice = np.stack(np.meshgrid(*(np.arange(n) * spacing for n in nodes), indexing="ij"), axis=-1) + origin
    return FieldMap(origin, np.full(3, spacing), detector.field.at(lattice.reshape(-1, 3)).reshape(lattice.shape),
                    spacing / 2)  # fmt: skip
