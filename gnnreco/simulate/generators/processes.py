"""The collisions that can be simulated: what meets at which energy, and what comes out, in Pythia 8's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gnnreco.errors import BadConfig
from gnnreco.schema import nearest
from gnnreco.simulate.options import SimulationOptions

from .exotic import long_lived, resonance

#: Values of those options of `SimulationOptions` that a process has and others have not.
Choices = Mapping[str, float | tuple[float, ...]]
#: Names of these options.
CHOICES = ("masses", "ctau", "least_pt_hat")

LHC, LEPTONS = "proton-proton", "e+e-"

#: Standard deviations of the collision point in x, y, z (mm) and time (ns), where neither the user nor the detector's
#: source tells: those of the LHC, and of FCC-ee at the Z (its conceptual design report: beams of 6.4 by 0.028 um, an
#: interaction region of 0.42 mm, all over the square root of two).
SPREAD = {LHC: (0.0125, 0.0125, 55.5, 0.2), LEPTONS: (0.0045, 0.00002, 0.3, 0.03)}
#: Acceptance where the user tells none: least pt (GeV) and largest pseudorapidity. An e+e- event is kept whole, so that
#: its particles have the energy of the collision.
ACCEPTANCE = {LHC: (0.15, 4.0), LEPTONS: (0.0, float("inf"))}

#: The collision energy is that of the two leptons: they radiate nothing before they meet, and bring no remnants.
BEAMS = {
    LHC: ("Beams:idA = 2212", "Beams:idB = 2212"),
    LEPTONS: ("Beams:idA = 11", "Beams:idB = -11", "PDF:lepton = off"),
}
#: mm, about the size of a tracker: what would decay farther out does not, so that a calorimeter meets the K0S or Lambda.
NEAR = (
    "ParticleDecays:limitCylinder = on",
    "ParticleDecays:xyMax = 1500",
    "ParticleDecays:zMax = 2000",
)


@dataclass(frozen=True, slots=True)
class Process:
    """A kind of collision.

    Attributes
    ----------
    beams : str
        `LHC` or `LEPTONS`.
    ecm : float
        Energy in the centre of mass unless the user gives one, GeV.
    settings : tuple of str
        Lines for Pythia 8 besides those of the beams.
    pools : tuple of float
        Energies, GeV, of the collisions that ship with gnnreco; those of other processes need Pythia 8.
    choices : mapping
        The options that are of this process, with their defaults.
    chosen : callable, optional
        More lines, from `choices` by name.
    """

    beams: str
    ecm: float
    settings: tuple[str, ...]
    pools: tuple[float, ...] = ()
    choices: Choices = field(default_factory=dict)
    chosen: Callable[..., tuple[str, ...]] | None = None

    def lines(self, ecm: float, choices: Choices | None = None) -> tuple[str, ...]:
        """All settings of Pythia 8 at an energy, GeV, with the defaults of `choices` where they name none."""
        more = self.chosen(**{**self.choices, **(choices or {})}) if self.chosen else ()
        return (*BEAMS[self.beams], f"Beams:eCM = {ecm!r}", *NEAR, *self.settings, *more)


def _boson(*children: int) -> tuple[str, ...]:
    """A photon or Z that becomes a pair of one of these kinds."""
    kinds = " ".join(map(str, children))
    return ("WeakSingleBoson:ffbar2gmZ = on", "23:onMode = off", f"23:onIfAny = {kinds}")


def _hard(least_pt_hat: float) -> tuple[str, ...]:
    """Partons that scatter with this transverse momentum (GeV) or more."""
    return (f"PhaseSpace:pTHatMin = {least_pt_hat!r}",)


PROCESSES: dict[str, Process] = {
    "minbias": Process(LHC, 14000.0, ("SoftQCD:all = on",), (14000.0,)),
    "ttbar": Process(LHC, 14000.0, ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on"), (14000.0,)),
    "dijet": Process(LHC, 14000.0, ("HardQCD:all = on",), (14000.0,), {"least_pt_hat": 50.0}, _hard),
    "zmumu": Process(LHC, 14000.0, (*_boson(13), "PhaseSpace:mHatMin = 60.")),
    "zee": Process(LHC, 14000.0, (*_boson(11), "PhaseSpace:mHatMin = 60.")),
    "higgs": Process(LHC, 14000.0, ("HiggsSM:gg2H = on",)),
    "wprime": Process(LHC, 14000.0, (), (14000.0,), {"masses": (3500.0, 500.0, 100.0)}, resonance),
    "displaced": Process(LHC, 14000.0, (), (14000.0,), {"masses": (600.0, 150.0), "ctau": 100.0}, long_lived),
    # Quarks of all kinds but top; the Z of `zh`, the Higgs and the W of `ww` decay to everything they can.
    "qq": Process(LEPTONS, 380.0, _boson(1, 2, 3, 4, 5), (91.0, 240.0, 380.0)),
    "tautau": Process(LEPTONS, 91.0, _boson(15), (91.0,)),
    "zh": Process(LEPTONS, 240.0, ("HiggsSM:ffbar2HZ = on",), (240.0,)),
    "ww": Process(LEPTONS, 240.0, ("WeakDoubleBoson:ffbar2WW = on",)),
}


def process_of(name: str) -> Process:
    """The process of a name.

    Raises
    ------
    BadConfig
        There is none.
    """
    if name not in PROCESSES:
        raise BadConfig(f"process {name!r} is not known{nearest(name, ('gun', 'beam', *PROCESSES))}")
    return PROCESSES[name]


def energy_of(name: str, options: SimulationOptions) -> float:
    """Energy in the centre of mass of a process, GeV: that of the options, or its own."""
    own = process_of(name).ecm
    return own if options.ecm is None else options.ecm


def choices_of(name: str, options: SimulationOptions) -> Choices:
    """Those options of the user that not every process has.

    Raises
    ------
    BadConfig
        This one has not.
    """
    given = {key: value for key in CHOICES if (value := getattr(options, key)) is not None}
    for key in given:
        if key not in process_of(name).choices:
            having = ", ".join(other for other, kind in PROCESSES.items() if key in kind.choices)
            raise BadConfig(f"process {name} has no {key}, which is of {having}: leave it out")
    return given


def acceptance(beams: str, options: SimulationOptions) -> tuple[float, float]:
    """Least pt (GeV) and largest pseudorapidity of generated particles that are followed."""
    min_pt, max_eta = ACCEPTANCE[beams]
    return (
        min_pt if options.min_pt is None else options.min_pt,
        max_eta if options.max_eta is None else options.max_eta,
    )
