"""The medium of calorimeter layers: the materials of the PDG's tables come back from their lengths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gnnreco.geometry import Detector
from gnnreco.simulate.matter.medium import (
    DEFAULT_MOLIERE,
    DEFAULT_RADIATION,
    MEAN_SILICON,
    SCATTER_ENERGY,
    media,
    sampling_spread,
)
from tests.simulate.conftest import planes

# PDG, atomic and nuclear properties: Z, radiation length, interaction length, Moliere radius (mm), critical energy (MeV).
LEAD = (82, 5.612, 175.9, 16.02, 7.43)
TUNGSTEN = (74, 3.504, 99.46, 9.327, 7.97)
COPPER = (29, 14.36, 153.2, 15.68, 19.42)
IRON = (26, 17.57, 167.7, 17.19, 21.68)
SOLIDS = pytest.mark.parametrize("solid", [LEAD, TUNGSTEN, COPPER, IRON])


def layers(solid: tuple[float, ...], plate: float, fraction: float = np.nan, n: int = 2) -> Detector:
    """Sensors of 0.1 mm silicon, each behind a plate (mm) of one solid."""
    _, radiation, interaction, moliere, _ = solid
    made = planes([100.0 * i for i in range(n)], radiation=plate / radiation, measures=("energy",))
    return replace(
        made,
        interaction_lengths=np.full(n, plate / interaction),
        moliere_radius=np.full(n, moliere),
        sampling_fraction=np.full(n, fraction),
    )


@SOLIDS
def test_lengths_in_millimetres_follow_from_the_moliere_radius(solid: tuple[float, ...]) -> None:
    z, radiation, interaction, _, critical = solid
    found = media(layers(solid, 7.0))
    assert found.z[0] == pytest.approx(z, rel=0.05)
    assert found.critical[0] * 1e3 == pytest.approx(critical, rel=0.08)
    assert found.radiation_mm[0] == pytest.approx(radiation, rel=0.09)
    assert found.interaction_mm[0] == pytest.approx(interaction, rel=0.09)


@SOLIDS
def test_the_moliere_radius_of_the_tables_is_the_scattering_energy_over_the_critical_one(
    solid: tuple[float, ...],
) -> None:
    _, radiation, _, moliere, critical = solid
    assert radiation * SCATTER_ENERGY * 1e3 / critical == pytest.approx(moliere, rel=0.01)


@SOLIDS
def test_a_track_leaves_in_the_sensor_what_its_silicon_says(solid: tuple[float, ...]) -> None:
    # Where no sampling fraction is told, that of the silicon (0.1 mm) is taken.
    found = media(layers(solid, 7.0))
    assert found.mip[0] == pytest.approx(0.1 * MEAN_SILICON, rel=1e-9)
    assert found.active[0] == pytest.approx(0.1, rel=1e-9)
    assert found.e_mip[0] <= 1.0


def test_heavier_plates_show_fewer_electrons_for_a_track() -> None:
    ratio = [media(layers(solid, 7.0)).e_mip[0] for solid in (IRON, COPPER, TUNGSTEN, LEAD)]
    assert (np.diff(ratio) < 0).all()
    assert 0.6 < ratio[-1] < 0.75  # e / mip of lead and thin silicon: Wigmans, Calorimetry, 3.2


def test_an_active_block_has_no_sampling_fluctuation() -> None:
    found = media(layers(LEAD, 7.0, fraction=1.0))
    assert found.spread[0] == found.sample[0] == 0.0
    assert found.e_mip[0] == 1.0
    assert found.mip[0] == pytest.approx(found.critical[0] * found.radiation[0])


def test_a_silent_description_is_taken_for_tungsten() -> None:
    silent = replace(
        planes([0.0], measures=("energy",)), radiation_lengths=np.zeros(1), interaction_lengths=np.zeros(1)
    )
    found = media(silent)
    assert found.radiation[0] == DEFAULT_RADIATION
    assert found.moliere[0] == DEFAULT_MOLIERE
    assert found.z[0] == pytest.approx(74, rel=0.05)
    known = [getattr(found, name) for name in found.__slots__ if name != "air_gap"]
    assert np.isfinite(np.array(known)).all()
    assert np.isnan(found.air_gap).all()  # showers guess it from the distance of the sensors


def test_thicker_plates_fluctuate_more_as_their_root() -> None:
    thin, thick = (media(layers(LEAD, plate)).spread[0] for plate in (2.8, 11.2))
    assert thick / thin == pytest.approx(2.0, rel=1e-6)


def test_the_resolution_of_a_published_calorimeter() -> None:
    # CMS HGCAL in a beam, JINST 17 (2022) P05022: 28 layers, 26 radiation lengths, 0.3 mm of silicon: 22 % at a GeV.
    critical = np.full(1, 7.97e-3)
    spread = sampling_spread(26 / 28 * critical, critical, np.full(1, 0.3 * MEAN_SILICON))
    assert spread[0] == pytest.approx(0.22, rel=0.1)


def test_thinner_silicon_fluctuates_more() -> None:
    critical = np.full(3, 8e-3)
    spread = sampling_spread(critical, critical, np.array([0.1, 0.3, 1.0]) * MEAN_SILICON)
    assert (np.diff(spread) < 0).all()
