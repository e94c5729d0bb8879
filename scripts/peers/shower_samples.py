"""The samples that shower finders are tuned on and tested on: other seeds for each, never the same events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gnnreco.columns import Event, Particles
from gnnreco.evaluate.clustering import true_energy
from gnnreco.geometry import Detector
from gnnreco.simulate import SimulationOptions, simulate

TUNE, TEST = 41_000, 97_000  # added to the number of the sample; nothing else may use these seeds
NOISE = 0.05  # hits of noise, anywhere in the detector, over those of showers
ENERGY, SHOWERS = (2.0, 50.0), (10, 50)
KINDS = {"photons": "photon", "mix": "photon,pion"}
FORWARD = (1.7, 2.7)


@dataclass(frozen=True)
class Sample:
    """Events of one sort; the number tells the seed."""

    number: int
    options: SimulationOptions

    def events(self, detector: Detector, count: int, base: int) -> Iterator[Event]:
        """`base`: `TUNE` or `TEST`."""
        return simulate(detector, "gun", count, seed=base + self.number, options=self.options)


def crowded(kind: str, showers: int, cone: float | None = None) -> Sample:
    """Showers of 2-50 GeV over the whole coverage (or within a cone), photons or half photons and half charged pions."""
    options = SimulationOptions(
        particle=KINDS[kind], energy=ENERGY, count=showers, cone=cone, noise_hits=NOISE
    )
    return Sample(100 * list(KINDS).index(kind) + showers + (1000 if cone else 0), options)


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
    # Those of the gun stand before what they became.
    first = {name: getattr(particles, name)[:1] for name in Particles.__slots__}
    return float(true_energy(Particles(**first))[0])
