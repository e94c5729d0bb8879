"""The samples that shower finders are tuned on and tested on: other seeds for each, never the same events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from gnnreco.columns import Deposits, Event, Hits, Particles
from gnnreco.evaluate.clustering import true_energy
from gnnreco.geometry import Detector
from gnnreco.simulate import SimulationOptions, simulate
from gnnreco.simulate.digitize import channels
from gnnreco.simulate.medium import media

TUNE, TEST = 41_000, 97_000  # added to the number of the sample; nothing else may use these seeds
NOISE = 0.05
ENERGY, SHOWERS = (2.0, 50.0), (10, 50)
KINDS = {"photons": "photon", "mix": "photon,pion"}
FORWARD = (1.7, 2.7)


@dataclass(frozen=True)
class Sample:
    """Events of one sort.

    Attributes
    ----------
    number : int
        Tells the seed.
    options : SimulationOptions
    noise : float
        Hits without a particle, as a fraction of the others.
    """

    number: int
    options: SimulationOptions
    noise: float = 0.0

    def events(self, detector: Detector, count: int, base: int) -> Iterator[Event]:
        """`base`: `TUNE` or `TEST`."""
        for event in simulate(detector, "gun", count, seed=base + self.number, options=self.options):
            yield with_cell_noise(event, detector, self.noise, base + self.number) if self.noise else event


def crowded(kind: str, showers: int, cone: float | None = None, noise: float = NOISE) -> Sample:
    """Showers of 2-50 GeV over the whole coverage (or within a cone), photons or half photons and half charged pions."""
    options = SimulationOptions(particle=KINDS[kind], energy=ENERGY, count=showers, cone=cone)
    return Sample(100 * list(KINDS).index(kind) + showers + (1000 if cone else 0), options, noise)


def single(particle: str, number: int, energy: tuple[float, float]) -> Sample:
    """One particle an event, well inside the endcaps."""
    return Sample(2000 + number, SimulationOptions(particle=particle, energy=energy, eta=FORWARD))


#: For the energy (both), and for identity: a merged pi0 is one whose photons are 8 mm to 17 mm apart at the front (from
#: 100 to 50 GeV, at least), less than a Moliere radius.
SINGLE = {
    "photon": single("photon", 0, (5.0, 100.0)),
    "pion": single("pion", 1, (5.0, 100.0)),
    "electron": single("electron", 2, (5.0, 100.0)),
    "hard photon": single("photon", 3, (50.0, 100.0)),
    "pi0": single("pi0", 4, (50.0, 100.0)),
}


def shot_energy(event: Event) -> float:
    """Energy of the only particle of the gun, GeV."""
    assert event.truth is not None
    particles = event.truth.particles
    first = {
        name: getattr(particles, name)[:1] for name in Particles.__slots__
    }  # those of the gun stand before what they became
    return float(true_energy(Particles(**first))[0])


def with_cell_noise(event: Event, detector: Detector, fraction: float, seed: int) -> Event:
    """Adds `fraction` times as many noise hits, just over the threshold of readout, on the sensors of the event's hits."""
    hits, random = event.hits, np.random.default_rng((seed, event.number))
    count = int(random.poisson(fraction * len(hits)))
    sensor = random.choice(hits.sensor, count)
    kinds = detector.template[sensor]
    cell = np.zeros(count, np.int32)
    real = np.zeros(count, bool)
    for t in np.unique(kinds):
        mine, template = np.flatnonzero(kinds == t), detector.templates[t]
        cell[mine] = random.integers(template.n_cells, size=len(mine))
        real[mine] = template.exists(cell[mine])
    sensor, cell = sensor[real], cell[real]
    u, v = channels(detector, sensor, cell)
    energy = media(detector).mip[sensor] * (0.5 + random.exponential(0.2, len(sensor)))
    xyz, size = detector.cell_position(sensor, cell), detector.cell_size(sensor, cell)
    deposits = hits.deposits
    assert deposits is not None
    new: dict[str, Any] = {
        "hit_id": hits.hit_id.max(initial=0) + 1 + np.arange(len(sensor)), "x": xyz[:, 0], "y": xyz[:, 1], "z": xyz[:, 2],
        "sensor": sensor, "var_u": size[:, 0] ** 2 / 12, "var_v": size[:, 1] ** 2 / 12,
        "time": np.zeros(len(sensor)), "energy": energy,
    }  # fmt: skip
    known = {name: getattr(hits, name) for name in new}
    columns = {name: None if old is None else np.concatenate([old, new[name]]) for name, old in known.items()}
    more = Deposits(
        np.concatenate([deposits.offsets, deposits.offsets[-1] + 1 + np.arange(len(sensor))]),
        np.concatenate([deposits.u, u]), np.concatenate([deposits.v, v]),
        np.concatenate([deposits.value, energy.astype(np.float32)]),
    )  # fmt: skip
    return replace(event, hits=Hits(**columns, deposits=more))
