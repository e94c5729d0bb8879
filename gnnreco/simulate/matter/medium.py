"""The medium of each calorimeter layer, from what the detector's columns say and no detector's name.

The ratio of radiation to interaction length falls steeply with the atomic number and knows no density and no gaps: it
gives Z, and Z gives the critical energy. The Moliere radius then gives the radiation length in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from gnnreco.columns import Floats
from gnnreco.geometry import Detector

SCATTER_ENERGY = (
    21.2e-3  # GeV: the Moliere radius is this over the critical energy, in radiation lengths (PDG 34.40)
)
MEAN_SILICON = 3.88e-4  # GeV/mm: the mean that a minimum-ionising particle leaves in silicon
SILICON_Z = 14.0
HOMOGENEOUS = 0.99  # sampling fraction from which a layer counts as active throughout
# See `sampling_spread`; GeV left by a track whose fluctuation is twice its mean squared.
COUNTED, LANDAU_MIP = 0.62, 1.1e-4
# Radiation lengths from one active part to the next inside a sensor that fills its layer: fine, as where that is done.
HIDDEN_SAMPLE = 0.35
# What a layer is taken for where its description is silent: a radiation length of tungsten with thin sensors and gaps.
DEFAULT_RADIATION, DEFAULT_MOLIERE = 1.0, 20.0


@dataclass(frozen=True, slots=True)
class Media:
    """What showers must know of the layer of each sensor.

    Attributes
    ----------
    radiation, interaction : float64 (n,)
        Thickness of the layer at normal incidence, in lengths of either kind.
    z : float64 (n,)
        Atomic number of the mixture, by radiation length.
    critical : float64 (n,)
        Critical energy, GeV.
    moliere, radiation_mm, interaction_mm : float64 (n,)
        Moliere radius, radiation length and interaction length in mm.
    fraction : float64 (n,)
        Sampling fraction for electromagnetic showers.
    e_mip : float64 (n,)
        The same over the sampling fraction for minimum-ionising particles; 1 where everything is active.
    mip : float64 (n,)
        Mean energy that a minimum-ionising particle leaves in the active part, at normal incidence, GeV.
    sample : float64 (n,)
        Radiation lengths from one active part to the next; 0 where everything is active.
    spread : float64 (n,)
        Relative sampling fluctuation of a GeV.
    active : float64 (n,)
        mm of silicon in which a charge leaves `mip`.
    air_gap : float64 (n,)
        mm between absorber and sensor; NaN where the description is silent.
    silicon : float64 (n,)
        mm of silicon in which a charge leaves what it leaves in a radiation length of the layer.
    """

    radiation: Floats
    interaction: Floats
    z: Floats
    critical: Floats
    moliere: Floats
    radiation_mm: Floats
    interaction_mm: Floats
    fraction: Floats
    e_mip: Floats
    mip: Floats
    sample: Floats
    spread: Floats
    air_gap: Floats
    active: Floats
    silicon: Floats


def atomic_number(ratio: Floats) -> Floats:
    """Z of the material whose radiation length over interaction length is `ratio`; within 5 % from carbon to lead.

    A power law through tungsten, copper, iron and silicon of the PDG's table of atomic and nuclear properties. In a
    mixture both lengths add up as thicknesses do, so that the ratio gives the mixture's Z weighted by radiation length.
    """
    return 3.04 * ratio**-0.954


def critical_energy(z: Floats) -> Floats:
    """Critical energy of solids, GeV (PDG 34.16a)."""
    return 0.610 / (z + 1.24)


@lru_cache(maxsize=8)
def media(detector: Detector) -> Media:
    """The medium of every sensor; where the description is silent, a plausible one."""
    radiation = np.where(detector.radiation_lengths > 0, detector.radiation_lengths, DEFAULT_RADIATION)
    told = (detector.radiation_lengths > 0) & (detector.interaction_lengths > 0)
    tungsten = 0.0352
    interaction = np.where(told, detector.interaction_lengths, tungsten * radiation)
    z = atomic_number(interaction / radiation)
    critical = critical_energy(z)
    moliere = np.where(np.isfinite(detector.moliere_radius), detector.moliere_radius, DEFAULT_MOLIERE)
    radiation_mm = moliere * critical / SCATTER_ENERGY
    ionised = critical * radiation  # by a minimum-ionising particle, in the whole layer
    by_silicon = np.clip(MEAN_SILICON * detector.thickness / ionised, 1e-6, 1.0)
    e_mip = 1 / (1 + 0.007 * np.maximum(z - SILICON_Z, 0.0))
    fraction = np.where(
        np.isfinite(detector.sampling_fraction), detector.sampling_fraction, e_mip * by_silicon
    )
    e_mip = np.where(fraction < HOMOGENEOUS, e_mip, 1.0)
    mip = fraction / e_mip * ionised
    fills = detector.thickness > 0.5 * radiation_mm * radiation
    sample = np.where(fills, np.minimum(radiation, HIDDEN_SAMPLE), radiation) * (fraction < HOMOGENEOUS)
    spread = sampling_spread(sample * critical, critical, mip * sample / radiation)
    return Media(
        radiation,
        interaction,
        z,
        critical,
        moliere,
        radiation_mm,
        radiation_mm * radiation / interaction,
        fraction,
        e_mip,
        mip,
        sample,
        spread,
        detector.air_gap,
        mip / MEAN_SILICON,
        critical / MEAN_SILICON,
    )


def sampling_spread(ionised: Floats, critical: Floats, mip: Floats) -> Floats:
    """Relative spread of the visible energy of a GeV, by counting tracks through the active parts.

    Amaldi, Phys. Scripta 23 (1981) 409: the track length of a shower is a radiation length for each critical energy,
    of which `COUNTED` lies above a useful energy; tracks are inclined by <cos> = cos(21 MeV / pi E_c). Each leaves an
    energy that itself fluctuates, the more the thinner the active part. `ionised` is what a track leaves (GeV) between
    two active parts, `mip` in one of them.
    """
    cosine = np.cos(np.minimum(0.021 / (np.pi * critical), 1.2))
    return np.sqrt(ionised / cosine / COUNTED * (1 + 2 * np.sqrt(LANDAU_MIP / np.maximum(mip, 1e-9))))
