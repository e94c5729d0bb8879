"""Files that fooled an importer once, each with its story in ``tests/corpus/<name>/README.md``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gnnreco.errors import BadInput
from gnnreco.geometry import Detector, check, import_detector, load_detector

from .test_wafer_map import lines

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
