"""Files that fooled an importer once, each with its story in ``tests/corpus/<name>/README.md``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gnnreco.errors import BadInput
from gnnreco.geometry import Detector, check, import_detector, load_detector
from gnnreco.geometry.importers.drawings.dd4hep_compact import read_compact
from tests.geometry.importers.seeds import CORNERS, SENSORS, YAML
from tests.geometry.importers.test_wafer_map import lines

CORPUS = Path(__file__).parents[2] / "corpus"


def imported(folder: Path, case: str, format: str, **options: str) -> Detector:
    return load_detector(import_detector(format, CORPUS / case, folder / "mine", None, options))


def test_a_wall_of_strips_is_one_layer(tmp_path: Path) -> None:
    detector = imported(tmp_path, "gdml-wall-layers/wall.gdml", "gdml")
    assert (detector.n_sensors, detector.n_layers) == (10, 1)


@pytest.mark.parametrize(
    ("case", "format", "options", "why"),
    [
        ("import-acts-json/k2.json", "acts-json", {"pitch": "0.1,0.5"}, r"entries\[1\]: geo_id: expected a geometry identifier"),
        ("import-acts-json/k18.json", "acts-json", {"pitch": "0.1,0.5"}, r"entries\[1\]: .*material"),
        ("import-acts-json/k19.json", "acts-json", {"pitch": "0.1,0.5"}, r"entries\[0\]: .*material"),
        ("import-acts-json/k90.json", "acts-json", {"pitch": "0.1,0.5"}, r"entries\[1\]: geo_id"),
        ("import-acts-json/k100.json", "acts-json", {"pitch": "0.1,0.5"}, "larger than a computer's"),
        ("import-acts-json/k165.json", "acts-json", {"pitch": "0.1,0.5"}, r"entries\[0\]|entries\[1\]"),
        ("import-cells-hull/c.csv", "cells", {}, "line 2, column polygon: a corner .* larger than 1e"),
        ("import-cells-hull/inf.csv", "cells", {}, "line 32, column y: larger than 1e"),
        ("import-cells-hull/nan.csv", "cells", {}, "line 23, column ny: larger than 1e"),
        ("import-cells-nonutf8/c.csv", "cells", {}, r"line \d+, column subsystem: not UTF-8"),
        ("import-csv-header/nonutf8.csv", "acts-csv", {"pitch": "1,1"}, "line 1: the names of the columns are not UTF-8"),
        ("import-csv-header/twice.csv", "acts-csv", {"pitch": "1,1"}, "column rot_xw: appears 2 times"),
        ("import-trackml-no-pitch/d.csv", "trackml", {}, "line 3, column pitch_u: expected a length above 0, found 0"),
        ("calochallenge-huge-bins/big.xml", "calochallenge", {}, "n_bin_alpha: expected a whole number from 1 to 10,000"),
    ],
)  # fmt: skip
def test_what_was_a_traceback_is_one_line(
    tmp_path: Path, case: str, format: str, options: dict[str, str], why: str
) -> None:
    with pytest.raises(BadInput, match=why):
        imported(tmp_path, case, format, **options)
    assert list(tmp_path.iterdir()) == []


def test_a_rule_of_negative_radius_names_its_key() -> None:
    (finding,) = check(CORPUS / "detector-hex-negative-rmax")
    assert "r_max" in finding.where
    assert "greater than 0" in finding.message


def test_a_whole_number_beyond_64_bits_in_a_wafer_map(tmp_path: Path) -> None:
    """The first word of one line of a wafer map was -9223372036854775809: a traceback of NumPy."""
    file = tmp_path / "map.txt"
    text = lines()
    file.write_text("\n".join([*text[:3], text[3].replace("1 ", "-9223372036854775809 ", 1), *text[4:]]))
    with pytest.raises(BadInput, match=r"line 4, column layer.*larger than any"):
        import_detector("wafer-map", file, tmp_path / "mine")


def test_a_path_that_is_not_utf8_is_read_all_the_same(tmp_path: Path) -> None:
    for name in (b"\xff.gdml", "caf\u00e9.gdml".encode("latin-1")):
        file = Path(str(tmp_path), name.decode("utf-8", "surrogateescape"))
        shutil.copy(CORPUS / "gdml-wall-layers/wall.gdml", file)
        folder = Path(str(tmp_path), name[:-5].decode("utf-8", "surrogateescape"))
        assert load_detector(import_detector("gdml", file, folder)).n_layers == 1


def test_gdml_as_people_write_it(tmp_path: Path) -> None:
    zeros = imported(tmp_path / "zeros", "gdml-leading-zero/oct.gdml", "gdml")
    assert sorted([zeros.thickness[0], 2 * zeros.half_u[0], 2 * zeros.half_v[0]]) == [0.3, 5, 100]
    matrix = imported(tmp_path / "matrix", "gdml-matrix/expr.gdml", "gdml")
    assert matrix.center[0].tolist() == pytest.approx([2, 25, -26])
    loop = imported(tmp_path / "loop", "gdml-loop-file-entity/loop.gdml", "gdml")
    assert (loop.n_sensors, loop.n_layers) == (6, 6)
    assert loop.center[:, 2].tolist() == [10, 20, 30, 40, 50, 60]


def test_an_include_of_an_installation_is_left_out_with_a_note() -> None:
    read = read_compact(CORPUS / "dd4hep-install-include/top.xml")
    assert list(read.readouts) == ["R"]
    assert "detector_types.xml, holds nothing that is needed" in read.notes[0]


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        ("cells: [4, 4]", f"cells: [{'1' * 400}, 4]", "cells"),
        (
            "kind: grid, pitch: [1, 1], cells: [4, 4]",
            "kind: polar, r: [1, 2], phi: [0, 360, 2000000000]",
            "phi",
        ),
        (
            "{rule: planes, template: p, subsystem: s, z: [1]}",
            "{rule: wafers, templates: [p], subsystem: s, spacing: 119, z: [1], r_min: 1, r_max: 100000}",
            "r_max",
        ),
        ("thickness: 1", "thickness: 1e300", "thickness"),
        ("pitch: [1, 1]", "pitch: [1e-300, 1]", "pitch"),
    ],
)
def test_declared_sizes_are_checked_before_memory_goes(
    tmp_path: Path, old: str, new: str, where: str
) -> None:
    text = """format: gnnreco-detector/1
name: sound
units: {length: mm, angle: deg}
templates: {p: {kind: grid, pitch: [1, 1], cells: [4, 4], thickness: 1}}
subsystems: {s: {}}
sensors: [{rule: planes, template: p, subsystem: s, z: [1]}]
"""
    (tmp_path / "detector.yaml").write_text(text.replace(old, new))
    (finding,) = check(tmp_path)
    assert where in finding.where
    assert len(finding.message) < 200


def test_a_layer_of_a_thousand_million_is_refused_with_its_row(tmp_path: Path) -> None:
    (tmp_path / "sensors.csv").write_text(SENSORS.replace("inner,1,", "inner,1000000000,"))
    (tmp_path / "cells.csv").write_text(CORNERS)
    (tmp_path / "detector.yaml").write_text(YAML)
    (finding,) = check(tmp_path)
    assert finding.where.endswith("sensors.csv: line 3, column layer")
