"""The plates of `hgcal` for Geant4 are those that its description is made of."""

import importlib
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[3] / "scripts"


@pytest.fixture
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    names = ("build_wafer_layers", "geant4_materials", "geant4_plates", "shower_vs_geant4", "hgcal_in_geant4")
    return {name: importlib.import_module(name) for name in names}


def radiation(scripts, plates):
    return sum(mm / scripts["geant4_materials"].material(name)[0] for name, mm, *_ in plates)


def test_plates_have_the_radiation_lengths_of_the_layers(scripts):
    build, ours = scripts["build_wafer_layers"], scripts["hgcal_in_geant4"]
    plates = ours.plates(scripts["shower_vs_geant4"].SILICON, 1.0)
    told = sum(build.total([*front, *module], 0) for front, module in build.layers()[: ours.DEEPEST])
    assert radiation(scripts, plates) == pytest.approx(told, rel=0.02)
    assert len(scripts["geant4_plates"].plate_layers(plates)) == ours.DEEPEST


def test_a_slanted_track_sees_more_of_each_plate(scripts):
    ours, silicon = scripts["hgcal_in_geant4"], scripts["shower_vs_geant4"].SILICON
    straight, slanted = ours.plates(silicon, 1.0), ours.plates(silicon, 0.8)
    assert [plate[0] for plate in straight] == [plate[0] for plate in slanted]
    assert radiation(scripts, slanted) / radiation(scripts, straight) == pytest.approx(1.25, rel=1e-3)
    assert np.allclose([plate[1] for plate in straight if len(plate) == 3], silicon[: ours.DEEPEST])
