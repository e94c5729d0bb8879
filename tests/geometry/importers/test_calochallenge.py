"""The binning of the CaloChallenge becomes disks of voxels; XML that reaches outside is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gnnreco.errors import BadInput
from gnnreco.geometry import Detector, check, import_detector, load_detector

LAYERS = """
<Layer id="0" r_edges="0,5,10" n_bin_alpha="1"/>
<Layer id="1" r_edges="0,2,4,8" n_bin_alpha="8"/>
<Layer id="2" r_edges="0" n_bin_alpha="1"/>
<Layer id="3" r_edges="1,2" n_bin_alpha="2"/>
"""
BINS = f'<Bins><Bin pid="22" name="photon">{LAYERS}</Bin><Bin pid="11" name="electron"/></Bins>'


def imported(folder: Path, text: str, **options: str) -> Detector:
    file = folder / "binning.xml"
    file.write_text(text)
    return load_detector(import_detector("calochallenge", file, folder / "mine", options=options))


def test_voxels_are_counted_as_in_the_file(tmp_path: Path) -> None:
    detector = imported(tmp_path, BINS, start="100", spacing="10", thickness="2,1,1")
    assert check(detector) == []
    assert [detector.templates[t].n_cells for t in detector.template] == [2, 24, 2]
    assert detector.labels["layer_id"].tolist() == [0, 1, 3]
    assert detector.center[:, 2].tolist() == [109.0, 119.5, 129.5]


def test_a_whole_ring_is_one_cell(tmp_path: Path) -> None:
    template = imported(tmp_path, BINS).templates[0]
    angle = np.linspace(0.1, 6.2, 50)
    assert set(template.cell_at(3 * np.cos(angle), 3 * np.sin(angle)).tolist()) == {0}
    assert set(template.cell_at(7 * np.cos(angle), 7 * np.sin(angle)).tolist()) == {1}
    assert template.neighbours_of([0, 1])[1].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("name", "layers", "cells"),
    [
        ("calochallenge_ds1_photons", 5, 368),
        ("calochallenge_ds2", 45, 6480),
        ("calochallenge_ds3", 45, 40500),
    ],
)
def test_the_shipped_data_sets_have_the_published_cells(name: str, layers: int, cells: int) -> None:
    detector = load_detector(name)
    assert detector.n_layers == layers
    assert sum(detector.templates[t].n_cells for t in detector.template) == cells
    assert (detector.sampling_fraction > 0).all()
    assert (detector.moliere_radius > 0).all()
    assert check(detector) == []


@pytest.mark.parametrize(
    ("text", "options", "why"),
    [
        ('<!DOCTYPE Bins [<!ENTITY a "b">]><Bins/>', {}, "declares an entity, which is refused"),
        (
            '<!DOCTYPE Bins SYSTEM "http://example.org/x.dtd"><Bins/>',
            {},
            "a reference that is refused: remove it",
        ),
        (
            '<!DOCTYPE b [<!ENTITY a "aaaa"><!ENTITY c "&a;&a;&a;&a;">]><Bins>&c;</Bins>',
            {},
            "remove it",
        ),
        ('<!DOCTYPE b [<!ENTITY f SYSTEM "file:///etc/passwd">]><Bins>&f;</Bins>', {}, "remove it"),
        ("<Bins><Bin>", {}, "line 1: not XML"),
        ("<Other/>", {}, "is this a binning file"),
        (BINS, {"particle": "muon"}, "option particle: no such Bin; there are: photon, electron"),
        (BINS, {"particle": "electron"}, "no layer has cells"),
        (BINS.replace('"0,5,10"', '"0,5,4"'), {}, "line 2, Layer id='0', r_edges: the edges must rise"),
        (BINS.replace('"0,5,10"', '"0,five"'), {}, "Layer id='0', r_edges: expected any count of numbers"),
        (BINS.replace('alpha="8"', 'alpha="0"'), {}, "Layer id='1'"),
        (BINS, {"spacing": "1,2"}, "option spacing: expected 3 numbers"),
        (BINS, {"start": "near"}, "option start"),
    ],
)
def test_what_cannot_be_says_why(tmp_path: Path, text: str, options: dict[str, str], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        imported(tmp_path, text, **options)
    assert not (tmp_path / "mine").exists()
