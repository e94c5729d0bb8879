"""Wafer maps become detectors whose cells are where the real ones are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gnnreco.cli import main
from gnnreco.errors import BadInput
from gnnreco.geometry import Detector, check, import_detector, load_detector
from gnnreco.geometry.importers.wafers.layers import layer_columns
from gnnreco.geometry.importers.wafers.wafers import CUTS, cells_of, old_shape, outline_of, present_shape
from gnnreco.geometry.plane import area_centroid

GOLDEN = Path(__file__).parents[2] / "golden" / "wafer_cells.npz"
PITCH = 167.44


def rows(layers: int = 2) -> list[tuple[int, int, str, float, float, int, int, int]]:
    """Seven wafers in each layer, the last one cut: layer, code, class, x, y, rotation, u, v."""
    ring = [(5, 0), (6, 0), (5, 1), (6, 1), (5, -1), (4, -1), (4, 0)]
    return [
        (layer, 5 if (u, v) == (6, 1) else 0, "l300", PITCH * (u - v / 2), PITCH * v * 3**0.5 / 2, 4, u, v)
        for layer in range(1, layers + 1)
        for u, v in ring
    ]


def lines(layers: int = 2) -> list[str]:
    return ["{} {} {} {:.4f} {:.4f} {} {} {}".format(*row) for row in rows(layers)]


def imported(folder: Path, text: list[str], **options: str) -> Detector:
    file = folder / "map.txt"
    file.write_text("\n".join(text) + "\n")
    return load_detector(import_detector("wafer-map", file, folder / "mine", options=options))


def wafer_of(detector: Detector, cells: dict[str, np.ndarray]) -> np.ndarray:
    names = ("station", "side", "wafer_u", "wafer_v")
    labels = zip(*(detector.labels[name].tolist() for name in names), strict=True)
    at = {label: row for row, label in enumerate(labels)}
    asked = ("layer", "side", "wafer_u", "wafer_v")
    return np.array([at[name] for name in zip(*(cells[key].tolist() for key in asked), strict=True)])


def test_cells_are_where_the_real_ones_are(tmp_path: Path) -> None:
    with np.load(GOLDEN) as file:
        cells = {key: file[key] for key in file.files}
    detector = imported(tmp_path, str(cells.pop("map")).splitlines())
    sensor = wafer_of(detector, cells)
    local = np.empty((len(sensor), 2))
    for row, number in enumerate(sensor):
        template = detector.templates[detector.template[number]]
        cell = template.cell(cells["cell_u"][row : row + 1], cells["cell_v"][row : row + 1])
        assert cell[0] >= 0
        local[row] = template.position(cell)[0]
    center, axes = detector.center[sensor], detector.rotation[sensor]
    place = center + np.einsum("nij,nj->ni", axes[:, :, :2], local)
    apart = np.hypot(place[:, 0] - cells["x"], place[:, 1] - cells["y"])
    # The references are centres of the lattice; of cells that the edge cuts, ours are the middles of what is left.
    n, u, v = np.where(cells["type"] == 0, 12, 8), cells["cell_u"], cells["cell_v"]
    rim = (u * v == 0) | (np.maximum(u, v) == 2 * n - 1) | (u - v == n) | (v - u == n - 1)
    assert 0.1 < rim.mean() < 0.4
    assert apart[~rim].max() < 0.002
    assert apart.max() < 1.3


@pytest.mark.parametrize(("density", "code"), [*CUTS, ("l", 0), ("h", 0)])
def test_the_cells_of_a_cut_wafer_fill_its_silicon(density: str, code: int) -> None:
    shape = present_shape(density, code)
    polygons, _, iu, iv = cells_of(shape, 167.64, 166.57)
    area, _ = area_centroid(polygons)
    whole, _ = area_centroid(outline_of(shape, 167.64, 166.57)[None])
    assert area.min() > 0
    assert area.sum() == pytest.approx(whole[0], rel=1e-9)
    assert len(set(zip(iu.tolist(), iv.tolist(), strict=True))) == len(iu)


def test_cut_wafers_have_the_published_number_of_cells() -> None:
    low = [len(cells_of(present_shape("l", code), 100, 99.4)[2]) for code in range(6)]
    high = [len(cells_of(present_shape("h", code), 100, 99.4)[2]) for code in range(5)]
    assert low == [192, 92, 100, 100, 100, 164]
    assert high == [432, 165, 267, 138, 138]
    # Half a wafer by the numbering before, in all its turns.
    assert {len(cells_of(old_shape("l", 4, turn), 100, 99.4)[2]) for turn in range(6)} <= {92, 100}


def test_all_versions_of_a_map_are_one_detector(tmp_path: Path) -> None:
    plain = lines()
    zeros = " 0.00" * 12
    versions = {
        "cassettes": [f"1 0{zeros}", f"2 0{zeros}", *(f"{line} 1 2" for line in plain)],
        "kinds": ["2", "0 0", *plain],
        "letters of a preamble": ["https://example.org/map.txt", "layer number, shape, ...", "", *plain],
        "names": ["u,v,layer,x,y,rot,thickness,shape"]
        + [f"{u},{v},{n},{x:.4f},{y:.4f},{r},{t},{c}" for n, c, t, x, y, r, u, v in rows()],
        "typecodes": ["plane u v typecode x0 y0 irot"]
        + [
            f"{n} {u} {v} {'ML-5' if c else 'ML-F'}3 {x:.4f} {y:.4f} {r}" for n, c, _, x, y, r, u, v in rows()
        ],
    }
    hashes = set()
    for number, text in enumerate(versions.values()):
        (tmp_path / str(number)).mkdir()
        hashes.add(imported(tmp_path / str(number), text).hash)
    assert hashes == {imported(tmp_path, plain).hash}


@pytest.mark.parametrize("shape", ["5", "b"])
@pytest.mark.parametrize("back", [False, True])
def test_the_silicon_of_cut_wafers_lies_inside(tmp_path: Path, shape: str, back: bool) -> None:
    """Without a preamble, and in the numbering before, the rim tells which way a wafer stands."""
    text = [line.split() for line in lines(1)]
    cut = 3
    for words in text:
        words[1] = words[1].replace("5", shape)
        if back:
            words[3] = str(-float(words[3]))
    # A letter stands for half a wafer; this turn of it belongs at this place, as at u, v = 8, -1 and -8, 1 of the old maps.
    text[cut][5] = ("4" if back else "1") if shape == "b" else text[cut][5]
    detector = imported(tmp_path, [" ".join(words) for words in text], sides="negative")
    template = detector.templates[detector.template[cut]]
    assert template.n_cells < 192
    middle = detector.rotation[cut][:, :2] @ template.position(np.arange(template.n_cells)).mean(axis=0)
    assert middle @ (detector.center[cut] * [1, 1, 0]) < -1000


def test_the_two_sides_are_one_turned_half(tmp_path: Path) -> None:
    detector = imported(tmp_path, lines())
    plus, minus = detector.labels["side"] > 0, detector.labels["side"] < 0
    assert plus.sum() == minus.sum() == 14
    turn = np.diag([-1.0, 1.0, -1.0])
    assert np.allclose(detector.center[plus], detector.center[minus] @ turn)
    assert np.allclose(detector.rotation[plus], turn @ detector.rotation[minus])
    assert np.allclose(np.linalg.det(detector.rotation), 1)
    assert (detector.center[plus, 2] > 3000).all()
    assert detector.n_layers == 4


def test_turns_even_out_what_the_map_rounded(tmp_path: Path) -> None:
    cos, sin = -0.5, 3**0.5 / 2
    words = [line.split() for line in lines(1)]
    text, u = [], 20
    for turn in range(3):
        for layer, code, thickness, x, y, rotation, a, b in words:
            x0, y0 = float(x), float(y)
            for _ in range(turn):
                x0, y0 = cos * x0 - sin * y0, sin * x0 + cos * y0
            at = f"{int(a) + turn * u} {b}"
            text.append(f"{layer} {code} {thickness} {x0:.2f} {y0:.2f} {(int(rotation) + 2 * turn) % 6} {at}")
    matrix = np.array([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]])
    off = {}
    for turns in ("1", "3"):
        (tmp_path / turns).mkdir()
        center = imported(tmp_path / turns, text, turns=turns, sides="negative").center
        off[turns] = np.abs(np.roll(center @ matrix, 7, axis=0) - center).max()
    assert off["1"] > 1e-3
    assert off["3"] < 1e-9


def test_turns_that_a_map_lacks_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"layer 1, wafer .*no wafer 120 degrees on.*leave out turns=3"):
        imported(tmp_path, lines(), turns="3")
    with pytest.raises(BadInput, match=r"option turns.*'0'"):
        imported(tmp_path, lines(), turns="0")


def test_depths_may_be_told(tmp_path: Path) -> None:
    told = imported(tmp_path, lines(3), z="1000,25", sides="positive")
    assert np.unique(told.center[:, 2]).tolist() == [1000, 1025, 1050]
    file = tmp_path / "z.csv"
    file.write_text("layer,z,radiation_lengths\n3,700,2\n1,500,1\n2,600,1.5\n")
    (tmp_path / "file").mkdir()
    told = imported(tmp_path / "file", lines(3), z=str(file), sides="positive")
    assert np.unique(told.center[:, 2]).tolist() == [500, 600, 700]
    assert np.unique(told.radiation_lengths).tolist() == [1, 1.5, 2]
    file.write_text("layer,z\n1,500\n2,600\n")
    (tmp_path / "hole").mkdir()
    with pytest.raises(BadInput, match="says nothing of layer 3"):
        imported(tmp_path / "hole", lines(3), z=str(file))


def test_layers_beyond_the_table_go_on(tmp_path: Path) -> None:
    text = [line.replace(line.split()[0], str(45 + 3 * (int(line.split()[0]) - 1)), 1) for line in lines(2)]
    detector = imported(tmp_path, text, sides="positive")
    assert np.diff(np.unique(detector.center[:, 2])) == pytest.approx(3 * 82.25)


def test_cells_may_be_told(tmp_path: Path) -> None:
    file = tmp_path / "cells.txt"
    file.write_text("Typecode ROC iu iv\nML-5 0 3 7\nML-5 0 4 7\nML-5 0 -1 -1\nML-5 1 4 8\n")
    detector = imported(tmp_path, lines(), cells=str(file))
    assert sorted(template.n_cells for template in detector.templates) == [3, 192]
    file.write_text("Typecode iu iv\nML-F 1\n")
    (tmp_path / "bad").mkdir()
    with pytest.raises(BadInput, match=r"cells\.txt: line 2"):
        imported(tmp_path / "bad", lines(), cells=str(file))


def test_tiles_stand_behind_the_silicon(tmp_path: Path) -> None:
    file = tmp_path / "tiles.csv"
    file.write_text("layer,r,phi_from,phi_to,n_phi\n2,1500 1530 1561,0,10,8\n2,1500 1530 1561,10,20,8\n")
    detector = imported(tmp_path, lines(), tiles=str(file))
    assert check(detector) == []
    assert [system.name for system in detector.subsystems] == ["silicon", "scintillator"]
    tiles = detector.subsystem == 1
    assert tiles.sum() == 4
    assert set(detector.layer[tiles].tolist()) == {1, 3}
    file.write_text("layer,r,phi_from,phi_to,n_phi\n9,1500 1530,0,10,8\n")
    (tmp_path / "bad").mkdir()
    with pytest.raises(BadInput, match=r"line 2, column layer.*no such layer"):
        imported(tmp_path / "bad", lines(), tiles=str(file))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ("1 0 l300 12.0 13.0 0 7", "line 3: 7 columns; a wafer has at least 8"),
        ("1 0 l300 left 13.0 0 7 7", "line 3, column x.*'left': expected a number"),
        ("1 0 l300 nan 13.0 0 7 7", "line 3, column x.*not finite"),
        ("1 0 l3 12.0 13.0 0 7 7", "line 3, column thickness.*known are l300"),
        ("1 17 l300 12.0 13.0 0 7 7", "line 3, column shape.*unknown shape"),
        ("1 0 l300 12.0 13.0 6 7 7", "line 3, column rotation.*0 to 5"),
        ("0 0 l300 12.0 13.0 0 7 7", "line 3, column layer.*numbered from 1"),
        ("1 0 l300 12.0 13.0 0 5 0", r"line 3, column u.*\[1, 5, 0\] stands in line 1 already"),
        ("1.5 0 l300 12.0 13.0 0 7 7", "line 3, column layer.*whole number"),
    ],
)
def test_a_bad_row_says_where(tmp_path: Path, wrong: str, why: str) -> None:
    text = lines(1)
    with pytest.raises(BadInput, match=why):
        imported(tmp_path, [*text[:2], wrong, *text[2:]])
    assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("text", "options", "why"),
    [
        ([], {}, "no wafer in it"),
        (["layer x y u v", "1 10 20 0 0"], {}, "column thickness: missing"),
        (lines(1)[:1], {}, "no two wafers are neighbours"),
        (lines(1), {"unit": "cm"}, "wafers 1674 mm apart"),
        (lines(1), {"unit": "inch"}, "option unit"),
        (lines(1), {"sides": "left"}, "option sides"),
        (lines(1), {"gap": "20"}, "option gap.*a gap is about 1 mm"),
        (lines(1), {"field": "much"}, "option field"),
        (lines(1), {"z": "1000,deep"}, "option z.*START,STEP"),
        (lines(1), {"thick": "3"}, "option thick.*there are: z, cells"),
    ],
)
def test_what_cannot_be_says_why(tmp_path: Path, text: list[str], options: dict[str, str], why: str) -> None:
    with pytest.raises(BadInput, match=why):
        imported(tmp_path, text, **options)


def test_a_map_goes_through_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "map.txt"
    file.write_text("\n".join(lines(4)))
    folder = str(tmp_path / "mine")
    assert (
        main(["detector", "import", "wafer-map", str(file), "-o", folder, "z=1000,20", "sides=positive"]) == 0
    )
    assert main(["detector", "check", folder]) == 0
    assert main(["detector", "import", "wafer-map", str(file), "-o", folder]) == 2
    assert "is there already" in capsys.readouterr().err


def test_the_shipped_endcaps_have_all_wafers_and_tiles() -> None:
    detector = load_detector("hgcal")
    cells = np.array([template.n_cells for template in detector.templates])[detector.template]
    silicon = detector.subsystem == 0
    assert silicon.sum() == 2 * 13020
    assert cells[~silicon].sum() == 2 * 118464
    assert detector.n_layers == 2 * 47
    assert np.bincount(detector.layer)[:47].tolist() == np.bincount(detector.layer)[47:].tolist()
    # A layer of silicon and its tiles lie within one module of 8.7 mm.
    for layer in range(33, 47):
        assert np.ptp(detector.center[detector.layer == layer, 2]) < 8.7
    assert ((detector.sampling_fraction > 0) & (detector.sampling_fraction < 0.02)).all()


def test_a_layer_counts_what_lies_before_its_silicon() -> None:
    # CMS weighs layers by what a minimum-ionising particle leaves from one silicon to the next, MeV (CMSSW,
    # HGCalRecProducers, weightsPerLayer_V16): whole modules would give 8.5, 11.6 and 11.3 for the first three.
    weights = {
        1: 5.55,
        2: 12.86,
        3: 9.4,
        16: 12.86,
        17: 9.4,
        19: 13.54,
        20: 12.86,
        27: 58.63,
        28: 60.7,
        47: 83.61,
    }
    loss = layer_columns(np.arange(1, 48), "")["loss"]
    assert loss[np.array(list(weights)) - 1] == pytest.approx(list(weights.values()), rel=0.07)


def test_steel_hides_less_of_a_shower_than_lead() -> None:
    share = layer_columns(np.arange(1, 60), "")["share"]
    assert set(share[:26]) == {0.77}
    assert set(share[26:]) == {0.86}  # also beyond the end of the table
