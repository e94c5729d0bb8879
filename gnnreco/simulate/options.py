"""The choices a user has in the embedded simulation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from gnnreco.errors import BadConfig


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """How events are made; every field has a default that suits a collider tracker.

    Attributes
    ----------
    particle : str
        Gun and beam: photon, electron, muon, pion, kaon, proton, k0s, lambda, ... or a PDG number; half are antiparticles.
        hip is highly ionising: ten charges, 500 GeV; the PDG numbers 100XXXY0 have the charge XXX.Y and the same mass.
        Of several, with commas between them, each particle of an event is one at random.
    extra : str, optional
        Particles added to every collision of another process, by the names of `particle`: `energy`, `spectrum`, `count`,
        `eta` and `cone` are theirs as they are the gun's.
    energy : (float, float)
        Gun and beam: range of the total energy, GeV.
    spectrum : str
        Gun and beam: ``flat`` in energy, or ``log``: flat in its logarithm.
    count : int
        Gun and beam: particles in an event.
    eta : (float, float), optional
        Gun: range of the pseudorapidity; uniform. Without it, wherever the detector has at least half of the layers it has
        at its best, seen from the source.
    cone : float, optional
        Gun: the particles of an event lie within this distance of the first one, in pseudorapidity and azimuth.
    beam_width, beam_divergence : float
        Beam: half width of the uniform square spot (mm; 0: the spread of the detector's source, or where it has none
        all that nearly all layers cover), and sigma of the angle (rad).
    sigma_xy, sigma_z : float, optional
        Gaussian spread of the collision point, mm; without them that of the detector's source, or where it has none
        0.0125 and 55.5 (proton-proton), or 0.0045 by 0.00002 and 0.3 (e+e-).
    sigma_t : float, optional
        The same in time, ns; without it 0.2 (proton-proton, gun) or 0.03 (e+e-).
    min_pt, max_eta : float, optional
        Acceptance of the particles of a collision, GeV; what falls outside is neither followed nor in the truth. Without
        them 0.15 and 4 for proton-proton collisions, and no cut for those of e+e-, whose truth then has all the energy.
    neutrals : bool
        Follow photons and neutral hadrons: they convert, interact and decay.
    scattering, energy_loss, radiation, nuclear, decays : bool
        Multiple scattering; ionisation; bremsstrahlung and photon conversion; hadronic interactions; decays in flight.
    efficiency : float
        Chance that a sensor sees a particle that crosses it.
    max_turns : float
        Turns after which a curling particle is given up.
    min_momentum : float
        Momentum below which a particle stops, GeV.
    field_spacing : float
        Twice the longest step, mm, over which a field that changes is taken as constant.
    noise : float
        Spread of the signal of a cell, as a fraction of what a minimum-ionising particle leaves in the sensor.
    threshold : float
        Signal below which a cell is not read out, in the same unit.
    saturation : float, optional
        Signal above which a cell of a tracker reads out no more, in the same unit; without it the signal has no limit.
    noise_hits : float
        Expected number of hits without a particle, as a fraction of the others.
    cell_noise : float
        Spread of the signal of a cell of a calorimeter, in units of the mean that a minimum-ionising particle leaves in it.
    cell_threshold : float
        Signal below which a cell of a calorimeter is not read out, in the same unit.
    hadron_response : float
        Visible energy of the hadronic part of a shower over that of an electromagnetic shower of its energy (h / e).
    time_resolution : float
        Spread of the measured time where a subsystem measures it, ns.
    any_field : bool
        Every event in the field of another coil, of random length and radius, instead of the detector's own: to train what
        has to hold in a field that nobody has mapped.
    generator : str
        ``pool`` (collisions that Pythia 8 made before, turned and mirrored at random) or ``pythia`` (Pythia 8 itself,
        started for each event: slow).
    ecm : float, optional
        Energy of a collision in the centre of mass, GeV; without it that of the process. With Pythia any, else those
        that there is a pool of.
    masses : tuple of float, optional
        GeV, with Pythia: ``wprime``: of the W', of X and of Y (3500, 500, 100); ``displaced``: of the scalar and of the
        long-lived particle (600, 150).
    ctau : float, optional
        ``displaced``, with Pythia: mean decay length of the long-lived particle over its beta gamma (100), mm.
    least_pt_hat : float, optional
        ``dijet``, with Pythia: least transverse momentum with which the partons scatter (50), GeV.
    pool : str, optional
        File of ``scripts/simulate_pools.py`` to take collisions from, or a folder of those, of which the process and its
        energy choose one; without it, and for the pile-up that it does not hold, the pools that ship.
    """

    particle: str = "muon"
    extra: str | None = None
    energy: tuple[float, float] = (1.0, 100.0)
    spectrum: str = "flat"
    count: int = 1
    eta: tuple[float, float] | None = None
    cone: float | None = None
    beam_width: float = 0.0
    beam_divergence: float = 1e-3
    sigma_xy: float | None = None
    sigma_z: float | None = None
    sigma_t: float | None = None
    min_pt: float | None = None
    max_eta: float | None = None
    neutrals: bool = True
    scattering: bool = True
    energy_loss: bool = True
    radiation: bool = True
    nuclear: bool = True
    decays: bool = True
    efficiency: float = 0.99
    max_turns: float = 1.0
    min_momentum: float = 0.05
    field_spacing: float = 50.0
    noise: float = 0.03
    threshold: float = 0.05
    saturation: float | None = None
    noise_hits: float = 0.0
    cell_noise: float = 0.1
    cell_threshold: float = 0.5
    hadron_response: float = 0.7
    time_resolution: float = 0.03
    any_field: bool = False
    generator: str = "pool"
    ecm: float | None = None
    masses: tuple[float, ...] | None = None
    ctau: float | None = None
    least_pt_hat: float | None = None
    pool: str | None = None

    def __post_init__(self) -> None:
        for name in ("energy", "eta"):
            low, high = getattr(self, name) or (0.0, 0.0)
            if not low <= high:
                raise BadConfig(f"simulation option {name}: {low} to {high} is no range; give MIN before MAX")
            if not (math.isfinite(low) and math.isfinite(high)):
                raise BadConfig(
                    f"simulation option {name}: {low} to {high} has no end; give two finite numbers"
                )
        for name in (
            "count",
            "sigma_xy",
            "sigma_z",
            "sigma_t",
            "min_pt",
            "max_eta",
            "max_turns",
            "min_momentum",
            "noise",
            "threshold",
            "noise_hits",
            "beam_width",
            "beam_divergence",
            "cell_noise",
            "cell_threshold",
            "hadron_response",
            "ctau",
            "least_pt_hat",
        ):
            if not (getattr(self, name) or 0.0) >= 0:
                raise BadConfig(f"simulation option {name}: {getattr(self, name)} must not be negative")
        if self.cone is not None and not self.cone >= 0:
            raise BadConfig(f"simulation option cone: {self.cone} must not be negative")
        if self.saturation is not None and not self.saturation > self.threshold:
            raise BadConfig(
                f"simulation option saturation: {self.saturation} must be above the threshold, {self.threshold}"
            )
        if self.spectrum not in ("flat", "log"):
            raise BadConfig(f"simulation option spectrum: {self.spectrum!r} is neither flat nor log")
        if self.spectrum == "log" and not self.energy[0] > 0:
            raise BadConfig("simulation option spectrum: log needs energies above zero")
        if not 0 <= self.efficiency <= 1:
            raise BadConfig(f"simulation option efficiency: {self.efficiency} must lie between 0 and 1")
        if not self.field_spacing > 0:
            raise BadConfig(f"simulation option field_spacing: {self.field_spacing} mm must be positive")
        if self.generator not in ("pool", "pythia"):
            raise BadConfig(f"simulation option generator: {self.generator!r} is neither pool nor pythia")
        if self.ecm is not None and not 0 < self.ecm < float("inf"):
            raise BadConfig(f"simulation option ecm: {self.ecm} GeV is no energy of a collision")
        if self.pool is not None and self.generator == "pythia":
            raise BadConfig("simulation options pool and generator=pythia: give one of the two")
